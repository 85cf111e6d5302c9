"""Taking back what a workflow has started: a question, whoever put it, or a run within a run."""

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


async def cancel(run: str, reason: str) -> None:
    """Cancel a run that is known to be out, with its undo; one that has ended already keeps its status."""
    command = {"actor": RUN, "reason": reason[:MAX_REASON], "key": "parent-ended"}
    try:
        await workflow.get_external_workflow_handle(run).signal("cancel", command)
    except ApplicationError:
        workflow.logger.info("run.ended_already", extra={"run": run})
