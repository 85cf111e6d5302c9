"""Policies of the site on a real server: read when an action is judged, and actions that people must agree to."""

import asyncio

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.policies import Policy
from tests.engine.conftest import Rig
from tests.engine.test_flow import BY_ANN, eventually
from tests.fakes import answer

TWO = """
steps:
  - {id: bad, call: job.do, with: {name: bad}}
  - {id: after, call: job.do, with: {name: after}}
"""
GATED = Policy.model_validate({"action": "skip", "reason": "required", "ask": {"who": ["group:secops", "user:gus"]}})


async def parked(rig: Rig, *policies: Policy) -> WorkflowHandle:
    """Return a run whose first step has parked, under these policies."""
    rig.catalogue.add(TWO)
    rig.catalogue.rules = policies
    rig.jobs.failing.add("bad")
    handle = await rig.start("test_flow", {}, BY_ANN)
    await eventually(handle, lambda s: s.status == "parked")
    return handle


async def operate(handle: WorkflowHandle, action: str, actor: str = "gus", **fields: object) -> Receipt:
    """Operate by update."""
    return await handle.execute_update(action, {"actor": actor, **fields}, result_type=Receipt)


async def question(rig: Rig, handle: WorkflowHandle, k: int = 1) -> WorkflowHandle:
    """Return the question about an action once it is there."""
    asked = rig.client.get_workflow_handle(f"{handle.id}.op-{k}")
    while True:
        try:
            if await asked.query("status") is not None:
                return asked
        except RPCError:  # not there yet
            await asyncio.sleep(0.02)


async def test_a_policy_says_who_may_and_that_a_reason_is_needed(rig: Rig) -> None:
    """As the site says it now: a policy that comes while the run goes on counts at once."""
    handle = await parked(rig)
    rig.catalogue.rules = (Policy.model_validate({"who": ["manager:requester"], "reason": "required"}),)
    assert (await operate(handle, "skip", step="bad", reason="r")).status == "not_eligible"
    assert (await operate(handle, "skip", "bob", step="bad")).status == "invalid"
    assert (await operate(handle, "skip", "bob", step="bad", reason="r")).status == "done"
    assert (await handle.result())["status"] == "completed"


async def test_an_action_is_done_once_people_agree(rig: Rig) -> None:
    """It is a question of its own in the same trail; whoever wants it may not decide it."""
    handle = await parked(rig, GATED)
    receipt = await operate(handle, "skip", step="bad", reason="gone", key="k")
    assert (receipt.status, receipt.reason) == ("asked", f"it waits for an answer to {handle.id}.op-1")
    asked = await question(rig, handle)
    status = await asked.query("status")
    assert (status["title"], status["requester"]) == (f"skip bad of {handle.id}", "gus")
    assert (await rig.decide(asked, answer("approved", "gus"))).status == "not_eligible"
    assert (await rig.decide(asked, answer("approved", "cai"))).status == "counted"
    assert (await handle.result())["status"] == "completed"
    assert rig.jobs.names()[-1] == "after"
    facts = rig.sink.of(handle.id)
    assert (verify_chain(facts), {f.trace_id for f in rig.sink.of(asked.id)}) == ((), {facts[0].trace_id})
    assert [f.name for f in facts if "operat" in f.name] == [
        "run.operation_asked",
        "run.operation_answered",
        "run.operated",
    ]


async def test_a_question_outlives_the_worker_and_ends_with_the_run(idle_rig: Rig) -> None:
    """Without a cache it is taken up again; the end of the run withdraws it."""
    rig = idle_rig
    async with rig.worker():
        handle = await parked(rig, GATED)
        await operate(handle, "skip", step="bad", reason="gone")
        asked = await question(rig, handle)
    async with rig.worker(max_cached_workflows=0):
        assert (await operate(handle, "cancel", "ann")).status == "done"
        assert (await asked.result())["outcome"] == "withdrawn"
        await eventually(handle, lambda s: s.status == "cancelled")
