"""Cron, field by field, and its days compared with a slow reading of the same five fields."""

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.schedules.cron import CronError, parse

WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
YEAR = [date(2028, 1, 1) + timedelta(days=n) for n in range(366)]


def days(text: str) -> list[date]:
    """Return the days of 2028, a leap year, on which an expression runs."""
    return [day for day in YEAR if parse(text).falls_on(day)]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("0 18 * * *", [time(18)]),
        ("*/20 9 * * *", [time(9, 0), time(9, 20), time(9, 40)]),
        ("5 8-10 * * *", [time(8, 5), time(9, 5), time(10, 5)]),
        ("0 8-18/5 * * *", [time(8), time(13), time(18)]),
        ("30,0 1,0 * * *", [time(0, 0), time(0, 30), time(1, 0), time(1, 30)]),
        ("  59   23 * * * ", [time(23, 59)]),
    ],
)
def test_minutes_and_hours_are_the_times_of_a_day(text: str, times: list[time]) -> None:
    """In order, each once."""
    assert list(parse(text).times) == times


@pytest.mark.parametrize(
    ("weekdays", "same"),
    [
        ("MON-FRI", "1-5"),
        ("mon-fri", "1-5"),
        ("FRI-MON", "5,6,0,1"),
        ("FRI-SUN", "5-7"),
        ("0", "7"),
        ("7-2", "SUN-TUE"),
        ("*/2", "0,2,4,6"),
        ("1-5/2", "MON,WED,FRI"),
        ("SAT-THU/2", "6,1,3"),
        ("0-7", "*"),
    ],
)
def test_weekdays_go_round_and_have_names(weekdays: str, same: str) -> None:
    """0 and 7 are both Sunday."""
    assert days(f"0 0 * * {weekdays}") == days(f"0 0 * * {same}")


def test_months_have_names() -> None:
    """As numbers from 1."""
    assert days("0 0 1 JAN-MAR,dec *") == [date(2028, month, 1) for month in (1, 2, 3, 12)]


def test_of_two_kinds_of_day_either_is_enough() -> None:
    """As in every cron, unless one of them begins with a star."""
    fridays = [day for day in YEAR if day.weekday() == 4]
    assert days("0 0 13 * FRI") == sorted({*fridays, *(day for day in YEAR if day.day == 13)})
    assert days("0 0 */2 * FRI") == [day for day in fridays if day.day % 2]
    assert days("0 0 13 * */6") == [day for day in YEAR if day.day == 13 and day.weekday() in {5, 6}]


@given(
    monthdays=st.sets(st.integers(1, 31)),
    months=st.sets(st.integers(1, 12)),
    weekdays=st.sets(st.sampled_from(WEEKDAYS)),
)
def test_days_are_what_the_fields_say(monthdays: set[int], months: set[int], weekdays: set[str]) -> None:
    """Compared with the sentence of the manual, for lists of every kind."""
    fields = [",".join(map(str, sorted(values))) or "*" for values in (monthdays, months, weekdays)]
    text = f"0 0 {fields[0]} {fields[1]} {fields[2]}"

    def is_meant(day: date) -> bool:
        named = WEEKDAYS[day.isoweekday() % 7] in weekdays
        if monthdays and weekdays:
            return day.month in (months or {day.month}) and (day.day in monthdays or named)
        return day.month in (months or {day.month}) and (
            day.day in monthdays if monthdays else named if weekdays else True
        )

    expected = [day for day in YEAR if is_meant(day)]
    if monthdays and not weekdays and not expected:
        with pytest.raises(CronError, match="never runs"):
            parse(text)
    else:
        assert days(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("* * * *", "is not cron"),
        ("0 0 0 18 * * *", "is not cron"),
        ("@daily", "is not cron"),
        ("0 " * 200, "is not cron"),
        ("60 0 * * *", "'60' is no minute; write 0 to 59"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "'0' is no day of month"),
        ("0 0 * 13 *", "'13' is no month; write 1 to 12, or a name of JAN"),
        ("0 0 * * 8", "'8' is no day of week"),
        ("0 0 * * MOON", "'MOON' is no day of week of cron"),
        ("0 0 * * MOO", "'MOO' is no day of week"),
        ("0 0 L * *", "'L' is no day of month"),
        ("0 0 ? * *", "'?' is no day of month of cron"),
        ("0 0 * * FRI#2", "is no day of week of cron"),
        ("0 18-9 * * *", "runs backwards; write 9-18"),
        ("*/0 * * * *", "stands still"),
        ("5/10 * * * *", "write the span, such as 5-59/10"),
        ("1,,2 * * * *", "'' is no minute of cron"),
        ("-1 * * * *", "is no minute of cron"),
        ("0 0 30 2 *", "none of its months has a day 30"),
        ("0 0 31 FEB,APR *", "never runs"),
    ],
)
def test_what_is_no_cron_is_refused(text: str, says: str) -> None:
    """With what to write instead."""
    with pytest.raises(CronError) as error:
        parse(text)
    assert says in str(error.value)


def test_the_29th_of_february_comes() -> None:
    """Only not every year."""
    assert days("0 0 29 2 *") == [date(2028, 2, 29)]
