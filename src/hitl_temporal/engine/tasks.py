"""Tasks of a workflow that run beside its main loop, none of whose errors may be lost.

An error that nobody expected fails the workflow *task*: Temporal shows it and tries again once the code is mended.
Swallowed, as asyncio would, it would leave a run that waits for ever.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Starts tasks by name, and keeps the first error until the main loop raises it."""

    def __init__(self) -> None:
        self._open: dict[str, asyncio.Task[None]] = {}
        self._error: BaseException | None = None

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._open)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task; one of the same name that still runs goes on unnamed."""
        task = asyncio.create_task(work, name=name)
        self._open[name] = task
        task.add_done_callback(self._ended)
        return task

    def cancel(self, name: str) -> None:
        """Cancel a task, if it runs."""
        if name in self._open:
            self._open[name].cancel()

    def names(self) -> tuple[str, ...]:
        """Return the names of those under way."""
        return tuple(self._open)

    @property
    def has_failed(self) -> bool:
        """Whether an error waits to be raised."""
        return self._error is not None

    def raise_error(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._open.get(task.get_name()) is task:
            del self._open[task.get_name()]
        if not task.cancelled() and task.exception() is not None and self._error is None:
            self._error = task.exception()
