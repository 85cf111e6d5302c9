"""The one way a command reaches a workflow: an Update for a receipt at once, else a Signal that Temporal keeps.

An Update without a worker lives in the server's memory only; a Signal is durable. Both carry the same key, and the
state of the workflow makes them one. Temporal unreachable: nothing is queued here, the person is told so. What was
sent, and whose answer was lost, may have arrived all the same: then nobody is told that nothing was recorded.

What comes with a workflow's end, or after it, is answered from the result: the server aborts an Update that it has
taken while the last task was done, with the same NOT_FOUND as one that comes later (docs/decisions/0013).

Source: docs/measured.md (with killed workers and servers); the SDK's `rpc_timeout` does not bound a call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol, Self, TypeVar
from uuid import uuid4

import structlog
from temporalio.client import (
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.service.errors import NotFoundError, UnansweredError, UnavailableError

log = structlog.get_logger(__name__)


class _Receipt(Protocol):
    """What becomes of a command, whatever it is sent to."""

    @property
    def key(self) -> str:
        """Of the command."""
        ...

    @classmethod
    def model_validate(cls, obj: Any) -> Self:  # the details of an error are untyped in the SDK
        """Read it."""
        ...


R = TypeVar("R", bound=_Receipt)
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
"""With these a Signal is sent, too; of most of them it is not known whether the Update has arrived."""

_REFUSED = frozenset(
    {
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
    }
)
"""With these the server has looked at the Update and taken nothing."""


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
        UnansweredError: Temporal answered neither, and may have taken both.
        UnavailableError: Temporal refused it; nothing was recorded.
    """
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await handle.execute_update(  # pyright: ignore[reportUnknownMemberType] - untyped in the SDK
                verb, dict(payload), id=str(uuid4()), rpc_timeout=PATIENCE, result_type=receipt_type
            )
    except WorkflowUpdateFailedError as error:
        if isinstance(error.cause, ApplicationError) and error.cause.type == ENDED_MEANWHILE:
            return await _after_the_end(handle.id, closed, sent=recorded)
        return _refusal(handle.id, verb, error, receipt_type)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        pass
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return await _after_the_end(handle.id, closed)
        if error.status in _REFUSED:
            said = f"Temporal refused {verb!r} for {handle.id!r}: {error.message[:200]}; nothing was recorded"
            raise UnavailableError(said) from error
        if error.status not in _FALL_BACK:
            raise _unanswered(handle.id, recorded) from error
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
            return await _after_the_end(handle.id, closed, sent=recorded)
        raise _unanswered(handle.id, recorded) from error
    except TimeoutError as error:
        raise _unanswered(handle.id, recorded) from error
    return recorded


async def _after_the_end(workflow_id: str, closed: Callable[[], Awaitable[R]], *, sent: R | None = None) -> R:
    """Return what `closed` finds; it waits for a result, which something else under this id may not have yet.

    Args:
        workflow_id: Of what has ended.
        closed: Finds the answer.
        sent: With the key of what may have been taken before the end; None: nothing was.
    """
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await closed()
    except UnansweredError:
        raise
    except (TimeoutError, UnavailableError) as error:
        if sent is not None:
            raise _unanswered(workflow_id, sent) from error
        if isinstance(error, UnavailableError):
            raise
        said = f"Temporal does not answer for {workflow_id!r}: nothing was recorded; try again"
        raise UnavailableError(said) from error


def _refusal(workflow_id: str, verb: str, error: WorkflowUpdateFailedError, receipt_type: type[R]) -> R:
    """Return the receipt that a validator's refusal carries: the one case where an Update raises."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == "Refused" and cause.details:
        return receipt_type.model_validate(cause.details[0])
    raise NotFoundError(f"workflow {workflow_id!r} does not take {verb!r}: {str(cause)[:200]}") from error


def _unanswered(workflow_id: str, sent: _Receipt) -> UnansweredError:
    return UnansweredError(
        f"Temporal did not answer in time for {workflow_id!r}: it is not known whether this was recorded; send the same"
        f" again with its key, {sent.key!r}: it counts once",
        sent.key,
    )
