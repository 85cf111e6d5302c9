"""References to blobs within an expression: it may pass one on, and any other use of one fails.

Whoever tries a flow with little data writes `size(steps.load.outputs.rows)`, and must not get the number of keys of a
reference once there is more. So the library gets a length of time in place of it: the one type that it passes on, and
on which `has`, `size`, `in`, an index, a key and each macro fail. What it does with lengths of time alone is refused.

Must not know: how expressions are evaluated.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Final

from hitl_temporal.domain.blobs import KEY, advice, is_reference
from hitl_temporal.domain.value import Json

__all__ = ["Sealed", "seal"]

_FIRST: Final = timedelta(seconds=300_000_000_000)
"""Beyond every length of time that a document has a use for."""
_MICROSECOND: Final = timedelta(microseconds=1)
_ONLY_TIME: Final = frozenset(
    {"duration", "getHours", "getMilliseconds", "getMinutes", "getSeconds", "string", "timestamp", "type"}
)
"""Functions that take a length of time for what it is."""


class Sealed:
    """The references that one expression meets."""

    def __init__(self) -> None:
        self.kept: dict[timedelta, dict[str, Json]] = {}
        """By what stands for each; the same twice has one stand-in, so that it equals itself."""
        self._paths: list[str] = []
        self._stand_ins: dict[str, timedelta] = {}

    def refusal(self, called: Collection[str]) -> str | None:
        """Return why an expression that calls these functions may not see the references, None if it may."""
        wrong = sorted(_ONLY_TIME & set(called)) if self.kept else []
        return f"calls {wrong[0]}() where {self.told}" if wrong else None

    @property
    def told(self) -> str:
        """What to tell whoever looks into one; empty when there are none."""
        return advice(self._paths[0], next(iter(self.kept.values()))) if self.kept else ""

    def explained(self, reason: str) -> str:
        """Return why an expression failed, beginning with the reference that it met: mostly that is why."""
        return f"{self.told} ({reason})" if self.kept else reason

    def stand_in(self, path: str, found: dict[str, Json]) -> timedelta:
        """Return what stands for a reference."""
        digest = str(found[KEY])
        if digest not in self._stand_ins:
            self._stand_ins[digest] = _FIRST + len(self._stand_ins) * _MICROSECOND
            self._paths.append(path)
            self.kept[self._stand_ins[digest]] = found
        return self._stand_ins[digest]


def seal(part: Mapping[str, Json]) -> tuple[dict[str, object], Sealed]:
    """Return what the library gets to see in place of the values that a text names, and what was taken out of them."""
    sealed = Sealed()
    if not any(map(is_reference, _maps(part))):
        return dict(part), sealed
    return {name: _without(value, name, sealed) for name, value in part.items()}, sealed


def _without(value: Json, path: str, sealed: Sealed) -> object:
    if is_reference(value):
        return sealed.stand_in(path, value)
    if isinstance(value, dict):
        return {name: _without(part, f"{path}.{name}", sealed) for name, part in value.items()}
    if isinstance(value, list):
        return [_without(part, f"{path}[{index}]", sealed) for index, part in enumerate(value)]
    return value


def _maps(part: Mapping[str, Json]) -> Iterator[Json]:
    """Yield every map in the values; without recursion, which costs most."""
    pending: list[Json] = list(part.values())
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending += node.values()
        elif isinstance(node, list):
            pending += node
