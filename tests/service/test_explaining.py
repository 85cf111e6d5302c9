"""Why a run does not move, with what only Temporal and the pools know."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from hitl_temporal.domain.flow.views import Reason
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.runs import Runs
from tests.engine.conftest import Rig

GUS = Identity("gus", frozenset({"operator"}), frozenset(), "medium", "test")
ANN = Identity("ann", frozenset(), frozenset(), "medium", "test")


@activity.defn(name="job.fails")
async def fails(_: dict[str, Any]) -> None:
    """Fail in a way that may pass."""
    raise ApplicationError("out of order for now")


@activity.defn(name="job.lasts")
async def lasts(_: dict[str, Any]) -> None:
    """Go on until it is cancelled."""
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.05)


async def reason_of(
    rig: Rig, run: WorkflowHandle[Any, Any], holds: Callable[[Reason], object], me: Identity = GUS
) -> Reason:
    """Return the one reason of a run as soon as it is like that; the test's time limit is the bound."""
    runs = Runs(rig.client, rig.catalogue, rig.directory, rig.queue)
    while True:
        found = await runs.why(me, run.id)
        if len(found) == 1 and holds(found[0]):
            return found[0]
        await asyncio.sleep(0.05)


async def test_a_job_that_is_tried_again_says_which_try_it_is_and_why(idle_rig: Rig) -> None:
    """And when the next one is made."""
    rig = idle_rig
    rig.catalogue.add("steps: [{id: load, call: job.fails, retry: {max: 4, backoff: 10m..20m}}]")
    async with rig.worker(activities=[fails]):
        run = await frozen(rig)
        found = await reason_of(rig, run, lambda r: "attempt" in r.releases)
    assert found.reason == "job"
    assert found.releases.startswith("the end of job.fails; attempt 2 of 4 at ")
    assert found.releases.endswith(", since the last one failed: out of order for now")


async def frozen(rig: Rig) -> WorkflowHandle[Any, Any]:
    """Start a run whose clock does not skip."""
    with rig.skipper.with_time_skipping_disabled():
        return await rig.skipper.client.start_workflow("test_flow", {}, id=f"r-{uuid4().hex[:8]}", task_queue=rig.queue)


async def test_a_job_that_no_agent_has_taken_waits_for_its_pool(rig: Rig) -> None:
    """What is running in the eyes of the run is waiting as long as nobody has taken it."""
    rig.catalogue.add("steps: [{id: load, run: {command: [sh, -c, 'true']}, pool: nowhere}]")
    run = await rig.start()
    found = await reason_of(rig, run, lambda r: r.reason == "pool")
    assert (found.state, found.by) == ("waiting", ("its command", "pool:nowhere"))
    assert found.releases == "an agent of pool nowhere that takes it; none is there: hitl worker --pool nowhere"


async def test_who_holds_the_units_is_told_to_operators(idle_rig: Rig) -> None:
    """By name, with the place in the queue; the requester hears which units are waited for."""
    rig = idle_rig
    rig.catalogue.resources = {"sap": Resource(units=1)}
    rig.catalogue.add("steps: [{id: load, call: job.lasts, uses: {sap: 1}}]")
    async with rig.worker(activities=[lasts]):
        first = await rig.start()
        await reason_of(rig, first, lambda r: r.reason == "job")
        second = await rig.start("test_flow", {}, {"requester": "ann"})
        found = await reason_of(rig, second, lambda r: "; place" in r.releases)  # once the pool has heard of it
        assert found.releases.endswith(f"(sap: 1 of 1 held by {first.id}; place 1 of 1)")
        assert found.by == ("sap", first.id)
        mine = await reason_of(rig, second, lambda r: r.reason == "resource", ANN)
        assert (mine.by, first.id in mine.releases) == (("sap",), False)
        for run in (second, first):
            await run.execute_update("cancel", {"actor": "gus", "reason": "done"})
            with pytest.raises(WorkflowFailureError):
                await run.result()
