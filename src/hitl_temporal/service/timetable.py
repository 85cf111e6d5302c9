"""The schedules that a project's documents have, and the explicit times of each.

Must not know: Temporal, files.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.schedules import Block, Occurrence, Schedule, Window, Zone, occurrences, pack
from hitl_temporal.domain.value import Json, Value, digest

HORIZON = timedelta(days=90)
"""So far ahead the times of a schedule are written out: workers may be away for half of it before a run is missed."""

AT_LEAST = 10
"""So many runs are written out, however far ahead they lie: as many as Temporal shows."""

FURTHEST = timedelta(days=730)
"""Beyond it nothing is looked for: calendars know two years."""

MAX_BLOCKS = 500
"""Entries of a schedule; Temporal goes through all of them for each time that it computes. Measured on server 1.32:
50 ms to describe one with 500 entries, 1 s with 5,000; with 20,000 its scheduler deadlocks."""

PREFIX = "hitl.schedule:"
"""Of the ids of our schedules."""


class Plan(Value):
    """One schedule of one flow, as documents write it.

    Attributes:
        name: Tells the schedules of a flow apart.
        calendar: The flow's own; None: the site's default.
        blackouts: Names of the site's blackouts that hold for the flow.
    """

    flow: str
    name: str
    schedule: Schedule
    calendar: str | None = None
    blackouts: tuple[str, ...] = ()

    @property
    def schedule_id(self) -> str:
        """The id of the schedule in Temporal."""
        return f"{PREFIX}{self.flow}:{self.name}"

    @property
    def run_id(self) -> str:
        """What the ids of its runs begin with; Temporal adds the scheduled time."""
        return f"{self.flow}.{self.name}"

    def run_id_at(self, at: datetime) -> str:
        """Return the id of the run of a scheduled time."""
        return f"{self.run_id}-{at:%Y-%m-%dT%H:%M:%SZ}"


class Around(NamedTuple):
    """What a plan's times depend on besides itself.

    Attributes:
        zone: Of its local times.
        calendar: Whose days are worked on; None: nobody asks, or Monday to Friday.
        blackouts: When it does not run.
    """

    zone: Zone
    calendar: Calendar | None
    blackouts: tuple[Window, ...]


class Timetable(Protocol):
    """Knows the schedules of the project as its documents are now."""

    async def plans(self) -> "Plans":
        """Return every schedule that a sound flow has, and what is wrong with the others.

        Raises:
            TemporaryError: The documents can't be read.
        """
        ...

    async def around(self, plan: Plan, start: datetime, until: datetime) -> Around:
        """Return what the times of a plan between two moments depend on.

        Raises:
            PermanentError: It names a calendar, a zone or a blackout that is not there, or site.yaml has errors.
        """
        ...


class Plans(NamedTuple):
    """The schedules of a project.

    Attributes:
        plans: Of the flows that are sound, in the order of their names.
        broken: Why there are none of the other flows, by flow.
    """

    plans: tuple[Plan, ...]
    broken: Mapping[str, str]


class Explicit(NamedTuple):
    """A schedule written out.

    Attributes:
        blocks: Its times.
        since: From when.
        until: Until when; later times are not among them.
    """

    blocks: tuple[Block, ...]
    since: datetime
    until: datetime


def between(plan: Plan, around: Around, start: datetime, end: datetime) -> tuple[Occurrence, ...]:
    """Return every moment that a plan names from `start` on and before `end`.

    Raises:
        CalendarError: The calendar does not know a day that matters.
    """
    return occurrences(
        plan.schedule,
        zone=around.zone,
        calendar=around.calendar,
        blackouts=around.blackouts,
        start=start,
        end=end,
    )


def upcoming(plan: Plan, around: Around, now: datetime, runs: int) -> tuple[Occurrence, ...]:
    """Return what a plan names from now on until so many of it run; fewer where two years have fewer.

    Raises:
        CalendarError: The calendar does not know a day that matters.
    """
    found: list[Occurrence] = []
    start, width = now, timedelta(days=2)
    while (missing := runs - sum(one.runs for one in found)) > 0 and start < now + FURTHEST:
        end = min(start + width, now + FURTHEST)
        for one in between(plan, around, start, end):
            if missing <= 0:
                break
            found.append(one)
            missing -= one.runs
        start, width = end, min(width * 2, HORIZON)
    return tuple(found)


def written_out(plan: Plan, around: Around, now: datetime) -> Explicit:
    """Return the explicit times of a plan over the horizon: at least ten runs, at most so many entries.

    Raises:
        CalendarError: The calendar does not know a day that matters.
    """
    until = now + HORIZON
    runs = _running(between(plan, around, now, until))
    while len(runs) < AT_LEAST and until < now + FURTHEST:
        later = min(until + HORIZON, now + FURTHEST)
        runs += _running(between(plan, around, until, later))
        until = later
    blocks = pack(runs)
    while len(blocks) > MAX_BLOCKS:
        until = now + (until - now) / 2
        blocks = pack(run for run in runs if run < until)
    return Explicit(blocks, now, until)


def fingerprint(plan: Plan, around: Around, task_queue: str) -> str:
    """Return a digest of all that a schedule in Temporal is made of: while it is the same, so are the times."""
    made_of: dict[str, Json] = {
        "plan": plan.model_dump(mode="json", by_alias=True),
        "zone": around.zone.model_dump(mode="json"),
        "calendar": None if around.calendar is None else around.calendar.model_dump(mode="json"),
        "blackouts": [[w.name, w.start.isoformat(), w.end.isoformat()] for w in around.blackouts],
        "task_queue": task_queue,
    }
    return digest(made_of)


def _running(found: Sequence[Occurrence]) -> list[datetime]:
    return [one.at for one in found if one.runs]
