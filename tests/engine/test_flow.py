"""The dynamic workflow `Flow` on a real server: any client starts any flow by name; what it does and how it ends."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError

from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.views import Status
from tests.engine.conftest import Rig
from tests.fakes import answer

CALL_ASK_CALL = """
inputs: {n: {type: integer}, note: {type: string, optional: true}}
steps:
  - id: first
    call: job.do
    with: {name: first, n: "{{inputs.n}}"}
    undo: {call: job.undo, with: {name: "{{self.outputs.did}}"}}
  - {id: approve, ask: {title: "Go on with {{inputs.n}}?", who: "user:bob", due: 7d}}
  - {id: second, call: job.do, with: {name: second}}
outputs: {did: "{{steps.second.outputs.did}}"}
"""
BY_ANN = {"requester": "ann"}


async def asked(rig: Rig, handle: WorkflowHandle, step: str = "approve", n: int = 1) -> WorkflowHandle:
    """Return the approval of a step once it is there."""
    child = rig.child(handle, step, n)
    while True:
        try:
            await child.describe()
        except RPCError:  # not there yet
            await asyncio.sleep(0.02)
        else:
            return child


async def eventually(handle: WorkflowHandle, holds) -> Status:
    """Return the first status for which `holds` is true; the test's time limit is the bound."""
    while True:
        found = await handle.query("status")
        if found is not None and holds(now := Status.model_validate(found)):
            return now
        await asyncio.sleep(0.02)


async def test_jobs_and_people_in_one_run(rig: Rig) -> None:
    """A call, a question and a call run in order; the result has outputs, steps and evidence."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    approval = await asked(rig, handle)
    assert rig.jobs.names() == ["first"]
    assert (await rig.decide(approval, answer("approved", "bob"))).status == "counted"
    result = await handle.result()
    assert (result["status"], result["outputs"]) == ("completed", {"did": "second"})
    assert {name: (s["state"], s["outcome"]) for name, s in result["steps"].items()} == {
        "first": ("succeeded", None),
        "approve": ("succeeded", "approved"),
        "second": ("succeeded", None),
    }
    assert result["steps"]["first"]["outputs"]["key"] == f"{handle.id}.first.1"
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert (facts[-1].name, facts[-1].hash) == ("run.ended", result["evidence"]["digest"])
    assert {f.trace_id for f in rig.sink.of(approval.id)} == {result["evidence"]["trace_id"]}


async def test_rejection_ends_the_run_and_undoes(rig: Rig) -> None:
    """An unnamed rejection skips what follows, undoes what was done, and ends the run `rejected`."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    approval = await asked(rig, handle)
    await rig.decide(approval, answer("rejected", "bob"))
    result = await handle.result()
    assert result["status"] == "rejected"
    assert result["steps"]["second"]["state"] == "skipped"
    assert rig.jobs.names() == ["first", "undo first"]
    assert verify_chain(rig.sink.of(handle.id)) == ()


async def test_signal_from_any_client_decides(rig: Rig) -> None:
    """A run without a second input is requested by `system:client`; a raw signal decides its question."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3})
    approval = await asked(rig, handle)
    await approval.signal("decide", {"actor": "bob", "outcome": "approved"})
    assert (await handle.result())["status"] == "completed"
    assert (await handle.query("status"))["requester"] == "system:client"


@pytest.mark.parametrize(
    ("flow", "inputs", "kind", "names"),
    [
        ("no_such_flow", {}, "UnknownFlow", "no_such_flow"),
        ("test_flow", {}, "InvalidInput", "'n'"),
        ("test_flow", {"n": "three"}, "InvalidInput", "'n'"),
        ("test_flow", {"n": 3, "m": 4}, "InvalidInput", "'m'"),
        ("test_flow", [1], "InvalidInput", "object"),
    ],
)
async def test_bad_start_fails_at_once_and_names_it(rig: Rig, flow: str, inputs: object, kind: str, names: str) -> None:
    """An unknown type, or input that does not fit, ends the execution Failed; no step runs."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start(flow, inputs)
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    cause = error.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, rig.jobs.calls) == (kind, [])
    assert names in str(cause)


async def test_bad_second_input_fails_at_once(rig: Rig) -> None:
    """A second input that is no object is refused as `InvalidInput`, not retried for ever."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3}, ["ann"])
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, ApplicationError)
    assert error.value.cause.type == "InvalidInput"


async def test_definition_is_pinned(rig: Rig) -> None:
    """A run keeps the definition it was started with, whatever becomes of the file."""
    before = rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    approval = await asked(rig, handle)
    rig.catalogue.add("steps: [{id: other, call: job.do, with: {name: other}}]")
    await rig.decide(approval, answer("approved", "bob"))
    assert (await handle.result())["outputs"] == {"did": "second"}
    assert (await handle.query("status"))["definition_digest"] == before.digest


async def test_failed_step_parks_and_rerun_goes_on(rig: Rig) -> None:
    """A step that can't is parked with its reason; an operator reruns it and the run goes on."""
    rig.catalogue.add("steps: [{id: only, call: job.do, with: {name: only}}]")
    rig.jobs.failing.add("only")
    handle = await rig.start()
    now = await eventually(handle, lambda s: s.status == "parked")
    assert "only is out of order" in now.steps["only"].reason
    assert (await handle.query("why"))[0]["releases"].startswith("hitl rerun")
    rig.jobs.failing.clear()
    rerun = {"actor": "gus", "step": "only", "reason": "repaired", "key": "k"}
    refused = await handle.execute_update("rerun", {**rerun, "actor": "ann"}, result_type=Receipt)
    first = await handle.execute_update("rerun", rerun, result_type=Receipt)
    assert (refused.status, first.status) == ("not_eligible", "done")
    result = await handle.result()
    assert result["steps"]["only"]["outputs"]["key"] == f"{handle.id}.only.2"


async def test_wait_for_a_week_is_skipped(rig: Rig) -> None:
    """`wait.for` is a durable timer: a virtual week passes in moments."""
    rig.catalogue.add("steps: [{id: pause, wait: {for: 7d}}, {id: after, call: job.do, with: {name: after}}]")
    with rig.skipper.with_time_skipping_disabled():
        handle = await rig.skipper.client.start_workflow("test_flow", {}, id=f"wait-{rig.queue}", task_queue=rig.queue)
    why = []
    while not why:
        why = await handle.query("why")
    assert (why[0]["step"], why[0]["reason"]) == ("pause", "time")
    await rig.skipper.fast_forward(handle, timedelta(days=7, minutes=1))
    assert (await handle.result())["status"] == "completed"


async def test_cancelling_withdraws_the_question_and_undoes(rig: Rig) -> None:
    """`cancel` by the requester withdraws the open question, undoes what was done, and ends the run Canceled."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    approval = await asked(rig, handle)
    receipt = await handle.execute_update("cancel", {"actor": "ann", "reason": "changed my mind"}, result_type=Receipt)
    assert receipt.status == "done"
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, CancelledError)
    assert (await approval.result())["outcome"] == "withdrawn"
    now = Status.model_validate(await handle.query("status"))
    assert (now.status, now.steps["approve"].state) == ("cancelled", "cancelled")
    assert rig.jobs.names() == ["first", "undo first"]


async def test_temporal_cancellation_is_cancel_by_client(rig: Rig) -> None:
    """Temporal's own cancellation does the same, by `system:client`."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    approval = await asked(rig, handle)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, CancelledError)
    assert (await approval.result())["outcome"] == "withdrawn"
    assert rig.jobs.names() == ["first", "undo first"]
    assert verify_chain(rig.sink.of(handle.id)) == ()


async def test_commands_before_the_definition_is_loaded_wait(rig: Rig) -> None:
    """An operator's update that arrives while the definition is being loaded is judged afterwards."""
    rig.catalogue.add("steps: [{id: only, wait: {for: 1h}}]")
    rig.catalogue.delay = 0.5
    handle = await rig.start("test_flow", {}, BY_ANN)
    receipt = await handle.execute_update("cancel", {"actor": "ann"}, result_type=Receipt)
    assert receipt.status == "done"


async def test_failed_run_carries_its_result(rig: Rig) -> None:
    """`on_failure: fail` ends the execution Failed with type `FlowFailed` and the result as details."""
    rig.catalogue.add("steps: [{id: only, call: job.do, with: {name: only}, on_failure: fail}]")
    rig.jobs.failing.add("only")
    handle = await rig.start()
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    cause = error.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "FlowFailed"
    assert cause.details[0]["status"] == "failed"
    assert cause.details[0]["steps"]["only"]["state"] == "failed"
