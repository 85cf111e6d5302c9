"""What has been done and may have to be undone, in the order of completion.

Must not know: when it is undone, and how.
"""

from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.scope import around
from hitl_temporal.domain.flow.state import Done, Run
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json


def keep(turn: Turn, address: str, outputs: dict[str, Json], outcome: str | None) -> None:
    """Keep what the `undo` of a step will need; doing a step again replaces what it did before, in the same turn."""
    if turn.step(address).undo is None:
        return
    run, n, now = turn.run, turn.run.steps[address].n, turn_of(turn.run, address)
    # Another turn of a block around it, or a rerun of an `each` over other items, must not change what is reversed.
    seen = around(run, address) if place(address).step in turn.plan.undone_by_place else {}
    is_first = n <= 1 and not run.steps[address].opened and all(d.n or d.step != address for d in run.done)
    before = run.done if is_first else tuple(d for d in run.done if (d.step, d.turn) != (address, now))
    turn.set(done=(*before, Done(step=address, n=n, turn=now, seen=seen, outputs=outputs, outcome=outcome)))


def last(run: Run, address: str) -> Done:
    """Return the last success of a step that is not undone."""
    return next(d for d in reversed(run.done) if d.step == address)


def forget(turn: Turn, address: str) -> None:
    """Strike out the success of a step whose compensation was begun: it is undone, or left standing."""
    undone = (address, turn.run.steps[address].undoing)
    turn.set(done=tuple(d for d in turn.run.done if (d.step, d.n) != undone))


def turn_of(run: Run, address: str) -> str:
    """Return which turn it is of the blocks around a step that repeat, the outermost first; empty when none does.

    What somebody finishes before such a block has begun belongs to its first turn.
    """
    plan = run.definition.plan
    turning = plan.spots[place(address).step].turning
    if not turning:
        return ""
    blocks = [(a, run.steps[a].block) for a in plan.around(address) if place(a).step in turning]
    return "".join(f"{a}#{0 if block is None else block.index}/" for a, block in reversed(blocks))
