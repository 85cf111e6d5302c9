"""How a step ends: well, badly, skipped, stopped, or parked in the middle.

Must not know: how it starts (starting.py), which steps follow (machine.py settles that after every event).
"""

from typing import assert_never

from hitl_temporal.domain.approval.context import amended
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.audit import child_attributes
from hitl_temporal.domain.flow import grants
from hitl_temporal.domain.flow.definition import Step
from hitl_temporal.domain.flow.effects import StopStep
from hitl_temporal.domain.flow.state import Decided, Done, Ending, Instead, RunStatus, StepRun
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, digest

OUTCOME_STATUS: dict[str, RunStatus] = {"expired": "expired", "withdrawn": "withdrawn"}
"""The status of a run that a negative outcome ends; any other outcome ends it `rejected`."""

STOPPED = Instead(state="cancelled", reason="stopped from outside")


def approval_id(run: str, step: str, n: int) -> str:
    """Return the workflow id of the question that the nth start of a step puts."""
    return f"{run}.{step}.{n}"


def reset(turn: Turn, step_id: str) -> StepRun:
    """Make a step as it was before it began, one start further; what it has done stays known to its `undo`."""
    old = turn.run.steps[step_id]
    asking = tuple(e for e in old.extensions if e.is_out)
    fresh = StepRun(since=turn.now, n=old.n + 1, held=old.held, done=old.done, undos=old.undos, extensions=asking)
    turn.set(steps={**turn.run.steps, step_id: fresh})
    return fresh


def succeed(turn: Turn, step_id: str, outputs: dict[str, Json], outcome: str | None = None) -> None:
    """End a step well."""
    if not turn.run.steps[step_id].has_given:
        _keep(turn, step_id, outputs, outcome)
    old = turn.set_step(step_id, state="succeeded", outputs=outputs, outcome=outcome, error="")
    turn.record(
        "step.succeeded",
        f"{step_id}:{old.n}:succeeded",
        began=old.started_at,
        step=step_id,
        outcome=outcome,
        outputs_digest=digest(outputs),
    )


def _keep(turn: Turn, step_id: str, outputs: dict[str, Json], outcome: str | None = None) -> None:
    """Keep what the `undo` of a step will need."""
    if turn.run.definition.step(step_id).undo is not None:
        order = 1 + max(s.done.order if s.done else 0 for s in turn.run.steps.values())
        turn.set_step(step_id, done=Done(n=turn.run.steps[step_id].n, order=order, outputs=outputs, outcome=outcome))


def give(turn: Turn, step_id: str, outputs: dict[str, Json]) -> None:
    """Take the success of a call: it ends the step, or begins its grant, for no time if nobody wants it any more."""
    old = turn.run.steps[step_id]
    if old.grant is None:
        succeed(turn, step_id, outputs)
        return
    _keep(turn, step_id, outputs)
    turn.set_step(step_id, outputs=outputs, error="")
    grants.begin(turn, step_id)
    if turn.run.ending is not None:
        _end_with_run(turn, step_id)
    elif old.instead is not None:
        grants.end(turn, step_id, old.instead.reason)


def take_back(turn: Turn, step_id: str) -> None:
    """End a step whose grant has ended, now that its `undo` has run or is given up: nothing is left to reverse."""
    old = turn.run.steps[step_id]
    if old.instead is None:
        succeed(turn, step_id, old.outputs)
    else:
        become(turn, step_id, old.instead)
    turn.set_step(step_id, done=None)


def answer(turn: Turn, step_id: str, approval: str, result: Result) -> None:
    """End an ask with its outcome; if it was being withdrawn, an answer that came first still counts.

    A run that is ending asks nobody any more: there, an answer comes too late in any case.
    """
    old = turn.run.steps[step_id]
    by = tuple(d.actor for d in result.decisions)
    turn.record(
        "step.answered",
        f"{step_id}:{old.n}:answered",
        began=old.started_at,
        step=step_id,
        outcome=result.outcome,
        by=list(by),
        child=child_attributes(approval, result.evidence),
    )
    if old.instead is not None and (turn.run.ending is not None or result.outcome == "withdrawn"):
        become(turn, step_id, old.instead)
    else:
        turn.set_step(step_id, decided=_decided(turn.run.definition.step(step_id), approval, result))
        _amend(turn, step_id, result)
        _conclude(turn, step_id, result.form, result.outcome, positive=result.positive, by=by)


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


def _amend(turn: Turn, step_id: str, result: Result) -> None:
    """Set what people have changed while they were asked, before any follower starts."""
    if not result.amended:
        return
    run = turn.run
    changed = amended({"inputs": run.inputs, "vars": run.vars}, result.amended)
    turn.set(inputs=changed["inputs"], vars=changed["vars"])
    n = run.steps[step_id].n
    turn.record("run.amended", f"{step_id}:{n}:amended", step=step_id, paths=[*sorted(result.amended)])


def _conclude(
    turn: Turn, step_id: str, outputs: dict[str, Json], outcome: str, *, positive: bool, by: tuple[str, ...]
) -> None:
    """End an ask; a negative outcome that no step names ends the run."""
    turn.set_step(step_id, positive=positive, by=by)
    succeed(turn, step_id, outputs, outcome)
    if not positive and not turn.run.definition.names(step_id, outcome):
        status = OUTCOME_STATUS.get(outcome, "rejected")
        end_early(turn, Ending(status=status, reason=f"step {step_id!r}: {outcome}"))


def fail(turn: Turn, step: Step, error: str) -> None:
    """A step has used up its retries: park it, unless the document says what follows."""
    named = turn.run.definition.names(step.id, "failed")
    choice = step.on_failure or ("end" if named else "park")
    if choice == "park":
        park(turn, step.id, error)
        return
    old = turn.set_step(step.id, state="failed", error=error)
    turn.record("step.failed", f"{step.id}:{old.n}:failed", began=old.started_at, step=step.id, reason=error)
    if choice == "fail":
        end_early(turn, Ending(status="failed", reason=f"step {step.id!r}: {error}"))


def park(turn: Turn, step_id: str, error: str) -> None:
    """Leave a step for an operator: nothing of it goes on, nothing is lost."""
    old = turn.set_step(step_id, state="parked", error=error)
    turn.record("step.parked", f"{step_id}:{old.n}:parked", began=old.started_at, step=step_id, reason=error)


def skip(turn: Turn, step_id: str, reason: str, *, passes_on: bool) -> None:
    """Leave a step out."""
    turn.set_step(step_id, state="skipped", outputs={}, error=reason, passes_on=passes_on)
    turn.record("step.skipped", f"{step_id}:{turn.run.steps[step_id].n}:skipped", step=step_id, reason=reason)


def stop(turn: Turn, step_id: str, instead: Instead) -> None:
    """Let a step become this instead: at once, or once what is out has stopped, what was granted is taken back."""
    step, old = turn.run.definition.step(step_id), turn.run.steps[step_id]
    if old.has_given:
        if old.granted is not None:
            grants.end(turn, step_id, instead.reason)
        turn.set_step(step_id, instead=instead)
        return
    if not old.is_begun or old.state == "parked" or step.wait is not None:
        become(turn, step_id, instead)
        return
    if old.instead is None:
        approval = approval_id(turn.run.id, step_id, old.n) if step.ask else None
        turn.effects.append(StopStep(step=step_id, n=old.n, approval=approval, reason=instead.reason))
    turn.set_step(step_id, instead=instead)


def become(turn: Turn, step_id: str, instead: Instead) -> None:
    """End a step in the way that an operator, or the end of the run, wants."""
    ask = turn.run.definition.step(step_id).ask
    match instead.state:
        case "skipped":
            skip(turn, step_id, instead.reason, passes_on=False)
        case "cancelled":
            _cancel(turn, step_id, instead.reason)
        case "succeeded" if ask is not None and instead.outcome is not None:
            positive = bool(ask.is_positive(instead.outcome))
            _conclude(turn, step_id, instead.outputs, instead.outcome, positive=positive, by=instead.by)
        case "succeeded":
            succeed(turn, step_id, instead.outputs, instead.outcome)
        case _:
            assert_never(instead.state)


def _cancel(turn: Turn, step_id: str, reason: str) -> None:
    old = turn.set_step(step_id, state="cancelled", error=reason)
    turn.record("step.cancelled", f"{step_id}:{old.n}:cancelled", began=old.started_at, step=step_id, reason=reason)


def end_early(turn: Turn, ending: Ending) -> None:
    """Let the run end before its time: stop what goes on, then undo what was done. The first ending stands."""
    if turn.run.ending is not None or turn.run.status is not None:
        return
    turn.set(ending=ending)
    turn.record("run.ending", "ending", status=ending.status, reason=ending.reason, undo=ending.undo)
    for step_id, step in turn.run.steps.items():
        if step.has_given:
            _end_with_run(turn, step_id)
        elif step.is_begun and step.instead is None:
            stop(turn, step_id, Instead(state="cancelled", reason=ending.reason))


def _end_with_run(turn: Turn, step_id: str) -> None:
    """End what is granted with the run: it has succeeded, and is undone in its turn like the rest, or left standing.

    What is being taken back already goes on; where it has failed, an ending without undo gives it up.
    """
    step, ending = turn.run.steps[step_id], turn.run.ending
    assert ending is not None, "only an ending run ends what it has granted"
    if step.granted is not None:
        grants.end(turn, step_id, grants.RUN_ENDED if ending.undo else ending.left)
        succeed(turn, step_id, step.outputs)
    elif step.undo == "parked" and not ending.undo:
        grants.leave(turn, step_id, ending.left)
        take_back(turn, step_id)
