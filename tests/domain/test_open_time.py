"""Open time between two moments, and clocks that stand still, compared with walking quarter by quarter."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hitl_temporal.domain.calendar import (
    DEFAULT,
    Calendar,
    CalendarError,
    Hours,
    OffsetChange,
    add,
    after_open,
    is_open,
    next_opening,
    open_between,
    stopped,
    week_of,
)

QUARTER = timedelta(minutes=15)
NOTHING = timedelta()


def office(tz: str, *changes: tuple[datetime, int]) -> Calendar:
    """Return office hours of 2026 in a zone whose offset in minutes changes so."""
    return Calendar(
        name=tz,
        tz=tz,
        offsets=tuple(OffsetChange(at, minutes) for at, minutes in changes),
        week=week_of({"MON-FRI": ("09:00-17:00",)}),
        until=date(2027, 1, 1),
    )


AMSTERDAM = office(
    "Europe/Amsterdam",
    (datetime(2025, 12, 31, 23, tzinfo=UTC), 60),
    (datetime(2026, 3, 29, 1, tzinfo=UTC), 120),
    (datetime(2026, 10, 25, 1, tzinfo=UTC), 60),
)
SYDNEY = office(
    "Australia/Sydney",
    (datetime(2025, 12, 31, 13, tzinfo=UTC), 660),
    (datetime(2026, 4, 4, 16, tzinfo=UTC), 600),
    (datetime(2026, 10, 3, 16, tzinfo=UTC), 660),
)
NIGHTS = week_of({"MON-SUN": ("00:00-06:00", "22:00-24:00")})


def local(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    """Return the moment of an Amsterdam local time in 2026, in March if nothing else is said."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Amsterdam")).astimezone(UTC)


# --- Examples -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (local(6, 16), local(9, 12), 4),
        (local(6, 17), local(9, 9), 0),
        (local(6, 20), local(9, 20), 8),
        (local(6, 10), local(6, 10), 0),
        (local(6, 12), local(6, 10), 0),
        (local(6, 10), local(6, 10, 30), 0.5),
    ],
)
def test_only_open_time_counts_between_two_moments(start: datetime, end: datetime, hours: float) -> None:
    """Evenings and weekends give nothing, and neither does an end that is not later."""
    assert open_between(start, end, AMSTERDAM) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("calendar", "start", "hours"),
    [
        (AMSTERDAM, datetime(2026, 3, 28, 12, tzinfo=UTC), 23),
        (AMSTERDAM, datetime(2026, 10, 24, 12, tzinfo=UTC), 25),
        (SYDNEY, datetime(2026, 4, 4, 2, tzinfo=UTC), 25),
        (SYDNEY, datetime(2026, 10, 3, 2, tzinfo=UTC), 23),
    ],
)
def test_around_the_clock_a_night_of_a_clock_change_is_as_long_as_it_is(
    calendar: Calendar, start: datetime, hours: int
) -> None:
    """From noon to noon on the wall there is an hour less in spring and one more in autumn, in both hemispheres."""
    always = calendar.but(week=week_of({"MON-SUN": ("00:00-24:00",)}))
    wall = ZoneInfo(calendar.tz)
    noon = start.astimezone(wall).replace(hour=12, minute=0)
    next_noon = (noon + timedelta(days=1)).astimezone(UTC)
    assert open_between(noon, next_noon, always) == timedelta(hours=hours)


def test_a_stopped_clock_of_open_time_has_left_what_it_had() -> None:
    """Friday 16:00 with four open hours left, stopped until Tuesday 11:00, is due on Tuesday at 15:00."""
    assert stopped(local(9, 12), local(6, 16), local(10, 11), AMSTERDAM, counts_open=True) == local(10, 15)


def test_a_stopped_clock_on_the_wall_is_shifted() -> None:
    """It is due later by as long as it stood still, open or not, whatever the calendar knows."""
    assert stopped(local(9, 12), local(6, 16), local(10, 11), AMSTERDAM, counts_open=False) == local(13, 7)
    late = datetime(2030, 1, 1, tzinfo=UTC)
    assert stopped(late, late - QUARTER, late, AMSTERDAM, counts_open=False) == late + QUARTER


@pytest.mark.parametrize("counts_open", [True, False])
def test_a_deadline_that_had_passed_stays(counts_open: bool) -> None:
    """What was due when the clock stopped, or before, is not put off."""
    for moment in (local(6, 16), local(6, 15)):
        assert stopped(moment, local(6, 16), local(10, 11), AMSTERDAM, counts_open=counts_open) == moment


@pytest.mark.parametrize("counts_open", [True, False])
def test_a_clock_that_never_stood_still_is_not_moved(counts_open: bool) -> None:
    """A deadline outside hours stays where it is, too."""
    for until in (local(6, 16), local(6, 15)):
        assert stopped(local(7, 12), local(6, 16), until, AMSTERDAM, counts_open=counts_open) == local(7, 12)


def test_a_stop_never_brings_a_deadline_forward() -> None:
    """A deadline on a Saturday does not become Friday's closing when its clock stands still before Friday's opening."""
    assert stopped(local(7, 12), local(6, 7), local(6, 8), AMSTERDAM, counts_open=True) == local(7, 12)
    assert stopped(local(7, 12), local(6, 7), local(6, 9, 1), AMSTERDAM, counts_open=True) == local(9, 9, 1)


# --- What a calendar cannot tell ------------------------------------------------------------------------------------


def test_a_calendar_that_is_never_open_has_no_open_time() -> None:
    """That is known between two moments; the moment when some has passed is an error."""
    never = AMSTERDAM.but(week=((),) * 7)
    assert open_between(local(6, 9), local(9, 9), never) == NOTHING
    with pytest.raises(CalendarError, match="no open hours"):
        after_open(local(6, 9), NOTHING, never)


@pytest.mark.parametrize(
    "count",
    [
        lambda: open_between(datetime(2025, 6, 1, tzinfo=UTC), local(6, 9), AMSTERDAM),
        lambda: open_between(local(6, 9), datetime(2027, 6, 1, tzinfo=UTC), AMSTERDAM),
        lambda: open_between(local(6, 9), datetime(2025, 6, 1, tzinfo=UTC), AMSTERDAM),
        lambda: after_open(datetime(2025, 6, 1, tzinfo=UTC), NOTHING, AMSTERDAM),
        lambda: after_open(local(6, 9), timedelta(days=300), AMSTERDAM),
    ],
)
def test_what_lies_beyond_a_calendar_is_an_error(count: Callable[[], object]) -> None:
    """Nothing is guessed about days that a calendar does not know."""
    with pytest.raises(CalendarError, match="known from 2025-12-31 until 2027-01-01"):
        count()


def test_a_calendar_knows_all_that_lies_before_its_end() -> None:
    """The end itself may be the end of what is counted."""
    end = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert open_between(end - timedelta(days=1), end, AMSTERDAM) == timedelta(hours=8)


def test_open_time_is_counted_forward() -> None:
    """A negative length is an error, not the next opening."""
    with pytest.raises(CalendarError, match="counted forward"):
        after_open(local(6, 9), -QUARTER, AMSTERDAM)


def test_a_time_without_an_offset_is_refused() -> None:
    """The machine's time zone never decides."""
    naive = datetime(2026, 3, 6, 12)  # noqa: DTZ001
    with pytest.raises(CalendarError, match="no UTC offset"):
        open_between(local(6, 9), naive, AMSTERDAM)
    with pytest.raises(CalendarError, match="no UTC offset"):
        stopped(naive, local(6, 9), local(6, 10), AMSTERDAM, counts_open=False)


# --- Properties -----------------------------------------------------------------------------------------------------

SPANS = st.sampled_from([2, 4]).flatmap(
    lambda count: st.lists(st.integers(0, 96), min_size=count, max_size=count, unique=True)
)
DAYS = SPANS.map(
    lambda marks: tuple(
        Hours(opens * 15, closes * 15) for opens, closes in zip(*[iter(sorted(marks))] * 2, strict=True)
    )
)
CALENDARS = st.builds(
    lambda calendar, monday, rest, closed: calendar.but(
        week=(monday, *rest), closed=tuple(sorted(closed)), until=date(2030, 1, 1)
    ),
    st.sampled_from([AMSTERDAM, SYDNEY]),
    DAYS,
    st.tuples(*[st.just(()) | DAYS] * 6),
    st.sets(st.dates(date(2026, 3, 26), date(2026, 4, 7)), max_size=3),
)
# In the weeks of the clock changes: each calendar has two of them, and meets those of the other zone as plain weeks.
WEEKS = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 26), (4, 2), (10, 1), (10, 22))]
QUARTERS = st.integers(0, 6 * 96)
LENGTHS = st.integers(1, 30 * 4).map(lambda quarters: quarters * QUARTER)
FEW = settings(max_examples=60, deadline=None)


@st.composite
def moments(draw: st.DrawFn, count: int) -> list[datetime]:
    """Draw so many moments of one week, in order of time and on the quarter, since walking goes in quarters."""
    week = draw(st.sampled_from(WEEKS))
    return [week + quarters * QUARTER for quarters in sorted(draw(st.tuples(*[QUARTERS] * count)))]


def slowly_between(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    zone, total = ZoneInfo(calendar.tz), NOTHING
    while start < end:
        here = start.astimezone(zone)
        minute = here.hour * 60 + here.minute
        hours = () if here.date() in calendar.closed else calendar.week[here.weekday()]
        total += QUARTER if any(opens <= minute < closes for opens, closes in hours) else NOTHING
        start += QUARTER
    return total


@FEW
@given(CALENDARS, moments(2))
@example(AMSTERDAM.but(week=NIGHTS), [local(28, 12), local(29, 12)])
@example(AMSTERDAM.but(week=NIGHTS), [local(24, 12, month=10), local(25, 12, month=10)])
def test_open_time_agrees_with_walking_quarter_by_quarter(calendar: Calendar, between: list[datetime]) -> None:
    """What lies between two moments is the number of open quarters on the wall, through clock changes too."""
    start, end = between
    assert open_between(start, end, calendar) == slowly_between(start, end, calendar)


@FEW
@given(CALENDARS, moments(3))
def test_open_time_adds_up(calendar: Calendar, between: list[datetime]) -> None:
    """Counting in two goes gives what counting in one does."""
    a, b, c = between
    assert open_between(a, b, calendar) + open_between(b, c, calendar) == open_between(a, c, calendar)


@FEW
@given(CALENDARS, moments(1), st.just(NOTHING) | LENGTHS)
def test_open_time_after_is_open_time_between(calendar: Calendar, between: list[datetime], length: timedelta) -> None:
    """After so much open time exactly so much has passed, and it is open or has just closed."""
    (start,) = between
    end = after_open(start, length, calendar)
    assert open_between(start, end, calendar) == length
    assert is_open(end, calendar) or is_open(end - timedelta(microseconds=1), calendar)


@FEW
@given(CALENDARS, moments(2))
def test_open_time_between_leads_back(calendar: Calendar, between: list[datetime]) -> None:
    """From an opening on, what lies between leads to the end, or over closed time to the same count."""
    start, end = between
    again = after_open(start, open_between(start, end, calendar), calendar)
    assert again <= max(end, next_opening(start, calendar))
    assert open_between(again, end, calendar) == NOTHING


@FEW
@given(CALENDARS, moments(1), st.integers(0, 30))
def test_whole_hours_are_those_of_a_duration(calendar: Calendar, between: list[datetime], hours: int) -> None:
    """After N open hours is after `Nbh`; after nothing is the next opening."""
    (start,) = between
    assert after_open(start, timedelta(hours=hours), calendar) == add(start, f"{hours}bh", calendar)
    assert after_open(start, NOTHING, calendar) == next_opening(start, calendar)


@FEW
@given(CALENDARS, moments(4), st.booleans())
def test_a_longer_stop_never_ends_earlier(calendar: Calendar, between: list[datetime], counts_open: bool) -> None:
    """The deadline grows with the end of the stop and never falls below what it was, wherever it lies."""
    since, until, later, due = between
    for moment in (due, until, since + QUARTER):
        first = stopped(moment, since, until, calendar, counts_open=counts_open)
        assert moment <= first <= stopped(moment, since, later, calendar, counts_open=counts_open)


@FEW
@given(CALENDARS, moments(2), LENGTHS)
def test_a_stopped_clock_is_truthful(calendar: Calendar, between: list[datetime], left: timedelta) -> None:
    """What was left in open time when the clock stopped is left when it goes on."""
    since, until = between
    due = after_open(since, left, calendar)
    assert open_between(until, stopped(due, since, until, calendar, counts_open=True), calendar) == left


@FEW
@given(CALENDARS, moments(3), LENGTHS, st.booleans())
def test_two_stops_on_end_are_one(
    calendar: Calendar, between: list[datetime], left: timedelta, counts_open: bool
) -> None:
    """A clock that is stopped again at once moves as if it had stood still all the while."""
    since, until, later = between
    due = after_open(since, left, calendar)
    once = stopped(due, since, until, calendar, counts_open=counts_open)
    assert stopped(once, until, later, calendar, counts_open=counts_open) == stopped(
        due, since, later, calendar, counts_open=counts_open
    )


def test_the_default_calendar_counts_too() -> None:
    """Where nobody has named a calendar, office hours in UTC are what a clock counts."""
    friday = datetime(2026, 3, 6, 16, tzinfo=UTC)
    assert open_between(friday, friday + timedelta(days=3), DEFAULT) == timedelta(hours=8)
