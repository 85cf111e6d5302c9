"""The activity that looks at a workflow which has the id of a child of ours: may it be adopted, and how did it end."""

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.messages import FETCH_CHILD, ApprovalResult, Child, FetchChild
from hitl_temporal.ports import TemporaryError


class Children:
    """Reads child workflows through a Temporal client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=FETCH_CHILD)
    async def fetch_child(self, request: FetchChild) -> Child:
        """Return what is known of the child; one started under another first run is not ours."""
        handle = self._client.get_workflow_handle(request.workflow_id, result_type=ApprovalResult)
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
        try:
            return Child(is_ours=True, result=await handle.result())
        except WorkflowFailureError as error:
            return Child(is_ours=True, error=f"approval {request.workflow_id!r} ended badly: {error.cause}"[:1000])
