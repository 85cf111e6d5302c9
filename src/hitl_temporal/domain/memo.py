"""Remembering what was just worked out: the same question about the very same values has the same answer.

Values of the domain are immutable, so two that are the same object are equal, and to see that costs nothing. One event
asks who may act a dozen times; for fifty people in five stages that made the difference between 2 ms and 0.2 ms
(`make bench`).

Must not know: what is remembered.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """The last few answers, each with the objects that it was worked out from.

    The objects are held, so that none of them can go and another come in its place. Workflows run in several threads:
    what is kept is replaced as a whole, so the worst that a race can do is to work something out twice.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._kept: dict[tuple[int, ...], tuple[tuple[object, ...], T]] = {}

    def of(self, key: tuple[object, ...], work_out: Callable[[], T]) -> T:
        """Return the answer for these very objects; it is worked out if they are not among the last ones."""
        name = tuple(map(id, key))
        known = self._kept.get(name)
        if known is not None:
            return known[1]
        answer = work_out()
        kept = {**self._kept, name: (key, answer)}
        if len(kept) > self._size:
            del kept[next(iter(kept))]
        self._kept = kept
        return answer
