"""The one way a command reaches a workflow: an Update for a receipt at once, else a Signal that Temporal keeps.

An Update without a worker lives in the server's memory only; a Signal is durable. Both carry the same key, and the
state of the workflow makes them one. Temporal unreachable: nothing is queued here, the person is told so.

What comes with a workflow's end, or after it, is answered from the result: the server aborts an Update that it has
taken while the last task was done, with the same NOT_FOUND as one that comes later (docs/decisions/0013).

Source: docs/measured.md (with killed workers and servers); the SDK's `rpc_timeout` does not bound a call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from temporalio.client import (
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.value import Value
from hitl_temporal.service.errors import NotFoundError, UnavailableError

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Value)
PATIENCE = timedelta(seconds=2)
"""How long a person waits for a receipt before the answer is left as a Signal."""

ENDED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"
"""The server's word for an update that was taken and not answered before the workflow ended."""

_FALL_BACK = frozenset(
    {
        RPCStatusCode.RESOURCE_EXHAUSTED,  # ten updates in flight
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
    }
)


async def send(
    handle: WorkflowHandle[Any, Any],
    verb: str,
    payload: Mapping[str, object],
    receipt_type: type[R],
    *,
    recorded: R,
    closed: Callable[[], Awaitable[R]],
) -> R:
    """Send a command and return its receipt.

    Args:
        handle: The workflow, without a run id: a command follows its continue-as-new.
        verb: The name of its Update and Signal.
        payload: The command, with its key.
        receipt_type: What the Update answers.
        recorded: The answer when Temporal has kept the command and nobody has judged it yet.
        closed: Finds the answer of a workflow that has ended.

    Raises:
        NotFoundError: The workflow knows no such verb.
        UnavailableError: Temporal took neither; nothing was recorded.
    """
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await handle.execute_update(  # pyright: ignore[reportUnknownMemberType] - untyped in the SDK
                verb, dict(payload), id=str(uuid4()), rpc_timeout=PATIENCE, result_type=receipt_type
            )
    except WorkflowUpdateFailedError as error:
        if isinstance(error.cause, ApplicationError) and error.cause.type == ENDED_MEANWHILE:
            return await _after_the_end(handle.id, closed)
        return _refusal(handle.id, verb, error, receipt_type)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        pass
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return await _after_the_end(handle.id, closed)
        if error.status not in _FALL_BACK:
            raise UnavailableError(f"Temporal refused {verb!r} for {handle.id!r}: {error.message}") from error
    await log.ainfo("door.signalled", verb=verb, workflow_id=handle.id)
    return await _signal(handle, verb, payload, recorded, closed)


async def _signal(
    handle: WorkflowHandle[Any, Any],
    verb: str,
    payload: Mapping[str, object],
    recorded: R,
    closed: Callable[[], Awaitable[R]],
) -> R:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await handle.signal(verb, dict(payload), rpc_timeout=PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return await _after_the_end(handle.id, closed)
        raise _unavailable(handle.id) from error
    except TimeoutError as error:
        raise _unavailable(handle.id) from error
    return recorded


async def _after_the_end(workflow_id: str, closed: Callable[[], Awaitable[R]]) -> R:
    """Return what `closed` finds; it waits for a result, which something else under this id may not have yet."""
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await closed()
    except TimeoutError as error:
        raise _unavailable(workflow_id) from error


def _refusal(workflow_id: str, verb: str, error: WorkflowUpdateFailedError, receipt_type: type[R]) -> R:
    """Return the receipt that a validator's refusal carries: the one case where an Update raises."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == "Refused" and cause.details:
        return receipt_type.model_validate(cause.details[0])
    raise NotFoundError(f"workflow {workflow_id!r} does not take {verb!r}: {str(cause)[:200]}") from error


def _unavailable(workflow_id: str) -> UnavailableError:
    return UnavailableError(f"Temporal does not answer for {workflow_id!r}: nothing was recorded; try again")
