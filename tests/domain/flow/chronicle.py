"""What the facts of a run say about it, held against the sentences of the contract; nothing here asks the machine.

A chronicle reads facts in their order and knows from them alone which step is in which state, which turn a block is in,
and what has been done and not been undone. Whatever a fact says that can't be so is an `AssertionError`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.step import Catch, Step

FINAL = {"succeeded", "failed", "skipped", "cancelled"}
POSITIVE = {"approved", "sooner", "completed"}


_OF_A_STEP = re.compile(r"step '([^']+)': ")


@dataclass
class Known:
    """What is known of one step: as `state`, `begun` for whatever is under way."""

    state: str = "waiting"
    outcome: str | None = None
    reason: str = ""
    branch: str = ""
    turn: int = 0
    items: int = 0
    failed: set[int] = field(default_factory=set)
    given: set[int] = field(default_factory=set)
    exempt: bool = False
    """An operator lets it begin whatever it needs."""
    ended: int = 0
    """After how many facts it came to its end."""
    reopened: int = 0
    """After how many facts it was under way again after its end; 0: never."""
    touched: bool = False
    """An operator had a hand in it or in what lies within it: its own bounds say nothing any more."""


class Chronicle:
    """The life of a run as its facts tell it."""

    def __init__(self, definition: Flow) -> None:
        self.definition = definition
        self.parents: dict[str, tuple[str, str]] = {}
        """Of each step within another: which one, and in which list."""
        self.lists: dict[tuple[str, str], list[Step]] = {("", "0"): list(definition.steps)}
        self.steps: dict[str, Step] = {}
        self._walk("", "0", definition.steps)
        self.known: dict[str, Known] = {}
        self.done: list[tuple[str, tuple[int, ...]]] = []
        """What was done and has not been undone: address and turns, in the order of completion."""
        self.undoing: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.reversed: set[tuple[str, tuple[int, ...]]] = set()
        """What was undone."""
        self.giving: set[str] = set()
        """Grants whose call has succeeded, and that have not ended."""
        self.ending: Record | None = None
        self.facts = 0
        self.left_out: set[str] = set()
        """Steps that somebody wants to be skipped, each alone."""

    def _walk(self, parent: str, branch: str, steps: tuple[Step, ...]) -> None:
        self.lists[parent, branch] = list(steps)
        for step in steps:
            self.steps[step.id] = step
            self.parents[step.id] = (parent, branch)
            for inner, within in _lists(step):
                self._walk(step.id, inner, within)

    # --- Where a step is --------------------------------------------------------------------------------------------

    def of(self, address: str) -> Known:
        """Return what is known of a step."""
        return self.known.setdefault(address, Known())

    def document(self, address: str) -> Step:
        """Return the document of a step."""
        return self.steps[address.rpartition(".")[2]]

    def outer(self, address: str) -> tuple[str, str, int | None] | None:
        """Return what a step lies in: its address, the list, and the item; None at the top."""
        before, _, name = address.rpartition(".")
        parent, branch = self.parents[name]
        if not parent:
            return None
        if self.steps[parent].each is not None and branch != "catch":
            each, _, index = before.removesuffix("]").rpartition("[")
            return each, branch, int(index)
        return (f"{before}.{parent}" if before else parent), branch, None

    def around(self, address: str) -> Iterator[tuple[str, str, int | None]]:
        """Yield what a step lies in, the innermost first."""
        found = self.outer(address)
        while found is not None:
            yield found
            found = self.outer(found[0])

    def lies_in(self, address: str, outer: str, item: int | None = None) -> bool:
        """Tell whether a step lies in another, or in this item of it."""
        return any(a == outer and item in {None, i} for a, _, i in self.around(address))

    def turns(self, address: str) -> tuple[int, ...]:
        """Return the turns of the blocks around a step that repeat, the outermost first."""
        return tuple(self.of(a).turn for a, _, _ in self.around(address) if self.document(a).repeat is not None)[::-1]

    def beside(self, address: str) -> list[str]:
        """Return the addresses of a step's own list."""
        before, _, name = address.rpartition(".")
        return [f"{before}.{s.id}" if before else s.id for s in self.lists[self.parents[name]]]

    # --- What may begin ---------------------------------------------------------------------------------------------

    def has(self, address: str, result: str) -> bool:
        """Tell whether a step has a result that a `needs` may name."""
        now, step = self.of(address), self.document(address)
        if now.state not in FINAL:
            return False
        match result:
            case "done":
                return True
            case "succeeded":
                return self.counts_as_succeeded(address)
            case "failed" | "skipped" | "cancelled":
                return now.state == result
            case codes if step.run is not None:
                low, _, high = codes.partition("-")
                return str(now.outcome).isdecimal() and int(low) <= int(str(now.outcome)) <= int(high or low)
            case outcome:
                return now.outcome == outcome and now.state in {"succeeded", "failed"}

    def counts_as_succeeded(self, address: str) -> bool:
        """Tell whether the default `needs` of followers is met."""
        now, step = self.of(address), self.document(address)
        match now.state:
            case "succeeded" if step.ask is not None or step.flow is not None:
                return now.outcome in POSITIVE
            case "succeeded":
                return now.outcome != "timed_out"
            case "skipped":
                return now.reason == "itself"
            case "failed":
                return step.on_failure == "continue" or now.reason == "caught"
            case _:
                return False

    def is_met(self, address: str) -> bool:
        """Tell whether the needs of a step are met."""
        step, names = self.document(address), self.beside(address)
        before = address.rpartition(".")[0]
        here = names.index(address)
        needs: list[tuple[tuple[str, ...], int, tuple[str, ...]]] = []
        if step.needs is not None:
            needs = [(n.of, n.count or len(n.of), n.results) for n in step.needs]
        elif here:
            needs = [((names[here - 1].rpartition(".")[2],), 1, ("succeeded",))]
        full = [([f"{before}.{s}" if before else s for s in of], count, results) for of, count, results in needs]
        return all(sum(any(self.has(a, r) for r in results) for a in of) >= n for of, n, results in full)

    def is_under_way(self, address: str) -> bool:
        """Tell whether all that a step lies in is under way, in the list in which it stands."""
        for outer, branch, item in self.around(address):
            now = self.of(outer)
            if now.state != "begun" and not (item is not None and now.state == "succeeded"):
                return False
            if now.branch != branch or (item is not None and not item < now.items):
                return False
        return True

    # --- What the facts say -----------------------------------------------------------------------------------------

    def read(self, fact: Record) -> None:
        """Take the next fact."""
        self.facts += 1
        told = fact.attributes
        address, name = str(told.get("hitl.step", "")), fact.name.removeprefix("step.")
        if fact.name == "run.ending":
            self._ending(fact)
        elif fact.name == "run.operated":
            self._operated(str(told["hitl.action"]), str(told.get("hitl.step", "")), told["hitl.changes"])
        elif fact.name == "item.failed":
            self._item_has_failed(address, int(str(told["hitl.item"])))
        elif fact.name.startswith("step.") and hasattr(self, f"_{name}"):
            getattr(self, f"_{name}")(address, fact)

    def _ending(self, fact: Record) -> None:
        self.ending = fact
        reason = str(fact.attributes["hitl.reason"])
        found = _OF_A_STEP.match(reason)
        if found is not None and not reason.endswith((" (undo by bob)", " (abort by bob)")):
            item = next((i for _, _, i in self.around(found[1]) if i is not None), None)
            assert item is None, f"{found[1]} lies in item {item}, and has ended the whole run"

    def _started(self, address: str, fact: Record) -> None:
        assert self.ending is None, f"{address} begins in a run that is ending"
        self._has_another_turn(address)
        self._is_resumed(address)
        now = self.of(address)
        assert now.state == "waiting", f"{address} begins twice, and nobody wanted it again"
        assert self.is_under_way(address), f"{address} begins in what is not under way"
        assert now.exempt or self.is_met(address), f"{address} begins before its needs"
        told = fact.attributes
        items = int(str(told.get("hitl.items", 0)))
        branch = str(told.get("hitl.branch", "0"))
        self.known[address] = Known(state="begun", branch=branch, items=items, touched=now.touched)

    def _has_another_turn(self, address: str) -> None:
        """See that what has ended begins again since a block around it has another turn."""
        if self.of(address).state == "waiting":
            return
        for outer, branch, _ in self.around(address):
            repeat, now = self.document(outer).repeat, self.of(outer)
            if repeat is None or now.state != "begun" or branch == "catch":
                continue
            if all(self.of(a).state in FINAL for a in self._children(outer)):
                assert now.turn + 1 < repeat.max, f"{outer} has more turns than it may"
                now.turn += 1
                self.reset_within(outer)
                return

    def _is_resumed(self, address: str) -> None:
        """See that what was cut off with its item, and did not succeed, begins again in an `each` that was reopened."""
        for inner in self._in_reopened(address):
            assert not self._stands(inner), f"{inner} has succeeded, and is done again"
            self.reset_within(inner)
            self.known[inner] = Known()

    def may_wait_again(self, address: str) -> bool:
        """Tell whether a step may have been let go on with its item: a fact says so only when it begins."""
        return any(not self._stands(inner) for inner in self._in_reopened(address))

    def _in_reopened(self, address: str) -> list[str]:
        """Return the steps, this one or around it, that have ended as steps of an item of an `each` reopened since."""
        chain = [address, *(a for a, _, _ in self.around(address))]
        found = zip(chain, self.around(address), strict=False)
        of_items = (
            (i, a)
            for i, (a, branch, _) in found
            if branch != "catch" and any(n is not None for *_, n in self.around(i))
        )
        ended = ((self.of(inner), inner, self.of(outer).reopened) for inner, outer in of_items)
        return [inner for now, inner, reopened in ended if now.state in FINAL and now.ended < reopened]

    def _stands(self, address: str) -> bool:
        return self.counts_as_succeeded(address) and not self._is_undone(address)

    def _is_undone(self, address: str) -> bool:
        """Tell whether something that was done at, or within, a step does not stand any more."""
        mine = [a for a in self.known if a == address or self.lies_in(a, address)]
        standing = {a for a, _ in self.done}
        return any(self.document(a).undo is not None and a not in standing for a in mine)

    def _children(self, outer: str) -> list[str]:
        before = outer.rpartition(".")[0]
        return [
            f"{before}.{s.id}" if before else s.id for s in self.lists[outer.rpartition(".")[2], self.of(outer).branch]
        ]

    def reset_within(self, address: str) -> None:
        """Forget what lies within a step: it is done once more."""
        for inner in [a for a in self.known if self.lies_in(a, address)]:
            del self.known[inner]

    def again(self, address: str, *, exempt: bool = True) -> None:
        """Somebody wants a step to be done again."""
        self.left_out.discard(address)
        self.reset_within(address)
        self.known[address] = Known(exempt=exempt, touched=True)
        self.touch(address)

    def touch(self, address: str) -> None:
        """Note that an operator had a hand in a step, and so in all that it lies in."""
        for outer in (address, *(a for a, _, _ in self.around(address))):
            self.of(outer).touched = True

    def _operated(self, action: str, step: str, changes: Any) -> None:
        for change in changes:
            address, _, what = str(change).partition(": ")
            if action == "rerun" and what.startswith("again"):
                self.again(address, exempt=address == step or not step)
            elif action == "start_step" and what.startswith("waived") and "predecessor" in what:
                self.of(address).exempt = True
            elif action in {"skip", "finish", "cancel_step", "start_step"}:
                self.touch(address)
                self._is_left_out(address, by_hand=action in {"skip", "start_step"})

    def _is_left_out(self, address: str, *, by_hand: bool) -> None:
        """Note whether a step itself is to be skipped by somebody: what lies in it is left out with it."""
        (self.left_out.add if by_hand else self.left_out.discard)(address)

    def _repair_answered(self, address: str, fact: Record) -> None:
        if self.of(address).state == "parked" and fact.attributes["hitl.outcome"] in {"retry", "edit"}:
            self.again(address)
        self._is_left_out(address, by_hand=fact.attributes["hitl.outcome"] == "skip")

    def _reopened(self, address: str, fact: Record) -> None:
        now = self.of(address)
        now.state, now.reason, now.outcome, now.reopened = "begun", "", None, self.facts
        inner = str(fact.attributes["hitl.by"])
        now.branch = self.outer(inner)[1]  # type: ignore[index]

    def _ends(self, address: str, state: str, fact: Record) -> None:
        now = self.of(address)
        assert now.state not in FINAL, f"{address} ends twice"
        assert state != "succeeded" or now.state == "begun" or now.touched, f"{address} succeeds and has not begun"
        outcome = fact.attributes.get("hitl.outcome")
        now.state, now.outcome, now.ended = state, None if outcome is None else str(outcome), self.facts

    def _succeeded(self, address: str, fact: Record) -> None:
        self._ends(address, "succeeded", fact)
        if address not in self.giving:
            self._keep(address)
        self.giving.discard(address)
        if self.document(address).first and self.ending is None and not self.of(address).touched:
            self._race_is_won(address)
        self._check_bounds(address)

    def _failed(self, address: str, fact: Record) -> None:
        self._ends(address, "failed", fact)
        self.of(address).reason = "caught" if self.of(address).branch == "catch" else ""

    def _parked(self, address: str, fact: Record) -> None:
        if self.of(address).state in FINAL:  # units that it needs before it begins once more were refused
            self._has_another_turn(address)
            self._is_resumed(address)
        assert self.of(address).state not in FINAL
        self.of(address).state = "parked"

    def _caught(self, address: str, fact: Record) -> None:
        now = self.of(address)
        now.state, now.branch = "begun", "catch"
        mending = [self.of(a) for a in self._children(address)]
        assert now.touched or all(m.state == "waiting" for m in mending), "what may mend it has ended already"

    def _cancelled(self, address: str, fact: Record) -> None:
        self._ends(address, "cancelled", fact)

    def _skipped(self, address: str, fact: Record) -> None:
        if self.of(address).state in FINAL:
            self._has_another_turn(address)
            self._is_resumed(address)
        if self.of(address).state in FINAL and any(self.document(a).repeat for a, _, _ in self.around(address)):
            self.reset_within(address)  # the block was ended in a turn in which nothing had begun yet
            self.known[address] = Known()
        reason = str(fact.attributes["hitl.reason"])
        own = ("if: ", "no branch was taken", "branch ")
        is_own = reason.startswith(own) or reason.endswith("has ended") or address in self.left_out
        if reason == "its needs can't be met any more":
            assert not self.is_met(address)
        self._ends(address, "skipped", fact)
        self.of(address).reason = "itself" if is_own else ""

    def _granted(self, address: str, fact: Record) -> None:
        self._keep(address)
        self.giving.add(address)

    # --- What is undone ---------------------------------------------------------------------------------------------

    def _keep(self, address: str) -> None:
        if self.document(address).undo is not None:
            entry = (address, self.turns(address))
            self.done = [d for d in self.done if d != entry] + [entry]

    def _undo_started(self, address: str, fact: Record) -> None:
        mine = [d for d in self.done if d[0] == address]
        assert mine, f"{address} is undone, and it has done nothing"
        entry = mine[-1]
        self.undoing[address] = entry
        if address in self.giving and self.ending is None:
            return  # what was granted is taken back, whatever else goes on
        after = self.done[self.done.index(entry) + 1 :]
        if self.ending is not None:
            assert self.ending.attributes["hitl.undo"]
            assert not after, f"{address} is undone before {after}"
            return
        closing = [(a, i) for a, _, i in self.around(address) if i is not None or self.document(a).first]
        assert closing, f"{address} is undone, and nothing has ended early"
        assert any(not [d for d in after if self._is_due(d, a, i)] for a, i in closing), f"{address} before {after}"

    def _is_due(self, entry: tuple[str, tuple[int, ...]], outer: str, item: int | None) -> bool:
        here = self.turns(outer)
        return self.lies_in(entry[0], outer, item) and entry[1][: len(here)] == here

    def _undo_parked(self, address: str, fact: Record) -> None:
        if address not in self.undoing:  # it could not even be begun
            self._undo_started(address, fact)

    def _undone(self, address: str, fact: Record) -> None:
        entry = self.undoing.pop(address)
        self.done.remove(entry)
        self.reversed.add(entry)

    def _left_standing(self, address: str, fact: Record) -> None:
        if address in self.undoing:
            self.done.remove(self.undoing.pop(address))
        else:  # its undo has not been begun, and will not be
            assert self.ending is not None, f"{address} is left standing in a run that goes on"
            self.done.remove(next(d for d in self.done if d[0] == address and d not in self.undoing.values()))

    def _item_has_failed(self, each: str, item: int) -> None:
        self.of(each).failed.add(item)
        left = [d for d in self.done if self._is_due(d, each, item)]
        assert not left, f"item {item} of {each} has failed, and {left} is not undone"

    def _race_is_won(self, address: str) -> None:
        inner = self.document(address).do or ()
        kept, rest = set[str](), [self.of(address).outcome]
        names = [s.id for s in inner]
        while rest:
            name = str(rest.pop())
            kept.add(name)
            needs, at = self.steps[name].needs, names.index(name)
            before = [names[at - 1]] * bool(at) if needs is None else [n for need in needs for n in need.of]
            rest += [n for n in before if n not in kept]
        before = address.rpartition(".")[0]
        keep = [f"{before}.{name}" if before else name for name in kept]
        wrong = [
            d for d in self.reversed if d[0] in keep and not self.document(d[0]).grant and d[1] == self.turns(d[0])
        ]
        assert not wrong, f"{wrong} has led to the winner of {address}, and was undone"
        due = [d for d in self.done if self._is_due(d, address, None)]
        lost = [d for d in due if not any(d[0] == k or self.lies_in(d[0], k) for k in keep)]
        assert not lost, f"{address} is won, and {lost} is not undone"

    # --- What an `each` may ---------------------------------------------------------------------------------------

    def _check_bounds(self, address: str) -> None:
        step, now = self.document(address), self.of(address)
        if step.each is None or now.touched or self.ending is not None:
            return
        tolerated = step.tolerate if isinstance(step.tolerate, int) else int(step.tolerate[:-1]) * now.items / 100
        assert len(now.failed) <= tolerated, f"{address} has succeeded with {now.failed} of {now.items} failed"


def _lists(step: Step) -> Iterator[tuple[str, tuple[Step, ...]]]:
    if step.do is not None:
        yield "0", step.do
    for index, branch in enumerate(step.choose or ()):
        yield str(index), branch.do
    if isinstance(step.on_failure, Catch):
        yield "catch", step.on_failure.catch
