"""How a step comes to its end: by its own success or failure, by somebody's word, or with what it lies in.

What is under way is stopped first, and says so; only then does the step become what it is to be. A block is stopped by
stopping what goes on within it.

Must not know: how a step starts (starting.py), which steps follow (settling.py does that after every event).
"""

from collections.abc import Iterable
from typing import assert_never

from hitl_temporal.domain.flow import ends, exit_codes, grants, ledger, repairs, undoing
from hitl_temporal.domain.flow.address import Item, child_id, item_of
from hitl_temporal.domain.flow.effects import StopStep
from hitl_temporal.domain.flow.state import Block, Closing, Ending, Instead, RunStatus
from hitl_temporal.domain.flow.step import CATCH, Catch, Repair
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.within import children, each_at, inside, inside_item, set_each
from hitl_temporal.domain.value import Json

OUTCOME_STATUS: dict[str, RunStatus] = {"expired": "expired", "withdrawn": "withdrawn"}
"""The status of a run that a negative outcome ends; any other outcome ends it `rejected`."""

STOPPED = Instead(state="cancelled", reason="stopped from outside")


def give(turn: Turn, address: str, outputs: dict[str, Json], outcome: str | None = None) -> None:
    """Take the success of a job: it ends the step, or begins its grant, for no time if nobody wants it any more."""
    old = turn.run.steps[address]
    if old.grant is None:
        ends.succeed(turn, address, outputs, outcome)
        return
    ledger.keep(turn, address, outputs, outcome)
    turn.set_step(address, outputs=outputs, outcome=outcome, error="")
    grants.begin(turn, address)
    if turn.run.ending is not None:
        _end_with_run(turn, address)
    elif old.instead is not None:
        grants.end(turn, address, old.instead.reason)


def take_back(turn: Turn, address: str) -> None:
    """End a step whose grant has ended, now that its `undo` has run or is given up: nothing is left to reverse."""
    old = turn.run.steps[address]
    if old.instead is None:
        ends.succeed(turn, address, old.outputs, old.outcome)
    else:
        become(turn, address, old.instead)
    ledger.forget(turn, address)


def end_undo(turn: Turn, address: str) -> None:
    """Take the end of a compensation; it ends the step, too, if only that kept it from ending."""
    if undoing.note_undone(turn, address).has_given:
        take_back(turn, address)
    else:
        ledger.forget(turn, address)


def skip_undo(turn: Turn, address: str, reason: str) -> None:
    """Give a compensation up that has parked."""
    has_given = turn.run.steps[address].has_given
    undoing.give_up_undo(turn, address, reason)
    if has_given:
        take_back(turn, address)


def conclude(
    turn: Turn, address: str, outputs: dict[str, Json], outcome: str, *, positive: bool, by: tuple[str, ...] = ()
) -> None:
    """End an ask, or a run within; a negative outcome that no step names ends what it lies in."""
    turn.set_step(address, positive=positive, by=by)
    ends.succeed(turn, address, outputs, outcome)
    if not positive and not turn.run.definition.names(address, outcome):
        status = OUTCOME_STATUS.get(outcome, "rejected")
        give_up(turn, address, Ending(status=status, reason=f"step {address!r}: {outcome}"))


def fail(turn: Turn, address: str, error: str, outcome: str | None = None) -> None:
    """A step has used up its retries: park it, unless the document says what follows.

    Args:
        turn: The one in the making.
        address: Whose.
        error: Why.
        outcome: What a `needs` may name: an exit code, or that a wait timed out.
    """
    step = turn.step(address)
    if step.wait is not None and outcome is not None and turn.run.definition.names(address, outcome):
        turn.set_step(address, positive=False)  # it is an outcome like another: its time was over
        ends.succeed(turn, address, {}, outcome)
        return
    match step.on_failure or ("end" if _is_named(turn, address, outcome) else "park"):
        case Catch():
            _catch(turn, address, error)
        case "ask" | Repair():
            repairs.ask(turn, address, error)
        case "park":
            ends.park(turn, address, error)
        case choice:
            ends.fail(turn, address, error, outcome)
            if choice == "fail":
                give_up(turn, address, Ending(status="failed", reason=f"step {address!r}: {error}"))


def _is_named(turn: Turn, address: str, outcome: str | None) -> bool:
    definition = turn.run.definition
    if definition.names(address, "failed"):
        return True
    if outcome is None:
        return False
    if turn.step(address).run is not None:
        return definition.names_exit(address, exit_codes.code_of(outcome))
    return definition.names(address, outcome)


def _catch(turn: Turn, address: str, error: str) -> None:
    """Let the steps that mend a failure begin."""
    block = turn.run.steps[address].block or Block(branch=CATCH)
    block = block.but(branch=CATCH, closing=None)
    old = turn.set_step(address, state="running", error=error, instead=None, block=block)
    turn.record("step.caught", f"{address}:{old.mark}:caught", began=old.started_at, step=address, reason=error)
    turn.touch(children(turn.run, address))


def stop(turn: Turn, address: str, instead: Instead) -> None:
    """Let a step become this instead: at once, or once what is out has stopped, what was granted is taken back."""
    repairs.withdraw(turn, address, instead.reason)
    step, old = turn.step(address), turn.run.steps[address]
    if old.has_given:
        if old.granted is not None:
            grants.end(turn, address, instead.reason)
        turn.set_step(address, instead=instead)
        return
    if old.block is not None and old.is_begun:
        _close(turn, address, old.block, instead)
        return
    if not old.is_begun or old.state == "parked" or (step.wait is not None and not old.watched):
        become(turn, address, instead)
        return
    if old.instead is None:
        child = child_id(turn.run.id, address, old.n) if step.ask or step.flow else None
        turn.effects.append(StopStep(step=address, n=old.n, child=child, is_run=bool(step.flow), reason=instead.reason))
    turn.set_step(address, instead=instead)


def become(turn: Turn, address: str, instead: Instead) -> None:
    """End a step in the way that an operator, or the end of what it lies in, wants."""
    step = turn.step(address)
    match instead.state:
        case "skipped":
            ends.skip(turn, address, instead.reason, passes_on=False)
        case "cancelled":
            ends.cancel(turn, address, instead.reason)
        case "failed":
            fail(turn, address, instead.reason, instead.outcome)
        case "succeeded" if step.has_signs and instead.outcome is not None:
            positive = step.is_positive(instead.outcome)
            conclude(turn, address, instead.outputs, instead.outcome, positive=positive, by=instead.by)
        case "succeeded":
            ends.succeed(turn, address, instead.outputs, instead.outcome)
        case _:
            assert_never(instead.state)


def _close(turn: Turn, address: str, block: Block, instead: Instead) -> None:
    """Let a block become this instead; of one that is closing already that is the last word, but not what is undone."""
    if block.closing is None:
        close(turn, address, Closing(becomes=instead))
    else:
        turn.set_step(address, block=block.but(closing=block.closing.but(becomes=instead)))


def close(turn: Turn, address: str, closing: Closing) -> None:
    """Let a block come to its end before all of it is done."""
    block = turn.run.steps[address].block
    assert block is not None, f"step {address!r} is no block"
    turn.set_step(address, block=block.but(closing=closing))
    _stop(turn, inside(turn.run, address), closing.becomes.reason)


def _stop(turn: Turn, addresses: Iterable[str], reason: str) -> None:
    """Stop what goes on with what it lies in; what was being stopped as timed out does not fail any more."""
    for address in addresses:
        step = turn.run.steps[address]
        is_failing = step.instead is not None and step.instead.state == "failed"
        if step.is_begun and step.block is None and (step.instead is None or is_failing):
            stop(turn, address, Instead(state="cancelled", reason=reason))


def fail_item(turn: Turn, item: Item, reason: str) -> None:
    """End an item early: what goes on in it is stopped, and what was done in it is undone."""
    each = each_at(turn.run, item.each)
    if each.open.get(item.index, _OVER) is not None:
        return
    closing = Closing(becomes=Instead(state="failed", reason=reason), undo=True)
    set_each(turn, item.each, each.but(open={**each.open, item.index: closing}))
    _stop(turn, inside_item(turn.run, item), reason)


_OVER = Closing(becomes=Instead(state="failed", reason="over"))


def give_up(turn: Turn, address: str, ending: Ending) -> None:
    """End what a step lies in before its time: the innermost item, else the whole run."""
    item = item_of(address)
    if item is None:
        end_early(turn, ending)
    else:
        fail_item(turn, item, ending.reason)


def end_early(turn: Turn, ending: Ending) -> None:
    """Let the run end before its time: stop what goes on, then undo what was done. The first ending stands."""
    if turn.run.ending is not None or turn.run.status is not None:
        return
    turn.set(ending=ending)
    turn.record("run.ending", "ending", status=ending.status, reason=ending.reason, undo=ending.undo)
    given = [address for address, step in turn.run.steps.items() if step.has_given]
    for address in given:
        _end_with_run(turn, address)
    _stop(turn, [a for a in turn.run.steps if a not in given], ending.reason)


def undo_no_more(turn: Turn, left: str) -> None:
    """Let a run that is ending end as it is: no further undo begins, and what has parked is given up."""
    ending = turn.run.ending
    assert ending is not None, "only an ending run undoes what was done"
    turn.set(ending=ending.but(undo=False, left=left))
    for address in [a for a, step in turn.run.steps.items() if step.undo == "parked"]:
        skip_undo(turn, address, left)
    for done in turn.run.done:
        step = turn.run.steps.get(done.step)
        if step is None or (step.undo, step.undoing) != ("running", done.n):
            turn.record("step.left_standing", f"{done.step}:{done.n}:left_standing", step=done.step, reason=left)


def _end_with_run(turn: Turn, address: str) -> None:
    """End what is granted with the run: it has succeeded, and is undone in its turn like the rest, or left standing.

    What is being taken back already goes on; where it has failed, an ending without undo gives it up.
    """
    step, ending = turn.run.steps[address], turn.run.ending
    assert ending is not None, "only an ending run ends what it has granted"
    if step.granted is not None:
        grants.end(turn, address, grants.RUN_ENDED if ending.undo else ending.left)
        ends.succeed(turn, address, step.outputs, step.outcome)
    elif step.undo == "parked" and not ending.undo:
        grants.leave(turn, address, ending.left)
        take_back(turn, address)
