"""Looking at relatives: may a child be adopted, and how did it end; is the parent that asked still there.

A terminated parent can't withdraw its questions, so each question looks for its parent itself.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.views import Status as RunStatus
from hitl_temporal.messages import (
    FETCH_CHILD,
    PARENT_IS_OPEN,
    READ_SEED,
    REQUEST_CANCEL,
    SEED,
    ApprovalResult,
    Child,
    FetchChild,
    ParentCheck,
    ReadSeed,
    RequestCancel,
    RunResult,
    SeedRead,
)
from hitl_temporal.ports import TemporaryError

Answer = TypeVar("Answer")

_ANSWER_WITHIN = timedelta(seconds=3)
"""For a query, which needs a worker; then it is read again, and a worker that is stopped is not kept from its end.

The SDK's own `rpc_timeout` does not bound it (docs/measured.md).
"""


class Relatives:
    """Reads related workflows through a Temporal client; its methods are activities."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.fetch_child, self.parent_is_open, self.request_cancel, self.read_seed)

    @activity.defn(name=READ_SEED)
    async def read_seed(self, request: ReadSeed) -> SeedRead:
        """Return a run that has ended, asked of itself: what it has done is not for others to say."""
        name = request.workflow_id
        handle = self._client.get_workflow_handle(name)
        try:
            found = await handle.describe()
            if found.raw_description.workflow_execution_info.first_run_id != request.first_run_id:
                return SeedRead(reason=f"{name!r} is another run than the one that was meant")
            if (found.workflow_type, found.task_queue) != (request.flow, request.task_queue):
                return SeedRead(reason=f"{name!r} is no run of {request.flow!r} on this task queue")
            if found.status is WorkflowExecutionStatus.RUNNING:
                return SeedRead(reason=f"{name!r} has not ended")
            handle = self._client.get_workflow_handle(name, run_id=found.run_id)
            told = await _asked(handle, SEED, Run)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return SeedRead(reason=f"there is no run {name!r}, or Temporal keeps it no longer")
            raise TemporaryError(f"run {name!r} can't be asked: {error.message}") from error
        return SeedRead(run=told, reason="" if told else f"{name!r} never began")

    @activity.defn(name=PARENT_IS_OPEN)
    async def parent_is_open(self, check: ParentCheck) -> bool:
        """Return whether a run of that execution chain is open: continue-as-new and reset keep its first run id."""
        try:
            found = await self._client.get_workflow_handle(check.workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise TemporaryError(f"workflow {check.workflow_id!r} can't be described: {error.message}") from error
        first_run_id = found.raw_description.workflow_execution_info.first_run_id
        return found.status is WorkflowExecutionStatus.RUNNING and first_run_id == check.first_run_id

    @activity.defn(name=REQUEST_CANCEL)
    async def request_cancel(self, request: RequestCancel) -> bool:
        """Ask Temporal to cancel the workflow that asks for it: a command of its own to itself is not accepted."""
        try:
            await self._client.get_workflow_handle(request.workflow_id, run_id=request.run_id).cancel()
        except RPCError as error:
            raise TemporaryError(f"workflow {request.workflow_id!r} can't be cancelled: {error.message}") from error
        return True

    @activity.defn(name=FETCH_CHILD)
    async def fetch_child(self, request: FetchChild) -> Child:
        """Return what is known of the child; one started under another first run is not ours."""
        handle = self._client.get_workflow_handle(request.workflow_id)
        try:
            found = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Child(is_ours=False, error=f"no workflow {request.workflow_id!r}")
            raise TemporaryError(f"workflow {request.workflow_id!r} can't be described: {error.message}") from error
        memo = await found.memo()
        if memo.get("parent_run") != request.first_run_id:
            return Child(is_ours=False)
        if found.status is WorkflowExecutionStatus.RUNNING:
            return Child(is_ours=True, is_open=True)
        return await (self._run(request) if request.is_run else self._approval(request))

    async def _approval(self, request: FetchChild) -> Child:
        handle = self._client.get_workflow_handle(request.workflow_id, result_type=ApprovalResult)
        try:
            return Child(is_ours=True, result=await handle.result())
        except WorkflowFailureError as error:
            return Child(is_ours=True, error=f"approval {request.workflow_id!r} ended badly: {error.cause}"[:1000])

    async def _run(self, request: FetchChild) -> Child:
        handle = self._client.get_workflow_handle(request.workflow_id, result_type=RunResult)
        try:
            return Child(is_ours=True, run=await handle.result())
        except WorkflowFailureError as error:
            return Child(is_ours=True, run=await self._status(request), error=f"{error.cause}"[:1000])

    async def _status(self, request: FetchChild) -> RunResult | None:
        """Ask a run that was cancelled, or has failed, how it ended; None: it did not live so long as to know."""
        handle = self._client.get_workflow_handle(request.workflow_id)
        try:
            told = await _asked(handle, "status", RunStatus)
        except RPCError as error:
            raise TemporaryError(f"run {request.workflow_id!r} can't be asked: {error.message}") from error
        return None if told is None else RunResult.model_validate(told.model_dump(include=set(RunResult.model_fields)))


async def _asked(handle: WorkflowHandle[Any, Any], query: str, answer: type[Answer]) -> Answer | None:
    """Return what a run answers to a query, None when it never lived so long as to know."""
    try:
        async with asyncio.timeout(_ANSWER_WITHIN.total_seconds()):
            found: Answer | None = await handle.query(query, result_type=answer | None)  # pyright: ignore[reportArgumentType] - the SDK takes any type hint
    except TimeoutError as error:
        raise TemporaryError(f"run {handle.id!r} does not answer") from error
    return found
