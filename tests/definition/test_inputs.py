"""What somebody gives a flow, held against what it declares."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.definition.inputs import InputError, check_inputs, coerce_text, input_schema
from hitl_temporal.definition.project import load_text
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json

TEXT = """
flow: x
inputs:
  source: {type: string, format: ipv4-network}
  port: {type: integer, minimum: 1, maximum: 65535}
  days: {type: integer, default: 30}
  weight: {type: number, optional: true}
  urgent: {type: boolean, default: false}
  tags: {type: array, items: {type: string}, default: []}
  amounts: {type: array, items: {type: number}, optional: true}
  kind: {type: string, enum: [web, mail], optional: true}
  password: {type: string, minLength: 8, sensitive: true, optional: true}
steps: [{id: a, call: firewall.apply}]
"""
GOOD: dict[str, Json] = {"source": "10.0.0.0/24", "port": 443}


def flow() -> Flow:
    loaded, problems = load_text(TEXT, "flow.yaml")
    assert loaded is not None, problems
    return loaded


def message(**changed: Json) -> str:
    with pytest.raises(InputError) as error:
        check_inputs(flow(), {**GOOD, **changed})
    return str(error.value)


def test_inputs_are_completed() -> None:
    """What is not given is its default, and null where it is optional."""
    assert check_inputs(flow(), GOOD) == {
        "source": "10.0.0.0/24",
        "port": 443,
        "days": 30,
        "weight": None,
        "urgent": False,
        "tags": [],
        "amounts": None,
        "kind": None,
        "password": None,
    }


@given(given=st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text() | st.lists(st.integers())))
def test_unknown_inputs_are_refused_whatever_they_are(given: dict[str, Json]) -> None:
    """A name that the flow does not declare is never ignored."""
    if given.keys() <= flow().inputs.keys():
        assert list(check_inputs(flow(), {**GOOD, **given})) == list(flow().inputs)
    else:
        with pytest.raises(InputError, match="unknown input"):
            check_inputs(flow(), {**GOOD, **given})


@given(port=st.integers(1, 65535), weight=st.integers(-1000, 1000) | st.floats(-1000, 1000))
def test_checked_inputs_are_checked_again_to_the_same(port: int, weight: float) -> None:
    """Checking is idempotent, so that every door may do it."""
    once = check_inputs(flow(), {**GOOD, "port": port, "weight": weight})
    assert check_inputs(flow(), once) == once
    assert isinstance(once["weight"], float)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"port": 70000}, "input 'port': 70000 is more than the maximum of 65535"),
        ({"port": 0}, "input 'port': 0 is less than the minimum of 1"),
        ({"port": "443"}, "input 'port': '443' is not a whole number"),
        ({"port": 443.5}, "input 'port': 443.5 is not a whole number"),
        ({"port": True}, "input 'port': true is not a whole number"),
        ({"port": None}, "input 'port': nothing is not a whole number"),
        ({"days": 2**63}, "input 'days': 9223372036854775808 is not a whole number"),
        ({"weight": True}, "input 'weight': true is not a number"),
        ({"source": "10.0.0.7/24"}, "input 'source': '10.0.0.7/24' is not a valid ipv4-network"),
        ({"source": "fd00::/8"}, "input 'source': 'fd00::/8' is not a valid ipv4-network"),
        ({"tags": ["a", 5]}, "input 'tags[1]': 5 is not a text"),
        ({"kind": "ftp"}, "input 'kind': 'ftp' is not one of web, mail"),
        ({"prt": 1}, "unknown input 'prt'; did you mean 'port'?"),
        ({"password": "secret"}, "input 'password': shorter than the minimum of 8 characters"),
        ({"password": 12345678}, "input 'password': the value is not a text"),
    ],
)
def test_what_does_not_fit_is_told_by_name_value_and_limit(changed: dict[str, Json], said: str) -> None:
    """A refusal names the input, what was given unless it is sensitive, and what it must be."""
    assert message(**changed) == said


def test_a_missing_input_is_named() -> None:
    """A required input that is not given is refused, with its type."""
    with pytest.raises(InputError) as error:
        check_inputs(flow(), {"source": "10.0.0.0/24"})
    assert str(error.value) == "input 'port' is missing; it is a whole number"


def test_all_problems_are_told() -> None:
    """The first problem speaks, and the others are counted and kept."""
    with pytest.raises(InputError) as error:
        check_inputs(flow(), {"port": 0, "x": 1})
    assert [p.field for p in error.value.problems] == ["x", "source", "port"]
    assert error.value.message.endswith("(and 2 more)")


@pytest.mark.parametrize("given", [None, [], "source", 5])
def test_inputs_are_one_object(given: Json) -> None:
    """Anything but a JSON object is refused."""
    with pytest.raises(InputError, match="must be one JSON object"):
        check_inputs(flow(), given)


def test_declared_numbers_become_doubles() -> None:
    """5 given for a number is 5.0, also inside a list, so that expressions count the same way each time."""
    given = check_inputs(flow(), {**GOOD, "weight": 5, "amounts": [1, 2.5]})
    assert json.dumps([given["weight"], given["amounts"]]) == "[5.0, [1.0, 2.5]]"


def test_typed_text_becomes_the_declared_type() -> None:
    """Each text is read as its input's type; lists and objects as JSON."""
    texts = {"source": "10.0.0.0/24", "port": "443", "weight": "5", "urgent": "True", "tags": '["a"]'}
    values = coerce_text(flow(), texts)
    assert values == {"source": "10.0.0.0/24", "port": 443, "weight": 5.0, "urgent": True, "tags": ["a"]}
    assert check_inputs(flow(), values)["tags"] == ["a"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("port", "4_4"), ("port", "443.0"), ("weight", "nan"), ("urgent", "1"), ("tags", "a,b"), ("prt", "1")],
)
def test_text_of_another_type_is_refused_by_name(name: str, text: str) -> None:
    """A text that its input can't be is refused, not guessed at."""
    with pytest.raises(InputError) as error:
        coerce_text(flow(), {name: text})
    assert error.value.field == name


def test_the_schema_of_the_form_says_what_is_required_and_hidden() -> None:
    """The catalogue's form knows the required inputs, the defaults and what must not be shown."""
    schema = input_schema(flow())
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert schema["required"] == ["source", "port"]
    assert properties["port"] == {"type": "integer", "minimum": 1, "maximum": 65535}
    assert properties["password"] == {"type": "string", "minLength": 8, "writeOnly": True}
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ipv6-network", "fd00::/8", "10.0.0.0/8"),
        ("ip-network", "10.0.0.0/8", "ten"),
        ("date", "2026-12-24", "24.12.2026"),
        ("date-time", "2026-12-24T10:00:00Z", "2026-12-24T10:00:00"),
        ("time", "10:00:00Z", "10"),
        ("uri", "https://x.example/a", "x example"),
        ("hostname", "x.example", "-x-"),
        ("email", "ann@example.com", "ann"),
        ("uuid", "00000000-0000-4000-8000-000000000000", "0"),
    ],
)
def test_formats_are_checked(name: str, good: str, bad: str) -> None:
    """Each format that we know takes what it names and refuses the rest."""
    loaded, _ = load_text(
        f"flow: x\ninputs: {{a: {{type: string, format: {name}}}}}\nsteps: [{{id: a, call: b}}]", "flow.yaml"
    )
    assert loaded is not None
    assert check_inputs(loaded, {"a": good}) == {"a": good}
    with pytest.raises(InputError, match=f"is not a valid {name}"):
        check_inputs(loaded, {"a": bad})


def test_a_reference_to_a_large_value_is_taken_as_an_object_and_else_told_as_what_it_is() -> None:
    """Another flow gives it where it has given a list before."""
    blob: Json = {"$blob": "sha256:" + "a" * 64, "size": 300_000, "type": "application/json"}
    assert "input 'tags' has 300,000 bytes and is kept in the blob store" in message(tags=blob)
    declared = flow().model_dump(mode="json", by_alias=True)
    taken = Flow.model_validate({**declared, "inputs": {"rows": {"type": "object"}}})
    assert check_inputs(taken, {"rows": blob}) == {"rows": blob}
