"""What a form takes, what it refuses and in which words, and what it is completed to."""

import json

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.form import check, complete, problem
from hitl_temporal.domain.formats import FORMATS
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import LONGEST_MATCHED, violations

FIELDS = {
    name: Input.model_validate(written)
    for name, written in {
        "cost_centre": {"type": "string", "enum": ["A", "B"]},
        "amount": {"type": "number", "minimum": 0, "multipleOf": 0.01},
        "days": {"type": "integer", "default": 30, "maximum": 365},
        "note": {"type": "string", "optional": True, "pattern": "[a-z]{3}"},
        "pin": {"type": "string", "optional": True, "sensitive": True, "minLength": 4, "pattern": "^[0-9]+$"},
        "rows": {
            "type": "array",
            "default": [],
            "items": {
                "type": "object",
                "required": ["sum"],
                "properties": {"sum": {"type": "number"}, "count": {"type": "integer"}},
            },
        },
    }.items()
}
GOOD: dict[str, Json] = {"cost_centre": "A", "amount": 1.13}


def told(written: dict[str, Json], value: Json) -> str | None:
    return check("x", Input.model_validate(written), value)


# --- A whole form ---------------------------------------------------------------------------------------------------


def test_a_form_that_fits_has_no_problem() -> None:
    """Defaults and optional fields may be left out, or left empty."""
    assert problem(FIELDS, GOOD) is None
    assert problem(FIELDS, {**GOOD, "days": None, "note": None}) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cost_centre": "x"}, "form.cost_centre: 'x' is not one of A, B"),
        ({"amount": -1}, "form.amount: -1 is less than the minimum of 0"),
        ({"days": "3"}, "form.days: '3' is not a whole number"),
        ({"amount": None}, "form.amount: missing; it is a number"),
        ({"rows": [{"sum": 1}, {"count": 2}]}, "form.rows[1]: lacks 'sum'"),
        ({"rows": [{"sum": 1, "count": 2.5}]}, "form.rows[0].count: 2.5 is not a whole number"),
        ({"note": "x", "sum": 1}, "form.sum: unknown field; the form has cost_centre, amount, days, note, pin, rows"),
    ],
)
def test_the_first_problem_names_its_field(changed: dict[str, Json], said: str) -> None:
    """An unknown field first, then the fields in their order: with the way inside, the value and the limit."""
    assert problem(FIELDS, {**GOOD, **changed}) == said


def test_a_required_field_that_is_left_out_is_missing() -> None:
    """What has neither a default nor `optional` must be filled in."""
    assert problem(FIELDS, {"amount": 1}) == "form.cost_centre: missing; it is a text"


def test_values_for_no_form_are_refused() -> None:
    """Whoever sends values where nothing is asked for is told so."""
    assert problem({}, {}) is None
    assert problem({}, {"x": 1}) == "form.x: unknown field; there is no form to fill in"


@pytest.mark.parametrize("value", ["s3cret", "123", "12345678x", 5, ["s3cret"], "s3cret" * LONGEST_MATCHED])
def test_a_sensitive_value_is_never_repeated(value: Json) -> None:
    """The message says what is wrong with it, not what it is."""
    said = problem(FIELDS, {**GOOD, "pin": value})
    assert said is not None
    assert said.startswith("form.pin: ")
    assert str(value) not in said
    assert "s3cret" not in said


def test_a_message_is_bounded() -> None:
    """Neither a long name nor a long value makes a long message."""
    assert len(problem(FIELDS, {"n" * 5_000: 1}) or "") < 500
    assert len(problem(FIELDS, {**GOOD, "cost_centre": "v" * 5_000}) or "") < 500


def test_a_form_is_completed_in_the_types_declared() -> None:
    """Defaults and nulls are filled in; numbers are doubles and integers ints at any depth, in the fields' order."""
    rows: list[Json] = [{"sum": 1, "count": 3.0, "more": 1}]
    filled = complete(FIELDS, {"amount": 5, "cost_centre": "B", "rows": rows})
    assert json.dumps(filled) == (
        '{"cost_centre": "B", "amount": 5.0, "days": 30, "note": null, "pin": null,'
        ' "rows": [{"sum": 1.0, "count": 3, "more": 1}]}'
    )
    assert problem(FIELDS, filled) is None


def test_what_has_no_rules_inside_is_completed_as_it_is() -> None:
    """Lists, objects and parts without a type keep what was given."""
    fields = {
        "list": Input.model_validate({"type": "array"}),
        "object": Input.model_validate({"type": "object"}),
        "any": Input.model_validate({"type": "array", "items": {"minimum": 0}}),
    }
    values: dict[str, Json] = {"list": [1, {"a": 2.0}], "object": {"a": [1]}, "any": [1, 2.0, "a", True, None, [1]]}
    assert json.dumps(complete(fields, values)) == json.dumps(values)


# --- One value ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "fitting", "other", "said"),
    [
        ({"type": "string"}, "a", 1, "x: 1 is not a text"),
        ({"type": "boolean"}, False, 0, "x: 0 is not true or false"),
        ({"type": "integer"}, 3.0, 3.5, "x: 3.5 is not a whole number"),
        ({"type": "integer"}, 2**63 - 1, 2**63, "x: 9223372036854775808 is not a whole number"),
        ({"type": "integer"}, -(2**63), True, "x: true is not a whole number"),
        ({"type": "integer"}, 0, 1e300, "x: 1e+300 is not a whole number"),
        ({"type": "integer"}, 0, float("inf"), "x: inf is not a whole number"),
        ({"type": "integer"}, 0, None, "x: nothing is not a whole number"),
        ({"type": "number"}, 3, "3", "x: '3' is not a number"),
        ({"type": "number"}, 3.5, True, "x: true is not a number"),
        ({"type": "number"}, 1e308, float("nan"), "x: nan is not a number"),
        ({"type": "array"}, [], {}, "x: a mapping is not a list"),
        ({"type": "object"}, {}, [], "x: a list is not an object"),
        ({"type": "string", "enum": ["A", "B"]}, "B", "C", "x: 'C' is not one of A, B"),
        ({"type": "number", "enum": [1, 2]}, 1.0, 3, "x: 3 is not one of 1, 2"),
        (
            {"type": "array", "enum": [[1, {"a": 2}]]},
            [1.0, {"a": 2}],
            [True, {"a": 2}],
            "x: a list is not one of a list",
        ),
        ({"type": "string", "pattern": "b+"}, "abc", "ac", "x: 'ac' does not match 'b+'"),
        ({"type": "number", "minimum": 2}, 2, 1.5, "x: 1.5 is less than the minimum of 2"),
        ({"type": "number", "maximum": 2}, 2, 2.5, "x: 2.5 is more than the maximum of 2"),
        ({"type": "number", "exclusiveMinimum": 2}, 2.1, 2, "x: 2 is not more than 2"),
        ({"type": "number", "exclusiveMaximum": 2}, 1.9, 2, "x: 2 is not less than 2"),
        ({"type": "integer", "multipleOf": 5}, 10, 11, "x: 11 is not a multiple of 5"),
        ({"type": "number", "multipleOf": 0.01}, 1.13, 1.135, "x: 1.135 is not a multiple of 0.01"),
        ({"type": "string", "minLength": 2}, "ab", "a", "x: shorter than the minimum of 2 characters"),
        ({"type": "string", "maxLength": 2}, "ab", "abc", "x: longer than the maximum of 2 characters"),
        ({"type": "array", "minItems": 2}, [1, 2], [1], "x: has fewer entries than the minimum of 2"),
        ({"type": "array", "maxItems": 2}, [1, 2], [1, 2, 3], "x: has more entries than the maximum of 2"),
        ({"type": "array", "uniqueItems": True}, [1, True, "1", [1], [True]], [1, 1.0], "x: has an entry twice"),
        (
            {"type": "array", "uniqueItems": True},
            [{"a": 1}, {"b": 1}],
            [{"a": [1]}, {"a": [1]}],
            "x: has an entry twice",
        ),
        ({"type": "array", "items": {"minimum": 1}}, [1, "0", True], [1, 0], "x[1]: 0 is less than the minimum of 1"),
        ({"type": "array", "items": {"multipleOf": 2}}, [10**400], [float("inf")], "x[0]: inf is not a multiple of 2"),
        ({"type": "number"}, 10**300, 10**400, "x: 1000"),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"b": 1}, {"a": 1}, "x.a: 1 is not a text"),
        (
            {"type": "array", "items": {"required": ["a", "b"]}},
            [{"a": 1, "b": None}, 5],
            [{"a": 1}],
            "x[0]: lacks 'b'",
        ),
    ],
)
def test_a_value_fits_or_is_told_what_is_wrong(written: dict[str, Json], fitting: Json, other: Json, said: str) -> None:
    """Each keyword takes what it names and refuses the rest with value and limit."""
    assert told(written, fitting) is None
    assert (told(written, other) or "").startswith(said)


def test_a_multiple_choice_is_an_array_of_an_enum() -> None:
    """Each option is chosen at most once, and only what is offered."""
    written: dict[str, Json] = {"type": "array", "items": {"enum": ["red", "blue"]}, "uniqueItems": True}
    assert told(written, ["blue", "red"]) is None
    assert told(written, ["red", "red"]) == "x: has an entry twice"
    assert told(written, ["red", "pink"]) == "x[1]: 'pink' is not one of red, blue"


@pytest.mark.parametrize("rule", [{"pattern": "(a|aa)+$"}, {"format": "uri"}])
def test_a_huge_text_is_not_searched(rule: dict[str, Json]) -> None:
    """A pattern or a format looks at bounded texts only; a text without them may be longer."""
    assert told({"type": "string", **rule}, "a" * (LONGEST_MATCHED + 1)) == (
        "x: longer than the maximum of 10000 characters"
    )
    assert told({"type": "string"}, "a" * (LONGEST_MATCHED + 1)) is None


def test_each_rule_that_is_broken_can_be_told() -> None:
    """Every violation has its place; after one that makes the others meaningless there are none."""
    field = Input.model_validate(
        {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"pattern": "b", "format": "date", "maximum": 2}}
    )
    values: list[Json] = ["a" * (LONGEST_MATCHED + 1), 3]
    assert [(v.at, v.keyword) for v in violations(field, values)] == [
        ((), "minItems"),
        ((0,), "maxLength"),
        ((1,), "maximum"),
    ]
    assert [v.keyword for v in violations(field, "a")] == ["type"]


# --- Formats --------------------------------------------------------------------------------------------------------

EXAMPLES = {
    "date": ("2026-12-24", "20261224", "2026-13-01"),
    "date-time": ("2026-12-24t10:00:00z", "2026-12-24T10:00:00", "2026-12-24 10:00Z"),
    "email": ("ann@example.com", "ann"),
    "hostname": ("x.example", "-x-", "a." * 130 + "a"),
    "idn-email": ("än@example.com", "än"),
    "ip-network": ("fd00::/8", "10.0.0.7/24", "ten"),
    "ipv4": ("10.0.0.1", "10.0.0", "::1"),
    "ipv4-network": ("10.0.0.0/24", "10.0.0.7/24", "fd00::/8"),
    "ipv6": ("::1", "10.0.0.1", "fe80::1%eth0"),
    "ipv6-network": ("fd00::/8", "10.0.0.0/8"),
    "regex": ("a+", "(", "a{99999999999999999999}", "(" * 3_000 + ")" * 3_000),
    "time": ("10:00:00z", "10:00:00", "10"),
    "uri": ("https://x.example/a", "x", "https://x example/", "https://[x/"),
    "uuid": ("00000000-0000-4000-8000-00000000000A", "0", "000000000000-4000-8000-0000-0000000000"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_takes_what_it_names(name: str) -> None:
    """Each format that is checked takes the first example and none of the others."""
    fitting, *others = EXAMPLES[name]
    assert told({"type": "string", "format": name}, fitting) is None
    for other in others:
        assert (told({"type": "string", "format": name}, other) or "").endswith(f"is not a valid {name}")


def test_a_format_that_nothing_checks_takes_any_text() -> None:
    """JSON Schema allows further formats; whoever writes one is warned when the document is read."""
    assert told({"type": "string", "format": "colour"}, "x") is None


# --- Declarations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        {"type": "array", "items": {"$ref": "https://example.com/a.json"}},
        {"type": "array", "items": {"type": "object", "additionalProperties": False}},
        {"type": "object", "properties": {"a": {"items": {"const": 1}}}},
        {"type": "object", "properties": {"a": {"default": 1}}},
        {"type": "object", "required": ["a"]},
        {"type": "array", "items": True},
        {"type": "array", "items": {"type": ["string", "null"]}},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "^(?=.*[0-9]).*$"},
        {"type": "string", "minLength": -1},
        {"type": "string", "maxLength": "5"},
        {"type": "number", "minimum": True},
        {"type": "number", "maximum": float("nan")},
        {"type": "number", "multipleOf": 0},
        {"type": "string", "enum": []},
        {"type": "integer", "default": 1.5},
        {"type": "array", "items": {"maximum": 1}, "default": [1, 2]},
        {},
    ],
)
def test_a_rule_that_could_not_be_checked_is_refused_when_it_is_read(written: dict[str, Json]) -> None:
    """What a field declares is checked at every decision, or it is no field."""
    with pytest.raises(ValidationError):
        Input.model_validate(written)


def test_a_sensitive_default_is_not_repeated() -> None:
    """Why a default does not fit is told without it."""
    with pytest.raises(ValidationError) as error:
        Input.model_validate({"type": "string", "maxLength": 3, "pattern": "^x", "default": "s3c", "sensitive": True})
    assert (
        error.value.errors(include_input=False)[0]["msg"]
        == "`default` does not fit: the value does not match '^x'; change it"
    )
