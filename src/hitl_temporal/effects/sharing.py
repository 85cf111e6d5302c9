"""One read for many who ask at the same time, none of whom gets an answer older than their question.

A cache would give old answers: an approval that is told to look again because somebody is away would not see it.

Must not know: what is read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Asks again only after the read under way has ended, and then once for all who have come meanwhile."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._last: asyncio.Task[T] | None = None
        self._has_begun = True

    async def get(self) -> T:
        """Return what a read gives that begins after this call; raise what it raises."""
        if self._last is None or self._has_begun:
            self._last, self._has_begun = asyncio.create_task(self._after(self._last)), False
            self._last.add_done_callback(_hear)
        # One who has lost patience must not end the read of the others.
        return await asyncio.shield(self._last)

    async def _after(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait([before])
        self._has_begun = True
        return await self._read()


def _hear(task: "asyncio.Task[T]") -> None:
    """Take note of an error that nobody waits for any more, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
