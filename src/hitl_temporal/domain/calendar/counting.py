"""Counting in business time: from a moment on, and between two.

Must not know: documents, clocks, the machine's time zone.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Final

from hitl_temporal.domain import duration

from .value import DEFAULT, Calendar, CalendarError, beyond

__all__ = ["add", "after_open", "choose", "is_open", "is_working_day", "next_opening", "open_between", "stopped"]

_ONE_DAY: Final = timedelta(days=1)


def add(start: datetime, text: str, calendar: Calendar) -> datetime:
    """Return the UTC moment that a duration after `start` ends, its parts taken from left to right.

    Raises:
        CalendarError: It would end beyond what the calendar knows, or the calendar is never open.
        DurationError: `text` is not a duration.
    """
    at = _utc(start)
    for part in duration.parse(text):
        if part.length is not None:
            at += part.length
        elif part.unit == "bh":
            at = after_open(at, timedelta(hours=part.count), calendar)
        else:
            at = _after_days(at, part.count, calendar)
    return at


def choose(known: Mapping[str, Calendar], name: str | None, text: str) -> Calendar:
    """Return the calendar that a duration is counted in: the named one, else the site's `default`, else `DEFAULT`.

    Raises:
        CalendarError: The duration counts working time in a calendar that is not known.
    """
    if not duration.needs_calendar(text):
        return DEFAULT
    if name is None:
        return known.get("default", DEFAULT)
    if name not in known:
        raise CalendarError(f"calendar {name!r} is not in site.yaml; known: {', '.join(sorted(known)) or 'none'}")
    return known[name]


def is_open(at: datetime, calendar: Calendar) -> bool:
    """Return whether people work at this moment."""
    local = calendar.to_local(_in_range(_utc(at), calendar))
    since_midnight = local - datetime.combine(local, time())
    return any(
        timedelta(minutes=opens) <= since_midnight < timedelta(minutes=closes)
        for opens, closes in calendar.hours_on(local.date())
    )


def is_working_day(day: date, calendar: Calendar) -> bool:
    """Return whether people work at any time of this local date."""
    return bool(calendar.hours_on(day))


def next_opening(at: datetime, calendar: Calendar) -> datetime:
    """Return the first moment at or after `at` at which people work."""
    return after_open(at, timedelta(), calendar)


def after_open(at: datetime, length: timedelta, calendar: Calendar) -> datetime:
    """Return the moment when this much open time has passed since `at`: the next opening when it is none.

    Raises:
        CalendarError: It lies beyond what the calendar knows, the calendar is never open, or `length` is negative.
    """
    if length < timedelta():
        raise CalendarError(f"open time is counted forward, not by {length}")
    left = length
    for begin, end in _spells(_utc(at), calendar):
        if left <= end - begin:
            return begin + left
        left -= end - begin
    raise beyond(calendar)


def open_between(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """Return how much open time lies from `start` on and before `end`; none when `end` is not later.

    Raises:
        CalendarError: One of them lies beyond what the calendar knows.
    """
    first, last = _utc(start), _utc(end)
    if not calendar.offsets[0].at <= last <= _end(calendar):
        raise beyond(calendar)
    spells = takewhile(lambda spell: spell[0] < last, _spells(first, calendar))
    return sum((min(closing, last) - opening for opening, closing in spells), timedelta())


def stopped(moment: datetime, since: datetime, until: datetime, calendar: Calendar, *, counts_open: bool) -> datetime:
    """Return where a deadline moves whose clock stood still from `since` to `until`.

    It never moves back; one that had passed by `since` stays.

    Args:
        moment: The deadline as it was when the clock stopped.
        since: When the clock stopped.
        until: When it went on; not after `since` means that it never stood still.
        calendar: Whose hours are open; not looked at for a clock on the wall.
        counts_open: Whether the clock counts open time. What was left of it at `since` is counted on from `until`;
            a clock on the wall is shifted by as long as it stood still.

    Raises:
        CalendarError: An open clock leads beyond what the calendar knows, or the calendar is never open.
    """
    due, stop, go = _utc(moment), _utc(since), _utc(until)
    if due <= stop or go <= stop:
        return due
    if not counts_open:
        return due + (go - stop)
    return max(due, after_open(go, open_between(stop, due, calendar), calendar))


def _after_days(at: datetime, count: int, calendar: Calendar) -> datetime:
    opening = next_opening(at, calendar)
    if not count:
        return opening
    local = calendar.to_local(opening)
    day = local.date()
    for _ in range(count):
        day = _working_day_after(day, calendar)
    return _fitted(calendar.from_local(datetime.combine(day, local.time())), day, calendar)


def _working_day_after(day: date, calendar: Calendar) -> date:
    while (day := day + _ONE_DAY) < calendar.until:
        if is_working_day(day, calendar):
            return day
    raise beyond(calendar)


def _fitted(moment: datetime, day: date, calendar: Calendar) -> datetime:
    """Return `moment` if the day is open then, else the day's next opening, else its last closing."""
    midnight = calendar.from_local(datetime.combine(day, time()))
    spells = takewhile(lambda spell: calendar.to_local(spell[0]).date() == day, _spells(midnight, calendar))
    closing = moment  # Stays when a clock change has skipped all hours of the day.
    for begin, end in spells:
        if moment < end:
            return max(moment, begin)
        closing = end
    return closing


def _spells(at: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Yield begin and end of each open spell from `at` on, the one that is open at `at` cut short.

    Within one UTC offset local time runs as UTC does, so going through the offsets first keeps the spells in order.
    """
    _in_range(at, calendar)
    for begin, end, offset in calendar.periods():
        start = max(begin, at)
        midnight = datetime.combine((start + offset).date(), time(), UTC) - offset
        while midnight < end:
            for opens, closes in calendar.hours_on((midnight + offset).date()):
                first = max(start, midnight + timedelta(minutes=opens))
                last = min(end, midnight + timedelta(minutes=closes))
                if first < last:
                    yield first, last
            midnight += _ONE_DAY


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise CalendarError(f"{at.isoformat()} has no UTC offset; times are always aware")
    return at.astimezone(UTC)


def _in_range(at: datetime, calendar: Calendar) -> datetime:
    if calendar.offsets[0].at <= at < _end(calendar):
        return at
    raise beyond(calendar)


def _end(calendar: Calendar) -> datetime:
    """Return the first moment that the calendar does not know any more."""
    *_, (_, end, _) = calendar.periods()
    return end
