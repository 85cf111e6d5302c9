"""The largest number of pairs, and of chains of three: nobody and nothing in two of them.

Must not know: votes, people.
"""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

_Node: TypeAlias = tuple[str, int]


def most_pairs(choices: Sequence[frozenset[int]]) -> int:
    """Return how many can be given a choice of their own."""
    return len(paired(choices))


def paired(choices: Sequence[frozenset[int]]) -> list[int]:
    """Return who is given a choice of their own, where as many as can be are given one; whoever comes first goes first.

    Whoever is given one keeps some choice, so with the most important in front nothing more important could be had.

    Args:
        choices: What each of one side could be given, as numbers of the other side.
    """
    taken: dict[int, int] = {}

    def give(one: int, tried: set[int]) -> bool:
        for choice in sorted(choices[one] - tried):
            tried.add(choice)
            if choice not in taken or give(taken[choice], tried):
                taken[choice] = one
                return True
        return False

    return [one for one in range(len(choices)) if give(one, set())]


def most_chains(first: Sequence[frozenset[int]], second: Sequence[frozenset[int]]) -> int:
    """Return how many chains of three there can be: one of the first side, one of the middle, one of the last.

    Args:
        first: Which of the middle each of the first side could go through.
        second: Which of the last side each of the middle leads to.
    """
    source, sink = ("source", 0), ("sink", 0)
    onward: dict[_Node, set[_Node]] = {source: {("first", n) for n in range(len(first))}}
    for n, middles in enumerate(first):
        onward["first", n] = {("in", m) for m in middles}
    for m, lasts in enumerate(second):
        onward["in", m] = {("out", m)}  # in and out: so that two chains can't go through one
        onward["out", m] = {("last", n) for n in lasts}
        onward.update({("last", n): {sink} for n in lasts})
    chains = 0
    while way := _way(onward, source, sink):
        for here, there in pairwise(way):
            onward[here].discard(there)
            onward.setdefault(there, set()).add(here)  # a later chain may take this step back
        chains += 1
    return chains


def _way(onward: dict[_Node, set[_Node]], source: _Node, sink: _Node) -> list[_Node]:
    """Return the nodes of a shortest way, empty when there is none."""
    came: dict[_Node, _Node] = {source: source}
    waiting = deque([source])
    while waiting:
        node = waiting.popleft()
        if node == sink:
            way = [sink]
            while way[-1] != source:
                way.append(came[way[-1]])
            return way[::-1]
        fresh = [n for n in sorted(onward.get(node, ())) if n not in came]
        came.update(dict.fromkeys(fresh, node))
        waiting.extend(fresh)
    return []
