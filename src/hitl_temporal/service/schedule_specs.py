"""How a schedule of ours is written in Temporal, and what the use cases of schedules answer.

Must not know: when anything is written, files, HTTP.
"""

from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.converter import DataConverter

from hitl_temporal.domain import duration
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.schedules import Block, spans
from hitl_temporal.domain.value import Value
from hitl_temporal.service.timetable import PREFIX, Around, Explicit, Plan

SCHEDULE = f"{SYSTEM}schedule"
"""Who asks when a schedule names no requester; it has no manager."""

MEMO = "hitl_schedule"
"""The entry of a run's memo, and of its schedule's action, that says what the schedule was made of."""

PAUSED_BY_DOCUMENT = "paused: true in the document"
"""The note by which a pause of the document is told from one of an operator."""

OVERLAP = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "queue": ScheduleOverlapPolicy.BUFFER_ALL,
    "cancel": ScheduleOverlapPolicy.CANCEL_OTHER,
    "all": ScheduleOverlapPolicy.ALLOW_ALL,
}
Overlap = Literal["skip", "queue", "cancel", "all"]

_CATCH_UP = timedelta(days=365)
"""Temporal's own default."""

Did = Literal["created", "updated", "unchanged", "removed", "kept"]


class Synced(Value):
    """What became of one schedule.

    Attributes:
        did: `kept`: nothing was done to it, for the reason given.
        until: Its times are written out until then; None: they are not.
    """

    id: str
    flow: str
    name: str
    did: Did
    reason: str = ""
    until: AwareDatetime | None = None


class Listed(Value):
    """One schedule as it is in Temporal.

    Attributes:
        note: Why it was paused or resumed; empty: nobody said.
        next: When it runs next; None: never, as far as it is written out.
        last: The latest scheduled time that was started.
        running: How many of its runs are open.
        skipped: How many runs were left out because the one before was still open.
        missed: How many were left out because Temporal was away for longer than `catchup`.
        until: Its times are written out until then.
    """

    id: str
    flow: str
    name: str
    paused: bool
    note: str
    next: AwareDatetime | None
    last: AwareDatetime | None
    running: int
    skipped: int
    missed: int
    until: AwareDatetime | None


class Coming(Value):
    """A moment that a schedule names; `local` is what the clock shows in `tz`."""

    flow: str
    name: str
    at: AwareDatetime
    local: str
    tz: str
    runs: bool
    reason: str


class Backfilled(Value):
    """What a backfill has started.

    Attributes:
        started: Scheduled times; of each the run's id ends with it.
        already: Scheduled times whose run was there.
        left_out: What the schedule leaves out in this range, and why.
    """

    id: str
    started: tuple[AwareDatetime, ...]
    already: tuple[AwareDatetime, ...]
    left_out: tuple[Coming, ...]


class Made(BaseModel):
    """What a schedule in Temporal was made of."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: str
    since: AwareDatetime
    until: AwareDatetime
    paused: bool = False

    def is_worn(self, now: datetime) -> bool:
        """Tell whether half of the time that is written out has passed."""
        return now > self.since + (self.until - self.since) / 2


class Wanted(NamedTuple):
    """A schedule as it should be."""

    plan: Plan
    around: Around
    explicit: Explicit
    made: Made


def schedule_of(wanted: Wanted, state: ScheduleState, task_queue: str) -> Schedule:
    """Return a schedule to write: explicit times, and a start whose second input says who asks and what started it."""
    plan, written = wanted.plan, wanted.plan.schedule
    catch_up = None if written.catchup is None else duration.fixed(written.catchup)
    asked = {"requester": written.requester or SCHEDULE, "trigger": f"schedule:{plan.name}"}
    action = ScheduleActionStartWorkflow(
        plan.flow,
        args=[written.inputs, asked],
        id=plan.run_id,
        task_queue=task_queue,
        memo={MEMO: {**wanted.made.model_dump(mode="json"), "name": plan.name}},
        static_summary=f"by schedule {plan.name}",
    )
    return Schedule(
        action=action,
        spec=ScheduleSpec(calendars=[entry(block) for block in wanted.explicit.blocks]),
        policy=SchedulePolicy(overlap=OVERLAP[written.overlap], catchup_window=catch_up or _CATCH_UP),
        state=state,
    )


async def made_of(schedule: Schedule, converter: DataConverter) -> Made | None:
    """Return what a schedule in Temporal was made of; None: it does not say."""
    action = schedule.action
    memo: Any = action.memo.get(MEMO) if isinstance(action, ScheduleActionStartWorkflow) and action.memo else None
    if isinstance(memo, Payload):
        memo = (await converter.decode([memo]))[0]
    try:
        return Made.model_validate(memo)
    except ValidationError:
        return None


def entry(block: Block) -> ScheduleCalendarSpec:
    """Return a block of times as Temporal writes it; a spec without a zone is in UTC."""
    return ScheduleCalendarSpec(
        second=_ranges((0,)),
        minute=_ranges(block.minutes),
        hour=_ranges(block.hours),
        day_of_month=_ranges(block.days),
        month=_ranges((block.month,)),
        year=_ranges((block.year,)),
    )


def _ranges(numbers: tuple[int, ...]) -> list[ScheduleRange]:
    return [ScheduleRange(first, last) for first, last in spans(numbers)]


def state_after(there: ScheduleState, made: Made | None, wanted: Made) -> ScheduleState:
    """Return the state to write: what operators did stays, and a document's pause ends only with the document's."""
    if made is None or made.paused == wanted.paused:
        return there
    if wanted.paused and not there.paused:
        there.paused, there.note = True, PAUSED_BY_DOCUMENT
    elif there.paused and there.note == PAUSED_BY_DOCUMENT:
        there.paused, there.note = False, None
    return there


def parts(schedule_id: str) -> tuple[str, str]:
    """Return flow and name of an id of ours."""
    flow, _, name = schedule_id.removeprefix(PREFIX).partition(":")
    return flow, name


def synced(schedule_id: str, did: Did, reason: str = "", until: datetime | None = None) -> Synced:
    """Return what became of a schedule."""
    flow, name = parts(schedule_id)
    return Synced(id=schedule_id, flow=flow, name=name, did=did, reason=reason, until=until)
