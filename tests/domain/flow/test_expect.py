"""How service levels are written."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow.expect import Expect, LocalTime, OfPast, local_time, of_past


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("06:00", LocalTime(None, False, 6, 0)),
        ("+1bd 06:30", LocalTime(1, True, 6, 30)),
        ("+0d 23:59", LocalTime(0, False, 23, 59)),
        ("24:00", None),
        ("6:00", None),
        ("1bd 06:00", None),
        ("2h", None),
    ],
)
def test_a_local_time_is_written_like_that(text: str, clock: LocalTime | None) -> None:
    """A time of day, alone or so many days after the start."""
    assert local_time(text) == clock


@pytest.mark.parametrize(
    ("text", "past"),
    [
        ("p95 * 1.5", OfPast("p95", 1.5)),
        ("p50*2", OfPast("median", 2)),
        ("median", OfPast("median", 1)),
        ("p95 * 0", None),
        ("p90", None),
        ("2h", None),
    ],
)
def test_a_measure_of_past_runs_is_written_like_that(text: str, past: OfPast | None) -> None:
    """The middle, or the slow ones, times a number."""
    assert of_past(text) == past


def test_what_is_neither_is_refused() -> None:
    """With what may be written."""
    for key, text in (("finish_by", "soon"), ("start_by", "0s"), ("longest", "p95 * 0"), ("longest", "06:00")):
        with pytest.raises(ValidationError, match="write"):
            Expect.model_validate({key: text})
    assert Expect.model_validate({"start_by": "2h", "longest": "4bh"}).alert == "late"


def test_something_must_be_expected() -> None:
    """And a projection needs something to project."""
    with pytest.raises(ValidationError, match="expects nothing"):
        Expect.model_validate({"alert": "late"})
    with pytest.raises(ValidationError, match="without `finish_by`"):
        Expect.model_validate({"longest": "2h", "alert": "projected"})
