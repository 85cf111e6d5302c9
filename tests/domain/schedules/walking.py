"""An independent calculation: walk minute by minute in UTC with `zoneinfo`, and look at the clock on the wall."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hitl_temporal.domain.calendar import Calendar, OffsetChange, week_of
from hitl_temporal.domain.schedules import Zone

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@cache
def shown(tz: str, first: date, last: date) -> dict[datetime, datetime]:
    """Return for each local minute that the clock shows from one day to another the first moment at which it does."""
    zone, found = ZoneInfo(tz), dict[datetime, datetime]()
    at = datetime.combine(first, time(), zone).astimezone(UTC) - 60 * MINUTE
    while (local := at.astimezone(zone).replace(tzinfo=None, fold=0)).date() <= last:
        found.setdefault(local, at)
        at += MINUTE
    return found


@cache
def moment(tz: str, local: datetime) -> datetime:
    """Return the moment at which the clock shows a local time, else the first at which it shows a later one."""
    clock = shown(tz, local.date(), local.date())
    return clock[local] if local in clock else min(at for later, at in clock.items() if later > local)


@cache
def offsets_of(tz: str) -> Zone:
    """Return a zone with its changes in the years that the tests use, found minute by minute."""
    zone = ZoneInfo(tz)
    at, until = datetime(2025, 12, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
    changes: list[OffsetChange] = []
    while at < until:
        minutes = (at.astimezone(zone).utcoffset() or timedelta()) // MINUTE
        if not changes or changes[-1].minutes != minutes:
            changes.append(OffsetChange(at, minutes))
        at += 30 * MINUTE
    return Zone(name=tz, offsets=tuple(changes))


def calendar_of(tz: str, closed: Sequence[date]) -> Calendar:
    """Return Monday to Friday without these days."""
    return Calendar(
        name="office",
        tz=tz,
        offsets=offsets_of(tz).offsets,
        week=week_of({"MON-FRI": ("09:00-17:00",)}),
        closed=tuple(closed),
        until=date(2027, 2, 1),
    )


def days(first: date, last: date) -> Iterator[date]:
    """Yield each date from one to the other, both included."""
    while first <= last:
        yield first
        first += DAY


def walked(
    tz: str, named: Sequence[datetime], closed: Sequence[date], shift: str | None, start: datetime, end: datetime
) -> set[datetime]:
    """Return when a schedule runs, of local times that its rule names.

    Args:
        tz: Its zone.
        named: Local times, of enough days before and after.
        closed: Days off beside weekends.
        shift: What becomes of a day off; None: it is not looked at.
        start: First moment that counts.
        end: First one that does not count any more.
    """

    def works(day: date) -> bool:
        return day.weekday() < 5 and day not in closed

    found: set[datetime] = set()
    for local in named:
        day = local.date()
        while shift in {"next", "previous"} and not works(day):
            day += DAY if shift == "next" else -DAY
        if shift is None or works(day):
            found.add(moment(tz, datetime.combine(day, local.time())))
    return {at for at in found if start <= at < end}
