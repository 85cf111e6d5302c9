"""How the steps of a definition hang together: lists within steps, what follows what, which items they lie in.

Step ids are unique in a document, so whatever is asked here is asked by id.

Must not know: runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.flow.address import item_of, place
from hitl_temporal.domain.flow.needs import Need
from hitl_temporal.domain.flow.step import CATCH, Branch, Step
from hitl_temporal.domain.value import canonical

Key = tuple["str | None", str]
"""A list of steps: the step that it lies in, None for the flow itself, and the branch of that step."""

ROOT: Key = (None, "0")


@dataclass(frozen=True)
class Spot:
    """Where a step stands in its document.

    Attributes:
        list: The list that it stands in.
        order: Its place in the document, from 0; a step stands before those within it.
        each: The ids of every `each` around it, the outermost first.
        turning: The ids of every block around it that repeats, the outermost first.
        at: The way to it in the document.
    """

    step: Step
    list: Key
    order: int
    each: tuple[str, ...]
    turning: tuple[str, ...]
    at: tuple[str | int, ...]

    @property
    def parent(self) -> str | None:
        """The id of the step that it lies in."""
        return self.list[0]


@dataclass(frozen=True)
class Plan:
    """All steps of a flow."""

    top: tuple[Step, ...]

    @cached_property
    def spots(self) -> Mapping[str, Spot]:
        """Every step by id, in document order."""
        return {spot.step.id: spot for spot in self.every}

    @cached_property
    def every(self) -> tuple[Spot, ...]:
        """Every step in document order; ids may still stand twice."""
        spots: list[Spot] = []

        def walk(
            steps: tuple[Step, ...],
            key: Key,
            each: tuple[str, ...],
            turning: tuple[str, ...],
            at: tuple[str | int, ...],
        ) -> None:
            for index, step in enumerate(steps):
                here = (*at, index)
                spots.append(Spot(step, key, len(spots), each, turning, here))
                inner = (*each, step.id) if step.each is not None else each
                turns = (*turning, step.id) if step.repeat is not None else turning
                for branch, (within, way) in ways(step).items():
                    is_catch = branch == CATCH  # what mends an `each` is done once, not for an item
                    walk(within, (step.id, branch), each if is_catch else inner, turns, (*here, *way))

        walk(self.top, ROOT, (), (), ("steps",))
        return tuple(spots)

    @cached_property
    def lists(self) -> Mapping[Key, tuple[str, ...]]:
        """The ids of each list, in its order."""
        found: dict[Key, list[str]] = {}
        for spot in self.every:
            found.setdefault(spot.list, []).append(spot.step.id)
        return {key: tuple(ids) for key, ids in found.items()}

    @cached_property
    def in_order(self) -> Mapping[Key, tuple[str, ...]]:
        """The ids of each list so that each stands after those that it needs; a sound definition has no circles."""
        return {
            key: tuple(TopologicalSorter({i: [n for d in self.needs[i] for n in d.of] for i in ids}).static_order())
            for key, ids in self.lists.items()
        }

    @cached_property
    def needs(self) -> Mapping[str, tuple[Need, ...]]:
        """Every step's needs, in document order, the unwritten ones made explicit."""
        found: dict[str, tuple[Need, ...]] = {}
        above: dict[Key, str] = {}
        for spot in self.every:
            previous = above.get(spot.list)
            default = () if previous is None else (Need(of=(previous,)),)
            found[spot.step.id] = default if spot.step.needs is None else spot.step.needs
            above[spot.list] = spot.step.id
        return found

    @cached_property
    def followers(self) -> Mapping[str, tuple[str, ...]]:
        """Who needs each step, in document order."""
        found: dict[str, list[str]] = {name: [] for name in self.spots}
        for step, needs in self.needs.items():
            for name in dict.fromkeys(n for need in needs for n in need.of):
                found[name].append(step)
        return {name: tuple(steps) for name, steps in found.items()}

    @cached_property
    def wanted(self) -> Mapping[str, tuple[Need, ...]]:
        """The entries of `needs` that name each step."""
        return {
            name: tuple(need for step in steps for need in self.needs[step] if name in need.of)
            for name, steps in self.followers.items()
        }

    @cached_property
    def standing(self) -> tuple[str, ...]:
        """The ids of the steps that every run has from its start: those that lie in no item."""
        return tuple(name for name, spot in self.spots.items() if not spot.each)

    @cached_property
    def asks(self) -> tuple[Ask, ...]:
        """Every question that a run may put, in document order: of steps, about more time, about failures."""
        return tuple(ask for spot in self.every for ask in spot.step.asks.values())

    @cached_property
    def flows(self) -> tuple[str, ...]:
        """The names of the flows that it starts, each once."""
        steps = [spot.step for spot in self.every]
        undos = (step.undo.flow for step in steps if step.undo is not None)
        return tuple(dict.fromkeys(name for name in (*(s.flow for s in steps), *undos) if name is not None))

    @cached_property
    def granting(self) -> tuple[str, ...]:
        """The ids of the steps that give something for a time, in document order."""
        return tuple(name for name, spot in self.spots.items() if spot.step.grant is not None)

    @cached_property
    def grants_items(self) -> bool:
        """Whether one of these lies in items."""
        return any(self.spots[name].each for name in self.granting)

    @cached_property
    def undone_by_place(self) -> frozenset[str]:
        """The ids of the steps whose `undo` may say `item` or `index`."""
        undos = ((name, spot.step.undo) for name, spot in self.spots.items())
        return frozenset(n for n, undo in undos if undo and _PLACE.search(canonical(undo.model_dump(mode="json"))))

    @cached_property
    def reads(self) -> Mapping[str, frozenset[str] | None]:
        """The ids of the steps that the document of each step names; None: which ones is worked out later."""
        found: dict[str, frozenset[str] | None] = {}
        for name, spot in self.spots.items():
            named = {*steps_in(canonical(spot.step.model_dump(mode="json", by_alias=True)))}
            found[name] = None if None in named else frozenset(n for n in named if n is not None and n in self.spots)
        return found

    @cached_property
    def inside(self) -> Mapping[str, frozenset[str]]:
        """The ids of all steps within each step, at any depth."""
        found: dict[str, set[str]] = {name: set() for name in self.spots}
        for name, spot in self.spots.items():
            parent = spot.parent
            while parent is not None:
                found[parent].add(name)
                parent = self.spots[parent].parent
        return {name: frozenset(names) for name, names in found.items()}

    def within(self, step: str, branch: str) -> tuple[str, ...]:
        """Return the ids of a list within a step."""
        return self.lists.get((step, branch), ())

    def mending(self, step: str) -> frozenset[str]:
        """Return the ids of all steps that mend a failure of a step, at any depth."""
        top = self.within(step, CATCH)
        return frozenset(top).union(*(self.inside[name] for name in top))

    def of_item(self, each: str) -> tuple[str, ...]:
        """Return the ids of every step that an item of this `each` has from its start: not those of items within."""
        chain = (*self.spots[each].each, each)
        return tuple(name for name, spot in self.spots.items() if spot.each == chain)

    def parent(self, address: str) -> str | None:
        """Return the address of the step that one lies in, None when it lies in none."""
        before, name = place(address)
        spot = self.spots[name]
        if spot.parent is None:
            return None
        item = item_of(address)
        if item is not None and place(item.each).step == spot.parent:
            return item.each
        return before + spot.parent

    def around(self, address: str) -> Iterator[str]:
        """Yield the addresses of the steps that one lies in, the innermost first."""
        parent = self.parent(address)
        while parent is not None:
            yield parent
            parent = self.parent(parent)

    def see(self, address: str, name: str) -> str | None:
        """Return the address of the step that an expression at an address means, None when it can't see that one."""
        spot = self.spots.get(name)
        own = self.spots[place(address).step].each
        if spot is None or spot.each != own[: len(spot.each)]:
            return None
        return _before(address, len(spot.each)) + name

    def rank(self, address: str) -> tuple[int, str]:
        """Return what brings addresses into the order of the document, those of items into theirs."""
        before, name = place(address)
        return self.spots[name].order, _padded(before)


def steps_in(text: str) -> Iterator[str | None]:
    """Yield the id of each step that a text may name in an expression; None where it says `steps` and no id."""
    return (found.group(1) for found in _STEP.finditer(text))


_PLACE = re.compile(r"\b(?:item|index)\b")
_STEP = re.compile(r"\bsteps\b(?:\s*\.\s*([a-z][a-z0-9_]*))?")


def ways(step: Step) -> dict[str, tuple[tuple[Step, ...], tuple[str | int, ...]]]:
    """Return the lists within a step, by branch, each with the way to it in the document."""
    found: dict[str, tuple[tuple[Step, ...], tuple[str | int, ...]]] = {}
    for branch, steps in step.lists.items():
        if branch == CATCH:
            found[branch] = (steps, ("on_failure", "catch"))
        elif step.choose is not None:
            key = "do" if isinstance(step.choose[int(branch)], Branch) else "else"
            found[branch] = (steps, ("choose", int(branch), key))
        else:
            found[branch] = (steps, ("do",))
    return found


def _before(address: str, depth: int) -> str:
    """Return what stands before the id of a step that lies in so many of the items that an address lies in."""
    before = place(address).before
    while before.count("[") > depth:
        before = place(before.removesuffix("].").rpartition("[")[0]).before
    return before


def _padded(before: str) -> str:
    """Return what stands before an id with its numbers written so that they sort as numbers."""
    if not before:
        return ""
    return "".join(part.rjust(6, "0") if part.isdigit() else part for part in _split(before))


def _split(before: str) -> list[str]:
    return before.replace("[", "\0").replace("]", "\0").split("\0")
