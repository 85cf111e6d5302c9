"""Keeps the Temporal Schedules what the documents say, for as long as a worker runs.

Not a workflow: a sync is needed only while there are workers, it may be done by several at once, and documents change
on the disk that a worker reads. It leaves no history behind.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from hitl_temporal.service.schedule_specs import Synced

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=30)
"""So soon a changed calendar is in Temporal; a look only asks the disk which files have changed."""

SYNC_EVERY = timedelta(days=1)
"""Without any change: written-out times are used up, and somebody may have deleted a schedule."""


async def keep_synced(
    sync: Callable[[], Awaitable[tuple[Synced, ...]]],
    documents: Callable[[], Awaitable[object]],
    *,
    look_every: timedelta = LOOK_EVERY,
    sync_every: timedelta = SYNC_EVERY,
) -> None:
    """Sync at once, whenever the documents are others, and once a day; for ever.

    What goes wrong is logged and tried again at the next look.

    Args:
        sync: Makes the schedules what the documents say.
        documents: Returns the documents; the same object while nothing has changed.
        look_every: Between two looks at the documents.
        sync_every: Between two syncs of the same documents.
    """
    loop = asyncio.get_running_loop()
    known: object = None
    due = loop.time()
    while True:
        try:
            there = await documents()
            if there is not known or loop.time() >= due:
                _tell(await sync())
                known, due = there, loop.time() + sync_every.total_seconds()
        except Exception as error:  # noqa: BLE001 an outermost loop of the worker: it goes on, and tries again
            log.warning("schedules.not_synced", reason=str(error))
        await asyncio.sleep(look_every.total_seconds())


def _tell(done: tuple[Synced, ...]) -> None:
    for one in done:
        if one.did == "kept":
            log.warning("schedule.kept", schedule=one.id, reason=one.reason)
        elif one.did != "unchanged":
            log.info("schedule.synced", schedule=one.id, did=one.did)
