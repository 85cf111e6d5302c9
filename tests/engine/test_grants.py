"""Grants on a real server: what is given for a time is taken back, whatever happens to time, people and workers."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import CancelledError

from hitl_temporal.domain.approval.result import Result as ApprovalResult
from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.views import GrantStands, Status
from tests.engine.conftest import Rig
from tests.engine.test_flow import BY_ANN, asked, eventually
from tests.fakes import answer

GRANTED = """
inputs: {n: {type: integer, default: 30}}
steps:
  - id: open
    call: job.do
    with: {name: open}
    undo: {call: job.undo, with: {name: "{{self.outputs.did}}"}}
    grant: {for: "{{inputs.n}}d", extend: {max: 2, ask: {stages: [{who: [group:secops]}]}}}
  - {id: after, call: job.do, with: {name: after}}
"""


async def granted(rig: Rig, *, frozen: bool = False, **inputs: int) -> WorkflowHandle[Any, Any]:
    """Return a run of the flow whose step has been granted; frozen: its clock moves only when the test says so."""
    rig.catalogue.add(GRANTED)
    if frozen:
        with rig.skipper.with_time_skipping_disabled():
            handle = await rig.skipper.client.start_workflow(
                "test_flow", args=[inputs, BY_ANN], id=f"r-{uuid4().hex[:8]}", task_queue=rig.queue
            )
    else:
        handle = await rig.start("test_flow", inputs, BY_ANN)
    await eventually(handle, lambda s: s.steps["open"].grant is not None)
    return handle


async def operate(handle: WorkflowHandle[Any, Any], action: str, actor: str, **fields: object) -> Receipt:
    """Operate by update."""
    return await handle.execute_update(action, {"actor": actor, "step": "open", **fields}, result_type=Receipt)


async def grant_of(handle: WorkflowHandle[Any, Any]) -> GrantStands:
    """Return how the grant stands now."""
    found = Status.model_validate(await handle.query("status")).steps["open"].grant
    assert found is not None
    return found


async def extended(rig: Rig, handle: WorkflowHandle[Any, Any], length: str = "10d") -> WorkflowHandle[Any, Any]:
    """Return the question that the requester has put, once it is there."""
    before = len((await grant_of(handle)).extensions)
    receipt = await operate(handle, "extend_grant", "ann", reason="not done yet", **{"with": {"for": length}})
    assert receipt.status == "asked"
    return await asked(rig, handle, "open.1.extend", before + 1)


async def test_grant_of_thirty_days_ends_by_itself(rig: Rig) -> None:
    """While it runs the run is `running`; after thirty days its undo runs, and only then does the run go on."""
    handle = await granted(rig, frozen=True)
    now = Status.model_validate(await handle.query("status"))
    assert (now.status, now.steps["open"].state, now.steps["open"].outputs["did"]) == ("running", "running", "open")
    await rig.skipper.fast_forward(handle, timedelta(days=29))
    assert rig.jobs.names() == ["open"]
    await rig.skipper.fast_forward(handle, timedelta(days=1, minutes=1))
    result = await handle.result()
    assert (result["status"], rig.jobs.names()) == ("completed", ["open", "undo open", "after"])
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert [f.name for f in facts if "grant" in f.name] == ["step.granted", "step.grant_ended"]


async def test_approved_extension_keeps_it_without_interruption(rig: Rig) -> None:
    """People allow ten days more: after thirty days nothing is undone, after forty it is, once."""
    handle = await granted(rig, frozen=True)
    until = (await grant_of(handle)).until
    approval = await extended(rig, handle)
    assert (await rig.decide(approval, answer("approved", "ann"))).status == "not_eligible"
    assert (await rig.decide(approval, answer("approved", "cai"))).status == "counted"
    moved = await eventually(handle, lambda s: s.steps["open"].grant.until > until)
    assert moved.steps["open"].grant.until == until + timedelta(days=10)
    await rig.skipper.fast_forward(handle, timedelta(days=35))
    assert rig.jobs.names() == ["open"]
    await rig.skipper.fast_forward(handle, timedelta(days=5, minutes=1))
    assert (await handle.result())["status"] == "completed"
    assert rig.jobs.names() == ["open", "undo open", "after"]
    (fact,) = [f for f in rig.sink.of(handle.id) if f.name == "step.grant_extended"]
    assert fact.attributes["hitl.approval"] == approval.id
    assert {f.trace_id for f in rig.sink.of(approval.id)} == {fact.trace_id}


async def test_question_shows_what_is_asked(rig: Rig) -> None:
    """Title and present end stand in the question though nobody wrote them into the document."""
    handle = await granted(rig)
    approval = await extended(rig, handle, "2d")
    await rig.decide(approval, answer("rejected", "dee"))
    await eventually(handle, lambda s: s.steps["open"].grant.extensions[0].state == "refused")
    shown = await approval.query("status")
    assert shown["title"] == "Extend open of test_flow by 2d"
    await operate(handle, "revoke", "ann")
    assert (await handle.result())["status"] == "completed"


@pytest.mark.parametrize("way", ["update", "signal"])
async def test_revoke_takes_back_now(rig: Rig, way: str) -> None:
    """The requester gives back early, by either kind of message; the step has succeeded and the run goes on."""
    handle = await granted(rig)
    if way == "update":
        assert (await operate(handle, "revoke", "bob")).status == "not_eligible"
        assert (await operate(handle, "revoke", "ann", reason="done")).status == "done"
    else:
        await handle.signal("revoke", {"actor": "ann", "step": "open"})
    result = await handle.result()
    assert (result["status"], result["steps"]["open"]["state"]) == ("completed", "succeeded")
    assert rig.jobs.names() == ["open", "undo open", "after"]
    assert result["steps"]["open"]["grant"]["reason"] == "revoked by ann"


async def test_revoke_withdraws_the_question_about_more_time(rig: Rig) -> None:
    """Nobody is asked about what is over; the run ends after its question has come back, with a whole trail."""
    handle = await granted(rig)
    approval = await extended(rig, handle)
    await operate(handle, "revoke", "gus")
    result = await handle.result()
    assert (result["status"], (await approval.result())["outcome"]) == ("completed", "withdrawn")
    assert result["steps"]["open"]["grant"]["extensions"][0]["state"] == "withdrawn"
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    (answered,) = [f for f in facts if f.name == "step.extension_answered"]
    assert answered.attributes["hitl.child.workflow_id"] == approval.id


async def test_run_cancelled_in_the_middle_takes_back(rig: Rig) -> None:
    """`cancel`, also Temporal's own, undoes what is granted and withdraws the question, then ends."""
    handle = await granted(rig)
    approval = await extended(rig, handle)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, CancelledError)
    assert rig.jobs.names() == ["open", "undo open"]
    assert (await approval.result())["outcome"] == "withdrawn"
    assert (await grant_of(handle)).reason == "run ended"


async def test_failing_undo_holds_the_run_until_it_is_mended(rig: Rig) -> None:
    """The step parks and says how it is released; revoking again is closed; rerun undoes and the run goes on."""
    handle = await granted(rig)
    rig.jobs.failing.add("undo open")
    await operate(handle, "revoke", "ann")
    now = await eventually(handle, lambda s: s.status == "parked")
    assert (now.steps["open"].state, rig.jobs.names()) == ("parked", ["open", "undo open"])
    assert (await operate(handle, "revoke", "ann", key="again")).status == "closed"
    rig.jobs.failing.clear()
    assert (await operate(handle, "rerun", "gus")).changes == ("open: undo again",)
    assert (await handle.result())["status"] == "completed"
    assert rig.jobs.names() == ["open", "undo open", "undo open", "after"]


async def test_grant_outlives_its_worker(idle_rig: Rig) -> None:
    """A worker that is gone loses neither the end of the grant nor the question about more of it."""
    rig = idle_rig
    async with rig.worker():
        handle = await granted(rig, n=1)
        approval = await extended(rig, handle)
    async with rig.worker(max_cached_workflows=0):
        assert (await rig.decide(approval, answer("approved", "cai"))).status == "counted"
        await eventually(handle, lambda s: s.steps["open"].grant.extensions[0].state == "granted")
        await operate(handle, "revoke", "ann")
        assert (await handle.result())["status"] == "completed"
    assert rig.jobs.names() == ["open", "undo open", "after"]
    assert ApprovalResult.model_validate(await approval.result()).positive


async def test_question_whose_id_is_taken_is_put_under_the_next(rig: Rig) -> None:
    """Somebody else's approval is neither adopted nor withdrawn."""
    handle = await granted(rig)
    stranger = await rig.ask({"title": "Other", "requester": "ann", "who": "user:bob"}, f"{handle.id}.open.1.extend.1")
    await operate(handle, "extend_grant", "ann", **{"with": {"for": "1d"}})
    await eventually(handle, lambda s: s.steps["open"].grant.extensions[-1].approval == f"{handle.id}.open.1.extend.2")
    await operate(handle, "revoke", "ann")
    assert (await handle.result())["steps"]["open"]["grant"]["extensions"][0]["state"] == "withdrawn"
    assert (await rig.decide(stranger, answer("approved", "bob"))).status == "counted"


async def test_question_that_was_terminated_leaves_the_grant(rig: Rig) -> None:
    """The step goes on as a grant; the loss is recorded and another question may be put."""
    handle = await granted(rig)
    approval = await extended(rig, handle)
    await approval.terminate("an operator pulled the plug")
    await eventually(handle, lambda s: s.steps["open"].grant.extensions[0].state == "failed")
    again = await extended(rig, handle)
    assert again.id.endswith(".extend.2")
    await operate(handle, "revoke", "ann")
    await handle.result()
    assert "step.extension_failed" in rig.sink.names(handle.id)


async def test_time_that_is_none_parks_before_the_call(rig: Rig) -> None:
    """Nothing is granted whose end can't be told."""
    rig.catalogue.add(GRANTED.replace("{{inputs.n}}d", "{{inputs.n}}"))
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    now = await eventually(handle, lambda s: s.status == "parked")
    assert ("grant.for gave 3" in now.steps["open"].reason, rig.jobs.names()) == (True, [])
