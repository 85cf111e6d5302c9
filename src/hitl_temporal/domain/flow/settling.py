"""What follows a change: steps begin, are skipped or end, until nothing changes any more.

Only what a change can have moved is looked at: those who follow the step, and what it lies in. So an event costs the
same in a flow of ten steps and in one of a thousand.

Must not know: what has happened (machine.py).
"""

import re
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from hitl_temporal.domain.expressions import ExpressionError, render
from hitl_temporal.domain.flow import attending, blocks, ends, extensions, grants, holding, ledger, proposals, undoing
from hitl_temporal.domain.flow.address import Item, place
from hitl_temporal.domain.flow.keeping import MAX_RESULT_BYTES
from hitl_temporal.domain.flow.readiness import is_reached, readiness
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.starting import start
from hitl_temporal.domain.flow.state import Closing, Ending, Instead, Run, RunStatus
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.within import closing_around, is_closing, is_over, outward
from hitl_temporal.domain.value import Json, weigh


def settle(turn: Turn) -> None:
    """Let everything happen that the last change has made possible."""
    if turn.run.ending is None:
        _Moving(turn).move()
    is_done = is_over(reversed(turn.run.steps.values()))  # the last ones are the likeliest to be open
    if is_done or turn.run.ending is not None:
        proposals.recall(turn, "the run ends")
    if turn.run.ending is not None:
        _take_back(turn, [*turn.touched])
        _unwind(turn, turn.run.ending)
    elif is_done and not _has_something_out(turn.run):
        _complete(turn)


def _take_back(turn: Turn, changed: Iterable[str]) -> None:
    """Begin the `undo` of each grant that has ended, whatever else goes on."""
    for address in changed:
        if grants.is_to_be_taken_back(turn.run, address):
            undoing.start_undo(turn, ledger.last(turn.run, address))


_Rank = tuple[int, str]


class _Moving:
    """Looks at what may move, in the order of the document: a step is looked at after all that stand before it."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._heap: list[tuple[int, _Rank, str]] = []
        self._waiting: set[str] = set()

    def move(self) -> None:
        """Go on until nothing has changed, or the run is ending."""
        round_, rank = 0, (-1, "")
        self._gather(round_, rank)
        while self._heap and self._turn.run.ending is None:
            round_, rank, candidate = heappop(self._heap)
            self._waiting.discard(candidate)
            _look(self._turn, candidate)
            self._gather(round_, rank)

    def _gather(self, round_: int, rank: _Rank) -> None:
        """Take what has changed; whoever stands before what is being looked at has a turn in the next round."""
        _take_back(self._turn, [*self._turn.touched])
        changed, self._turn.touched = self._turn.touched, {}
        for address in changed:
            for candidate in _moved_by(self._turn.run, address):
                if candidate in self._waiting:
                    continue
                self._waiting.add(candidate)
                own = self._turn.plan.rank(candidate.partition("!")[0])
                heappush(self._heap, (round_ + (own <= rank), own, candidate))


def _moved_by(run: Run, address: str) -> Iterator[str]:
    """Yield what the change of a step may move: itself, its followers, the item and the block that it lies in.

    What is closing further out may be waiting for just this step, which the blocks in between never finish: for its
    end, or, of a block that was begun again, for what it did before to be undone.
    """
    yield address
    is_final = run.steps[address].is_final
    if is_final:
        before, name = place(address)
        yield from (before + follower for follower in run.definition.plan.followers[name])
    for depth, (outer, item) in enumerate(outward(run, address)):
        if (is_final and depth == 0) or is_closing(run, outer, item):
            yield outer if item is None else f"{outer}!{item.index}"


_ITEM = re.compile(r"(.*)!([0-9]+)")


def _look(turn: Turn, candidate: str) -> None:
    if found := _ITEM.fullmatch(candidate):
        _look_at_item(turn, Item(found[1], int(found[2])))
        return
    step = turn.run.steps.get(candidate)
    if step is None:
        return
    if step.state == "waiting" and not step.is_begun:
        _look_at_waiting(turn, candidate)
    elif step.closing is not None:
        blocks.go_on(turn, candidate)
    elif step.block is not None and (step.state == "running" or step.goes_on):
        if closing_around(turn.run, candidate) is None:  # else it ends with that, as `unwind` says
            blocks.go_on(turn, candidate)
    elif step.is_final and turn.plan.inside[place(candidate).step]:
        _leave_the_rest(turn, candidate)


def _look_at_item(turn: Turn, item: Item) -> None:
    step = turn.run.steps.get(item.each)
    if step is None or step.block is None or step.block.each is None:  # what it lies in was ended with all within it
        return
    if item.index in step.block.each.open and step.closing is None:
        is_closing = step.block.each.open[item.index] is not None
        if is_closing or closing_around(turn.run, item.each) is None:
            blocks.go_on_with_item(turn, item)
    else:
        turn.touch([item.each])


def _look_at_waiting(turn: Turn, address: str) -> None:
    now = turn.run.steps[address]
    if not is_reached(turn.run, address):
        return
    match "met" if now.again else readiness(turn.run, address):
        case "impossible":
            ends.skip(turn, address, "its needs can't be met any more", passes_on=True)
        case "met" if not turn.run.holds(now) and holding.may_begin(turn, address):
            start(turn, address)
        case _:
            pass


def _leave_the_rest(turn: Turn, address: str) -> None:
    """Skip what was never begun within a step that has ended: a branch not taken, what would have mended it."""
    before = place(address).before
    for name in turn.plan.inside[place(address).step]:
        inner = turn.run.steps.get(before + name)
        if inner is not None and not inner.is_final and not inner.is_begun:
            ends.skip(turn, before + name, f"{place(address).step!r} has ended", passes_on=False)


def _has_something_out(run: Run) -> bool:
    return bool(run.proposals) or any(extensions.out(run)) or any(s.repair is not None for s in run.steps.values())


def _unwind(turn: Turn, ending: Ending) -> None:
    """Bring an ending run to its end."""
    turn.touched = {}
    instead = Instead(state="cancelled", reason=ending.reason)
    how = Closing(becomes=instead, undo=ending.undo)
    # What is undone need not wait for a question to come back, but the end does.
    if blocks.unwind(turn, [*turn.run.steps], how) and not _has_something_out(turn.run):
        _end(turn, ending.status, ending.reason)


def _complete(turn: Turn) -> None:
    outputs = dict[str, Json]()
    failed: list[str] = []
    now = scope(turn.run)
    for name, template in turn.run.definition.outputs.items():
        try:
            outputs[name] = render(template, now)
            _demand_one_message(outputs)
        except (ExpressionError, ValueError) as error:  # the work is done: what can't be told is null, and said
            outputs[name], reason = None, told(turn.run, error)
            failed.append(f"output {name!r}: {reason}")
            turn.record("run.output_failed", f"output:{name}", output=name, reason=reason)
    turn.set(outputs=outputs)
    _end(turn, "completed", "; ".join(failed)[:1000])


def _demand_one_message(outputs: dict[str, Json]) -> None:
    if (size := weigh(outputs)) > MAX_RESULT_BYTES:
        raise ValueError(f"with it the outputs have {size:,} bytes, at most {MAX_RESULT_BYTES:,} are given")


def _end(turn: Turn, status: RunStatus, reason: str) -> None:
    attending.finish(turn, status)  # before the last fact, which is that it has ended
    turn.set(status=status, reason=reason)
    turn.record("run.ended", "ended", began=turn.run.started_at, status=status, reason=reason or None)
