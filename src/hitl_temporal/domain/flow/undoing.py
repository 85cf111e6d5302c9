"""How a step that has succeeded is undone: when its run ends early, or when its grant has ended.

Must not know: the order (machine.py chooses).
"""

from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.flow.grants import leave
from hitl_temporal.domain.flow.scope import scope, self_view
from hitl_temporal.domain.flow.starting import call, told
from hitl_temporal.domain.flow.steps import take_back
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, digest


def start_undo(turn: Turn, step_id: str) -> None:
    """Begin the compensation of one step; what fails to render parks it."""
    undo, old = turn.run.definition.step(step_id).undo, turn.run.steps[step_id]
    assert undo is not None, f"step {step_id!r} has no undo"
    assert old.done is not None, f"step {step_id!r} has done nothing"
    undos = turn.set_step(step_id, undo="running", undos=old.undos + 1, since=turn.now).undos
    try:
        key = f"{turn.run.id}.{step_id}.{old.done.n}.undo" + (f".{undos}" if undos > 1 else "")
        now: dict[str, Json] = {**scope(turn.run), "self": self_view(old, old.done)}
        effect = call(step_id, old.done.n, key, undo, now)
        arguments_digest = digest(effect.arguments)
    except (ExpressionError, ValueError) as error:
        park_undo(turn, step_id, told(turn.run, error))
        return
    turn.record(
        "step.undo_started",
        f"{step_id}:undo:{undos}:started",
        step=step_id,
        call=undo.call,
        arguments_digest=arguments_digest,
    )
    turn.effects.append(effect)


def end_undo(turn: Turn, step_id: str) -> None:
    """Note that a step has been undone; its state stays what it was, unless only its `undo` kept it from ending."""
    old = turn.set_step(step_id, undo="done", since=turn.now)
    turn.record("step.undone", f"{step_id}:undo:{old.undos}:done", step=step_id)
    if old.has_given:
        take_back(turn, step_id)


def park_undo(turn: Turn, step_id: str, error: str) -> None:
    """Leave a compensation for an operator: `rerun` tries it again, `skip` goes on without it."""
    old = turn.set_step(step_id, undo="parked", error=error, since=turn.now)
    if old.has_given:
        turn.set_step(step_id, state="parked", instead=old.instead)
    turn.record("step.undo_parked", f"{step_id}:undo:{old.undos}:parked", step=step_id, reason=error)


def undo_again(turn: Turn, step_id: str) -> None:
    """Let a compensation that has parked be tried again."""
    old = turn.set_step(step_id, undo="none", error="")
    if old.has_given:
        turn.set_step(step_id, state="running", instead=old.instead)


def skip_undo(turn: Turn, step_id: str, reason: str) -> None:
    """Give a compensation up that has parked."""
    leave(turn, step_id, reason)
    if turn.run.steps[step_id].has_given:
        take_back(turn, step_id)
