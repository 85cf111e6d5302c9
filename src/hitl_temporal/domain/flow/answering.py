"""How an answer ends a step: that of people, that of a run within, what people say about a failure.

Must not know: how it was asked.
"""

from hitl_temporal.domain.approval.context import amended
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.audit import child_attributes
from hitl_temporal.domain.flow.closing import become, conclude, end_early, fail, stop
from hitl_temporal.domain.flow.editing import INPUTS
from hitl_temporal.domain.flow.events import FlowEnded, RepairAnswered, RepairFailed
from hitl_temporal.domain.flow.keeping import count, no_place
from hitl_temporal.domain.flow.rerunning import again
from hitl_temporal.domain.flow.state import Decided, Ending, Instead, Run
from hitl_temporal.domain.flow.step import COMPLETED, FLOW_OUTCOMES, Step
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.within import closing_around
from hitl_temporal.domain.value import Json


def answer(turn: Turn, address: str, approval: str, result: Result) -> None:
    """End an ask with its outcome; if it was being withdrawn, an answer that came first still counts.

    What is ending asks nobody any more, be it the run, a race that another branch has won, or an item that has failed:
    there, an answer comes too late in any case.
    """
    old = turn.run.steps[address]
    by = tuple(d.actor for d in result.decisions)
    turn.record(
        "step.answered",
        f"{address}:{old.n}:answered",
        began=old.started_at,
        step=address,
        outcome=result.outcome,
        by=list(by),
        child=child_attributes(approval, result.evidence),
    )
    if old.instead is not None and (result.outcome == "withdrawn" or _is_too_late(turn.run, address)):
        become(turn, address, old.instead)
    else:
        turn.set_step(address, decided=_decided(turn.step(address), approval, result))
        _amend(turn, address, result)
        conclude(turn, address, result.form, result.outcome, positive=result.positive, by=by)


def _is_too_late(run: Run, address: str) -> bool:
    return run.ending is not None or closing_around(run, address) is not None


def _decided(step: Step, approval: str, result: Result) -> Decided:
    """Return what a step that demands this decision will be held to."""
    assert step.ask is not None, f"step {step.id!r} is no ask"
    return Decided(
        approval=approval,
        token=result.token,
        digest=result.digest,
        by=tuple(d.actor for d in result.decisions if step.ask.is_positive(d.outcome)),
        material=result.material,
    )


def _amend(turn: Turn, address: str, result: Result) -> None:
    """Set what people have changed while they were asked, before any follower starts."""
    if not result.amended:
        return
    run = turn.run
    changed = amended({"inputs": run.inputs, "vars": run.vars}, result.amended)
    turn.set(inputs=changed["inputs"], vars=changed["vars"])
    count(turn)
    n = run.steps[address].n
    turn.record("run.amended", f"{address}:{n}:amended", step=address, paths=[*sorted(result.amended)])


def hear_flow(turn: Turn, event: FlowEnded) -> None:
    """Take the end of a run within: its status is the outcome, its own failure is one of the step.

    If it was being stopped, work that it has completed all the same counts, as that of a job does, and is undone like
    any other; else it becomes what it is to be.
    """
    old = turn.run.steps[event.step]
    turn.record(
        "step.answered",
        f"{event.step}:{old.n}:answered",
        began=old.started_at,
        step=event.step,
        outcome=event.status,
        run=event.child,
        child=None if event.evidence is None else child_attributes(event.child, event.evidence),
    )
    is_negative = event.status in FLOW_OUTCOMES and event.status != COMPLETED
    if wrong := no_place(turn, event.outputs):
        become(turn, event.step, old.instead or Instead(state="failed", reason=f"its outputs are {wrong}"))
    elif event.status == COMPLETED:
        conclude(turn, event.step, event.outputs, event.status, positive=True)
    elif old.instead is not None and not (is_negative and not _is_too_late(turn.run, event.step)):
        become(turn, event.step, old.instead)
    elif is_negative:
        conclude(turn, event.step, event.outputs, event.status, positive=False)
    else:
        turn.set_step(event.step, outputs=event.outputs)
        fail(turn, event.step, f"run {event.child} has ended {event.status}: {event.reason}"[:1000])


def hear_repair(turn: Turn, event: RepairAnswered | RepairFailed) -> None:
    """Do what people say about a failure; once somebody has acted without them, nothing."""
    asked = turn.run.steps.get(event.step)
    if asked is None or asked.repair is None or asked.repair.approval != event.approval:
        return
    turn.set_step(event.step, repair=None)
    if isinstance(event, RepairFailed):
        turn.set_step(event.step, error=f"{asked.error}; the question what to do was lost: {event.error}"[:1000])
        return
    result = event.result
    turn.record(
        "step.repair_answered",
        f"{event.step}:{asked.n}:repair:{asked.repairs}:answered",
        step=event.step,
        outcome=result.outcome,
        by=[d.actor for d in result.decisions],
        child=child_attributes(event.approval, result.evidence),
    )
    if not asked.repair.is_over and asked.state == "parked":
        _repair(turn, event.step, result)


def _repair(turn: Turn, address: str, result: Result) -> None:
    by = ", ".join(d.actor for d in result.decisions)
    match result.outcome:
        case "retry":
            again(turn, address)
        case "edit":
            _edit(turn, address, None if no_place(turn, result.form) else result.form.get("with"), by)
        case "skip":
            stop(turn, address, Instead(state="skipped", reason=f"skipped by {by}"))
        case "undo" | "abort":
            error = turn.run.steps[address].error
            reason = f"step {address!r}: {error} ({result.outcome} by {by})"
            end_early(turn, Ending(status="failed", reason=reason, undo=result.outcome == "undo", left=reason))
        case _:  # nobody has answered in time, or it was withdrawn: it stays parked for an operator
            turn.set_step(address, error=f"{turn.run.steps[address].error}; asked what to do: {result.outcome}")


def _edit(turn: Turn, address: str, given: Json, by: str) -> None:
    """Do a step again with other inputs; of a command, people change what it is given, and not what it does."""
    is_job = turn.step(address).run is not None
    if is_job and isinstance(given, dict) and (strange := sorted(given.keys() - set(INPUTS))):
        wrong = f"edit by {by}: of a command only {' and '.join(INPUTS)} can be changed, not {strange[0][:100]!r}"
        turn.set_step(address, error=f"{turn.run.steps[address].error}; {wrong}"[:1000])
    else:
        again(turn, address, edited=given)
