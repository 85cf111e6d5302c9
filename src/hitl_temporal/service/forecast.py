"""What the documents plan: which schedules there are, and which moments they name. Temporal is not asked.

Must not know: Temporal, files, terminals.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.schedules import Occurrence
from hitl_temporal.ports import PermanentError, TemporaryError
from hitl_temporal.service.errors import InvalidError, NotFoundError, UnavailableError
from hitl_temporal.service.schedule_specs import Coming
from hitl_temporal.service.timetable import FURTHEST, Around, Plan, Plans, Timetable, between, upcoming

MARGIN = timedelta(days=40)
"""The calendar is asked for so much more than a range: a shift may lead beyond it."""


class Forecast:
    """The schedules of the documents."""

    def __init__(self, timetable: Timetable, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._timetable = timetable
        self._clock = clock

    async def next(self, flow: str | None = None, name: str | None = None, runs: int = 10) -> tuple[Coming, ...]:
        """Return the coming runs of a flow, or of all, and the days between that are left out, by time.

        Temporal is not asked: a paused schedule shows what it would do.

        Raises:
            NotFoundError: There is no such schedule.
            InvalidError: A document names what is not there.
            UnavailableError: The documents can't be read.
        """
        now = self._clock()
        chosen = await self.chosen(flow, name)
        found: list[Coming] = []
        for plan in chosen:
            around = await self.around(plan, now, now + FURTHEST)
            found += await asyncio.to_thread(_upcoming, plan, around, now, runs)
        return tuple(sorted(found, key=lambda one: (one.at, one.flow, one.name)))

    async def between(self, plan: Plan, start: datetime, end: datetime) -> tuple[Coming, ...]:
        """Return every moment that a plan names from `start` on and before `end`.

        Raises:
            InvalidError: It names what is not there, or its calendar does not know a day that matters.
        """
        around = await self.around(plan, start, end)
        return await asyncio.to_thread(_between, plan, around, start, end)

    async def plans(self) -> Plans:
        """Return the schedules of the documents.

        Raises:
            UnavailableError: They can't be read.
        """
        try:
            return await self._timetable.plans()
        except TemporaryError as error:
            raise UnavailableError(str(error)) from error

    async def around(self, plan: Plan, start: datetime, until: datetime) -> Around:
        """Return what the times of a plan between two moments depend on.

        Raises:
            InvalidError: It names what is not there.
        """
        try:
            return await self._timetable.around(plan, start, until + MARGIN)
        except PermanentError as error:
            raise InvalidError(error.reason) from error

    async def chosen(self, flow: str | None, name: str | None) -> tuple[Plan, ...]:
        """Return the plans of a flow, or of all, and of this name if one is given.

        Raises:
            NotFoundError: There is none.
            UnavailableError: The documents can't be read.
        """
        plans = await self.plans()
        of_flow = [plan for plan in plans.plans if flow is None or plan.flow == flow]
        if flow is not None and not of_flow:
            wrong = plans.broken.get(flow)
            why = f"has errors: {wrong}" if wrong else f"has no schedule; {known(plans)}"
            raise NotFoundError(f"flow {flow[:100]!r} {why}")
        found = tuple(plan for plan in of_flow if name is None or plan.name == name)
        if name is not None and not found:
            names = ", ".join(plan.name for plan in of_flow)
            raise NotFoundError(f"no schedule is called {name[:100]!r}; there are: {names or 'none'}")
        return found

    async def one(self, flow: str, name: str | None) -> Plan:
        """Return the one plan of a flow, or the one of this name.

        Raises:
            NotFoundError: There is none.
            InvalidError: There are several, and none is named.
            UnavailableError: The documents can't be read.
        """
        plan, *others = await self.chosen(flow, name)
        if others:
            names = ", ".join(one.name for one in (plan, *others))
            raise InvalidError(f"flow {flow!r} has several schedules: {names}; say which with --name")
        return plan


def known(plans: Plans) -> str:
    """Return which flows have a schedule, in words."""
    return f"those that have one: {', '.join(dict.fromkeys(p.flow for p in plans.plans)) or 'none'}"


def _upcoming(plan: Plan, around: Around, now: datetime, runs: int) -> tuple[Coming, ...]:
    try:
        return tuple(_coming(plan, around, one) for one in upcoming(plan, around, now, runs))
    except CalendarError as error:
        raise InvalidError(str(error)) from error


def _between(plan: Plan, around: Around, start: datetime, end: datetime) -> tuple[Coming, ...]:
    try:
        return tuple(_coming(plan, around, one) for one in between(plan, around, start, end))
    except CalendarError as error:
        raise InvalidError(str(error)) from error


def _coming(plan: Plan, around: Around, one: Occurrence) -> Coming:
    return Coming(
        flow=plan.flow,
        name=plan.name,
        at=one.at,
        local=one.local.isoformat(timespec="minutes"),
        tz=around.zone.name,
        runs=one.runs,
        reason=one.reason,
    )
