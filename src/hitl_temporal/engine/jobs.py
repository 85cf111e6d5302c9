"""Jobs of a run: an activity is executed, and what comes of it is an event for the domain.

Temporal retries calls. A command may not always be begun again, once its agent was lost: nobody knows how far it came.
So its attempts are made one by one here, each with what is left of the time for all of them.

Must not know: what the step does next.
"""

import asyncio
from datetime import timedelta
from itertools import count

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutError,  # noqa: A004 - Temporal's
    TimeoutType,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.blobs import INLINE_BYTES, as_outputs
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.attempts import End, may_begin_again
    from hitl_temporal.domain.flow.effects import StartCall
    from hitl_temporal.domain.problems import first_problem
    from hitl_temporal.domain.value import Json, weigh
    from hitl_temporal.messages import AGENT_STOPPED, EXIT_CODE, OUTPUTS, CommandEnded, RunCommand

from hitl_temporal.engine import options


async def perform(effect: StartCall) -> events.Event:
    """Do what an effect says, with its retries; return what came of it."""
    try:
        if effect.command is None:
            return _success(effect, await _execute(effect, effect.arguments))
        ended = await _run_command(effect)
    except ActivityError as error:
        return _failure(effect, error)
    return _success(effect, ended.outputs, ended.exit_code)


async def _execute(
    effect: StartCall,
    argument: object,
    *,
    suffix: str = "",
    attempts: int | None = None,
    budget: timedelta | None = None,
) -> Json:
    found: Json = await workflow.execute_activity(
        effect.activity,
        argument,
        activity_id=effect.key.removeprefix(f"{workflow.info().workflow_id}.") + suffix,
        task_queue=f"{workflow.info().task_queue}-pool-{effect.pool}" if effect.pool else None,
        summary=effect.summary,
        start_to_close_timeout=effect.timeout,
        schedule_to_close_timeout=budget or effect.budget,
        heartbeat_timeout=_heartbeat(effect),
        retry_policy=RetryPolicy(
            initial_interval=effect.first_backoff,
            maximum_interval=max(effect.max_backoff, effect.first_backoff),
            maximum_attempts=effect.attempts if attempts is None else attempts,
            non_retryable_error_types=options.PERMANENT,
        ),
        priority=Priority(priority_key=effect.priority),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
    return found


def _heartbeat(effect: StartCall) -> timedelta | None:
    """Return how soon a lost worker is noticed; another language's worker in a pool may not beat at all."""
    ours = effect.command is not None or effect.is_watch
    if effect.pool is not None and not ours:
        return None
    return min(options.HEARTBEAT if effect.command is None else options.COMMAND_HEARTBEAT, effect.timeout)


async def _run_command(effect: StartCall) -> CommandEnded:
    """Run a command as often as it may be begun."""
    assert effect.command is not None, f"{effect.step!r} runs no command"
    request = RunCommand(job=effect.command, key=effect.key, run=workflow.info().workflow_id, step=effect.step)
    pause, began, failed = effect.first_backoff, workflow.now(), 0
    for begun in count(1):
        left = None if effect.budget is None else effect.budget - (workflow.now() - began)
        suffix = "" if begun == 1 else f".attempt.{begun}"
        try:
            found = await _execute(effect, request, suffix=suffix, attempts=1, budget=left)
            return CommandEnded.model_validate(found)
        except ActivityError as error:
            end = _end(error)
            failed += end != "lost"
            if end is None or _is_being_stopped() or not may_begin_again(effect, begun=begun, failed=failed, end=end):
                raise
            if effect.budget is not None and workflow.now() + pause - began >= effect.budget:
                raise
        await workflow.sleep(pause, summary=f"{effect.step}: try again")
        pause = min(pause * 2, max(effect.max_backoff, effect.first_backoff))
    raise AssertionError("there is no last number")


def _is_being_stopped() -> bool:
    """Tell whether the task that runs a command was cancelled: the activity's own end hides that it was."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _end(error: ActivityError) -> End | None:
    """Return how a command ended without success, None when nothing would be better the next time."""
    match error.cause:
        case ApplicationError() as cause if cause.type == EXIT_CODE:
            return "told"
        case ApplicationError() as cause if cause.type == AGENT_STOPPED:
            return "lost"
        case ApplicationError() as cause:
            return None if cause.non_retryable or cause.type in options.PERMANENT else "unclear"
        case TimeoutError() as cause if cause.type == TimeoutType.HEARTBEAT:
            return "lost"
        case TimeoutError() as cause if cause.type == TimeoutType.START_TO_CLOSE:
            return "unclear"
        case _:  # cancelled, or the time for all of them is over
            return None


def _success(effect: StartCall, found: Json, exit_code: int | None = None) -> events.Event:
    at = workflow.now()
    if effect.undo:
        return events.UndoSucceeded(at=at, step=effect.step)
    outputs = as_outputs(found)
    try:
        size = weigh(outputs)
        if size > INLINE_BYTES:  # of a worker that is not ours: ours has put it into the blob store
            reason = f"its outputs have {size} bytes, at most {INLINE_BYTES} are kept: return a reference"
            return events.JobFailed(at=at, step=effect.step, n=effect.n, error=reason)
        outcome = None if exit_code is None else str(exit_code)
        return events.JobSucceeded(at=at, step=effect.step, n=effect.n, outputs=outputs, outcome=outcome)
    except (ValidationError, ValueError, RecursionError) as error:  # too deep, or no JSON at all
        what = first_problem(error) if isinstance(error, ValidationError) else str(error)[:300]
        return events.JobFailed(at=at, step=effect.step, n=effect.n, error=f"its outputs can't be kept: {what}")


def _failure(effect: StartCall, error: ActivityError) -> events.Event:
    at = workflow.now()
    if is_cancelled_exception(error) and not effect.undo:
        return events.JobCancelled(at=at, step=effect.step, n=effect.n)
    reason = _reason(error)
    is_in_doubt = effect.command is not None and not effect.is_idempotent and _is_lost(error)
    if effect.undo:
        return events.UndoFailed(at=at, step=effect.step, error=reason, is_in_doubt=is_in_doubt)
    ended = _ended(error)
    return events.JobFailed(
        at=at,
        step=effect.step,
        n=effect.n,
        error=reason,
        outcome=None if ended is None or not ended.exit_code else str(ended.exit_code),
        outputs={} if ended is None else _told(ended),
        is_in_doubt=is_in_doubt,
    )


def _told(ended: CommandEnded) -> dict[str, Json]:
    """Return what a command that failed gave: its outputs, and the ends of what it wrote, for whoever repairs it."""
    return {**ended.outputs, "stdout": ended.stdout_tail[-_TOLD:], "stderr": ended.stderr_tail[-_TOLD:]}


_TOLD = 4_000
"""Characters of each."""


def _is_lost(error: ActivityError) -> bool:
    """Tell whether nobody knows how far a command came: its agent was lost, stopped, or let no word through in time."""
    match error.cause:
        case TimeoutError():
            return True
        case ApplicationError() as cause:
            return cause.type == AGENT_STOPPED
        case _:
            return False


def _ended(error: ActivityError) -> CommandEnded | None:
    cause = error.cause
    if not isinstance(cause, ApplicationError) or cause.type not in {EXIT_CODE, OUTPUTS} or not cause.details:
        return None
    return CommandEnded.model_validate(cause.details[0])


def _reason(error: ActivityError) -> str:
    """Return what happened in one bounded line, with the error's type: the innermost cause says most."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ApplicationError):  # as a text it begins with its type, where it has one
        return f"{cause.type or type(cause).__name__}: {cause.message}"[:1000]
    return f"{type(cause).__name__}: {cause}"[:1000]
