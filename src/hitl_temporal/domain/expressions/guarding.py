"""What the CEL library gets to see of values, and what comes back from it: bounded, and in one order.

Must not know: the text of an expression, or how it is told that one failed.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from itertools import chain
from types import MappingProxyType
from typing import cast

from hitl_temporal.domain.blobs import is_reference
from hitl_temporal.domain.expressions.errors import glimpse
from hitl_temporal.domain.expressions.reading import Tree
from hitl_temporal.domain.value import Json

MAX_ITEMS = 10_000
"""Items of one list that an expression may touch."""

_MAX_LEVELS = 100  # Of nested values: the library converts them recursively.
_MAX_WORK = 75_000_000  # Units of about 20 ns: together 1.5 s, of the 2 s that Temporal gives a workflow task.
_PASS = 30  # Units for handing one plain value to Python; handing it back and rebuilding costs twice that.
_INT64 = range(-(2**63), 2**63)


def part_of(scope: Mapping[str, Json], tree: Tree) -> dict[str, Json]:
    """Return only what the tree names; a path ends where the scope does not go on, and at a reference to a blob."""
    part: dict[str, Json] = {}
    for name, below in tree.items():
        if name in scope:
            value = scope[name]
            is_open = below and not is_reference(value)
            part[name] = part_of(value, below) if is_open and isinstance(value, dict) else value
    return part


def why_unfit(part: dict[str, Json]) -> str | None:
    """Return why the library should not see these values, None when it may."""
    for node, level in _nodes(part):
        if level > _MAX_LEVELS:
            return f"touches a value nested more than {_MAX_LEVELS} deep"
        if not isinstance(node, dict) and len(_children(node)) > MAX_ITEMS:
            return _too_long(len(_children(node)))
        if isinstance(node, int) and node not in _INT64:
            return "touches an integer that does not fit 64 bits; pass it as a string"
    return None


class Hooks:
    """What the library calls back during one evaluation.

    Macros go through bounded lists, and through maps in the order of their keys. A refusal is kept here, not raised:
    the library would log and rewrap it; with None in place of a result it stops by itself.
    """

    def __init__(self) -> None:
        self.refusal: str | None = None
        self._work = 0

    def items(self, target: object) -> object:
        """Return what `all`, `exists` and `exists_one` go through; anything but a list or a map stays as it is."""
        items = _as_items(target)
        if items is None:
            return target
        self._spend(items, _PASS)
        if len(items) > MAX_ITEMS:
            self.refusal = _too_long(len(items))
        return None if self.refusal else items

    def chunks(self, target: object) -> object:
        """Return the same for `map` and `filter`, in as many chunks as a chunk has items: that copies least."""
        items = _as_items(self.items(target))
        if items is None:
            return target if self.refusal is None else None
        size = math.isqrt(len(items)) or 1
        self._spend(items, size + 2 * _PASS)
        return [items[start : start + size] for start in range(0, len(items), size)]

    def joined(self, chunks: list[list[object]]) -> list[object]:
        """Return the items of the chunks that a `map` or `filter` has made."""
        items = list(chain.from_iterable(chunks))
        self._spend(items, 2 * _PASS)
        return items

    def string(self, value: object) -> str | None:
        """Be `string(bool)`, which CEL has and the library 0.10.0 lacks; it asks here for what it cannot do itself."""
        if isinstance(value, bool):
            return "true" if value else "false"
        self.refusal = f"uses string() on {glimpse(value)}"
        return None

    def _spend(self, items: list[object], units: int) -> None:
        self._work += units * _weight(items)
        if self._work > _MAX_WORK:
            self.refusal = "would take too long on lists of this size; prepare them in a step before"


def as_json(result: object, kept: Mapping[timedelta, dict[str, Json]] = MappingProxyType({})) -> Json:
    """Return the result as JSON, maps sorted by key, since the library gives them in a random order.

    Args:
        result: What the library gives.
        kept: What `sealing` has sealed.

    Raises:
        ValueError: JSON cannot hold it; the message completes `the expression ...`.
    """
    match result:
        case float() if not math.isfinite(result):
            raise ValueError("gives a number that is not finite; was something divided by zero?")
        case None | bool() | int() | float() | str():
            return result
        case list():
            return [as_json(item, kept) for item in cast("list[object]", result)]
        case dict():
            entries = cast("dict[object, object]", result)
            if not all(isinstance(key, str) for key in entries):
                raise ValueError("gives a map with keys that are not strings; convert them with string()")
            return {str(key): as_json(entries[key], kept) for key in sorted(entries, key=str)}
        case timedelta() if result in kept:
            return kept[result]
        case _:
            kind = type(result).__name__
            raise ValueError(f"gives a {kind}, which JSON cannot hold; convert it with string()")


def _as_items(target: object) -> list[object] | None:
    """Return what a macro goes through: a list's items, a map's keys in order; None for what it cannot."""
    match target:
        case list():
            return cast("list[object]", target)
        case dict():
            return sorted(cast("dict[object, object]", target), key=str)
        case _:
            return None


def _weight(items: list[object]) -> int:
    """Return how dear these are to copy: 1 for a plain item, 3 for each node of another (measured)."""
    return 3 * sum(1 for _ in _nodes(items)) - 2 * len(items)


def _nodes(value: object) -> Iterator[tuple[object, int]]:
    """Yield everything in a value, itself included, with its level; without recursion."""
    pending = [(value, 0)]
    while pending:
        node, level = pending.pop()
        yield node, level
        pending += [(child, level + 1) for child in _children(node)]


def _children(node: object) -> Collection[object]:
    match node:
        case dict():
            return cast("dict[str, object]", node).values()
        case list() | tuple():
            return cast("list[object]", node)
        case _:
            return ()


def _too_long(length: int) -> str:
    return f"touches a list of {length:,} items; at most {MAX_ITEMS:,} are allowed"
