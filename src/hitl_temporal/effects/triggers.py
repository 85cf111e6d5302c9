"""Starting what an event has triggered: once, however often the event is told.

What has been started is remembered by Temporal, which keeps a run's id for as long as it keeps closed runs.

Must not know: what triggered it, HTTP.
"""

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from hitl_temporal.domain.schedules import Door, Due
from hitl_temporal.messages import StartedBy

__all__ = ["start_once"]


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
