"""How a text becomes JSON with positions."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hitl_temporal.definition.documents import MAX_BYTES, MAX_DEPTH, At, Document, parse, read
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.value import Json

KEYS = st.text("abcdefgh_", min_size=1, max_size=6)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def data_of(text: str) -> Json:
    document, problems = parse(text, "x.yaml")
    assert document is not None, problems
    return document.data


def problem_of(text: str) -> Problem:
    document, problems = parse(text, "x.yaml")
    assert document is None
    return problems[0]


@given(value=VALUES)
def test_json_is_read_as_it_was_written(value: Json) -> None:
    """Every JSON text is YAML 1.2 and gives the value that it gives as JSON."""
    assert data_of(json.dumps(value)) == value


@given(value=st.dictionaries(KEYS, VALUES, min_size=1, max_size=5))
def test_every_key_and_item_has_a_position_of_its_own(value: dict[str, Json]) -> None:
    """Each place in a document is where its key or item begins, in the order of reading."""
    text = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(value, text)
    document, problems = parse(text.getvalue(), "x.yaml")
    assert document is not None, problems
    lines = text.getvalue().split("\n")
    for at, (line, column) in document.positions.items():
        if at and isinstance(at[-1], str):
            assert lines[line - 1][column - 1 :].strip("\"'?: ").startswith(at[-1][:1])
    assert set(document.positions) == {(), *places(document.data, ())}


def places(value: Json, at: At) -> list[At]:
    match value:
        case dict():
            pairs = [((*at, key), inner) for key, inner in value.items()]
        case list():
            pairs = [((*at, index), inner) for index, inner in enumerate(value)]
        case _:
            pairs = []
    return [place for here, inner in pairs for place in [here, *places(inner, here)]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("2026-12-24", "2026-12-24"),
        ("2026-12-24T10:00:00Z", "2026-12-24T10:00:00Z"),
        ("09:00-17:00", "09:00-17:00"),
        ("12:30", "12:30"),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("True", True),
        ("~", None),
        ("", None),
        ('"5"', "5"),
        ("!!str 5", "5"),
        ("9" * 500, "9" * 500),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: Json) -> None:
    """Only what YAML 1.2 calls null, boolean or a number is one; all else is text, dates too."""
    read_value = data_of(f"a: {text}")
    assert read_value == {"a": value}
    assert type(read_value["a"]) is type(value)


def test_half_a_character_is_refused() -> None:
    """A lone surrogate has no UTF-8, so no digest could be taken of it."""
    assert "half of a character" in problem_of('a: "\\ud83d"').message


def test_an_alias_gives_the_value_that_its_anchor_stands_for() -> None:
    """Anchors spare repetition."""
    assert data_of("a: &x {b: [1, 2]}\nc: *x") == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


def test_what_came_with_an_alias_stands_where_the_alias_does() -> None:
    """A place that was written elsewhere is shown where it is used."""
    document, _ = parse("a: &x {b: 1}\nc: *x", "x.yaml")
    assert document is not None
    assert document.position(("c", "b")).line == 2


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 10_000,
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "&a [*a]",
        "a: " + "9" * 300,
        "x" * (MAX_BYTES // 2 + 1) + ": " + "é" * (MAX_BYTES // 4),
    ],
    ids=["deep lists", "deep mappings", "deep blocks", "aliases of aliases", "itself", "a long number", "a long key"],
)
def test_a_document_made_to_exhaust_its_reader_is_refused(text: str) -> None:
    """Depth, size and the number of values are bounded, whatever is written."""
    assert problem_of(text).message


def test_a_document_may_be_as_deep_as_a_flow_needs() -> None:
    """The bound on depth leaves room for real documents."""
    assert data_of("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None


def test_all_doubled_keys_are_told_at_once() -> None:
    """What does not keep us from reading on is collected."""
    _, problems = parse("a: 1\na: 2\nb: 1\nb: 2\n", "x.yaml")
    assert [p.line for p in problems] == [2, 4]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A file over the limit is refused before it is parsed."""
    path = tmp_path / "flow.yaml"
    path.write_text("# " + "x" * MAX_BYTES, encoding="utf-8")
    document, (problem,) = read(path)
    assert document is None
    assert "larger than 1,000,000 bytes" in problem.message


def test_a_file_that_is_not_utf8_is_refused_at_its_line(tmp_path: Path) -> None:
    """Bytes that are no text are told with the line they stand in."""
    path = tmp_path / "flow.yaml"
    path.write_bytes(b"flow: x\ntitle: \xff\n")
    _, (problem,) = read(path)
    assert (problem.line, problem.message) == (2, "this is not UTF-8")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """Reading never raises for what lies outside the program."""
    document, (problem,) = read(tmp_path / "none.yaml")
    assert document is None
    assert "can't be read" in problem.message


def test_a_byte_order_mark_is_no_part_of_the_document(tmp_path: Path) -> None:
    """Files of editors that write one are read like others."""
    path = tmp_path / "flow.yaml"
    path.write_bytes(b"\xef\xbb\xbfflow: x\n")
    document, _ = read(path)
    assert document is not None
    assert document.data == {"flow": "x"}


def test_a_place_in_a_model_is_found_in_the_document_that_wrote_it_shorter() -> None:
    """The stage that an ask makes of its own keys leads to these keys."""
    document = Document("x", {"ask": {"who": "user:ann"}}, {})
    assert document.place(("ask", "stages", 0, "who", 0)) == ("ask", "who")
