"""Where in a flow a place lies, and what has come to an end before a step there starts.

Must not know: expressions, problems.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from graphlib import TopologicalSorter
from typing import NamedTuple

from hitl_temporal.definition.documents import At
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import Key, Spot
from hitl_temporal.domain.flow.step import CATCH

__all__ = ["Here", "Order"]


class Here(NamedTuple):
    """A place of a flow's document.

    Attributes:
        spot: The innermost step that it belongs to; None: the flow itself.
        way: The way to it from there on.
    """

    spot: Spot | None
    way: At


class Order:
    """The order of the steps of one flow; sets of steps are numbers, a bit for each, since flows may be long."""

    def __init__(self, flow: Flow) -> None:
        self.plan = flow.plan
        self._spots: Mapping[At, Spot] = {spot.at: spot for spot in flow.plan.every}

    def here(self, at: At) -> Here:
        """Return what a place of the document belongs to."""
        for length in range(len(at), 1, -1):
            if (spot := self._spots.get(at[:length])) is not None:
                return Here(spot, at[length:])
        return Here(None, at)

    def is_before(self, name: str, step: str) -> bool:
        """Tell whether one step has ended, one way or another, when another starts."""
        return bool(self._before[step] & self._bit(name))

    def branch(self, name: str, step: str) -> tuple[str, str] | None:
        """Return the step and its branch that hold one step and not the other, the outermost; None if none is chosen.

        Only what is done now and then counts: a branch of a `choose`, and what mends a failure.
        """
        around = {spot.step.id for spot in self.around(step)}
        outermost: tuple[str, str] | None = None
        for key in self.lists_around(name):
            holder, branch = key
            if holder is None or (holder in around and key in self.lists_around(step)):
                continue
            if branch == CATCH or self.plan.spots[holder].step.choose is not None:
                outermost = holder, branch
        return outermost

    def around(self, step: str) -> Iterator[Spot]:
        """Yield the steps that a step lies in, the innermost first."""
        parent = self.plan.spots[step].parent
        while parent is not None:
            spot = self.plan.spots[parent]
            yield spot
            parent = spot.parent

    def lists_around(self, step: str) -> tuple[Key, ...]:
        """Return the lists that a step lies in, the innermost first."""
        return tuple(self.plan.spots[name].list for name in (step, *(s.step.id for s in self.around(step))))

    def _bit(self, name: str) -> int:
        return 1 << self.plan.spots[name].order

    @cached_property
    def _inside(self) -> Mapping[str, int]:
        """Each step with all that lies within it."""
        found = {name: self._bit(name) for name in self.plan.spots}
        for spot in reversed(self.plan.every):
            if spot.parent is not None:
                found[spot.parent] |= found[spot.step.id]
        return found

    @cached_property
    def _before(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for key, ids in self.plan.lists.items():  # a list comes after the step that it lies in
            begun = self._begun_before(key, found)
            graph = {name: {other for need in self.plan.needs[name] for other in need.of} for name in ids}
            for name in TopologicalSorter(graph).static_order():
                found[name] = begun
                for other in graph[name]:
                    found[name] |= found[other] | self._inside[other]
        return found

    def _begun_before(self, key: Key, found: Mapping[str, int]) -> int:
        """Return what has ended before anything of a list may begin."""
        holder, branch = key
        if holder is None:
            return 0
        if branch != CATCH:
            return found[holder]
        caught = sum(self._inside[name] for name in self.plan.lists[key])
        return found[holder] | (self._inside[holder] & ~caught)
