"""Cron: five fields that say at which minutes, hours and days something runs.

`minute hour day-of-month month day-of-week`; each is `*`, a number, a span `1-5`, a list `1,15`, and after `*` or a
span a step `/10`. Months and weekdays have names (`JAN`, `MON`); 0 and 7 are both Sunday, and a span of weekdays may go
over the end of the week (`FRI-MON`). Where both kinds of day are restricted, either is enough, as in every cron.
Source: https://man7.org/linux/man-pages/man5/crontab.5.html, read 2026-12-01. What is not in it (`?`, `L`, `W`, `#`,
`@daily`, seconds, years) is refused.

Must not know: zones, calendars, clocks.
"""

import re
from collections.abc import Sequence
from datetime import date, time
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["Cron", "CronError", "parse"]

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ENTRY: Final = re.compile(r"(\*|[0-9A-Z]{1,3}(?:-[0-9A-Z]{1,3})?)(?:/([0-9]{1,2}))?")
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MAX_CHARACTERS: Final = 200


class CronError(ValueError):
    """A text that is no cron expression, or one that never runs."""


class Cron(NamedTuple):
    """A cron expression, taken apart.

    Attributes:
        times: The local times of a day on which it runs, in order.
        monthdays: Of 1 to 31.
        months: Of 1 to 12.
        weekdays: Of 0 (Monday) to 6.
        is_either: Whether day of month or day of week is enough; else both must hold.
    """

    times: tuple[time, ...]
    monthdays: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either: bool

    def falls_on(self, day: date) -> bool:
        """Tell whether it runs on this local date."""
        if day.month not in self.months:
            return False
        is_monthday, is_weekday = day.day in self.monthdays, day.weekday() in self.weekdays
        return is_monthday or is_weekday if self.is_either else is_monthday and is_weekday


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: Sequence[str] = ()
    is_round: bool = False


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _WEEKDAYS, is_round=True),
)


@lru_cache(maxsize=256)
def parse(text: str) -> Cron:
    """Return a cron expression, taken apart.

    Raises:
        CronError: It is none, or there is no day on which it would run.
    """
    written = text.split()
    if len(text) > _MAX_CHARACTERS or len(written) != len(_FIELDS):
        raise CronError(
            f"{text[:60]!r} is not cron; write five fields, minute hour day month weekday, such as '0 18 * * MON-FRI'"
        )
    minutes, hours, monthdays, months, weekdays = map(_values, written, _FIELDS)
    if not written[2].startswith("*") and written[4].startswith("*"):
        _refuse_no_day(text, monthdays, months)
    return Cron(
        times=tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        monthdays=monthdays,
        months=months,
        weekdays=frozenset((day - 1) % 7 for day in weekdays),
        is_either=not written[2].startswith("*") and not written[4].startswith("*"),
    )


def _refuse_no_day(text: str, monthdays: frozenset[int], months: frozenset[int]) -> None:
    if all(min(monthdays) > _LONGEST[month - 1] for month in months):
        raise CronError(f"{text!r} never runs: none of its months has a day {min(monthdays)}; mend day or month")


def _values(text: str, field: _Field) -> frozenset[int]:
    return frozenset(value for entry in text.upper().split(",") for value in _entry(entry, field))


def _entry(text: str, field: _Field) -> Sequence[int]:
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise CronError(f"{text[:30]!r} is no {field.name} of cron; write *, a number, 1-5, 1,15 or */10")
    span, step = found[1], int(found[2] or 1)
    if step < 1:
        raise CronError(f"{text!r}: a step of 0 stands still; write at least 1")
    if span == "*":
        # The round field has its first value at both ends.
        return range(field.low, field.high + (not field.is_round), step)
    if found[2] is not None and "-" not in span:
        raise CronError(
            f"{text!r} takes steps from one {field.name}; write the span, such as {span}-{field.high}/{step}"
        )
    first, _, last = span.partition("-")
    low = _number(first, field)
    high = _number(last, field) if last else low
    if low <= high:
        return range(low, high + 1, step)
    if not field.is_round:
        raise CronError(f"{text!r} runs backwards; write {last}-{first}, or two spans with a comma")
    return [value % 7 for value in range(low, high + 8, step)]


def _number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if text.isdigit() and field.low <= int(text) <= field.high:
        return int(text)
    names = f", or a name of {', '.join(field.names)}" if field.names else ""
    raise CronError(f"{text!r} is no {field.name}; write {field.low} to {field.high}{names}")
