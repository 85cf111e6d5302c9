"""The activities that look until there is something to tell: at files of this machine, at runs.

They hold no history while they look, and may be begun again at any time: what they have seen is seen again.

Must not know: who waits.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from os import stat_result
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.duration import fixed
from hitl_temporal.domain.flow.views import Status
from hitl_temporal.domain.value import Json
from hitl_temporal.effects.globbing import matching
from hitl_temporal.messages import WATCH_FILE, WATCH_RUN, WatchFile, WatchRun
from hitl_temporal.ports import PermanentError, TemporaryError

LOOK_EVERY = timedelta(seconds=2)
"""How often a run is looked at that has not ended."""
MAX_FILES = 1_000
"""That one pattern may find; more are no answer for a history."""

Seen = dict[str, tuple[int, int]]
"""Size in bytes and time of change in nanoseconds, by path."""


class FileWatch:
    """Looks at files; its method is an activity."""

    def __init__(self, project: Path) -> None:
        """Take the folder from which relative paths are looked up."""
        self._project = project

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.watch_file,)

    @activity.defn(name=WATCH_FILE)
    async def watch_file(self, request: WatchFile) -> dict[str, Json]:
        """Return `{paths, sizes_bytes}` of the files once they are as they are wanted."""
        every, stable = _seconds(request.every) or LOOK_EVERY.total_seconds(), _seconds(request.stable)
        first = _first_seen()
        before, unchanged = await asyncio.to_thread(self._look, request.path), 0.0
        first = before if first is None else first
        activity.heartbeat(first)
        while True:
            if _is_as_wanted(request.becomes, first, before) and unchanged >= stable:
                return {"paths": [*before], "sizes_bytes": [size for size, _ in before.values()]}
            await asyncio.sleep(min(every, stable) if stable else every)
            now = await asyncio.to_thread(self._look, request.path)
            unchanged = unchanged + min(every, stable or every) if now == before else 0.0
            before = now

    def _look(self, path: str) -> Seen:
        found = sorted(str(file) for file in matching(self._project, path))
        if len(found) > MAX_FILES:
            raise PermanentError(f"{path!r} finds {len(found)} files, at most {MAX_FILES} are watched; name fewer")
        stats = ((name, _stat(name)) for name in found)
        return {name: (s.st_size, s.st_mtime_ns) for name, s in stats if s is not None}


def _first_seen() -> Seen | None:
    """Return what was seen when this wait began, also if another worker saw it."""
    told = activity.info().heartbeat_details
    return {name: (size, at) for name, (size, at) in told[0].items()} if told else None


def _is_as_wanted(becomes: str, first: Seen, now: Seen) -> bool:
    match becomes:
        case "present":
            return bool(now)
        case "absent":
            return not now
        case _:
            return now != first


def _stat(name: str) -> stat_result | None:
    try:
        return Path(name).stat()
    except OSError:  # it has gone in between
        return None


def _seconds(duration: str | None) -> float:
    length = timedelta() if duration is None else fixed(duration)
    if length is None:
        raise PermanentError(f"{duration!r} counts working time, which a file does not; write it in s, m or h")
    return length.total_seconds()


class RunWatch:
    """Looks at runs through a Temporal client; its method is an activity."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.watch_run,)

    @activity.defn(name=WATCH_RUN)
    async def watch_run(self, request: WatchRun) -> dict[str, Json]:
        """Return `{id, status, outputs}` of a run once it has ended; one that is not there yet is waited for, too."""
        while True:
            found = await self._describe(request.id)
            if found is not None and found.status is not WorkflowExecutionStatus.RUNNING:
                return {"id": request.id, **await self._end(request.id, found)}
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def _describe(self, run: str) -> WorkflowExecutionDescription | None:
        try:
            return await self._client.get_workflow_handle(run).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise TemporaryError(f"run {run!r} can't be described: {error.message}") from error

    async def _end(self, run: str, found: WorkflowExecutionDescription) -> dict[str, Json]:
        """Return how it ended; a workflow of somebody else's has the status that Temporal gives it."""
        try:
            told = await self._client.get_workflow_handle(run).query("status", result_type=Status | None)  # pyright: ignore[reportArgumentType] - the SDK takes any type hint
        except RPCError:
            told = None
        if told is None:
            return {"status": "unknown" if found.status is None else found.status.name.lower(), "outputs": {}}
        return {"status": told.status, "outputs": told.outputs}
