"""A worker keeps schedules what the documents say: at once, when they change, now and then; whatever fails."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from hitl_temporal.hosting.scheduling import keep_synced
from hitl_temporal.service.errors import UnavailableError
from hitl_temporal.service.schedule_specs import Synced

NEVER, AT_ONCE = timedelta(days=1), timedelta()


@dataclass
class World:
    """Documents that a test changes, and a Temporal that may be away."""

    documents: object = field(default_factory=object)
    error: Exception | None = None
    looks: int = 0
    syncs: int = 0

    async def look(self) -> object:
        """Return what is on disk."""
        self.looks += 1
        return self.documents

    async def sync(self) -> tuple[Synced, ...]:
        """Write down that it was synced."""
        if self.error is not None:
            raise self.error
        self.syncs += 1
        dids = ("created", "unchanged", "kept")
        return tuple(Synced(id=did, flow="f", name=did, did=did, reason="broken") for did in dids)

    async def after(self, looks: int, *, sync_every: timedelta = NEVER) -> int:
        """Return how often it was synced after so many more looks."""
        wanted = self.looks + looks
        keeper = asyncio.create_task(keep_synced(self.sync, self.look, look_every=AT_ONCE, sync_every=sync_every))
        while self.looks < wanted:
            await asyncio.sleep(0)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        return self.syncs


async def test_the_same_documents_are_synced_once() -> None:
    """However often it looks."""
    assert await World().after(10) == 1


async def test_other_documents_are_synced_again() -> None:
    """A calendar has changed: its file is another."""
    world = World()
    keeper = asyncio.create_task(keep_synced(world.sync, world.look, look_every=AT_ONCE, sync_every=NEVER))
    for number in (1, 2, 3):
        while world.syncs < number:
            await asyncio.sleep(0)
        world.documents = object()
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


async def test_now_and_then_the_same_are_synced_too() -> None:
    """What is written out is used up."""
    assert await World().after(5, sync_every=AT_ONCE) >= 4


@pytest.mark.parametrize("error", [UnavailableError("Temporal does not answer"), OSError("the disk is away")])
async def test_what_fails_is_told_and_tried_again(error: Exception) -> None:
    """A worker lives on."""
    world = World(error=error)
    with capture_logs() as logs:
        assert await world.after(3) == 0
    assert {(entry["event"], entry["reason"]) for entry in logs} == {("schedules.not_synced", str(error))}
    world.error = None
    assert await world.after(3) == 1


async def test_what_was_done_is_logged() -> None:
    """What was left as it was only if that is a problem."""
    with capture_logs() as logs:
        await World().after(2)
    assert [(entry["event"], entry["schedule"]) for entry in logs] == [
        ("schedule.synced", "created"),
        ("schedule.kept", "kept"),
    ]
