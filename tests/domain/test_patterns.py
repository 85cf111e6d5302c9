"""Regular expressions that documents write: what they may be, and that no text keeps one busy."""

import pytest

from hitl_temporal.domain.patterns import MAX_LENGTH, PatternError, check, first, is_found

LONG = "a" * 10_000 + "!"


@pytest.mark.parametrize(
    "pattern",
    ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "a*a*a*a*a*a*b", "(.*)*z$"],
)
def test_no_text_keeps_an_expression_busy(pattern: str) -> None:
    """Each of these would take longer than the world is old, if every way through it were tried."""
    assert not is_found(pattern, LONG)
    assert not is_found(pattern, "x" * 10_000)


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        ("b", "abc", "ac"),
        ("^[A-Z]{2}-[0-9]{4}$", "AB-1234", "AB-12345"),
        (r"^\d+$", "12", "١٢"),
        ("^a$", "a", "a\n"),
        (r"^\p{L}[\p{L} ]*$", "Zoë Ode", "Zoë 2"),
        ("(?i)^on$", "ON", "off"),
        ("^.$", "é", "ée"),
    ],
)
def test_an_expression_is_found_wherever_it_is_not_anchored(pattern: str, found: str, missed: str) -> None:
    """Digits are ASCII, the end is the end, and a character is one however many bytes it has."""
    assert (is_found(pattern, found), is_found(pattern, missed)) == (True, False)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing"),
        ("(?=a)b", r"\(\?="),
        (r"(a)\1", "invalid escape"),
        ("a++", "bad repetition"),
        ("a{1,2000}", "invalid repetition size"),
        (r"[\p{L} ]{1,200}", "too large"),
        (".{1,900}", "too large: shorten its repetitions"),
        ("a" * (MAX_LENGTH + 1), "at most 1000"),
        ("\ud800", "half a character"),
    ],
)
def test_what_can_not_be_matched_so_is_refused(pattern: str, why: str) -> None:
    """And it is said why; nothing is written to stderr."""
    with pytest.raises(PatternError, match=why):
        check(pattern)


def test_half_a_character_is_never_found(capfd: pytest.CaptureFixture[str]) -> None:
    """Which JSON may bring; an expression that is wrong says so to its author alone."""
    assert not is_found(".", "\ud800")
    with pytest.raises(PatternError):
        check("(?<=x)")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("pattern", "text", "held"),
    [
        (r"(\d+) rows", "12 rows", "12"),
        (r"\d+ rows", "12 rows", "12 rows"),
        ("(a)|b", "b", None),
        ("a", "b", None),
        (".", "\ud800", None),
    ],
)
def test_the_first_group_holds_what_is_wanted(pattern: str, text: str, held: str | None) -> None:
    """The whole find without a group; nothing when it is not found, or the group took no part."""
    assert first(pattern, text) == held
