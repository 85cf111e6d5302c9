"""A step is done again, alone or with all that follows; what it lies in is opened again if it has ended.

Must not know: who wants it, and whether they may.
"""

from collections.abc import Collection
from itertools import pairwise

from hitl_temporal.domain.flow import blocks, ends, repairs
from hitl_temporal.domain.flow.address import Item, place
from hitl_temporal.domain.flow.plan import ROOT
from hitl_temporal.domain.flow.readiness import missing, succeeded
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.step import CATCH
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.within import each_at, is_closing, outward, set_each
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
    repairs.withdraw(turn, address, "it is done again")
    is_of_resumed = _reopen(turn, address)
    most = blocks.most_starts(turn.run, address)
    if turn.plan.inside[place(address).step]:
        blocks.again(turn, address, keeps_outputs=False)
    fresh = ends.fresh(turn, old).but(
        n=old.n + 1,
        repair=turn.run.steps[address].repair,
        repairs=old.repairs,
        edited={**(old.edited or {}), **edited} if isinstance(edited, dict) else old.edited,
        again=not (waits or (is_of_resumed and missing(turn.run, address))),
        block=None if most is None else blocks.begun_before(most),
    )
    turn.put(address, fresh)


def _reopen(turn: Turn, address: str) -> bool:
    """Let what a step lies in be under way again, the outermost first; return whether others there are, with it.

    So it is in an item that has failed or was cut off: with one step alone it would succeed without the rest.
    """
    chain, is_resumed = [(address, None), *outward(turn.run, address)], False
    for (inner, _), (outer, item) in reversed([*pairwise(chain)]):
        step = turn.run.steps[outer]
        if step.state != "running":
            repairs.withdraw(turn, outer, f"{inner!r}, which lies in it, is done again")
            branch = turn.plan.spots[place(inner).step].list[1]
            blocks.leave_catch(turn, outer, branch)
        if step.state != "running" and step.block is not None and step.block.each is not None:
            set_each(turn, outer, step.block.each.but(cut=step.block.each.unfinished))
        if step.state != "running" or (item is not None and item.index not in each_at(turn.run, outer).open):
            opened = step.opened + 1
            turn.set_step(outer, state="running", outcome=None, error="", caught=False, opened=opened)
            turn.record("step.reopened", f"{outer}:{turn.run.steps[outer].mark}:reopened", step=outer, by=inner)
        if item is not None:
            is_resumed = _reopen_item(turn, item)
        if is_resumed and (item is not None or step.state != "running"):
            blocks.resume(turn, _beside(turn.run, inner))
    return is_resumed


def _beside(run: Run, address: str) -> list[str]:
    """Return the other steps of the list in which one stands."""
    before, name = place(address)
    plan = run.definition.plan
    return [before + other for other in plan.lists[plan.spots[name].list] if other != name]


def _reopen_item(turn: Turn, item: Item) -> bool:
    """Let an item be under way again; return whether it had come to its end early."""
    each = each_at(turn.run, item.each)
    was_early = item.index in each.failed or item.index in each.cut
    given = {index: gave for index, gave in each.given.items() if index != item.index}
    failed = tuple(index for index in each.failed if index != item.index)
    cut = tuple(index for index in each.cut if index != item.index)
    set_each(turn, item.each, each.but(open={**each.open, item.index: None}, given=given, failed=failed, cut=cut))
    return was_early


def resumed(before: Run, after: Run, named: Collection[str]) -> tuple[str, ...]:
    """Return what is done beside the steps that were named: steps in their turn, and items that had been cut off.

    Args:
        before: The run as it was.
        after: With the named steps beginning once more.
        named: Their addresses.
    """
    steps = (
        address
        for address, step in after.steps.items()
        if step.state == "waiting" and before.steps[address].state != "waiting"
        if not {address, *after.definition.plan.around(address)} & {*named}
    )
    blocks_of = ((address, step.block.each) for address, step in after.steps.items() if step.block is not None)
    items = (
        f"{address}[{index}]"
        for address, each in blocks_of
        if each
        for index in each.cut
        if not _is_cut(before, address, index)
    )
    return (*steps, *items)


def _is_cut(run: Run, address: str, index: int) -> bool:
    block = run.steps[address].block
    return block is not None and block.each is not None and index in block.each.cut


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
    followers = ((a, run.steps[a]) for a in following(run, address) if a != address)
    return next((a for a, s in followers if (s.is_begun and s.state != "parked") or s.goes_on), None)


def forbidding(run: Run, address: str) -> str | None:
    """Return what keeps a step that has ended, or parked, from being done again: nothing may go on that it would lose.

    A race that is won, and an `each` that has enough, would stop it at once.
    """
    now = run.steps[address]
    if now.closing is not None or now.undo == "running":
        return f"step {address!r} is {'closing' if now.closing else 'running its undo'}"
    if now.goes_on:
        return f"step {address!r} has items that are still under way"
    chain = [(address, None), *outward(run, address)]
    found = (_shuts(run, inner, outer, item) for (inner, _), (outer, item) in pairwise(chain))
    return next((f"step {outer!r}, in which it lies, {why}" for outer, why in filter(None, found)), None)


def _shuts(run: Run, inner: str, outer: str, item: Item | None) -> tuple[str, str] | None:
    """Return what a step that another lies in is, so that the other can't begin there, and which step that is."""
    step, document, block = run.steps[outer], run.definition.step(outer), run.steps[outer].block
    if block is None:
        return outer, f"is {step.state}"
    if is_closing(run, outer, item):
        return outer, "is closing"
    branch = run.definition.plan.spots[place(inner).step].list[1]
    may_leave_catch = block.branch == CATCH and step.state != "running" and document.choose is None
    if block.branch != branch and not may_leave_catch:
        return outer, "has taken another branch: rerun that step"
    return (outer, f"is {step.state}: rerun that step") if _is_decided(run, outer, item) else None


def _is_decided(run: Run, outer: str, item: Item | None) -> bool:
    step, document = run.steps[outer], run.definition.step(outer)
    if document.first:
        return step.state == "succeeded"
    if item is None or document.enough is None or document.enough.rest == "continue":
        return False
    return len(each_at(run, outer).given.keys() - {item.index}) >= document.enough.count


def mend(turn: Turn) -> tuple[str, ...]:
    """Let all that has parked or failed begin once more; return their addresses.

    What needs another of them waits for it: what one does about a failure is done once that has failed again.
    """
    found = unmended(turn.run)
    for address in found:
        now = turn.run.steps.get(address)  # none: what it lies in is done again whole, with another of its item
        if now is not None and now.state in {"parked", "failed"}:
            again(turn, address)
    for address in found:
        if address in turn.run.steps and not set(found).isdisjoint(missing(turn.run, address)):
            turn.set_step(address, again=False)
    return found


def unmended(run: Run) -> tuple[str, ...]:
    """Return the steps that have parked or failed, each alone: not what they lie in."""
    wrong = [
        a
        for a, s in run.steps.items()
        if (s.state == "parked" or (s.state == "failed" and not succeeded(run.definition.step(a), s)))
        and forbidding(run, a) is None
    ]
    outer = {around for a in wrong for around in run.definition.plan.around(a)}
    return tuple(a for a in wrong if a not in outer)
