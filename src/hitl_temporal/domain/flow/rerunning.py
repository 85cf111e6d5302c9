"""A step is done again, alone or with all that follows; what it lies in is opened again if it has ended.

Must not know: who wants it, and whether they may.
"""

from itertools import pairwise

from hitl_temporal.domain.flow import blocks, ends
from hitl_temporal.domain.flow.address import index_of, place
from hitl_temporal.domain.flow.effects import StopStep
from hitl_temporal.domain.flow.plan import ROOT
from hitl_temporal.domain.flow.readiness import succeeded
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.within import each_at, set_each
from hitl_temporal.domain.value import Json


def again(turn: Turn, address: str, *, edited: Json = None, waits: bool = False) -> None:
    """Let a step begin once more.

    Args:
        turn: The one in the making.
        address: The step's.
        edited: Arguments in place of those of its document; None: as before.
        waits: Whether it waits for its needs as it did the first time, else it begins at once.
    """
    old = turn.run.steps[address]
    withdraw_repair(turn, address, "it is done again")
    _reopen(turn, address)
    most = blocks.most_starts(turn.run, address)
    if turn.plan.inside[place(address).step]:
        blocks.again(turn, address, keeps_outputs=False)
    fresh = ends.fresh(turn, old).but(
        n=old.n + 1,
        repair=turn.run.steps[address].repair,
        repairs=old.repairs,
        edited={**(old.edited or {}), **edited} if isinstance(edited, dict) else old.edited,
        again=not waits,
        block=None if most is None else blocks.begun_before(most),
    )
    turn.put(address, fresh)


def withdraw_repair(turn: Turn, address: str, reason: str) -> None:
    """Ask nobody any longer what to do about a failure."""
    old = turn.run.steps[address]
    if old.repair is not None and not old.repair.is_over:
        turn.effects.append(StopStep(step=address, n=old.n, child=old.repair.approval, reason=reason))
        turn.set_step(address, repair=old.repair.but(is_over=True))


def _reopen(turn: Turn, address: str) -> None:
    """Let what a step lies in be under way again, the outermost first."""
    chain = [address, *turn.plan.around(address)]
    for inner, outer in reversed([*pairwise(chain)]):
        step = turn.run.steps[outer]
        assert step.block is not None, f"step {outer!r} has begun"
        if step.is_final:
            turn.set_step(outer, state="running", outcome=None, error="", passes_on=False)
        if step.block.each is not None and place(inner).before != place(outer).before:
            each, index = each_at(turn.run, outer), index_of(inner)
            given = {i: gave for i, gave in each.given.items() if i != index}
            failed = tuple(i for i in each.failed if i != index)
            set_each(turn, outer, each.but(open={**each.open, index: None}, given=given, failed=failed))


def following(run: Run, address: str) -> tuple[str, ...]:
    """Return a step, all that follow it in its list, and all that follow what it lies in; the outermost last."""
    plan, found = run.definition.plan, dict[str, None]()
    for here in (address, *plan.around(address)):
        before, name = place(here)
        names, rest = {name}, [name]
        while rest:
            more = [f for f in plan.followers[rest.pop()] if f not in names]
            names.update(more)
            rest += more
        wanted = names if here == address else names - {name}
        found |= dict.fromkeys(before + n for n in plan.lists[plan.spots[name].list] if n in wanted)
    return tuple(found)


def from_here(turn: Turn, address: str) -> tuple[str, ...]:
    """Let a step begin once more, and all that follows it in its turn; return their addresses."""
    found = following(turn.run, address)
    for here in found:
        if here == address or turn.run.steps[here].n or turn.run.steps[here].is_final:
            again(turn, here, waits=here != address)
    return found


def everything(turn: Turn) -> tuple[str, ...]:
    """Let the whole run begin once more; return the addresses of the steps that are done again."""
    top = turn.plan.lists[ROOT]
    found = [name for name in top if turn.run.steps[name].n or turn.run.steps[name].is_final]
    for name in found:
        again(turn, name, waits=True)
    return tuple(found)


def in_the_way(run: Run, address: str) -> str | None:
    """Return what follows a step and is under way, so that it can't be done again before that has ended."""
    followers = (a for a in following(run, address) if a != address)
    return next((a for a in followers if run.steps[a].is_begun and run.steps[a].state != "parked"), None)


def unmended(run: Run) -> tuple[str, ...]:
    """Return the steps that have parked or failed, each alone: not what they lie in."""
    wrong = [
        a
        for a, s in run.steps.items()
        if s.state == "parked" or (s.state == "failed" and not succeeded(run.definition.step(a), s))
    ]
    outer = {around for a in wrong for around in run.definition.plan.around(a)}
    return tuple(a for a in wrong if a not in outer)
