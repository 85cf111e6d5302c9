"""Printing: nothing that people wrote can drive a terminal, and a person gets a table."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.cli import output
from hitl_temporal.cli.values import loose, pairs, typed

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(_TEXT)
def test_what_is_printed_is_one_line_without_control_characters(text) -> None:
    """Whatever the text."""
    assert output.printable(text).isprintable()


@pytest.mark.parametrize("width", ["40", "200"])
def test_a_person_gets_headings_and_whole_ids(monkeypatch, capsys, width) -> None:
    """However narrow the terminal, nothing of an id is lost."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", width)
    run = "firewall_change-0123456789abcdef.approve.1"

    output.table(("ID", "STATE"), [(run, "[bold]open")])

    shown = capsys.readouterr().out
    assert "ID" in shown.splitlines()[0]
    assert run in "".join(part for line in shown.splitlines()[1:] for part in line.split()[:1])
    assert "[bold]" in shown


@given(st.dictionaries(_TEXT.map(str.strip).filter(lambda name: name and "=" not in name), _TEXT))
def test_pairs_keep_every_value_whole(texts) -> None:
    """Only the first `=` parts name and value."""
    assert pairs("-i", [f"{name}={value}" for name, value in texts.items()]) == texts


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), _TEXT)
def test_values_come_back_in_their_declared_types(whole, number, truth, text) -> None:
    """What a value is written as is what is read again."""
    given_texts = {"a": str(whole), "b": repr(number), "c": str(truth), "d": text}
    kinds = ["integer", "number", "boolean", "string"]
    schema = {"properties": {name: {"type": kind} for name, kind in zip("abcd", kinds, strict=True)}}

    assert typed(given_texts, schema) == {"a": whole, "b": number, "c": truth, "d": text}


def test_undeclared_values_are_json_or_text() -> None:
    """`NaN` is no JSON, so it is text."""
    assert loose({"a": "1", "b": "[true]", "c": "text", "d": "NaN"}) == {"a": 1, "b": [True], "c": "text", "d": "NaN"}
