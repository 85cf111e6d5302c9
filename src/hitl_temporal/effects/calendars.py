"""Calendars built from the time zone database and the holiday lists, as values that a history can keep.

Must not know: Temporal, YAML. An activity calls this; nothing in the domain or the engine may, since a newer release of
either source gives another answer.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from hitl_temporal.domain.calendar import Calendar, CalendarDocument, OffsetChange, week_of
from hitl_temporal.domain.schedules import Zone
from hitl_temporal.ports import PermanentError

__all__ = ["build", "build_zone"]


def build(name: str, doc: CalendarDocument, start: date, years: int = 2) -> Calendar:
    """Return the calendar that a document describes, in whole calendar years.

    It begins a year before `start`, since a deadline is counted from an opening that may lie in the past, and knows at
    least `years` after it. Whole years keep it the same value from day to day.

    Raises:
        PermanentError: The time zone, the country or its subdivision is unknown.
    """
    first, until = date(start.year - 1, 1, 1), date(start.year + years + 1, 1, 1)
    days_off = _public_holidays(name, doc.holidays, first, until) - {*doc.open} | {*doc.closed}
    return Calendar(
        name=name,
        tz=doc.tz,
        offsets=tuple(_offsets(_zone(f"calendar {name!r}", doc.tz), first, until)),
        week=week_of(doc.hours),
        closed=tuple(sorted(days_off)),
        open=tuple(sorted(doc.open)),
        until=until,
    )


def build_zone(tz: str, start: date, until: date) -> Zone:
    """Return the offsets of a time zone from the year of `start` to that of `until`, a day more at both ends.

    Raises:
        PermanentError: The time zone is unknown.
    """
    first, last = date(start.year, 1, 1) - timedelta(days=1), date(until.year + 1, 1, 2)
    return Zone(name=tz, offsets=tuple(_offsets(_zone("a schedule", tz), first, last)))


def _zone(whose: str, tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # `Europe` is a folder, `../x` is refused
        raise PermanentError(
            f"{whose} has the unknown time zone {tz!r}; write an IANA name such as Europe/Amsterdam"
        ) from error


def _public_holidays(name: str, region: str | None, first: date, until: date) -> set[date]:
    if region is None:
        return set()
    country, _, subdivision = region.partition("-")
    try:
        return {*holidays.country_holidays(country, subdivision or None, years=range(first.year, until.year))}
    except NotImplementedError as error:
        raise PermanentError(
            f"calendar {name!r} has the unknown holidays {region!r}; write a country such as NL, or one with its"
            " subdivision such as DE-BY"
        ) from error


def _offsets(zone: ZoneInfo, first: date, until: date) -> Iterator[OffsetChange]:
    """Yield the zone's UTC offset at the beginning and each change of it, found day by day."""
    at, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, until))
    offset = _offset(zone, at)
    yield OffsetChange(at, offset)
    while at < end:
        next_day = min(at + timedelta(days=1), end)
        if _offset(zone, next_day) != offset:
            offset = _offset(zone, next_day)
            yield OffsetChange(_change(zone, at, next_day), offset)
        at = next_day


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first second with the offset of `after`, by halving."""
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(zone, middle) == _offset(zone, after):
            after = middle
        else:
            before = middle
    return after


def _offset(zone: ZoneInfo, at: datetime) -> int:
    """Return minutes; zones have been off by seconds only before 1972."""
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return offset // timedelta(minutes=1)
