"""Steps within steps: a block that is done once, again and again, or until its first branch ends; branches; items.

A block is `running` from its first step to its last. It may close early: then nothing of it begins any more, what goes
on is stopped, what was done is undone if that is wanted, and then it becomes what it is to be.

Must not know: when a step within may begin (settling.py).
"""

from collections.abc import Callable, Iterable

from hitl_temporal.domain.blobs import advice, is_reference
from hitl_temporal.domain.expressions import ExpressionError, evaluate, is_true, render
from hitl_temporal.domain.flow import closing, ends, grants, ledger, repairs, undoing
from hitl_temporal.domain.flow.address import Item, place, within
from hitl_temporal.domain.flow.keeping import no_place
from hitl_temporal.domain.flow.readiness import succeeded
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.state import Block, Closing, Done, Each, Instead, Run, StepRun
from hitl_temporal.domain.flow.step import CATCH, DEFAULT_LIMIT, Branch, Step
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.verbs import MAX_ITEMS, is_too_many
from hitl_temporal.domain.flow.within import (
    block_of,
    children,
    each_at,
    inside,
    inside_item,
    is_inside,
    is_over,
    set_each,
)
from hitl_temporal.domain.value import Json

MAX_UNFOLDED = 200
"""Of an `each` with more items, the steps of those that have ended are kept only as what they gave.

So many of those that have failed stay as they are all the same: an operator may want to see them, and to do them again.
"""


def begin(turn: Turn, address: str, step: Step) -> None:
    """Begin a block, take the branch of a `choose`, or find the items of an `each`.

    Raises:
        ExpressionError: A condition, or what an `each` goes through, fails.
        ValueError: There is no list to go through, or one that is too long.
    """
    if step.choose is not None:
        _choose(turn, address, step)
    elif step.each is not None:
        _go_through(turn, address, step)
    else:
        _begin(turn, address, Block(branch="0"))


def _begin(turn: Turn, address: str, block: Block, *, branch: int | None = None, items: int | None = None) -> None:
    n = turn.set_step(address, state="running", started_at=turn.now, error="", block=block).n
    turn.record("step.started", f"{address}:{n}:started", step=address, branch=branch, items=items)
    if block.each is None:  # items are begun when there is room for them
        turn.touch(children(turn.run, address))


def _choose(turn: Turn, address: str, step: Step) -> None:
    now = scope(turn.run, address)
    for index, branch in enumerate(step.choose or ()):
        if not isinstance(branch, Branch) or is_true(branch.condition, now):
            _begin(turn, address, Block(branch=str(index)), branch=index)
            for other in range(len(step.choose or ())):
                if other != index:
                    _leave_out(turn, address, str(other), f"branch {index} of {place(address).step!r} was taken")
            return
    ends.skip(turn, address, "no branch was taken", passes_on=False)


def _go_through(turn: Turn, address: str, step: Step) -> None:
    assert step.each is not None, f"step {step.id!r} goes through nothing"
    now = scope(turn.run, address)
    values = evaluate(step.each, now) if isinstance(step.each, str) else render(step.each, now)
    if is_reference(values):
        raise ValueError(f"each: {advice(str(step.each), values)}")
    if not isinstance(values, list):
        raise ValueError(f"each: a list is needed, and {type(values).__name__} was given")  # noqa: TRY004 - a document's fault
    if len(values) > MAX_ITEMS:
        raise ValueError(
            f"each: {len(values):,} items, and at most {MAX_ITEMS:,} can be gone through; use several runs"
        )
    if (wrong := no_place(turn, {"values": values})) is not None:
        raise ValueError(f"each: what it goes through is {wrong}")
    # Ids count on from every earlier start: of the steps of items, and of the `each` itself when an outer one repeats.
    old = turn.run.steps[address]
    had = 0 if old.block is None or old.block.each is None else old.block.each.most
    before = max(had, old.n - 1)
    each = Each(values=tuple(values), before=before, most=before)
    _begin(turn, address, Block(branch="0", each=each), items=len(values))


def _leave_out(turn: Turn, address: str, branch: str, reason: str) -> None:
    before = place(address).before
    for name in turn.plan.within(place(address).step, branch):
        ends.skip(turn, before + name, reason, passes_on=False)


# --- How far it is ----------------------------------------------------------------------------------------------------


def go_on(turn: Turn, address: str) -> None:
    """Look how far a block is that is under way: it may begin more, or come to its end."""
    step, block = turn.step(address), block_of(turn.run, address)
    if block.closing is not None:
        _close(turn, address, block.closing)
    elif block.branch == CATCH:
        _after(turn, address, _end_catch)
    elif block.each is not None:
        _go_on_with_items(turn, address, step, block.each)
    elif step.first:
        _look_for_first(turn, address, step)
    else:
        _after(turn, address, _end_turn if step.repeat is not None else _end)


def _after(turn: Turn, address: str, end: Callable[[Turn, str], None]) -> None:
    if is_over(turn.run.steps[a] for a in reversed(children(turn.run, address))):
        end(turn, address)


def _end(turn: Turn, address: str) -> None:
    block, step = block_of(turn.run, address), turn.step(address)
    ends.succeed(turn, address, {}, block.branch if step.choose is not None else None)


def _end_turn(turn: Turn, address: str) -> None:
    """After a turn of a block that repeats: it is over, has one more, or has had as many as it may."""
    step, block = turn.step(address), block_of(turn.run, address)
    assert step.repeat is not None, f"step {address!r} is done once"
    try:
        is_over = is_true(step.repeat.until, scope(turn.run, address, turn=block.index))
    except ExpressionError as error:
        ends.park(turn, address, f"repeat.until: {told(turn.run, error)}")
        return
    if is_over:
        ends.succeed(turn, address, {})
    elif block.index + 1 >= step.repeat.max:
        closing.fail(turn, address, f"repeat: {step.repeat.until} is not true after {step.repeat.max} turns")
    else:
        turn.set_step(address, block=block.but(index=block.index + 1))
        again(turn, address, keeps_outputs=True)


def again(turn: Turn, address: str, *, keeps_outputs: bool) -> None:
    """Make everything within a step as it was before it began; who has begun there begins another start."""
    _anew(turn, address, inside(turn.run, address), keeps_outputs=keeps_outputs)


def leave_catch(turn: Turn, address: str, branch: str) -> None:
    """Let a block whose failure has not been mended go on where it has failed; it may be caught another time."""
    block = block_of(turn.run, address)
    if block.branch == branch:
        return
    turn.set_step(address, block=block.but(branch=branch))
    mending = turn.plan.mending(place(address).step)
    _anew(turn, address, [a for a in inside(turn.run, address) if place(a).step in mending], keeps_outputs=False)


def _anew(turn: Turn, address: str, found: list[str], *, keeps_outputs: bool) -> None:
    run = turn.run
    starts = {a: most_starts(run, a) for a in found if place(a).before == place(address).before}
    turn.drop(a for a in found if a not in starts)
    for inner, most in starts.items():
        fresh = ends.fresh(turn, turn.run.steps[inner], keeps_outputs=keeps_outputs)
        turn.put(inner, fresh.but(block=None if most is None else begun_before(most)))


def most_starts(run: Run, address: str) -> int | None:
    """Return the most starts that a step of an item has had: no later one may take its ids. None: it has no items."""
    block = run.steps[address].block
    if block is None or block.each is None:
        return None
    of_items = (run.steps[a].starts for a in inside(run, address) if place(a).before != place(address).before)
    return max([block.each.most, *of_items])


def begun_before(starts: int) -> Block:
    """Return what must be known of an `each` that was gone through before."""
    return Block(branch="", each=Each(values=(), most=starts))


def _end_catch(turn: Turn, address: str) -> None:
    """After the steps of a `catch`: they have mended the failure, or an operator is needed all the same."""
    found = {a: turn.run.steps[a] for a in children(turn.run, address)}
    error = turn.run.steps[address].error
    wrong = [a for a, s in found.items() if not (succeeded(turn.step(a), s) or turn.run.definition.names(a, s.state))]
    if not wrong:
        ends.fail(turn, address, error, caught=True)
        return
    ends.park(turn, address, f"{error}; and its catch has not mended it: {wrong[0]!r} is {found[wrong[0]].state}")


def _look_for_first(turn: Turn, address: str, step: Step) -> None:
    before, inner = place(address).before, step.do or ()
    last = [s.id for s in inner if not turn.plan.followers[s.id]]
    won = [name for name in last if _has_won(turn.step(name), turn.run.steps[before + name])]
    if won:
        instead = Instead(state="succeeded", reason=f"{won[0]!r} came first", outcome=won[0])
        closing.close(turn, address, Closing(becomes=instead, undo=True, keep=_kept(turn, won[0])))
    elif is_over(turn.run.steps[before + s.id] for s in inner):
        closing.fail(turn, address, "first: no branch has come to its end")


def _has_won(step: Step, now: StepRun) -> bool:
    return now.state == "succeeded" and succeeded(step, now)


def _kept(turn: Turn, winner: str) -> tuple[str, ...]:
    """Return the winner, what it needed, what that needed, and all that lies within them."""
    kept, found = {winner}, [winner]
    while found:
        needed = {name for need in turn.plan.needs[found.pop()] for name in need.of} - kept
        kept |= needed
        found += needed
    inside = (name for step in kept for name in turn.plan.inside[step])
    return tuple(sorted({*kept, *inside}))


# --- Items ------------------------------------------------------------------------------------------------------------


def _go_on_with_items(turn: Turn, address: str, step: Step, each: Each) -> None:
    """Begin items while there is room; end the `each` when enough have succeeded, too many failed, or none is left."""
    is_over = turn.run.steps[address].is_final  # it had enough, and lets those under way go on
    if not is_over and is_too_many(len(each.failed), len(each.values), step.tolerate):
        failed = ", ".join(str(index) for index in sorted(each.failed)[:10])
        error = f"each: {len(each.failed)} of {len(each.values)} items have failed: {failed}"
        closing.close(turn, address, Closing(becomes=Instead(state="failed", reason=error)))
        return
    if not is_over and step.enough is not None and len(each.given) >= step.enough.count:
        if step.enough.rest == "cancel" and each.open:
            enough = Instead(state="succeeded", reason=f"enough: {step.enough.count} items have succeeded")
            closing.close(turn, address, Closing(becomes=enough))
        else:
            ends.succeed(turn, address, each.outputs)
        return
    if is_over:
        return
    limit = step.limit or DEFAULT_LIMIT
    while len(each.open) < limit and (each.cut or each.started < len(each.values)):
        each = _resume_item(turn, address, each) if each.cut else _begin_item(turn, address, each)
    if not each.open:
        _end_each(turn, address, step, each)


def _end_each(turn: Turn, address: str, step: Step, each: Each) -> None:
    if step.enough is not None and len(each.given) < step.enough.count:
        error = f"each: {len(each.given)} of {len(each.values)} items have succeeded, {step.enough.count} were wanted"
        closing.fail(turn, address, error)
    else:
        ends.succeed(turn, address, each.outputs)


def _begin_item(turn: Turn, address: str, each: Each) -> Each:
    index, before = each.started, within(address, each.started)
    each = set_each(turn, address, each.but(started=index + 1, open={**each.open, index: None}))
    for name in turn.plan.of_item(place(address).step):
        turn.put(before + name, StepRun(since=turn.now, n=each.before + 1 if each.before else 0))
    return each


def _resume_item(turn: Turn, address: str, each: Each) -> Each:
    """Let an item go on that was cut off."""
    index, before = each.cut[0], within(address, each.cut[0])
    each = set_each(turn, address, each.but(cut=each.cut[1:], open={**each.open, index: None}))
    resume(turn, [before + name for name in turn.plan.within(place(address).step, "0")])
    return each


def resume(turn: Turn, addresses: Iterable[str]) -> None:
    """Let steps of an item that has come to its end early be done in their turn, each whole; what they did stands.

    But not what was undone since, at any depth.
    """
    for address in addresses:
        step, most = turn.run.steps[address], most_starts(turn.run, address)
        of_step = (turn.run.steps[a] for a in (address, *inside(turn.run, address)))
        if not succeeded(turn.step(address), step) or any(grants.is_undone(s) for s in of_step):
            again(turn, address, keeps_outputs=False)
            turn.put(address, ends.fresh(turn, step).but(block=None if most is None else begun_before(most)))
        turn.touch([address])


def go_on_with_item(turn: Turn, item: Item) -> None:
    """Look how far an item is that is under way."""
    each = each_at(turn.run, item.each)
    how, of_item = each.open[item.index], inside_item(turn.run, item)
    if how is not None:
        before, now = within(item.each, item.index), ledger.turn_of(turn.run, item.each)
        if unwind(turn, of_item, how, lambda d: d.step.startswith(before) and d.turn.startswith(now)):
            _end_item(turn, item, how.becomes)
    elif all(turn.run.steps[a].is_final for a in of_item):
        _end_item(turn, item, None)


def _end_item(turn: Turn, item: Item, instead: Instead | None) -> None:
    each, run = each_at(turn.run, item.each), turn.run
    still = {index: how for index, how in each.open.items() if index != item.index}
    of_item = inside_item(run, item)
    each = each.but(open=still, most=max([each.most, *(run.steps[a].starts for a in of_item)]))
    if instead is None:
        before = within(item.each, item.index)
        top = run.definition.plan.within(place(item.each).step, "0")
        gave = dict[str, Json]((name, run.steps[before + name].outputs) for name in top)
        each = each.but(given={**each.given, item.index: gave})
    else:  # an item that ends early has failed
        each = each.but(failed=(*each.failed, item.index))
        reason = instead.reason
        turn.record(
            "item.failed",
            f"{item.each}[{item.index}]:{run.steps[item.each].mark}:failed",
            step=item.each,
            item=item.index,
            reason=reason,
        )
    set_each(turn, item.each, each)
    is_kept = instead is not None and len(each.failed) <= MAX_UNFOLDED
    if len(each.values) > MAX_UNFOLDED and not is_kept and not any(_has_something_out(run.steps[a]) for a in of_item):
        turn.drop(of_item)


def _has_something_out(step: StepRun) -> bool:
    return step.repair is not None or any(e.is_out for e in step.extensions)


# --- Closing ----------------------------------------------------------------------------------------------------------


def _close(turn: Turn, address: str, how: Closing) -> None:
    now = ledger.turn_of(turn.run, address)
    found = inside(turn.run, address)
    if block_of(turn.run, address).branch != CATCH:  # what may mend its failure has not begun, and may have to
        mending = turn.plan.mending(place(address).step)
        found = [a for a in found if place(a).step not in mending]
    if not unwind(turn, found, how, lambda d: is_inside(turn.run, d.step, address) and d.turn.startswith(now)):
        return
    _shut(turn, address)
    each, becomes = block_of(turn.run, address).each, how.becomes
    if each is not None and not becomes.outputs:
        becomes = becomes.but(outputs=each.outputs)
    closing.become(turn, address, becomes)


def unwind(turn: Turn, addresses: list[str], how: Closing, covers: Callable[[Done], bool] = lambda _: True) -> bool:
    """Bring steps to their end: what goes on must stop first, then done work is undone, the last done first.

    Args:
        turn: The one in the making.
        addresses: The steps that are to end.
        how: What is undone, and why they end.
        covers: Tells whether a success is one of theirs, also of a step whose item is over and not kept; but not one
            of an earlier turn of what they lie in.

    Returns:
        Whether nothing of them goes on any more.
    """
    run = turn.run
    now = [run.steps[a] for a in addresses]
    if any((s.is_begun and s.block is None) or s.undo in {"running", "parked"} for s in now):
        return False
    due = (d for d in reversed(run.done) if covers(d) and place(d.step).step not in how.keep)
    if how.undo and (done := next(due, None)) is not None:
        undoing.start_undo(turn, done)
        return False
    for address in addresses:
        step = run.steps[address]
        if step.block is not None:
            _shut(turn, address)
        if not step.is_final and step.is_begun:
            repairs.withdraw(turn, address, how.becomes.reason)
            ends.cancel(turn, address, how.becomes.reason)
        elif not step.is_final:
            ends.skip(turn, address, how.becomes.reason, passes_on=True)
    return True


def _shut(turn: Turn, address: str) -> None:
    """Let nothing of a block be under way or closing any more: it is brought to its end with what it lies in."""
    block = block_of(turn.run, address)
    each = block.each and block.each.but(open={}, most=most_starts(turn.run, address))
    turn.set_step(address, block=block.but(closing=None, each=each))
