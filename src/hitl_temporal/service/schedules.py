"""Temporal Schedules from the documents: written, listed, paused, triggered, backfilled; and what comes next.

A flow's schedule is one Temporal Schedule of explicit times over a rolling horizon. What it was made of is told by a
digest in the memo of its action, so that it is written only when that has changed, or half of the horizon has passed.
What an operator has done to it (a pause and its note) stays.

Must not know: HTTP, terminals, files.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.schedules import pack
from hitl_temporal.ports import PermanentError
from hitl_temporal.service.errors import InvalidError, NotFoundError, UnavailableError
from hitl_temporal.service.forecast import MARGIN, Forecast, known
from hitl_temporal.service.schedule_specs import (
    OVERLAP,
    PAUSED_BY_DOCUMENT,
    Backfilled,
    Listed,
    Made,
    Overlap,
    Synced,
    Wanted,
    entry,
    made_of,
    parts,
    schedule_of,
    state_after,
    synced,
)
from hitl_temporal.service.timetable import (
    FURTHEST,
    PREFIX,
    Plan,
    Plans,
    Timetable,
    fingerprint,
    written_out,
)

MOST_AT_ONCE = 1_000
"""Runs of one backfill: Temporal keeps no more waiting."""

RPC_WITHIN = timedelta(seconds=10)


class Schedules:
    """The use cases of schedules."""

    def __init__(
        self,
        client: Client,
        timetable: Timetable,
        task_queue: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._timetable = timetable
        self._task_queue = task_queue
        self._clock = clock
        self._forecast = Forecast(timetable, clock)

    # --- From the documents -------------------------------------------------------------------------------------------

    async def sync(self, flow: str | None = None) -> tuple[Synced, ...]:
        """Make the schedules in Temporal what the documents say; of one flow, or of all.

        Twice in a row changes nothing the second time. A flow with errors keeps the schedules that it had.

        Raises:
            NotFoundError: There is no such flow with a schedule, here or in Temporal.
            UnavailableError: Temporal does not answer, or the documents can't be read; it may be done in part.
        """
        plans = await self._forecast.plans()
        wanted = [plan for plan in plans.plans if flow is None or plan.flow == flow]
        ids = {plan.schedule_id for plan in wanted}
        async with _spoken():
            found = [await self._write(plan) for plan in wanted]
            for schedule_id in await self._ids(flow):
                if schedule_id not in ids:
                    found += [done async for done in self._left_over(schedule_id, plans)]
        if flow is not None and not found:
            wrong = plans.broken.get(flow)
            why = f"has errors: {wrong}" if wrong else f"has no schedule; {known(plans)}"
            raise NotFoundError(f"flow {flow[:100]!r} {why}")
        return tuple(sorted(found, key=lambda one: (one.flow, one.name)))

    # --- As they are in Temporal --------------------------------------------------------------------------------------

    async def list(self, flow: str | None = None) -> tuple[Listed, ...]:
        """Return the schedules of a flow, or of all, as they are in Temporal now.

        Raises:
            UnavailableError: Temporal does not answer.
        """
        async with _spoken():
            found = [await self._listed(schedule_id) for schedule_id in await self._ids(flow)]
        return tuple(one for one in found if one is not None)

    async def pause(self, flow: str, name: str | None = None, reason: str = "") -> tuple[Listed, ...]:
        """Let no run start until it is resumed; the reason is kept as its note. All of a flow, or the named one.

        Raises:
            NotFoundError: There is no such schedule in Temporal.
            UnavailableError: Temporal does not answer.
        """
        return await self._each(
            flow, name, lambda handle: handle.pause(note=reason or "paused", rpc_timeout=RPC_WITHIN)
        )

    async def resume(self, flow: str, name: str | None = None, reason: str = "") -> tuple[Listed, ...]:
        """Let runs start again; those that were left out meanwhile are not made up for.

        Raises:
            NotFoundError: There is no such schedule in Temporal.
            UnavailableError: Temporal does not answer.
        """
        return await self._each(
            flow, name, lambda handle: handle.unpause(note=reason or "resumed", rpc_timeout=RPC_WITHIN)
        )

    async def trigger(self, flow: str, name: str | None = None, overlap: Overlap | None = None) -> Listed:
        """Start a run now, paused or not; `event.time` is now.

        Args:
            flow: Whose schedule.
            name: Which one; may be left out when there is one.
            overlap: What happens while another run is open; None: what the schedule says.

        Raises:
            NotFoundError: There is no such schedule in Temporal.
            InvalidError: The flow has several, and none is named.
            UnavailableError: Temporal does not answer.
        """
        async with _spoken():
            (schedule_id,) = await self._existing(flow, name, is_one=True)
            policy = None if overlap is None else OVERLAP[overlap]
            await self._handle(schedule_id).trigger(overlap=policy, rpc_timeout=RPC_WITHIN)
            return await self._there(schedule_id)

    async def backfill(
        self, flow: str, start: date, end: date, *, name: str | None = None, overlap: Overlap = "queue"
    ) -> Backfilled:
        """Start the runs of a past range that were never started, as if their time had come; each time once.

        Args:
            flow: Whose schedule.
            start: The first moment of the range, or its first day in the schedule's zone.
            end: The first moment after it, not later than now; or its last day, as far as it has passed.
            name: Which schedule; may be left out when there is one.
            overlap: What happens while one of them is still open.

        Raises:
            NotFoundError: There is no such schedule in the documents, or it is not in Temporal.
            InvalidError: The range is empty, lies ahead or has too many runs, or a document names what is not there.
            UnavailableError: Temporal does not answer.
        """
        plan = await self._forecast.one(flow, name)
        begin, stop = await self._range(plan, start, end)
        named = await self._forecast.between(plan, begin, stop)
        runs = [one.at for one in named if one.runs]
        if len(runs) > MOST_AT_ONCE:
            raise InvalidError(f"{len(runs)} runs lie in this range; backfill at most {MOST_AT_ONCE} at once")
        async with _spoken():
            await self._existing(flow, plan.name, is_one=True)
            already = [at for at in runs if await self._was_started(plan.run_id_at(at))]
            missing = [at for at in runs if at not in already]
            if missing:
                await self._start(plan, missing, overlap)
        left_out = tuple(one for one in named if not one.runs)
        return Backfilled(id=plan.schedule_id, started=tuple(missing), already=tuple(already), left_out=left_out)

    async def _range(self, plan: Plan, start: date, end: date) -> tuple[datetime, datetime]:
        """Return a range that has passed, as moments; dates are those of the schedule's zone."""
        now = self._clock()
        around = await self._forecast.around(plan, datetime(start.year, start.month, start.day, tzinfo=UTC), now)
        begin = start if isinstance(start, datetime) else around.zone.place(datetime.combine(start, time())).at
        if isinstance(end, datetime):
            stop = end
        else:
            stop = min(around.zone.place(datetime.combine(end + timedelta(days=1), time())).at, now)
        if not begin < stop <= now:
            raise InvalidError("a backfill needs a range that has passed: --from before --to, and --to not after now")
        return begin, stop

    # --- Writing ------------------------------------------------------------------------------------------------------

    async def _write(self, plan: Plan) -> Synced:
        now = self._clock()
        try:
            around = await self._timetable.around(plan, now, now + FURTHEST + MARGIN)
            explicit = await asyncio.to_thread(written_out, plan, around, now)
        except (PermanentError, CalendarError) as error:
            return synced(plan.schedule_id, "kept", str(error))
        made = Made(
            digest=fingerprint(plan, around, self._task_queue),
            since=explicit.since,
            until=explicit.until,
            paused=plan.schedule.paused,
        )
        wanted = Wanted(plan, around, explicit, made)
        try:
            return await self._update(wanted)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        state = ScheduleState(paused=made.paused, note=PAUSED_BY_DOCUMENT if made.paused else None)
        try:
            await self._client.create_schedule(
                plan.schedule_id, schedule_of(wanted, state, self._task_queue), rpc_timeout=RPC_WITHIN
            )
        except ScheduleAlreadyRunningError:  # another worker was faster
            return await self._update(wanted)
        return synced(plan.schedule_id, "created", until=made.until)

    async def _update(self, wanted: Wanted) -> Synced:
        schedule_id, done = wanted.plan.schedule_id, list[Synced]()

        async def judge(current: ScheduleUpdateInput) -> ScheduleUpdate | None:
            there = current.description.schedule
            if (stranger := self._stranger(there)) is not None:
                done.append(synced(schedule_id, "kept", stranger))
                return None
            made = await made_of(there, self._client.data_converter)
            if made is not None and made.digest == wanted.made.digest and not made.is_worn(self._clock()):
                done.append(synced(schedule_id, "unchanged", until=made.until))
                return None
            done.append(synced(schedule_id, "updated", until=wanted.made.until))
            return ScheduleUpdate(
                schedule=schedule_of(wanted, state_after(there.state, made, wanted.made), self._task_queue)
            )

        await self._handle(schedule_id).update(judge, rpc_timeout=RPC_WITHIN)
        return done[-1]  # it may have been judged again after a conflict

    async def _left_over(self, schedule_id: str, plans: Plans) -> AsyncGenerator[Synced]:
        """Remove a schedule of ours whose trigger is gone; that of a flow with errors stays."""
        flow, _ = parts(schedule_id)
        description = await self._describe(schedule_id)
        if description is None or self._stranger(description.schedule) is not None:
            return
        if flow in plans.broken:
            yield synced(schedule_id, "kept", f"the flow has errors: {plans.broken[flow]}")
            return
        await self._handle(schedule_id).delete(rpc_timeout=RPC_WITHIN)
        yield synced(schedule_id, "removed", "no trigger in the documents")

    async def _start(self, plan: Plan, times: Sequence[datetime], overlap: Overlap) -> None:
        """Backfill these times: first they are written into the schedule, where past ones do nothing by themselves."""

        def add(current: ScheduleUpdateInput) -> ScheduleUpdate:
            there = current.description.schedule
            there.spec.calendars = [*there.spec.calendars, *map(entry, pack(times))]
            return ScheduleUpdate(schedule=there)

        handle, just = self._handle(plan.schedule_id), timedelta(seconds=1)
        await handle.update(add, rpc_timeout=RPC_WITHIN)
        periods = [ScheduleBackfill(start_at=at - just, end_at=at, overlap=OVERLAP[overlap]) for at in times]
        await handle.backfill(*periods, rpc_timeout=RPC_WITHIN)

    def _stranger(self, schedule: Schedule) -> str | None:
        """Return why a schedule is not ours, None when it is."""
        action = schedule.action
        if isinstance(action, ScheduleActionStartWorkflow) and action.task_queue == self._task_queue:
            return None
        queue = getattr(action, "task_queue", "another")
        return f"a schedule of this id belongs to task queue {queue!r}, not to {self._task_queue!r}; rename one flow"

    # --- Reading ------------------------------------------------------------------------------------------------------

    def _handle(self, schedule_id: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(schedule_id)

    async def _ids(self, flow: str | None) -> tuple[str, ...]:
        """Return the ids of schedules with our prefix; those of the documents too, which a list may not show yet."""
        plans = await self._forecast.plans()
        known = [plan.schedule_id for plan in plans.plans]
        listed = [found.id async for found in await self._client.list_schedules(rpc_timeout=RPC_WITHIN)]
        ours = {i for i in (*known, *listed) if i.startswith(PREFIX) and (flow is None or parts(i)[0] == flow)}
        return tuple(sorted(ours))

    async def _describe(self, schedule_id: str) -> ScheduleDescription | None:
        try:
            return await self._handle(schedule_id).describe(rpc_timeout=RPC_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _listed(self, schedule_id: str) -> Listed | None:
        """Return a schedule as it is now; None: there is none of ours."""
        description = await self._describe(schedule_id)
        if description is None or self._stranger(description.schedule) is not None:
            return None
        info, state = description.info, description.schedule.state
        made = await made_of(description.schedule, self._client.data_converter)
        flow, name = parts(schedule_id)
        return Listed(
            id=schedule_id,
            flow=flow,
            name=name,
            paused=state.paused,
            note=state.note or "",
            next=info.next_action_times[0] if info.next_action_times else None,
            last=max((action.scheduled_at for action in info.recent_actions), default=None),
            running=len(info.running_actions),
            skipped=info.num_actions_skipped_overlap,
            missed=info.num_actions_missed_catchup_window,
            until=None if made is None else made.until,
        )

    async def _there(self, schedule_id: str) -> Listed:
        found = await self._listed(schedule_id)
        if found is None:
            raise NotFoundError(f"schedule {schedule_id!r} is not in Temporal any more")
        return found

    async def _existing(self, flow: str, name: str | None, *, is_one: bool = False) -> tuple[str, ...]:
        """Return the ids of a flow's schedules that are in Temporal."""
        there = [i for i in await self._ids(flow) if await self._listed(i) is not None]
        found = [i for i in there if name is None or parts(i)[1] == name]
        names = ", ".join(parts(i)[1] for i in there)
        if not found:
            which = f"schedule {name[:100]!r} of flow {flow[:100]!r}" if name else f"schedule of flow {flow[:100]!r}"
            raise NotFoundError(f"no {which} is in Temporal; it has {names or 'none'}: `hitl schedule sync` makes them")
        if is_one and len(found) > 1:
            raise InvalidError(f"flow {flow!r} has several schedules: {names}; say which with --name")
        return tuple(found)

    async def _each(self, flow: str, name: str | None, change: Callable[[ScheduleHandle], Any]) -> tuple[Listed, ...]:
        async with _spoken():
            ids = await self._existing(flow, name)
            for schedule_id in ids:
                await change(self._handle(schedule_id))
            return tuple([await self._there(schedule_id) for schedule_id in ids])

    async def _was_started(self, workflow_id: str) -> bool:
        """Tell whether a run of this id is there, open or closed."""
        try:
            await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True


@asynccontextmanager
async def _spoken() -> AsyncGenerator[None]:
    """Say in our own words that Temporal does not answer."""
    try:
        yield
    except RPCError as error:
        raise UnavailableError(f"Temporal does not answer: {error.message[:200]}; try again") from error
