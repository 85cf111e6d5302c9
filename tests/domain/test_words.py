"""Values in a sentence."""

from datetime import date

import pytest

from hitl_temporal.domain.words import found, shorten


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        (True, "true"),
        ("a\nb", "'a b'"),
        (1.5, "the number 1.5"),
        ((1,), "a list"),
        ({}, "a mapping"),
        (date(2026, 12, 24), "2026-12-24"),
    ],
)
def test_a_value_is_said_in_a_few_words(value: object, said: str) -> None:
    """What JSON and YAML can hold has words on one line."""
    assert found(value) == said


def test_a_long_text_is_cut_and_says_so() -> None:
    """A text is as long as allowed, its end marked where something is left out."""
    assert shorten("abc", 3) == "abc"
    assert shorten("abcd", 3) == "ab…"
