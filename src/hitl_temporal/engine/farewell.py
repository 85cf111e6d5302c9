"""The last moments of an approval: who is told its outcome by Signal, and for whom it stays a little longer.

Whoever adopted it as a question (a run that continued as new) must be told: the native result goes to the closed run.
An Update that comes with the last task is aborted by the server (docs/decisions/0013).

Must not know: what the outcome means.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.messages import Answered, ApprovalResult, ReportTo

from hitl_temporal.engine import options


class Farewell:
    """Remembers whom to tell, and who has come too late."""

    def __init__(self, reports: tuple[ReportTo, ...] = ()) -> None:
        self._reports = list(reports)
        self._told = 0
        self.has_latecomer = False
        """Whether somebody's Update came after the outcome: others may be on their way."""

    @property
    def reports(self) -> tuple[ReportTo, ...]:
        """Whom to tell, in the order in which they said so."""
        return tuple(self._reports)

    @property
    def is_owed(self) -> bool:
        """Whether somebody has not been told yet."""
        return self._told < len(self._reports)

    def add(self, report: ReportTo) -> None:
        """Remember whom to tell; once, however often they say so."""
        if report not in self._reports:
            self._reports.append(report)

    async def tell(self, approval: str, answer: ApprovalResult) -> None:
        """Tell everybody who has not been told."""
        for report in self._reports[self._told :]:
            told = Answered(step=report.step, n=report.n, approval=approval, result=answer)
            try:
                # Awaited: a signal that starts in the task that also completes the workflow is never delivered.
                await workflow.get_external_workflow_handle(report.workflow_id).signal("answered", told)
            except ApplicationError:
                workflow.logger.warning("approval.parent_gone", extra={"parent": report.workflow_id})
            self._told += 1

    async def linger(self) -> None:
        """Stay for a moment when somebody has come too late."""
        if self.has_latecomer:
            await workflow.sleep(options.LINGER, summary="answer those who come with the decision")
