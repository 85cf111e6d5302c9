"""The rig itself: what goes wrong in a test must not keep those that follow."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity

from tests.engine import conftest
from tests.engine.conftest import Rig


async def test_worker_that_does_not_end_fails_its_test(idle_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An activity that takes no cancellation is named; nobody waits for it longer than the bound."""
    monkeypatch.setattr(conftest, "SHUT_DOWN_WITHIN", timedelta(seconds=0.5))
    rig, begun, may_end = idle_rig, asyncio.Event(), asyncio.Event()

    @activity.defn(name="job.deaf")
    async def deaf(_: dict[str, object]) -> dict[str, object]:
        begun.set()
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue
        return {}

    rig.catalogue.add("steps: [{id: only, call: job.deaf}]")

    async def live() -> None:
        async with rig.worker(activities=[deaf]):
            await rig.start()
            await begun.wait()

    with pytest.raises(pytest.fail.Exception) as failed:
        await live()
    may_end.set()
    assert f"worker of {rig.queue!r} does not end" in str(failed.value)
    assert ".deaf > Event.wait" in str(failed.value)
