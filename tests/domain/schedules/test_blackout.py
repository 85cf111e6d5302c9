"""Blackouts: which moments they are."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.schedules import Blackout, Window, covering, window
from tests.domain.schedules.walking import offsets_of

AMSTERDAM = offsets_of("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("since", "to", "start", "end"),
    [
        ("2026-12-24", "2026-12-31", "2026-12-23T23:00Z", "2026-12-31T23:00Z"),
        ("2026-12-24", "2026-12-24", "2026-12-23T23:00Z", "2026-12-24T23:00Z"),
        ("2026-07-01T18:00", "2026-07-02 06:30", "2026-07-01T16:00Z", "2026-07-02T04:30Z"),
        ("2026-12-24T18:00:00Z", "2026-12-24T20:00:00+01:00", "2026-12-24T18:00Z", "2026-12-24T19:00Z"),
        (date(2026, 12, 24), datetime(2026, 12, 25, 8), "2026-12-23T23:00Z", "2026-12-25T07:00Z"),  # noqa: DTZ001
    ],
)
def test_dates_are_whole_days_and_times_are_moments(since: object, to: object, start: str, end: str) -> None:
    """A date as `to` is the last day; local times are those of the zone."""
    blackout = Blackout.model_validate({"from": since, "to": to})
    expected = Window("freeze", datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert window("freeze", blackout, AMSTERDAM) == expected


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"from": "24-12-2026", "to": "2026-12-25"}, "neither a date nor a time"),
        ({"from": "2026-02-30", "to": "2026-12-25"}, "neither a date nor a time"),
        ({"from": "20261224", "to": "2026-12-25"}, "neither a date nor a time"),
        ({"from": "2026-12-25", "to": "2026-12-24"}, "must not lie before"),
        ({"from": "2026-12-25T09:00", "to": "2026-12-25T09:00"}, "must not lie before"),
        ({"from": "2026-12-25", "to": "2026-12-26T00:00:00Z"}, "both have an offset, or neither"),
        ({"from": 5, "to": "2026-12-26"}, "valid string"),
        ({"from": "2026-12-25"}, "required"),
    ],
)
def test_what_is_no_time_is_refused(written: dict[str, Any], says: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValidationError) as error:
        Blackout.model_validate(written)
    assert says in str(error.value)


def test_a_moment_lies_in_the_first_window_that_covers_it() -> None:
    """From its start on and before its end."""
    first = Window("a", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    second = Window("b", datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))
    found = [covering([first, second], datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2, 3, 4)]
    assert found == [first, first, second, None]
