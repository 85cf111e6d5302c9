"""Looks for the files that start flows, for as long as a worker runs on this machine.

Not a workflow: files are seen where they lie. It keeps nothing on the disk: what a file has started is known by the
run's id, which Temporal remembers; so several workers may look at one folder, and one that starts again loses nothing.
Files that are older than Temporal's memory are left alone: whether they have started a run could not be told
(docs/decisions/0016).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import structlog

from hitl_temporal.domain.duration import fixed
from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.schedules import file_event
from hitl_temporal.effects.globbing import matching
from hitl_temporal.service.events import Place

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=2)

MAX_FILES = 10_000
"""That one pattern may find."""


class _Stamp(NamedTuple):
    size_bytes: int
    changed_ns: int
    appeared: float
    """When its entry was made, moved or changed, in seconds since 1970: a file that is moved here keeps its time."""


class Appeared(NamedTuple):
    """A file that is there and does not change any more."""

    place: Place
    event: CloudEvent
    path: str


class Folder:
    """What has been seen of the files that triggers name."""

    def __init__(self, project: Path, memory: timedelta) -> None:
        """Take the folder of relative paths, and how long Temporal remembers what was started."""
        self._project = project
        self._memory = memory
        self._seen: dict[tuple[Place, str], tuple[_Stamp, float]] = {}
        self._told: set[tuple[Place, str, _Stamp]] = set()

    def look(self, flows: Mapping[str, Flow], now: float, clock: float) -> tuple[Appeared, ...]:
        """Return the files that have not changed for long enough, and were not told of yet.

        Args:
            flows: Whose triggers name files.
            now: Seconds since 1970.
            clock: Seconds of a clock that never jumps.
        """
        found: list[Appeared] = []
        there: dict[tuple[Place, str], tuple[_Stamp, float]] = {}
        for name, flow in flows.items():
            for number, trigger in enumerate(flow.triggers):
                if trigger.file is None:
                    continue
                place, stable = Place(name, number), fixed(trigger.file.stable) or timedelta()
                for path, stamp in self._files(trigger.file.path):
                    before = self._seen.get((place, path))
                    since = before[1] if before is not None and before[0] == stamp else clock
                    there[place, path] = (stamp, since)
                    is_new = (place, path, stamp) not in self._told
                    if is_new and clock - since >= stable.total_seconds() and self._is_remembered(stamp, now):
                        event = file_event(
                            trigger.file.path, path, size_bytes=stamp.size_bytes, changed_ns=stamp.changed_ns
                        )
                        found.append(Appeared(place, event, path))
        self._seen = there
        self._told = {(place, path, stamp) for place, path, stamp in self._told if (place, path) in there}
        return tuple(found)

    def told(self, one: Appeared) -> None:
        """Take note that a file has started what it starts."""
        stamp, _ = self._seen[one.place, one.path]
        self._told.add((one.place, one.path, stamp))

    def _is_remembered(self, stamp: _Stamp, now: float) -> bool:
        return now - stamp.appeared < self._memory.total_seconds()

    def _files(self, pattern: str) -> list[tuple[str, _Stamp]]:
        is_of_project = not Path(pattern).expanduser().is_absolute()
        found: list[tuple[str, _Stamp]] = []
        for file in matching(self._project, pattern):
            try:
                stat = file.stat()
            except OSError:  # it has gone in between
                continue
            if file.is_file():
                path = str(file.relative_to(self._project) if is_of_project else file)
                found.append((path, _Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ctime)))
            if len(found) >= MAX_FILES:
                log.warning("trigger.too_many_files", pattern=pattern, most=MAX_FILES)
                break
        return found


async def keep_watching(
    folder: Folder,
    flows: Callable[[], Awaitable[Mapping[str, Flow]]],
    tell: Callable[[Appeared], Awaitable[object]],
    now: Callable[[], float],
    *,
    look_every: timedelta = LOOK_EVERY,
) -> None:
    """Look again and again, for ever; what goes wrong is logged and tried again at the next look.

    Args:
        folder: What has been seen.
        flows: Returns the flows as they are now.
        tell: Starts what a file starts.
        now: Seconds since 1970.
        look_every: Between two looks.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            for one in await asyncio.to_thread(folder.look, await flows(), now(), loop.time()):
                await tell(one)
                folder.told(one)
        except Exception as error:  # noqa: BLE001 an outermost loop of the worker: it goes on, and tries again
            log.warning("trigger.not_watched", reason=str(error))
        await asyncio.sleep(look_every.total_seconds())
