"""Starting what an event has triggered: once, however often the event is told; and telling that a run has ended.

What has been started is remembered by Temporal, which keeps a run's id for as long as it keeps closed runs.

Must not know: what triggered it, HTTP.
"""

from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from hitl_temporal.domain.schedules import Door, Due, due, run_event
from hitl_temporal.messages import TELL_ENDED, RunEnded, StartedBy
from hitl_temporal.ports import Catalogue, PermanentError, TemporaryError

__all__ = ["Triggers", "start_once"]


async def start_once(client: Client, task_queue: str, due: Due, door: Door) -> bool:
    """Start a run unless it has been started before; tell whether it was started now.

    Raises:
        RPCError: Temporal does not answer, and may have started it; the same again is safe.
    """
    try:
        await client.start_workflow(
            due.flow,
            args=[due.inputs, StartedBy(requester=due.requester, trigger=f"{door}:{due.trigger}")],
            id=due.run_id,
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"by {door} trigger {due.trigger}",
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


class Triggers:
    """Knows which flows are triggered by the end of a run; its method is an activity."""

    def __init__(self, client: Client, task_queue: str, catalogue: Catalogue) -> None:
        self._client = client
        self._task_queue = task_queue
        self._catalogue = catalogue

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.tell_ended,)

    @activity.defn(name=TELL_ENDED)
    async def tell_ended(self, ended: RunEnded) -> int:
        """Start what the end of a run triggers, each once; return how many were started now.

        Inputs are checked by the run itself, which fails and shows why: there is nobody here to tell.

        Raises:
            TemporaryError: Temporal does not answer.
            PermanentError: Of a trigger it can't be told which inputs it gives; the others have been started.
        """
        event = run_event(ended.id, ended.first_run_id, ended.flow, ended.status, ended.outputs)
        started, unclear = 0, list[str]()
        for name, flow in (await self._catalogue.every_flow()).items():
            for one in due(name, flow.triggers, event, "run"):
                if not isinstance(one, Due):
                    unclear.append(f"trigger {one.trigger} of flow {name!r}: {one.reason}")
                    continue
                try:
                    started += await start_once(self._client, self._task_queue, one, "run")
                except RPCError as error:
                    raise TemporaryError(f"{one.run_id!r} can't be started: {error.message[:200]}") from error
        if unclear:
            raise PermanentError("; ".join(unclear)[:1_000])
        return started
