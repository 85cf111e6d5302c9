"""Business time, compared with a slow calculation that walks quarter by quarter with `zoneinfo`."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hitl_temporal.domain.calendar import (
    DEFAULT,
    Calendar,
    CalendarDocument,
    CalendarError,
    Day,
    Hours,
    OffsetChange,
    add,
    is_open,
    is_working_day,
    next_opening,
    week_of,
)

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
QUARTER = timedelta(minutes=15)
OFFSETS = (
    OffsetChange(datetime(2025, 12, 31, 23, tzinfo=UTC), 60),
    OffsetChange(datetime(2026, 3, 29, 1, tzinfo=UTC), 120),
    OffsetChange(datetime(2026, 10, 25, 1, tzinfo=UTC), 60),
)
OFFICE = Calendar(
    name="office-nl",
    tz="Europe/Amsterdam",
    offsets=OFFSETS,
    week=week_of({"MON-FRI": ("09:00-17:00",)}),
    closed=(date(2026, 4, 6), date(2026, 12, 25)),
    until=date(2027, 1, 1),
)
NEVER = OFFICE.but(name="never", week=((),) * 7)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return the moment of an Amsterdam local time, the first of two."""
    return datetime(year, month, day, hour, minute, tzinfo=AMSTERDAM).astimezone(UTC)


def wall(at: datetime) -> datetime:
    """Return the Amsterdam local time of a moment."""
    return at.astimezone(AMSTERDAM)


# --- The contract's examples ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("calendar", [OFFICE, OFFICE.but(week=week_of({"MON-FRI": ("09:00-12:00", "12:00-17:00")}))])
@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        (local(2026, 3, 6, 16, 30), "1bd", local(2026, 3, 9, 16, 30)),
        (local(2026, 3, 6, 20, 0), "4bh", local(2026, 3, 9, 13, 0)),
        (local(2026, 3, 6, 20, 0), "1bd", local(2026, 3, 10, 9, 0)),
        (local(2026, 3, 6, 16, 30), "1bh", local(2026, 3, 9, 9, 30)),
        (local(2026, 3, 6, 16, 30), "30m1bd", local(2026, 3, 10, 9, 0)),
        (local(2026, 3, 6, 16, 30), "1bd30m", local(2026, 3, 9, 17, 0)),
        (local(2026, 4, 2, 16, 30), "2bd", local(2026, 4, 7, 16, 30)),
        (local(2026, 3, 6, 12, 0), "8bh", local(2026, 3, 9, 12, 0)),
        (local(2026, 3, 6, 9, 0), "8bh", local(2026, 3, 6, 17, 0)),
    ],
)
def test_working_time_counts_as_the_contract_says(
    start: datetime, text: str, end: datetime, calendar: Calendar
) -> None:
    """Hours outside opening and days off do not count; parts are taken from left to right."""
    assert add(start, text, calendar) == end


def test_the_default_is_office_hours_in_utc() -> None:
    """Without any calendar people work Monday to Friday from 09:00 to 17:00 UTC."""
    assert add(datetime(2026, 3, 6, 16, 30, tzinfo=UTC), "1bd", DEFAULT) == datetime(2026, 3, 9, 16, 30, tzinfo=UTC)
    assert add(datetime(2026, 3, 6, 20, 0, tzinfo=UTC), "4bh", DEFAULT) == datetime(2026, 3, 9, 13, 0, tzinfo=UTC)


def test_a_day_is_24_hours_and_a_working_day_keeps_its_local_time_across_a_clock_change() -> None:
    """On the weekend of the change `3d` ends an hour later on the wall than it began, `1bd` does not."""
    friday = local(2026, 3, 27, 10, 0)
    assert add(friday, "3d", OFFICE) == local(2026, 3, 30, 11, 0)
    assert add(friday, "1bd", OFFICE) == local(2026, 3, 30, 10, 0)


def test_a_local_time_that_does_not_exist_is_the_first_moment_after_the_gap() -> None:
    """02:30 on the night when clocks go from 02:00 to 03:00 is 03:00."""
    around_the_clock = OFFICE.but(week=week_of({"MON-SUN": ("00:00-24:00",)}))
    assert add(local(2026, 3, 28, 2, 30), "1bd", around_the_clock) == local(2026, 3, 29, 3, 0)


def test_of_two_equal_local_times_the_first_is_meant() -> None:
    """02:30 on the night when clocks go from 03:00 back to 02:00 is the earlier one."""
    around_the_clock = OFFICE.but(week=week_of({"MON-SUN": ("00:00-24:00",)}))
    assert add(local(2026, 10, 24, 2, 30), "1bd", around_the_clock) == local(2026, 10, 25, 2, 30)


def test_a_working_day_with_other_hours_keeps_the_deadline_within_its_day() -> None:
    """Where the local time is not open on the day reached, the day's next opening counts, else its last closing."""
    short_fridays = OFFICE.but(week=week_of({"MON-THU": ("08:00-18:00",), "FRI": ("10:00-12:00", "13:00-15:00")}))
    reached = {hour: add(local(2026, 3, 5, hour), "1bd", short_fridays) for hour in (8, 11, 12, 14, 17)}
    assert {hour: wall(at).hour for hour, at in reached.items()} == {8: 10, 11: 11, 12: 13, 14: 14, 17: 15}


def test_an_extra_working_day_has_the_hours_of_the_first_open_day() -> None:
    """A Saturday that is written as open counts, and a holiday does not."""
    calendar = OFFICE.but(open=(date(2026, 3, 7),))
    assert add(local(2026, 3, 6, 16, 30), "1bd", calendar) == local(2026, 3, 7, 16, 30)
    assert not is_working_day(date(2026, 4, 6), calendar)


@pytest.mark.parametrize("text", ["0bh", "0bd"])
def test_nothing_from_outside_hours_is_the_next_opening(text: str) -> None:
    """A start outside hours moves to the next opening even when nothing is counted; an open one stays."""
    assert (
        add(local(2026, 3, 6, 20), text, OFFICE) == local(2026, 3, 9, 9) == next_opening(local(2026, 3, 6, 20), OFFICE)
    )
    assert add(local(2026, 3, 6, 10), text, OFFICE) == local(2026, 3, 6, 10)


# --- What a calendar cannot tell ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1bh", "1bd", "0bd", "3000bd", "80000bh"])
def test_a_calendar_that_is_never_open_says_so(text: str) -> None:
    """No open hours is an error, never an endless search."""
    with pytest.raises(CalendarError, match="'never' has no open hours"):
        add(local(2026, 3, 6, 12), text, NEVER)


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (local(2026, 12, 31, 16), "2bh"),
        (local(2026, 3, 6, 12), "300bd"),
        (local(2026, 3, 6, 12), "3000bh"),
        (local(2027, 3, 6, 12), "1bh"),
        (local(2025, 3, 6, 12), "1bd"),
    ],
)
def test_what_lies_beyond_a_calendar_is_an_error(start: datetime, text: str) -> None:
    """A calendar guesses nothing about days it does not know, before or after."""
    with pytest.raises(CalendarError, match="known from 2025-12-31 until 2027-01-01"):
        add(start, text, OFFICE)


def test_a_local_time_beyond_a_calendar_is_an_error() -> None:
    """A calendar gives no moment for a wall that it does not know."""
    with pytest.raises(CalendarError, match="until 2027-01-01"):
        OFFICE.from_local(datetime(2027, 1, 1))  # noqa: DTZ001


def test_fixed_time_needs_no_calendar() -> None:
    """`d` and shorter units may lead beyond what a calendar knows."""
    assert add(local(2026, 12, 31, 16), "2d", OFFICE) == local(2027, 1, 2, 16)


def test_a_time_without_an_offset_is_refused() -> None:
    """The machine's time zone never decides."""
    with pytest.raises(CalendarError, match="no UTC offset"):
        add(datetime(2026, 3, 6, 12), "1bh", OFFICE)  # noqa: DTZ001


# --- Properties -----------------------------------------------------------------------------------------------------

SPANS = st.lists(st.integers(0, 96), min_size=2, max_size=4, unique=True).filter(lambda marks: len(marks) % 2 == 0)
DAYS = SPANS.map(
    lambda marks: tuple(
        Hours(opens * 15, closes * 15) for opens, closes in zip(*[iter(sorted(marks))] * 2, strict=True)
    )
)
DAYTIME = DAYS.filter(lambda day: day[0].opens >= 3 * 60)


def calendars(days: st.SearchStrategy[Day]) -> st.SearchStrategy[Calendar]:
    """Give calendars with at least one open day in the week and a few days off."""
    return st.builds(
        lambda monday, rest, closed: OFFICE.but(
            week=(monday, *rest), closed=tuple(sorted(closed)), until=date(2030, 1, 1)
        ),
        days,
        st.tuples(*[st.just(()) | days] * 6),
        st.sets(st.dates(date(2026, 3, 26), date(2026, 4, 2)), max_size=3),
    )


# Around both clock changes, on the quarter, since the slow calculation walks in quarters.
STARTS = st.builds(
    lambda begin, quarters: begin + quarters * QUARTER,
    st.sampled_from([datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)]),
    st.integers(0, 5 * 96),
)
FEW = settings(max_examples=40, deadline=None)


def slowly_open(at: datetime, calendar: Calendar) -> bool:
    here = wall(at)
    minute = here.hour * 60 + here.minute
    day = here.date()
    return day not in calendar.closed and any(
        opens <= minute < closes for opens, closes in calendar.week[day.weekday()]
    )


def slowly_next(at: datetime, calendar: Calendar) -> datetime:
    while not slowly_open(at, calendar):
        at += QUARTER
    return at


def slowly_add_hours(at: datetime, hours: int, calendar: Calendar) -> datetime:
    at = slowly_next(at, calendar)
    for _ in range(hours * 4):
        at = slowly_next(at, calendar) + QUARTER
    return at


def slowly_add_days(at: datetime, days: int, calendar: Calendar) -> datetime:
    here = wall(slowly_next(at, calendar))
    day = here.date()
    for _ in range(days):
        day += timedelta(days=1)
        while day in calendar.closed or not calendar.week[day.weekday()]:
            day += timedelta(days=1)
    there = datetime.combine(day, here.time(), AMSTERDAM).astimezone(UTC)
    while wall(there).time() != here.time() < wall(there - QUARTER).time():  # It does not exist: back to the gap's end.
        there -= QUARTER
    around = [there + quarter * QUARTER for quarter in range(-100, 100)]
    opened = [moment for moment in around if wall(moment).date() == day and slowly_open(moment, calendar)]
    later = [moment for moment in opened if moment >= there]
    return later[0] if later else opened[-1] + QUARTER if opened else there


@FEW
@given(calendars(DAYS), STARTS, st.integers(0, 12))
def test_working_hours_agree_with_walking_quarter_by_quarter(calendar: Calendar, start: datetime, hours: int) -> None:
    """`Nbh` is what counting open quarters on the wall gives, through clock changes and around the clock."""
    assert add(start, f"{hours}bh", calendar) == slowly_add_hours(start, hours, calendar)


@FEW
@given(calendars(DAYS), STARTS, st.integers(1, 4))
@example(OFFICE.but(week=week_of({"MON-SUN": ("02:00-03:00",)})), local(2026, 3, 28, 2), 1)
def test_working_days_agree_with_walking_quarter_by_quarter(calendar: Calendar, start: datetime, days: int) -> None:
    """`Nbd` is what stepping from day to day and looking at the wall gives."""
    assert add(start, f"{days}bd", calendar) == slowly_add_days(start, days, calendar)


@FEW
@given(calendars(DAYS), STARTS)
def test_open_is_what_the_wall_says(calendar: Calendar, start: datetime) -> None:
    """A moment is open when its local time lies in the hours of its local date."""
    assert is_open(start, calendar) == slowly_open(start, calendar)
    assert is_open(next_opening(start, calendar), calendar)


@FEW
@given(calendars(DAYS), STARTS, st.integers(1, 9), st.integers(1, 9))
def test_working_hours_add_up(calendar: Calendar, start: datetime, first: int, then: int) -> None:
    """Counting in two goes ends where counting in one does."""
    assert add(add(start, f"{first}bh", calendar), f"{then}bh", calendar) == add(start, f"{first + then}bh", calendar)
    assert add(start, f"{first}bh{then}bh", calendar) == add(start, f"{first + then}bh", calendar)


@FEW
@given(
    calendars(DAYS),
    STARTS,
    st.timedeltas(timedelta(), timedelta(days=4)),
    st.sampled_from(["0bh", "1bh", "7bh", "36h"]),
)
def test_starting_later_never_ends_earlier(calendar: Calendar, start: datetime, wait: timedelta, text: str) -> None:
    """The end grows with the start."""
    assert add(start, text, calendar) <= add(start + wait, text, calendar)


@FEW
@given(calendars(DAYTIME), STARTS, st.timedeltas(timedelta(), timedelta(days=4)), st.integers(0, 3))
def test_starting_later_never_ends_on_an_earlier_day(
    calendar: Calendar, start: datetime, wait: timedelta, days: int
) -> None:
    """Working days too, where nobody works through the hour that the clock repeats."""
    assert add(start, f"{days}bd", calendar) <= add(start + wait, f"{days}bd", calendar)


@FEW
@given(calendars(DAYTIME), STARTS, st.integers(1, 9), st.sampled_from(["bh", "bd"]))
def test_a_result_is_open_or_a_closing_moment(calendar: Calendar, start: datetime, count: int, unit: str) -> None:
    """Nothing is due while nobody works."""
    end = add(start, f"{count}{unit}", calendar)
    assert is_open(end, calendar) or is_open(end - timedelta(microseconds=1), calendar)


@FEW
@given(calendars(DAYS))
def test_a_calendar_survives_its_history(calendar: Calendar) -> None:
    """What is read back from JSON is the same value and counts the same."""
    again = Calendar.model_validate_json(calendar.model_dump_json())
    assert again == calendar
    assert add(local(2026, 3, 27, 12), "2bh1bd", again) == add(local(2026, 3, 27, 12), "2bh1bd", calendar)


# --- Documents ------------------------------------------------------------------------------------------------------


def test_a_document_writes_hours_by_day_or_span() -> None:
    """Spans may go over Sunday, a day may have several spells, days not named are closed."""
    document = CalendarDocument.model_validate(
        {"tz": "Asia/Jerusalem", "hours": {"SUN-TUE": "09:00-17:00", "SAT": ["10:00-12:00", "13:00-24:00"]}}
    )
    nine_to_five = (Hours(540, 1020),)
    assert week_of(document.hours) == (
        nine_to_five,
        nine_to_five,
        (),
        (),
        (),
        (Hours(600, 720), Hours(780, 1440)),
        nine_to_five,
    )


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"hours": {"MON-FRY": "09:00-17:00"}}, "'MON-FRY' is neither a day"),
        ({"hours": {"MON": "9-17"}}, "'9-17' are not hours"),
        ({"hours": {"MON": "22:00-06:00"}}, "night shift"),
        ({"hours": {"MON": ["09:00-12:00", "11:00-13:00"]}}, "overlap"),
        ({"hours": {"MON-FRI": "09:00-17:00", "FRI": "09:00-12:00"}}, "FRI has its hours twice"),
        ({"closed": ["2026-05-05"], "open": ["2026-05-05"]}, "2026-05-05 is both closed and open"),
        ({"holidays": "netherlands"}, "pattern"),
        ({"timezone": "UTC"}, "Extra inputs"),
    ],
)
def test_a_wrong_document_is_refused_with_what_is_wrong(document: dict[str, object], complaint: str) -> None:
    """Each mistake has a message that names it."""
    with pytest.raises(ValidationError, match=complaint):
        CalendarDocument.model_validate(document)


def test_offsets_are_in_order_of_time() -> None:
    """A calendar whose offsets are out of order is no calendar."""
    with pytest.raises(ValidationError, match="order of time"):
        Calendar(name="x", tz="UTC", offsets=OFFSETS[::-1], week=OFFICE.week, until=date(2027, 1, 1))


def test_midnight_is_the_start_of_a_day() -> None:
    """Hours until 24:00 end where the next day begins."""
    nights = OFFICE.but(week=week_of({"MON": ("22:00-24:00",), "TUE": ("00:00-06:00",)}))
    assert add(local(2026, 3, 9, 22), "8bh", nights) == local(2026, 3, 10, 6)
