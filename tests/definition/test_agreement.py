"""The judge of a form in the domain and `jsonschema` give the same verdict."""

import re

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hitl_temporal.definition.violations import violations as by_library
from hitl_temporal.domain.formats import FORMATS
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import violations

KINDS = ("string", "integer", "number", "boolean", "array", "object")
NAMES = st.sampled_from("abc")
NUMBERS = (
    st.integers(-6, 6)
    | st.integers(-30, 30).map(lambda n: n / 10)
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([10**400, 2**63, 2.0**63, 0.1 + 0.2, 5e-324])
)
TEXTS = st.text("ab1-:.@/T", max_size=8) | st.sampled_from(
    [
        "10.0.0.0/24",
        "2026-12-24",
        "2026-12-24T10:00:00Z",
        "ann@example.com",
        "::1",
        "x.example",
        "https://x.example/",
        "(",
    ]
)
# No truth value beside a number inside a list of lists: sorting them misleads the library's `uniqueItems`.
LEAVES = NUMBERS | TEXTS | st.none()
VALUES: st.SearchStrategy[Json] = st.booleans() | st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
COUNTS = st.integers(0, 4)
DIVISORS = st.sampled_from([1, 2, 3, 0.1, 0.01, 0.5, 2.5, 1e-300])
KEYWORDS: dict[str, st.SearchStrategy[Json]] = {
    "format": st.sampled_from([*FORMATS, "colour"]),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "pattern": st.sampled_from(["^a", "b$", "[0-9]", "a.b", "^$", "(a|b){2}"]),
    "minimum": NUMBERS,
    "maximum": NUMBERS,
    "exclusiveMinimum": NUMBERS,
    "exclusiveMaximum": NUMBERS,
    "multipleOf": DIVISORS,
    "minLength": COUNTS,
    "maxLength": COUNTS,
    "minItems": COUNTS,
    "maxItems": COUNTS,
    "uniqueItems": st.booleans(),
}
FEW = settings(max_examples=300, deadline=None)


def _schema(inner: st.SearchStrategy[dict[str, Json]]) -> st.SearchStrategy[dict[str, Json]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(KINDS),
            **KEYWORDS,
            "items": inner,
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "required": st.lists(NAMES, unique=True, max_size=2),
        },
    )


PARTS = st.recursive(_schema(st.just({})), _schema, max_leaves=3)
FIELDS = st.builds(
    lambda part, kind: {**{k: v for k, v in part.items() if k != "required"}, "type": kind},
    PARTS,
    st.sampled_from(KINDS),
)


@st.composite
def fields_and_values(draw: st.DrawFn) -> tuple[dict[str, Json], Json]:
    """Draw a field and a value that is mostly of its type, else nearly every verdict were about the type."""
    written = draw(FIELDS)
    of_kind: dict[str, st.SearchStrategy[Json]] = {
        "string": TEXTS,
        "integer": st.integers(-6, 6) | NUMBERS,
        "number": NUMBERS,
        "boolean": st.booleans(),
        "array": st.lists(NUMBERS | TEXTS, max_size=4)
        | st.lists(st.booleans(), max_size=3)
        | st.lists(VALUES, max_size=1),
        "object": st.dictionaries(NAMES, VALUES, max_size=3),
    }
    return written, draw(of_kind[str(written["type"])] | VALUES)


@FEW
@given(fields_and_values())
@example(({"type": "number", "multipleOf": 0.01}, 1.13))
@example(({"type": "number", "multipleOf": 0.1}, 0.1 + 0.2))
@example(({"type": "integer"}, 443.0))
@example(({"type": "integer"}, True))
@example(({"type": "number", "enum": [1]}, True))
@example(({"type": "number", "enum": [1]}, 1.0))
@example(({"type": "array", "uniqueItems": True}, [1, True, 0, False]))
@example(({"type": "array", "uniqueItems": True}, [{"a": 1}, {"a": 1.0}]))
@example(({"type": "array", "items": {"multipleOf": 2}}, [10**400]))
@example(({"type": "string", "maxLength": 1}, "\U0001f600"))
def test_the_domain_judges_as_json_schema_does(pair: tuple[dict[str, Json], Json]) -> None:
    """A value fits for the domain exactly when it fits for `jsonschema`."""
    field = Input.model_validate(pair[0])
    ours = list(violations(field, pair[1]))
    theirs = list(by_library(field.json_schema(), pair[1]))
    assert bool(ours) == bool(theirs), (ours, theirs)
    assert {(v.at, v.keyword) for v in ours} <= {(v.at, v.keyword) for v in theirs}


@FEW
@given(FIELDS)
def test_what_a_field_declares_is_json_schema(written: dict[str, Json]) -> None:
    """Every field that is accepted can be given to a form maker as JSON Schema, and says there what was written."""
    schema = Input.model_validate(written).json_schema()
    Draft202012Validator.check_schema(schema)
    assert schema == written


@FEW
@given(st.dictionaries(st.sampled_from([*KEYWORDS, "items", "properties", "type"]), VALUES, max_size=3))
def test_a_field_that_is_no_json_schema_is_refused(written: dict[str, Json]) -> None:
    """Nothing is accepted that `jsonschema` would not take as a schema."""
    assume(not isinstance(written.get("pattern"), str) or re.fullmatch(r"[a-z0-9]*", str(written["pattern"])))
    try:
        field = Input.model_validate({"type": "string", **written})
    except ValueError:
        return
    Draft202012Validator.check_schema(field.json_schema())
