"""What lies within a step: its list under way, everything at any depth, the steps of one item.

Must not know: what becomes of it.
"""

from collections.abc import Iterable, Iterator

from hitl_temporal.domain.flow.address import Item, item_of, place, within
from hitl_temporal.domain.flow.state import Block, Each, Run, StepRun
from hitl_temporal.domain.flow.turn import Turn


def block_of(run: Run, address: str) -> Block:
    """Return what is under way within a step."""
    block = run.steps[address].block
    assert block is not None, f"step {address!r} is no block"
    return block


def each_at(run: Run, address: str) -> Each:
    """Return how far an `each` is."""
    each = block_of(run, address).each
    assert each is not None, f"step {address!r} is no each"
    return each


def set_each(turn: Turn, address: str, each: Each) -> Each:
    """Replace how far an `each` is."""
    turn.set_step(address, block=block_of(turn.run, address).but(each=each))
    return each


def children(run: Run, address: str) -> list[str]:
    """Return the addresses of the list that is under way within a step; of an `each` that is none of them."""
    before, name = place(address)
    return [before + inner for inner in run.definition.plan.within(name, block_of(run, address).branch)]


def inside(run: Run, address: str) -> list[str]:
    """Return the addresses of all steps within one, those of items included."""
    if not run.definition.plan.inside[place(address).step]:
        return []
    return [a for a in run.steps if is_inside(run, a, address)]


def is_inside(run: Run, inner: str, address: str) -> bool:
    """Tell whether a step lies within another, at any depth."""
    before, name = place(address)
    if place(inner).step not in run.definition.plan.inside[name] or not inner.startswith(before):
        return False
    return place(inner).before == before or address in run.definition.plan.around(inner)


def inside_item(run: Run, item: Item) -> list[str]:
    """Return the addresses of all steps of an item, those of items within included."""
    before, plan = within(item.each, item.index), run.definition.plan
    names = plan.of_item(place(item.each).step)
    own = [before + name for name in names]
    if all(plan.spots[name].step.each is None for name in names):
        return own
    return [*own, *(a for a in run.steps if a.startswith(before) and place(a).before != before)]


def outward(run: Run, address: str) -> Iterator[tuple[str, Item | None]]:
    """Yield the address of each step that one lies in, the innermost first, and in which of its items if in one."""
    inner = address
    for outer in run.definition.plan.around(address):
        item = item_of(inner)
        yield outer, item if item is not None and item.each == outer else None
        inner = outer


def is_closing(run: Run, address: str, item: Item | None = None) -> bool:
    """Tell whether a block, or this item of it, is coming to its end early; not one that is there no more."""
    block = run.steps[address].block if address in run.steps else None
    if block is None or block.closing is not None or item is None or block.each is None:
        return block is not None and block.closing is not None
    return block.each.open.get(item.index) is not None


def closing_around(run: Run, address: str) -> str | None:
    """Return the innermost step around one that is coming to its end early, with all that lies in it; None: none is."""
    return next((outer for outer, item in outward(run, address) if is_closing(run, outer, item)), None)


def is_over(steps: Iterable[StepRun]) -> bool:
    """Tell whether steps have ended, and so have the items of an `each` that had enough and lets the rest go on."""
    return all(step.is_final and not step.goes_on for step in steps)
