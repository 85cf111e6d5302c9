"""From a schedule to its explicit times, each with the reason why it runs or is left out.

In this order: the rule names local times; a day that is not worked on is skipped or shifted; the zone says which moment
a local time is; what falls on one moment is one run; what lies in a blackout is left out.

Must not know: clocks, `zoneinfo`, Temporal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from hitl_temporal.domain.calendar import DEFAULT, Calendar, CalendarError, is_working_day

from . import cron as crons
from .blackout import Window, covering
from .days import days_of_month
from .document import Schedule
from .zone import Placed, Zone

__all__ = ["Occurrence", "occurrences"]

_ONE_DAY: Final = timedelta(days=1)
_STEPS: Final = {"previous": -_ONE_DAY, "next": _ONE_DAY}


class Occurrence(NamedTuple):
    """A moment that a schedule names.

    Attributes:
        at: In UTC.
        local: What the clock on the wall shows, or what the schedule says if it never shows that.
        runs: Whether the flow starts then.
        reason: Why it does not, or why it does although the rule names another time; else empty.
    """

    at: datetime
    local: datetime
    runs: bool
    reason: str = ""


class _Candidate(NamedTuple):
    """A local time that the rule names, and where it has gone.

    Attributes:
        named: As the rule says.
        local: After a shift; None: it is skipped.
        why: Why the day is not worked on; empty: it is.
    """

    named: datetime
    local: datetime | None
    why: str


def occurrences(
    schedule: Schedule,
    *,
    zone: Zone,
    calendar: Calendar | None = None,
    blackouts: Sequence[Window] = (),
    start: datetime,
    end: datetime,
) -> tuple[Occurrence, ...]:
    """Return every moment from `start` on and before `end` that a schedule names, by time.

    Args:
        schedule: Its rule.
        zone: Of its local times.
        calendar: Whose days are worked on, where the schedule asks; None: Monday to Friday.
        blackouts: When it does not run.
        start: Aware.
        end: Aware.

    Raises:
        CalendarError: The calendar does not know a day that matters.
    """
    counting = calendar or DEFAULT
    candidates = _candidates(schedule, counting, zone.to_local(start).date(), zone.to_local(end).date())
    found = sorted(_settled(candidates, zone, blackouts), key=lambda one: (one.at, one.local, one.runs))
    return tuple(one for one in found if start <= one.at < end)


def _candidates(schedule: Schedule, calendar: Calendar, first: date, last: date) -> Iterator[_Candidate]:
    """Yield the local times that may come to lie on these dates, in order."""
    shift = schedule.shift or ("skip" if schedule.calendar is not None else None)
    works = partial(_is_worked_on, calendar=calendar)
    day, until = first, last
    while shift == "next" and _is_known(day - _ONE_DAY, calendar) and not works(day - _ONE_DAY):
        day -= _ONE_DAY
    while shift == "previous" and _is_known(until + _ONE_DAY, calendar) and not works(until + _ONE_DAY):
        until += _ONE_DAY
    is_named = _rule(schedule, works)
    while day <= until:
        if is_named(day):
            is_off = shift is not None and not works(day)
            target = _shifted(day, shift, calendar) if is_off else day
            why = _why_off(day, calendar) if is_off else ""
            for at in schedule.times:
                local = None if target is None else datetime.combine(target, at)
                yield _Candidate(datetime.combine(day, at), local, why)
        day += _ONE_DAY


def _rule(schedule: Schedule, works: Callable[[date], bool]) -> Callable[[date], bool]:
    """Return what tells whether a rule names a date."""
    if schedule.cron is not None:
        return crons.parse(schedule.cron).falls_on
    months: dict[tuple[int, int], frozenset[date]] = {}

    def is_named(day: date) -> bool:
        month = (day.year, day.month)
        if month not in months:
            months[month] = frozenset(days_of_month(schedule.day, *month, works))
        return day in months[month]

    return is_named


def _is_known(day: date, calendar: Calendar) -> bool:
    return calendar.to_local(calendar.offsets[0].at).date() <= day < calendar.until


def _is_worked_on(day: date, calendar: Calendar) -> bool:
    if not _is_known(day, calendar):
        raise CalendarError(
            f"calendar {calendar.name!r} does not know {day}: it ends before {calendar.until}; choose an earlier time"
        )
    return is_working_day(day, calendar)


def _shifted(day: date, shift: str | None, calendar: Calendar) -> date | None:
    """Return the next day that is worked on in the direction of the shift; None: there is none, or it is skipped."""
    step = _STEPS.get(shift or "")
    if step is None:
        return None
    while _is_known(day := day + step, calendar):
        if is_working_day(day, calendar):
            return day
    return None


def _why_off(day: date, calendar: Calendar) -> str:
    if day in calendar.closed:
        return f"{day} is a day off in calendar {calendar.name!r}"
    return f"{day:%A} is no working day in calendar {calendar.name!r}"


def _settled(candidates: Iterable[_Candidate], zone: Zone, blackouts: Sequence[Window]) -> Iterator[Occurrence]:
    """Yield what becomes of each candidate: a moment is given to whom the rule names it first and most plainly."""
    runs: dict[datetime, Occurrence] = {}
    for candidate, placed in sorted(((one, zone.place(one.local or one.named)) for one in candidates), key=_rank):
        if candidate.local is None:
            yield Occurrence(placed.at, candidate.named, runs=False, reason=f"{candidate.why}; skipped")
            continue
        local = zone.to_local(placed.at)
        clock = _about_the_clock(candidate.local, placed)
        is_taken = placed.at in runs
        if is_taken or candidate.why:
            became = f"{'merged with the run of' if is_taken else 'shifted to'} {local:%Y-%m-%d %H:%M}"
            reason = _joined(candidate.why, "" if placed.exists else clock, became)
            yield Occurrence(zone.place(candidate.named).at, candidate.named, runs=False, reason=reason)
        if not is_taken:
            shifted = f"shifted from {candidate.named:%Y-%m-%d}" if candidate.why else ""
            then = {True: "runs the first time", False: "runs at the first moment after the gap"}[placed.exists]
            reason = _joined(shifted, clock, then if clock else "")
            runs[placed.at] = Occurrence(placed.at, local, runs=True, reason=reason)
    for run in runs.values():
        dark = covering(blackouts, run.at)
        yield run if dark is None else run._replace(runs=False, reason=_joined(f"blackout {dark.name}", run.reason))


def _rank(found: tuple[_Candidate, Placed]) -> tuple[bool, bool, datetime]:
    """Put what the rule names itself before what a clock change moves, and that before what a shift moves."""
    candidate, placed = found
    return bool(candidate.why), not placed.exists, candidate.named


def _about_the_clock(local: datetime, placed: Placed) -> str:
    if not placed.exists:
        return f"{local:%H:%M} does not exist on {local:%Y-%m-%d}"
    return f"{local:%H:%M} comes twice on {local:%Y-%m-%d}" if placed.is_doubled else ""


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))
