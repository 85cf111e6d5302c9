"""Calendars built from the time zone database and the holiday lists."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_temporal.domain.calendar import CalendarDocument, add, is_working_day
from hitl_temporal.effects.calendars import build
from hitl_temporal.ports import PermanentError

START = date(2026, 3, 2)
ZONES = ("UTC", "Europe/Amsterdam", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia")
CALENDARS = {tz: build(tz, CalendarDocument(tz=tz), START) for tz in ZONES}
HOURS = st.datetimes(datetime(2025, 1, 2), datetime(2028, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), HOURS)
def test_local_time_is_that_of_the_time_zone_database(tz: str, at: datetime) -> None:
    """The recorded offsets give the same local time as `zoneinfo` at any moment in the calendar."""
    assert CALENDARS[tz].to_local(at) == at.astimezone(ZoneInfo(tz)).replace(tzinfo=None)


def test_a_calendar_knows_a_year_back_and_two_ahead() -> None:
    """It begins and ends with whole local years, so it is the same value on every day of a year."""
    calendar = build("office-nl", CalendarDocument(tz="Europe/Amsterdam", holidays="NL"), START)
    assert calendar.to_local(calendar.offsets[0].at) == datetime(2025, 1, 1)  # noqa: DTZ001
    assert calendar.until == date(2029, 1, 1)
    assert calendar == build("office-nl", CalendarDocument(tz="Europe/Amsterdam", holidays="NL"), date(2026, 12, 31))
    assert build("short", CalendarDocument(), START, years=0).until == date(2027, 1, 1)


def test_public_holidays_are_days_off() -> None:
    """A country's holidays do not count as working days; those of a subdivision only there."""
    dutch, german, bavarian = (build("x", CalendarDocument(holidays=region), START) for region in ("NL", "DE", "DE-BY"))
    kings_day, epiphany = date(2026, 4, 27), date(2026, 1, 6)
    assert [is_working_day(kings_day, calendar) for calendar in (dutch, german, bavarian)] == [False, True, True]
    assert [is_working_day(epiphany, calendar) for calendar in (dutch, german, bavarian)] == [True, True, False]


def test_open_wins_over_a_holiday_and_closed_adds_to_them() -> None:
    """The dates that a document names itself have the last word."""
    document = CalendarDocument(holidays="NL", closed=(date(2026, 12, 24),), open=(date(2026, 4, 27), date(2026, 3, 7)))
    calendar = build("office-nl", document, START)
    assert is_working_day(date(2026, 4, 27), calendar)
    assert is_working_day(date(2026, 3, 7), calendar)
    assert not is_working_day(date(2026, 12, 24), calendar)


def test_a_deadline_passes_over_holidays() -> None:
    """From Thursday before Easter one working day leads to Tuesday after it: the Dutch list has Friday and Monday."""
    calendar = build("office-nl", CalendarDocument(tz="Europe/Amsterdam", holidays="NL"), START)
    start = datetime(2026, 4, 2, 16, 30, tzinfo=ZoneInfo("Europe/Amsterdam")).astimezone(UTC)
    assert add(start, "1bd", calendar) - start == timedelta(days=5)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"tz": "Europe/Nowhere"}, "unknown time zone 'Europe/Nowhere'"),
        ({"tz": "Europe"}, "unknown time zone 'Europe'"),
        ({"tz": "../passwd"}, "unknown time zone"),
        ({"holidays": "XX"}, "unknown holidays 'XX'"),
        ({"holidays": "DE-XX"}, "unknown holidays 'DE-XX'"),
    ],
)
def test_an_unknown_place_is_named(document: dict[str, object], complaint: str) -> None:
    """What no database knows can never work: the error is permanent and names the calendar and the place."""
    with pytest.raises(PermanentError, match=complaint) as refusal:
        build("office-nl", CalendarDocument.model_validate(document), START)
    assert "'office-nl'" in refusal.value.reason
