"""What a job gives: what a rule may be, and what it finds in stdout."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.flow.outputs import MAX_BYTES, OutputError, Path, Pattern, Text, extract, read

DOCUMENT = {
    "rows": 3,
    "none": None,
    "a key": {"x.y": True, 'it"s': 1},
    "items": [{"id": "a", "tags": ["p", "q"]}, {"id": "b"}, {"tags": ["r"]}],
    "stdout": "inner",
    "größe": 2.5,
}
STDOUT = json.dumps(DOCUMENT)


def given_by(rule: str, stdout: str = STDOUT, **how: Any) -> Any:
    """Return what one rule gives."""
    return extract({"x": rule}, stdout, **how)["x"]


def refusal(rule: str, stdout: str = STDOUT, **how: Any) -> str:
    """Return why a rule that must fail gives nothing."""
    with pytest.raises(OutputError) as caught:
        given_by(rule, stdout, **how)
    return str(caught.value)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("$", DOCUMENT),
        ("$.rows", 3),
        ("stdout.rows", 3),
        ("rows", 3),
        ("$.none", None),
        ("$['a key']['x.y']", True),
        ('$["a key"][\'it"s\']', 1),
        (r"""$["a key"]["it\"s"]""", 1),
        ("$.items[0].id", "a"),
        ("items[-1].tags[0]", "r"),
        ("stdout.items[1]", {"id": "b"}),
        ("$.stdout", "inner"),
        ("$.größe", 2.5),
        ("$.items[*].id", ["a", "b"]),
        ("$.items[*].tags[*]", ["p", "q", "r"]),
        ("$['a key'].*", [True, 1]),
    ],
)
def test_a_path_leads_to_a_value_of_json(rule: str, value: Any) -> None:
    """With its type; behind a star, what lacks the rest of the path is left out."""
    assert given_by(rule) == value


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (r"rows: (\d+)", "12"),
        (r"/rows: (\d+)/", "12"),
        (r"regex:rows: \d+", "rows: 12"),
        (r"^done in (.+)$", "3 s"),
        (r"/(a)|done/", ""),
        ("stdout", "rows: 12\ndone in 3 s"),
    ],
)
def test_an_expression_finds_a_text(rule: str, value: str) -> None:
    """Its first group, else the whole find; `stdout` is the whole text without blanks around it."""
    stdout = "rows: 12\ndone in 3 s\n"
    if value:
        assert given_by(rule, stdout) == value
    else:
        assert "is not found in stdout" in refusal(rule, stdout)


def test_the_form_of_a_rule_says_what_it_is() -> None:
    """A text of names and dots is a path: as an expression it could only give itself."""
    rules = ["stdout", "$", "rows", "a.b", "/rows/", "regex:rows", "rows=", "stdout: (.*)", "/"]
    kinds = [Text, Path, Path, Path, Pattern, Pattern, Pattern, Pattern, Pattern]
    assert [type(read(rule)) for rule in rules] == kinds


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("$..rows", "is no path; write names, numbers and stars"),
        ("$rows", "is no path"),
        (".rows", "is no path"),
        ("$.items[?(@.id)]", "is no path"),
        ("$.items[0:2]", "is no path"),
        ("rows: (", "is neither a path ($.rows) nor a regular expression of RE2"),
        ("/(?=a)/", "nor a regular expression of RE2"),
    ],
)
def test_a_rule_that_is_neither_is_refused(rule: str, says: str) -> None:
    """When the document is read, not when the job has run."""
    with pytest.raises(ValueError, match=re.escape(says)):
        read(rule)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("$.row", "output 'x': '$.row': 'row' is not there; there are: rows, none, a key"),
        ("$.rows.x", "a name is followed into a number or a truth value"),
        ("$.none[0]", "a number is followed into nothing"),
        ("$.stdout[0]", "a number is followed into a text"),
        ("$.items.id", "a name is followed into a list"),
        ("$.items[3]", "[3] is not there, the list has 3 items"),
        ("$.items[-4]", "[-4] is not there"),
        ("$.rows[*]", "the star stands for the items of the number 3"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(rule: str, says: str) -> None:
    """With the name of the output, and what there is instead."""
    assert says in refusal(rule)


def test_an_empty_map_has_no_names() -> None:
    """It is said so."""
    assert "there are: none" in refusal("$.row", "{}")


def test_json_may_be_the_last_line() -> None:
    """A job may talk before it gives its result."""
    assert given_by("$.rows", 'connecting...\nloaded\n{"rows": 3}\n') == 3


@pytest.mark.parametrize("stdout", ["", "hello", "{'rows': 3}", '{"rows": NaN}', "[" * 100_000, "\ufffd\ufffd"])
def test_stdout_that_is_no_json_has_no_paths(stdout: str) -> None:
    """Nothing is guessed, and nothing crashes."""
    assert "output 'x': stdout is no JSON, neither as a whole nor in its last line" in refusal("$.rows", stdout)


def test_it_is_said_that_the_beginning_was_dropped() -> None:
    """Otherwise nobody would see why there is no JSON."""
    assert "the first 9 bytes were dropped" in refusal("$.rows", '"a"}', dropped_bytes=9)
    assert "the first 9 bytes were dropped" in refusal("a+b", "x", dropped_bytes=9)


def test_outputs_are_bounded() -> None:
    """All of them together; of what the run has no room for it keeps a reference."""
    half = "a" * (MAX_BYTES // 2 - 10)
    assert given_by("stdout", half) == half
    with pytest.raises(OutputError, match="output 'b': with it the outputs have over 2097152 bytes"):
        extract({"a": "stdout", "b": "/a+/", "c": "/a/"}, half + "aaaaaaaaaa")


def test_what_no_message_can_carry_is_refused() -> None:
    """Half a character, and nesting without end; a list that is wide is fine."""
    assert "holds half a character" in refusal("$.a", r'{"a": "\ud800"}')
    assert "in one another more than 64 times" in refusal("$", "[" * 70 + "]" * 70)
    assert "in one another more than 64 times" in refusal("$", '{"a":' * 70 + "1" + "}" * 70)
    assert given_by("$", "[" * 60 + "]" * 60)


def test_no_rules_ask_for_nothing() -> None:
    """Then stdout may be anything."""
    assert extract({}, "\x00") == {}


@given(st.text(max_size=30), st.text(max_size=200))
def test_any_rule_is_read_or_refused_and_gives_or_says_why(rule: str, stdout: str) -> None:
    """There is no third way."""
    try:
        read(rule)
    except ValueError:
        return
    with suppress(OutputError):
        assert extract({"x": rule}, stdout).keys() == {"x"}
