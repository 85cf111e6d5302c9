"""What happens when, in simulated time: nothing, until somebody takes it.

Must not know: what it is that happens.
"""

from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from itertools import count

__all__ = ["Agenda"]


class Agenda:
    """A clock, and what is due by it; what is due at the same moment happens in the order in which it was put down."""

    def __init__(self, now: datetime) -> None:
        """Begin at a moment."""
        self.now = now
        self._entries: list[tuple[datetime, int, Callable[[], None]]] = []
        self._number = count()

    def put(self, do: Callable[[], None], at: datetime | None = None) -> None:
        """Let something happen at a moment; None: now, after all that is due now."""
        heappush(self._entries, (at or self.now, next(self._number), do))

    @property
    def first(self) -> datetime | None:
        """When something is due next, None when nothing is."""
        return self._entries[0][0] if self._entries else None

    def take(self) -> None:
        """Let the first thing happen."""
        heappop(self._entries)[2]()
