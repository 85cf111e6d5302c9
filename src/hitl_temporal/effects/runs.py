"""The port `Runs` over a Temporal client.

A run that is waited for is waited for here, in an activity that beats: no longer than the step's `timeout`; then the
next attempt waits on.

Must not know: who starts and operates, and why.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, CancelledError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.value import Json
from hitl_temporal.messages import StartedBy
from hitl_temporal.ports import PermanentError, StartedRun, TemporaryError

__all__ = ["TemporalRuns"]

_MEMO: Final = "started_by_key"
_OBJECT: Final = TypeAdapter(dict[str, Json])


class TemporalRuns:
    """Starts and operates runs as any client does."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(
        self,
        flow: str,
        inputs: Mapping[str, Json],
        *,
        run_id: str,
        key: str,
        requester: str | None,
        is_awaited: bool,
    ) -> StartedRun:
        """Start a run once for a key, and wait for its end if that is asked.

        Raises:
            TemporaryError: Temporal does not answer.
            PermanentError: The id is in use, or the run has refused its inputs.
        """
        try:
            handle: WorkflowHandle[Any, Any] = await self._client.start_workflow(
                flow,
                args=[
                    dict(inputs),
                    StartedBy(key=key) if requester is None else StartedBy(requester=requester, key=key),
                ],
                id=run_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                memo={_MEMO: key},
                static_summary=f"{flow}, started by {key}"[:200],
            )
        except WorkflowAlreadyStartedError as error:
            handle = self._client.get_workflow_handle(run_id)
            if await self._key_of(handle) != key:
                raise PermanentError(f"id {run_id!r} is in use; choose another, or leave it out") from error
        except RPCError as error:
            raise _unreachable(error, f"{flow!r} can't be started") from error
        return await _ended(handle) if is_awaited else StartedRun(run_id, "running", {})

    async def operate(self, run_id: str, action: str, command: Mapping[str, Json]) -> Mapping[str, Json]:
        """Send an operator's action, with its key, and return its receipt.

        Raises:
            TemporaryError: Temporal does not answer, or no worker does.
            PermanentError: There is no such run.
        """
        handle = self._client.get_workflow_handle(run_id)
        try:
            receipt = await handle.execute_update(action, dict(command), result_type=dict[str, Json])  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped in the SDK
            return _OBJECT.validate_python(receipt)
        except WorkflowUpdateFailedError as error:
            raise PermanentError(f"{run_id!r} does not take {action!r}: {str(error.cause)[:300]}") from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise TemporaryError(f"{run_id!r} has not answered {action!r}; no worker is there for it") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise PermanentError(f"there is no open run {run_id!r}") from error
            raise _unreachable(error, f"{run_id!r} can't be operated") from error

    async def _key_of(self, handle: WorkflowHandle[Any, Any]) -> str | None:
        try:
            return (await (await handle.describe()).memo()).get(_MEMO)
        except RPCError as error:
            raise _unreachable(error, f"{handle.id!r} can't be described") from error


async def _ended(handle: WorkflowHandle[Any, Any]) -> StartedRun:
    """Return how a run ends; one that fails fails the step, whatever its outputs are."""
    try:
        result: dict[str, Any] = await handle.result()
    except WorkflowFailureError as error:
        cause = error.cause
        if isinstance(cause, CancelledError):
            return StartedRun(handle.id, "cancelled", {})
        kind = cause.type if isinstance(cause, ApplicationError) else type(cause).__name__
        raise PermanentError(f"run {handle.id!r} has failed: {kind}: {str(cause)[:300]}") from None
    except RPCError as error:
        raise _unreachable(error, f"{handle.id!r} can't be waited for") from error
    return StartedRun(handle.id, str(result.get("status")), _OBJECT.validate_python(result.get("outputs") or {}))


def _unreachable(error: RPCError, what: str) -> TemporaryError:
    return TemporaryError(f"{what}: {error.message[:200]}")
