"""Durations and ranges of them, as documents write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from hitl_temporal.domain.duration import (
    Backoff,
    Duration,
    DurationError,
    ExactDuration,
    Part,
    Unit,
    backoff,
    exact,
    fixed,
    needs_calendar,
    parse,
)

UNITS: tuple[Unit, ...] = ("s", "m", "h", "d", "w", "bh", "bd")
PARTS = st.lists(st.builds(Part, st.integers(0, 40), st.sampled_from(UNITS)), min_size=1, max_size=6)


class Retry(BaseModel):
    """Stands for a document with durations in it."""

    timeout: Duration = "5m"
    backoff: Backoff = "1s..1m"


@given(PARTS)
def test_a_duration_reads_back_the_parts_it_was_written_with(parts: list[Part]) -> None:
    """Parsing undoes writing, in the order written."""
    assert parse("".join(f"{part.count}{part.unit}" for part in parts)) == tuple(parts)


@given(PARTS)
def test_only_working_time_needs_a_calendar(parts: list[Part]) -> None:
    """A duration has a length of its own exactly when it has no `bh` and no `bd`."""
    text = "".join(f"{part.count}{part.unit}" for part in parts)
    assert needs_calendar(text) == any(part.unit in {"bh", "bd"} for part in parts)
    assert (fixed(text) is None) == needs_calendar(text)


def test_a_day_is_24_hours() -> None:
    """Fixed units add up; `d` is 24 h and `w` seven of them."""
    assert fixed("1w2d3h4m5s") == timedelta(days=9, hours=3, minutes=4, seconds=5)
    assert fixed("1d") == fixed("24h")


@pytest.mark.parametrize("text", ["", "5", "h", "5x", "1 h", "1h ", "-1h", "1.5h", "P1D", "1H", "٣h", "1h\n", "1y"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    """A message about a wrong duration shows how to write one."""
    with pytest.raises(DurationError, match="1h30m"):
        parse(text)


@pytest.mark.parametrize("text", ["3654d", "523w", "99999999h", "90000bh", "4000bd", "9" * 40 + "s"])
def test_more_than_ten_years_is_refused(text: str) -> None:
    """An absurd size is a mistake, however many digits it has."""
    with pytest.raises(DurationError, match="longer than ten years"):
        parse(text)


def test_a_very_long_text_is_refused_with_a_short_message() -> None:
    """The message about a text stays bounded when the text is not."""
    with pytest.raises(DurationError) as refusal:
        parse("1s" * 10_000)
    assert len(str(refusal.value)) < 300


def test_a_backoff_is_a_first_and_a_longest_wait() -> None:
    """A range of waits gives both ends; equal ends are a constant wait."""
    assert backoff("1s..1m") == (timedelta(seconds=1), timedelta(minutes=1))
    assert backoff("5s..5s") == (timedelta(seconds=5), timedelta(seconds=5))


@pytest.mark.parametrize("text", ["1s", "1s..", "..1m", "1m..1s", "0s..1m", "1bh..2bh", "1s...1m", "1s..1m..2m"])
def test_a_backoff_rises_from_more_than_nothing(text: str) -> None:
    """What is no rising range of fixed durations is refused."""
    with pytest.raises(DurationError):
        backoff(text)


def test_a_document_keeps_durations_as_written() -> None:
    """The types for documents validate and change nothing."""
    retry = Retry(timeout="1bd4h", backoff="2s..10m")
    assert (retry.timeout, retry.backoff) == ("1bd4h", "2s..10m")


@pytest.mark.parametrize("document", [{"timeout": "soon"}, {"backoff": "10s"}])
def test_a_document_refuses_what_is_none(document: dict[str, str]) -> None:
    """A wrong duration in a document is a validation error that shows how to write it."""
    with pytest.raises(ValidationError, match="write"):
        Retry.model_validate(document)


def test_an_exact_duration_needs_no_calendar_and_lasts() -> None:
    """A timeout can't wait for working hours."""
    adapter = TypeAdapter(ExactDuration)
    assert adapter.validate_python("1m30s") == "1m30s"
    assert exact("1m30s") == timedelta(seconds=90)
    for text in ("1bh", "1h1bd", "0s", "soon"):
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
