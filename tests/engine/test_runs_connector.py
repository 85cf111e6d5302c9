"""`runs.start` and `runs.operate` on a real server: once for a key, and judged as at every other door."""

from uuid import uuid4

import pytest

from hitl_temporal.effects.runs import TemporalRuns
from hitl_temporal.ports import PermanentError, StartedRun
from tests.engine.conftest import Rig

JOB = """
inputs: {name: {type: string}}
steps: [{id: go, call: job.do, with: {name: "{{inputs.name}}"}}]
outputs: {did: "{{steps.go.outputs.did}}"}
"""
WAITING = "steps: [{id: wait, wait: {for: 30d}}]"


async def start(
    rig: Rig, flow: str = "job", *, key: str = "k", name_it: str | None = None, wait: bool = True, **inputs: str
) -> StartedRun:
    """Start one through the port."""
    runs = TemporalRuns(rig.client, rig.queue)
    return await runs.start(
        flow, inputs, run_id=name_it or f"{flow}-{uuid4().hex[:8]}", key=key, requester="ann", is_awaited=wait
    )


async def test_it_is_started_once_for_a_key(rig: Rig) -> None:
    """Tried again, the same run is waited for; another key finds the id in use."""
    rig.catalogue.add(JOB, "job")
    name = f"j-{uuid4().hex[:8]}"
    found = [await start(rig, name_it=name, name="x") for _ in range(2)]
    assert found == [StartedRun(name, "completed", {"did": "x"})] * 2
    assert rig.jobs.names() == ["x"]
    assert (await rig.client.get_workflow_handle(name).query("status"))["requester"] == "ann"
    with pytest.raises(PermanentError, match="is in use"):
        await start(rig, name_it=name, key="other", name="x")


async def test_a_run_that_fails_fails_the_step(rig: Rig) -> None:
    """With its reason; so does one that does not take its inputs, or is unknown."""
    rig.catalogue.add(JOB, "job")
    rig.catalogue.add("steps: [{id: go, call: job.do, with: {name: bad}, on_failure: fail}]", "broken")
    rig.jobs.failing.add("bad")
    for flow, inputs, said in (
        ("broken", {}, "bad is out of order"),
        ("job", {"nmae": "x"}, "InvalidInput"),
        ("nowhere", {}, "UnknownFlow"),
    ):
        with pytest.raises(PermanentError, match=said):
            await start(rig, flow, **inputs)


async def test_an_action_is_judged_as_at_every_door(rig: Rig) -> None:
    """Whoever may not is refused by the run; a cancelled run is a status, not a failure."""
    rig.catalogue.add(WAITING, "waiting")
    runs = TemporalRuns(rig.client, rig.queue)
    run = await start(rig, "waiting", wait=False)
    assert run.status == "running"
    refused = await runs.operate(run.id, "hold", {"actor": "cai", "reason": "x", "key": "1"})
    assert refused["status"] == "not_eligible"
    assert (await runs.operate(run.id, "hold", {"actor": "gus", "reason": "x", "key": "2"}))["status"] == "done"
    assert (await runs.operate(run.id, "cancel", {"actor": "system:client", "key": "3"}))["status"] == "done"
    assert (await start(rig, "waiting", name_it=run.id)).status == "cancelled"
    with pytest.raises(PermanentError, match="no open run"):
        await runs.operate(run.id, "hold", {"actor": "gus", "reason": "x", "key": "4"})
    with pytest.raises(PermanentError, match="no open run 'nobody'"):
        await runs.operate("nobody", "hold", {"actor": "gus", "key": "5"})
