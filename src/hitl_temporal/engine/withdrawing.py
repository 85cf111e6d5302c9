"""Taking back a question that a workflow has put, whoever put it: a flow, or an author's Python workflow."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.people import RUN

MAX_REASON = 1_000


async def withdraw(approval: str, reason: str) -> None:
    """Withdraw a question that is known to be out; one that has closed already keeps its outcome."""
    command = {"actor": RUN, "reason": reason[:MAX_REASON], "key": "parent-ended"}
    try:
        await workflow.get_external_workflow_handle(approval).signal("withdraw", command)
    except ApplicationError:
        workflow.logger.info("approval.closed_already", extra={"approval": approval})
