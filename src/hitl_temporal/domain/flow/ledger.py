"""What has been done and may have to be undone, in the order of completion.

Must not know: when it is undone, and how.
"""

from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.state import Done, Run
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json


def keep(turn: Turn, address: str, outputs: dict[str, Json], outcome: str | None) -> None:
    """Keep what the `undo` of a step will need; doing a step again replaces what it did before, in the same turn."""
    if turn.step(address).undo is None:
        return
    n, turn_of, before = turn.run.steps[address].n, _turn(turn.run, address), turn.run.done
    if n > 1:
        before = tuple(d for d in before if (d.step, d.turn) != (address, turn_of))
    turn.set(done=(*before, Done(step=address, n=n, turn=turn_of, outputs=outputs, outcome=outcome)))


def last(run: Run, address: str) -> Done:
    """Return the last success of a step that is not undone."""
    return next(d for d in reversed(run.done) if d.step == address)


def has(run: Run, address: str) -> bool:
    """Tell whether a step has done something that is not undone."""
    return any(d.step == address for d in run.done)


def forget(turn: Turn, address: str) -> None:
    """Strike out the last success of a step: it is undone, or left standing."""
    if has(turn.run, address):
        done = last(turn.run, address)
        turn.set(done=tuple(d for d in turn.run.done if d is not done))


def _turn(run: Run, address: str) -> str:
    """Return which turn it is of the blocks around a step that repeat; empty when none does."""
    spot = run.definition.plan.spots[place(address).step]
    if not spot.turning:
        return ""
    blocks = {a: run.steps[a].block for a in run.definition.plan.around(address)}
    return "/".join(f"{a}#{b.index}" for a, b in blocks.items() if b is not None and place(a).step in spot.turning)
