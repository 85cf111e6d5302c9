"""How a step that has succeeded is undone: when its run, or what it lies in, ends early, or its grant has ended.

Must not know: the order (blocks.py and settling.py choose).
"""

from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.flow import ledger
from hitl_temporal.domain.flow.address import place, undo_id
from hitl_temporal.domain.flow.grants import leave
from hitl_temporal.domain.flow.requests import child_run, job
from hitl_temporal.domain.flow.scope import scope, self_view, told
from hitl_temporal.domain.flow.state import Done, StepRun
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, digest


def start_undo(turn: Turn, done: Done) -> None:
    """Begin to reverse one success of a step; what fails to render parks it."""
    address, undo = done.step, turn.step(done.step).undo
    assert undo is not None, f"step {address!r} has no undo"
    if address not in turn.run.steps:  # of an item that is over, of which only this was kept
        turn.put(
            address, StepRun(state="succeeded", since=turn.now, n=done.n, outputs=done.outputs, outcome=done.outcome)
        )
    old = turn.run.steps[address]
    undos = old.undos + 1
    turn.set_step(address, undo="running", undos=undos, undoing=done.n, since=turn.now)
    key = undo_id(turn.run.id, address, done.n, undos)
    try:
        now: dict[str, Json] = {**scope(turn.run, address), **done.seen, "self": self_view(old, done)}
        if undo.flow is not None:
            effect = child_run(turn.run, address, done.n, key, undo, now)
            what = effect.inputs
        else:
            effect = job(address, done.n, key, undo, now, priority=turn.run.definition.priority_of(address))
            what = effect.arguments if effect.command is None else effect.command.model_dump(mode="json")
    except (ExpressionError, ValueError) as error:
        park_undo(turn, address, told(turn.run, error))
        return
    turn.record(
        "step.undo_started",
        f"{address}:{old.n}:undo:{undos}:started",
        step=address,
        call=undo.call or undo.flow or place(address).step,
        arguments_digest=digest(what),
    )
    turn.effects.append(effect)


def park_undo(turn: Turn, address: str, error: str) -> None:
    """Leave a compensation for an operator: `rerun` tries it again, `skip` goes on without it."""
    old = turn.set_step(address, undo="parked", error=error, since=turn.now)
    if old.has_given:
        turn.set_step(address, state="parked", instead=old.instead)
    turn.record("step.undo_parked", f"{address}:{old.n}:undo:{old.undos}:parked", step=address, reason=error)


def undo_again(turn: Turn, address: str) -> None:
    """Let a compensation that has parked be tried again."""
    old = turn.set_step(address, undo="none", error="")
    if old.has_given:
        turn.set_step(address, state="running", instead=old.instead)


def give_up_undo(turn: Turn, address: str, reason: str) -> None:
    """Note that a compensation which has parked is given up."""
    leave(turn, address, reason)
    ledger.forget(turn, address)


def note_undone(turn: Turn, address: str) -> StepRun:
    """Note that a step has been undone; its state stays what it was."""
    old = turn.set_step(address, undo="done", since=turn.now)
    turn.record("step.undone", f"{address}:{old.n}:undo:{old.undos}:done", step=address)
    return old
