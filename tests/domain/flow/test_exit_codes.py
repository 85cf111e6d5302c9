"""Exit codes as results: which texts name them, and which codes they name."""

import pytest

from hitl_temporal.domain.flow.exit_codes import matches, parse


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("0", (0,), (1, 255)),
        ("1-3", (1, 2, 3), (0, 4)),
        ("1,5,22-30", (1, 5, 22, 30), (0, 2, 21, 31)),
        (" 1 , 4 - 5 ", (1, 4, 5), (2, 3)),
        ("137", (137,), (9,)),
        ("0-255", (0, 255), (-1, 256)),
    ],
)
def test_a_range_holds_both_its_ends(text: str, yes: tuple[int, ...], no: tuple[int, ...]) -> None:
    """Lists of codes and ranges, blanks allowed."""
    assert all(matches(text, code) for code in yes)
    assert not any(matches(text, code) for code in no)


@pytest.mark.parametrize(
    "text", ["", "approved", "1-", "-1", "1..3", "1,,2", "5-2", "256", "1-300", "1 2", "٣", "1,", ",".join(["1"] * 200)]
)
def test_any_other_text_names_no_exit_codes(text: str) -> None:
    """It may be an outcome; no job ever ends with a code above 255, or within a range that falls."""
    assert parse(text) is None
    assert not matches(text, 1)


def test_codes_are_whole_numbers() -> None:
    """What is no number is in no range."""
    codes = parse("1-3")
    assert codes is not None
    assert 2 in codes
    assert "2" not in codes
