"""Which question a child workflow is: the one a step puts, or one about more time for the step's grant.

Whatever becomes of it arrives as an event for the domain; the two kinds have events of their own, since an answer about
more time must never end the step.
"""

from typing import NamedTuple

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.effects import StartAsk
    from hitl_temporal.domain.flow.extensions import out
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.flow.steps import approval_id
    from hitl_temporal.messages import Answered, ApprovalResult


class Question(NamedTuple):
    """A question that is out."""

    step: str
    n: int
    approval: str
    is_extension: bool = False

    @classmethod
    def of(cls, effect: StartAsk) -> "Question":
        """Return the question that an effect puts."""
        return cls(effect.step, effect.n, effect.approval, effect.is_extension)

    @classmethod
    def answered_by(cls, told: Answered, run: Run) -> "Question":
        """Return the question that an adopted approval answers."""
        is_extension = any((step, e.approval) == (told.step, told.approval) for step, e in out(run))
        return cls(told.step, told.n, told.approval, is_extension)

    @classmethod
    def all_of(cls, run: Run) -> tuple["Question", ...]:
        """Return the questions that a run has out."""
        asks = [
            cls(name, step.n, approval_id(run.id, name, step.n))
            for name, step in run.steps.items()
            if step.is_begun and step.state == "waiting" and run.definition.step(name).ask is not None
        ]
        about_time = [cls(name, e.n, e.approval, is_extension=True) for name, e in out(run) if e.approval is not None]
        return (*asks, *about_time)

    @property
    def task(self) -> str:
        """The name of the task that waits for the answer."""
        return self.approval if self.is_extension else self.step

    def answered(self, result: ApprovalResult) -> events.Event:
        """Return the event that people have answered."""
        at = workflow.now()
        if self.is_extension:
            return events.ExtensionAnswered(at=at, step=self.step, approval=self.approval, result=result)
        return events.AskAnswered(at=at, step=self.step, n=self.n, approval=self.approval, result=result)

    def failed(self, error: str) -> events.Event:
        """Return the event that it was lost, or could not be put."""
        at = workflow.now()
        if self.is_extension:
            return events.ExtensionFailed(at=at, step=self.step, approval=self.approval, error=error)
        return events.JobFailed(at=at, step=self.step, n=self.n, error=error)

    def stopped(self) -> events.Event:
        """Return the event that somebody has cancelled it in Temporal."""
        if self.is_extension:
            return self.failed("cancelled in Temporal")
        return events.JobCancelled(at=workflow.now(), step=self.step, n=self.n)

    def taken(self) -> events.Event:
        """Return the event that its id belongs to somebody else."""
        at = workflow.now()
        if self.is_extension:
            return events.ExtensionTaken(at=at, step=self.step, approval=self.approval)
        return events.AttemptTaken(at=at, step=self.step, n=self.n)
