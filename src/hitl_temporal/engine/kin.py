"""Which child workflow it is that a run has out: a question, or a run within, and what it is about.

Whatever becomes of it arrives as an event for the domain. The kinds have events of their own: an answer about more
time, or about a failure, must never end the step, and a run that undoes a step is no second run of it.
"""

from typing import Literal, NamedTuple, assert_never

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.address import child_id, undo_id
    from hitl_temporal.domain.flow.effects import StartAsk, StartFlow
    from hitl_temporal.domain.flow.extensions import out
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.messages import Answered, ApprovalResult, RunAnswered, RunResult

Kind = Literal["ask", "extension", "repair", "proposal", "flow", "undo"]


def _kind(effect: StartAsk) -> Kind:
    if effect.is_proposal:
        return "proposal"
    return "extension" if effect.is_extension else "repair" if effect.is_repair else "ask"


class Kin(NamedTuple):
    """A child that is out."""

    step: str
    n: int
    child: str
    kind: Kind

    @classmethod
    def of(cls, effect: StartAsk | StartFlow) -> "Kin":
        """Return the child that an effect starts."""
        if isinstance(effect, StartFlow):
            return cls(effect.step, effect.n, effect.child, "undo" if effect.undo else "flow")
        return cls(effect.step, effect.n, effect.approval, _kind(effect))

    @classmethod
    def telling(cls, told: Answered | RunAnswered, run: Run) -> "Kin":
        """Return the child that an adopted workflow's end is about."""
        child = told.run if isinstance(told, RunAnswered) else told.approval
        known = (kin for kin in cls.all_of(run) if kin.child == child)
        return next(known, cls(told.step, told.n, child, "flow" if isinstance(told, RunAnswered) else "ask"))

    @classmethod
    def all_of(cls, run: Run) -> tuple["Kin", ...]:
        """Return the children that a run has out."""
        found: list[Kin] = []
        for address, step in run.steps.items():
            document = run.definition.step(address)
            is_out = step.is_begun and step.block is None and step.state != "parked"
            if is_out and document.has_signs:
                kind: Kind = "flow" if document.flow is not None else "ask"
                found.append(cls(address, step.n, child_id(run.id, address, step.n), kind))
            is_undone_by_run = document.undo is not None and document.undo.flow is not None
            if step.undo == "running" and step.undoing is not None and is_undone_by_run:
                undo = undo_id(run.id, address, step.undoing, step.undos)
                found.append(cls(address, step.undoing, undo, "undo"))
            if step.repair is not None:
                found.append(cls(address, step.n, step.repair.approval, "repair"))
        found += [cls("", 0, p.approval, "proposal") for p in run.proposals]
        about_time = (cls(a, e.n, e.approval, "extension") for a, e in out(run) if e.approval is not None)
        return (*found, *about_time)

    @property
    def is_run(self) -> bool:
        """Whether it is a run within, and not a question."""
        return self.kind in {"flow", "undo"}

    @property
    def task(self) -> str:
        """The name of the task that waits for its end."""
        return self.step if self.kind in {"ask", "flow"} else self.child

    def answered(self, result: ApprovalResult) -> events.Event:
        """Return the event that people have answered."""
        at = workflow.now()
        if self.kind == "extension":
            return events.ExtensionAnswered(at=at, step=self.step, approval=self.child, result=result)
        if self.kind == "proposal":
            return events.ProposalAnswered(at=at, approval=self.child, result=result)
        if self.kind == "repair":
            return events.RepairAnswered(at=at, step=self.step, approval=self.child, result=result)
        return events.AskAnswered(at=at, step=self.step, n=self.n, approval=self.child, result=result)

    def ended(self, result: RunResult) -> events.Event:
        """Return the event that a run within has ended."""
        at = workflow.now()
        if self.kind == "undo":
            if result.status == "completed":
                return events.UndoSucceeded(at=at, step=self.step)
            return self.failed(f"run {self.child} has ended {result.status}: {result.reason}"[:1000])
        return events.FlowEnded(
            at=at,
            step=self.step,
            n=self.n,
            child=self.child,
            status=result.status,
            outputs=result.outputs,
            reason=result.reason,
            evidence=result.evidence,
        )

    def failed(self, error: str) -> events.Event:
        """Return the event that it was lost, or could not be started."""
        at = workflow.now()
        match self.kind:
            case "extension":
                return events.ExtensionFailed(at=at, step=self.step, approval=self.child, error=error)
            case "repair":
                return events.RepairFailed(at=at, step=self.step, approval=self.child, error=error)
            case "proposal":
                return events.ProposalFailed(at=at, approval=self.child, error=error)
            case "undo":
                return events.UndoFailed(at=at, step=self.step, error=error)
            case "ask" | "flow":
                return events.JobFailed(at=at, step=self.step, n=self.n, error=error)
            case _:
                assert_never(self.kind)

    def stopped(self) -> events.Event:
        """Return the event that somebody has cancelled it in Temporal."""
        if self.kind in {"ask", "flow"}:
            return events.JobCancelled(at=workflow.now(), step=self.step, n=self.n)
        return self.failed("cancelled in Temporal")

    def taken(self) -> events.Event:
        """Return the event that its id belongs to somebody else."""
        at = workflow.now()
        match self.kind:
            case "extension":
                return events.ExtensionTaken(at=at, step=self.step, approval=self.child)
            case "ask" | "flow":
                return events.AttemptTaken(at=at, step=self.step, n=self.n)
            case _:
                return self.failed(f"the id {self.child!r} belongs to somebody else's workflow")
