"""What of a run is with workers now: each call and command, how often it was tried, and what it has written last.

Temporal knows it and the run does not: an attempt that fails is no news to a run until the last one has.

Must not know: HTTP, terminals, what a step does next.
"""

from collections.abc import Iterable
from datetime import UTC
from typing import Literal

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import AwareDatetime, ValidationError
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowExecutionDescription
from temporalio.converter import DataConverter

from hitl_temporal.domain.flow.address import started_of
from hitl_temporal.domain.value import Value
from hitl_temporal.messages import RUN_COMMAND, CommandTail

State = Literal["queued", "running", "cancelling", "paused"]

_STATES: dict[int, State] = {
    PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED: "queued",
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED: "running",
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED: "cancelling",
}


class Job(Value):
    """One call or command that is with a worker, or waits for one.

    Attributes:
        step: The address of the step.
        call: The activity; `hitl.run_command` runs commands.
        state: `queued` until a worker takes it, also between two attempts.
        attempt: Which one this is, or will be, from 1.
        attempts: How many there may be; None: any number.
        since: When this attempt began; None: no worker has it.
        again: When the next attempt may begin; None: it goes on, or may begin at once.
        worker: Who has it, or had it last; empty: nobody yet.
        error: Why the last attempt failed; empty: none has.
        stdout: The end of what a command has written, without secrets; None: it is not told, or there is none.
        stderr: As `stdout`.
        written_bytes: How much it has written to both so far.
        beat: When it was last heard of; None: never.
    """

    step: str
    call: str
    state: State
    attempt: int
    attempts: int | None
    since: AwareDatetime | None
    again: AwareDatetime | None
    worker: str
    error: str
    stdout: str | None = None
    stderr: str | None = None
    written_bytes: int = 0
    beat: AwareDatetime | None = None


async def jobs_of(
    description: WorkflowExecutionDescription, addresses: Iterable[str], converter: DataConverter, *, with_output: bool
) -> tuple[Job, ...]:
    """Return what a run has with workers now, in the order of its steps.

    Args:
        description: Of the run.
        addresses: Of its steps.
        converter: Reads what workers have told.
        with_output: Whether what commands write is told; it may hold more than a run's outputs do.
    """
    pending = {a.activity_id: a for a in description.raw_description.pending_activities}
    steps = [*addresses]
    belongs = started_of(steps, pending)
    places = {address: place for place, address in enumerate(steps)}
    return tuple(
        [
            await _job(address, pending[name], converter, with_output=with_output)
            for name, address in sorted(belongs.items(), key=lambda found: places[found[1]])
        ]
    )


async def _job(step: str, found: PendingActivityInfo, converter: DataConverter, *, with_output: bool) -> Job:
    kind = found.activity_type.name
    tail = await _tail(found, converter) if with_output and kind == RUN_COMMAND else None
    return Job(
        step=step,
        call=kind,
        state="paused" if found.paused else _STATES.get(found.state, "queued"),
        attempt=max(found.attempt, 1),
        attempts=found.maximum_attempts or None,
        since=_moment(found.last_started_time),
        again=_moment(found.next_attempt_schedule_time),
        worker=found.last_worker_identity,
        error=found.last_failure.message[:1000],
        stdout=None if tail is None else tail.stdout,
        stderr=None if tail is None else tail.stderr,
        written_bytes=0 if tail is None else tail.written_bytes,
        beat=_moment(found.last_heartbeat_time),
    )


def _moment(told: Timestamp) -> AwareDatetime | None:
    return told.ToDatetime(UTC) if told.seconds else None


async def _tail(found: PendingActivityInfo, converter: DataConverter) -> CommandTail | None:
    """Return what a command has written last; None: it has told nothing that can be read."""
    if not found.heartbeat_details.payloads:
        return None
    try:
        (tail,) = await converter.decode(found.heartbeat_details.payloads, [CommandTail])
    except (ValidationError, ValueError, RuntimeError):  # of another version
        return None
    return tail if isinstance(tail, CommandTail) else None
