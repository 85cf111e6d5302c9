"""Explicit times, compared with a calculation that walks minute by minute; and the reasons that are given."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.schedules import Occurrence, Schedule, Window, Zone, occurrences
from tests.domain.schedules.walking import DAY, calendar_of, days, moment, offsets_of, walked

CHANGES = {
    "Europe/Amsterdam": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2026, 4, 5)),
    "UTC": (date(2026, 3, 29), date(2026, 10, 25)),
}
"""When clocks go forward and back; Lord Howe's by half an hour."""


def compiled(written: dict[str, Any], start: datetime, end: datetime, **more: Any) -> tuple[Occurrence, ...]:
    """Return what a schedule names, in its zone."""
    schedule = Schedule.model_validate(written)
    return occurrences(schedule, zone=offsets_of(schedule.tz or "UTC"), start=start, end=end, **more)


def running(found: Sequence[Occurrence]) -> list[datetime]:
    """Return the moments that run."""
    return [one.at for one in found if one.runs]


def told(found: Sequence[Occurrence]) -> list[str]:
    """Return everything in short: local time, whether it runs, why."""
    return [f"{one.local:%m-%d %H:%M} {'runs' if one.runs else 'left out'} {one.reason}".strip() for one in found]


# --- Two weeks across a change of the clocks and a holiday ------------------------------------------------------------


@pytest.mark.parametrize("shift", [None, "skip", "previous", "next"])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("tz", [*CHANGES])
def test_two_weeks_are_exactly_the_expected_runs(tz: str, which: int, shift: str | None) -> None:
    """Daily runs at hours that a change skips and doubles, with days off on either side of a weekend."""
    change = CHANGES[tz][which]
    start = datetime.combine(change - 7 * DAY, time(), UTC)
    end = start + 14 * DAY
    closed = [change - 2 * DAY, change + DAY, change + 2 * DAY]
    calendar = "office" if shift else None
    written = {"cron": "0,15,30 1-3,18 * * *", "tz": tz, "calendar": calendar, "shift": shift}
    found = compiled(written, start, end, calendar=calendar_of(tz, closed))
    named = [
        datetime.combine(day, time(hour, minute))
        for day in days(change - 20 * DAY, change + 20 * DAY)
        for hour in (1, 2, 3, 18)
        for minute in (0, 15, 30)
    ]
    assert running(found) == sorted(walked(tz, named, closed, shift, start, end))


def test_the_contracts_example_over_easter() -> None:
    """Weekdays at 18:00 in Amsterdam, from winter time into summer time, without Good Friday and Easter Monday."""
    easter = [date(2026, 4, 3), date(2026, 4, 6)]
    found = compiled(
        {"cron": "0 18 * * MON-FRI", "tz": "Europe/Amsterdam", "calendar": "office", "shift": "skip"},
        datetime(2026, 3, 25, tzinfo=UTC),
        datetime(2026, 4, 8, tzinfo=UTC),
        calendar=calendar_of("Europe/Amsterdam", easter),
    )
    expected = [f"2026-03-{day}T17:00:00+00:00" for day in (25, 26, 27)]
    expected += [f"2026-{day}T16:00:00+00:00" for day in ("03-30", "03-31", "04-01", "04-02", "04-07")]
    assert [at.isoformat() for at in running(found)] == expected
    assert [one.reason for one in found if not one.runs] == [
        "2026-04-03 is a day off in calendar 'office'; skipped",
        "2026-04-06 is a day off in calendar 'office'; skipped",
    ]


@settings(max_examples=40, deadline=None)
@given(
    tz=st.sampled_from([*CHANGES]),
    which=st.integers(0, 1),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    minutes=st.sets(st.sampled_from([0, 5, 29, 30, 31, 59]), min_size=1, max_size=3),
    weekdays=st.sets(st.integers(0, 6), min_size=1),
    closed=st.sets(st.integers(-9, 9), max_size=6),
    shift=st.sampled_from([None, "skip", "previous", "next"]),
    dark=st.tuples(st.integers(-200, 200), st.integers(1, 60)) | st.none(),
    length=st.integers(1, 14),
)
def test_whatever_a_schedule_says_it_runs_when_a_slow_walk_says(
    tz: str,
    which: int,
    hours: set[int],
    minutes: set[int],
    weekdays: set[int],
    closed: set[int],
    shift: str | None,
    dark: tuple[int, int] | None,
    length: int,
) -> None:
    """For all rules, days off, shifts and blackouts; every moment once, in order; what is left out has a reason."""
    change = CHANGES[tz][which]
    start = datetime.combine(change, time(7, 13), UTC) - timedelta(days=length // 2 + 1)
    end = start + timedelta(days=length)
    off = sorted(change + timedelta(days=day) for day in closed)
    fields = (sorted(minutes), sorted(hours), sorted(weekdays))
    cron = "{} {} * * {}".format(*(",".join(map(str, values)) for values in fields))
    windows = []
    if dark is not None:
        begin = datetime.combine(change, time(), UTC) + timedelta(hours=dark[0])
        windows = [Window("freeze", begin, begin + timedelta(hours=dark[1]))]
    written = {"cron": cron, "tz": tz, "calendar": "office" if shift else None, "shift": shift}
    found = compiled(written, start, end, calendar=calendar_of(tz, off), blackouts=windows)
    named = [
        datetime.combine(day, time(hour, minute))
        for day in days(change - 25 * DAY, change + 25 * DAY)
        if day.isoweekday() % 7 in weekdays
        for hour in hours
        for minute in minutes
    ]
    expected = walked(tz, named, off, shift, start, end)
    assert running(found) == sorted(at for at in expected if not any(w.start <= at < w.end for w in windows))
    assert all(start <= one.at < end for one in found)
    assert all(one.runs or one.reason for one in found)
    assert all(earlier.at <= later.at for earlier, later in pairwise(found))
    # Half of a range and the other half are the whole: nobody runs twice, and nobody is lost between two.
    middle = start + (end - start) / 2
    halves = [
        at
        for part in ((start, middle), (middle, end))
        for at in running(compiled(written, *part, calendar=calendar_of(tz, off), blackouts=windows))
    ]
    assert halves == running(found)


@settings(max_examples=40, deadline=None)
@given(tz=st.sampled_from([*CHANGES]), local=st.datetimes(datetime(2026, 1, 2), datetime(2026, 12, 30)))  # noqa: DTZ001
def test_a_zone_places_each_local_time_where_a_slow_walk_finds_it(tz: str, local: datetime) -> None:
    """And shows it again, unless it does not exist."""
    local, zone = local.replace(second=0, microsecond=0), offsets_of(tz)
    placed = zone.place(local)
    assert placed.at == moment(tz, local)
    assert (zone.to_local(placed.at) == local) is placed.exists


def test_offsets_are_in_the_order_of_time() -> None:
    """As they are looked up."""
    first, *rest = offsets_of("Europe/Amsterdam").offsets
    with pytest.raises(ValidationError, match="in the order of time"):
        Zone(name="x", offsets=(*rest, first))


# --- Reasons ----------------------------------------------------------------------------------------------------------


def test_days_off_are_skipped_shifted_or_merged() -> None:
    """Saturday, Sunday and a Monday off, by each shift."""

    def around(shift: str, cron: str = "0 18 * * *") -> list[str]:
        written = {"cron": cron, "tz": "UTC", "calendar": "office", "shift": shift}
        off = calendar_of("UTC", [date(2026, 5, 25)])
        return told(
            compiled(written, datetime(2026, 5, 22, tzinfo=UTC), datetime(2026, 5, 27, tzinfo=UTC), calendar=off)
        )

    saturday, sunday = (f"{day} is no working day in calendar 'office'" for day in ("Saturday", "Sunday"))
    monday = "2026-05-25 is a day off in calendar 'office'"
    assert around("skip") == [
        "05-22 18:00 runs",
        f"05-23 18:00 left out {saturday}; skipped",
        f"05-24 18:00 left out {sunday}; skipped",
        f"05-25 18:00 left out {monday}; skipped",
        "05-26 18:00 runs",
    ]
    assert around("next")[1:4] == [
        f"05-23 18:00 left out {saturday}; merged with the run of 2026-05-26 18:00",
        f"05-24 18:00 left out {sunday}; merged with the run of 2026-05-26 18:00",
        f"05-25 18:00 left out {monday}; merged with the run of 2026-05-26 18:00",
    ]
    assert around("previous", "0 18 * * MON") == [
        "05-22 18:00 runs shifted from 2026-05-25",
        f"05-25 18:00 left out {monday}; shifted to 2026-05-22 18:00",
    ]
    assert around("next", "0 18 * * SAT,SUN") == [
        f"05-23 18:00 left out {saturday}; shifted to 2026-05-26 18:00",
        f"05-24 18:00 left out {sunday}; merged with the run of 2026-05-26 18:00",
        "05-26 18:00 runs shifted from 2026-05-23",
    ]


def test_a_shift_may_come_from_outside_the_range() -> None:
    """Also over a long time off."""
    off = [*days(date(2026, 5, 1), date(2026, 6, 30))]
    calendar = calendar_of("UTC", off)
    day = datetime(2026, 7, 1, tzinfo=UTC)
    written = {"day": {"weekday": "FRI", "nth": 1}, "at": "09:00", "shift": "next"}
    assert told(compiled(written, day, day + DAY, calendar=calendar)) == ["07-01 09:00 runs shifted from 2026-05-01"]
    day = datetime(2026, 4, 30, tzinfo=UTC)
    found = compiled({**written, "shift": "previous"}, day, day + DAY, calendar=calendar)
    assert told(found) == ["04-30 09:00 runs shifted from 2026-05-01"]


def test_the_clock_has_its_reasons() -> None:
    """A time that does not exist, one that meets another, one that comes twice."""
    amsterdam = {"cron": "30 2 * * *", "tz": "Europe/Amsterdam"}
    spring = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC)
    autumn = datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)
    gone = "02:30 does not exist on 2026-03-29"
    assert told(compiled(amsterdam, *spring)) == [f"03-29 03:00 runs {gone}; runs at the first moment after the gap"]
    assert told(compiled({**amsterdam, "cron": "0,30 2-3 * * *"}, *spring)) == [
        "03-29 02:00 left out 02:00 does not exist on 2026-03-29; merged with the run of 2026-03-29 03:00",
        f"03-29 02:30 left out {gone}; merged with the run of 2026-03-29 03:00",
        "03-29 03:00 runs",
        "03-29 03:30 runs",
    ]
    assert told(compiled(amsterdam, *autumn)) == [
        "10-25 02:30 runs 02:30 comes twice on 2026-10-25; runs the first time"
    ]


def test_a_blackout_leaves_out_and_says_which() -> None:
    """Its first moment included, its last not; a shift into it does not come out again."""
    start, end = datetime(2026, 12, 24, tzinfo=UTC), datetime(2026, 12, 29, tzinfo=UTC)
    dark = Window("year-end", datetime(2026, 12, 24, 18, tzinfo=UTC), datetime(2026, 12, 28, 18, tzinfo=UTC))
    off = calendar_of("UTC", [date(2026, 12, 25)])
    written = {"cron": "0 18 * * THU,FRI,MON", "calendar": "office", "shift": "previous"}
    assert told(compiled(written, start, end, calendar=off, blackouts=[dark])) == [
        "12-24 18:00 left out blackout year-end",
        "12-25 18:00 left out 2026-12-25 is a day off in calendar 'office'; merged with the run of 2026-12-24 18:00",
        "12-28 18:00 runs",
    ]


def test_a_rule_counts_working_days_without_naming_a_calendar() -> None:
    """Monday to Friday holds; its other days are not shifted."""
    year = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    found = compiled({"day": ["last-business-day", 1], "at": "18:00"}, *year)
    assert told(found) == [f"{day} 18:00 runs" for day in ("01-01", "01-30", "02-01", "02-27", "03-01", "03-31")]


def test_what_a_calendar_does_not_know_is_an_error() -> None:
    """Beyond its end, where a run might lie on a day off; a shift that finds no day leaves out."""
    calendar = calendar_of("UTC", [date(2027, 1, 29)])
    written = {"cron": "0 18 * * *", "calendar": "office"}
    with pytest.raises(CalendarError, match="does not know 2027-02-01"):
        compiled(written, datetime(2027, 1, 28, tzinfo=UTC), datetime(2027, 2, 3, tzinfo=UTC), calendar=calendar)
    last = datetime(2027, 1, 29, tzinfo=UTC), datetime(2027, 1, 30, tzinfo=UTC)
    found = compiled({**written, "cron": "0 18 29 * *", "shift": "next"}, *last, calendar=calendar)
    assert told(found) == ["01-29 18:00 left out 2027-01-29 is a day off in calendar 'office'; skipped"]
