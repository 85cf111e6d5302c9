"""Things that meet at the wrong moment: each once hung, lost or misnamed something."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.ports import PermanentError
from tests.engine.conftest import Rig
from tests.engine.test_approval import eventually, status
from tests.engine.test_flow import BY_ANN, CALL_ASK_CALL, asked
from tests.fakes import answer

ASK = {"title": "Go?", "requester": "ann", "who": "user:bob"}


async def test_reminder_and_deadline_at_the_same_moment_end_it(rig: Rig) -> None:
    """A reminder that is no longer needed before it was begun does not keep the approval from ending."""
    handle = await rig.ask_frozen({**ASK, "remind": "1d", "due": "2d"})
    await eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
    await rig.skipper.fast_forward(handle, timedelta(days=1, hours=1))
    await eventually(handle, lambda s: any(d.occasion == "reminded" and d.state == "delivered" for d in s.deliveries))
    await rig.skipper.fast_forward(handle, timedelta(days=1))
    assert Result.model_validate(await handle.result()).outcome == "expired"


async def test_stage_that_opens_and_is_withdrawn_in_one_task_ends(idle_rig: Rig) -> None:
    """A vote and a withdrawal that are judged together leave no message that nobody ends."""
    rig = idle_rig
    async with rig.worker():
        stages = [{"name": "a", "who": ["user:bob"]}, {"name": "b", "who": ["group:secops"]}]
        handle = await rig.ask({"title": "Go?", "requester": "ann", "stages": stages})
        await eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
    await handle.signal("decide", answer("approved", "bob"))
    await handle.signal("withdraw", {"actor": "ann"})
    async with rig.worker():
        assert Result.model_validate(await handle.result()).outcome == "withdrawn"


@pytest.mark.parametrize("verb", ["decide", "withdraw", "report_to"])
async def test_signal_with_too_many_arguments_poisons_nothing(rig: Rig, verb: str) -> None:
    """A malformed signal is ignored or judged by its first argument; the next one counts as ever."""
    handle = await rig.ask(ASK)
    await handle.signal(verb, args=[{"nothing": "useful"}, 1, 2])
    await handle.signal("decide", answer("approved", "bob"))
    assert Result.model_validate(await handle.result()).outcome == "approved"


async def test_cancelled_by_an_operator_ends_canceled(rig: Rig) -> None:
    """The execution ends Canceled whoever cancelled it, and the status tells it."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 1}, BY_ANN)
    await asked(rig, handle)
    await handle.execute_update("cancel", {"actor": "gus", "reason": "not now"})
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert (await handle.query("status"))["status"] == "cancelled"


async def test_cancellation_after_the_outcome_changes_nothing(rig: Rig) -> None:
    """A counted decision is not thrown away by a cancellation that comes while messages are being settled."""
    handle = await rig.ask(ASK)
    await eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
    rig.notifier.is_down = True
    assert (await rig.decide(handle, answer("approved", "bob"))).status == "counted"
    await handle.cancel()
    await asyncio.sleep(0.3)
    rig.notifier.is_down = False
    assert Result.model_validate(await handle.result()).outcome == "approved"


async def test_long_reason_of_a_cancellation_is_cut(rig: Rig) -> None:
    """However long Temporal's reason is, the run is cancelled with undo."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 1}, BY_ANN)
    await asked(rig, handle)
    await handle.cancel(reason="x" * 2500)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert rig.jobs.names() == ["first", "undo first"]


async def test_cancelled_run_leaves_an_approval_of_somebody_else_alone(rig: Rig) -> None:
    """A run whose question's id is taken withdraws nothing that it has not put itself."""
    rig.catalogue.add("steps: [{id: approve, ask: {title: Go?, who: 'user:bob', due: 7d}}]")
    run_id = f"r-{uuid4().hex[:8]}"
    stranger = await rig.ask(ASK, f"{run_id}.approve.1")
    await eventually(stranger, lambda s: s.stages[0].state == "open")
    handle = await rig.client.start_workflow(
        "test_flow", {}, id=run_id, task_queue=rig.queue, start_signal="cancel", start_signal_args=[{"actor": "gus"}]
    )
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await status(stranger)).outcome is None


async def test_sink_that_refuses_for_good_is_tried_until_it_is_mended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a trail is given up: what the sink refused is there after somebody has mended it."""
    monkeypatch.setattr("hitl_temporal.effects.activities.REFUSED_AGAIN", timedelta(seconds=0.2))
    real = rig.sink.append

    async def broken(_facts: object) -> None:
        raise PermanentError("the store is not usable")

    rig.sink.append = broken
    handle = await rig.ask(ASK)
    await rig.decide(handle, answer("approved", "bob"))
    result = Result.model_validate(await asyncio.wait_for(handle.result(), 15))
    assert (result.outcome, rig.sink.of(handle.id)) == ("approved", [])
    rig.sink.append = real
    while len(rig.sink.of(handle.id)) < result.evidence.events:
        await asyncio.sleep(0.05)


async def test_heartbeat_details_of_an_author_are_kept(idle_rig: Rig) -> None:
    """Our beat repeats what the author's code told last, so that a retry goes on from there."""
    rig, found = idle_rig, []

    @activity.defn(name="job.pages")
    async def pages(_: dict[str, object]) -> dict[str, object]:
        found.append(list(activity.info().heartbeat_details))
        if len(found) == 1:
            activity.heartbeat({"page": 7})
            await asyncio.sleep(3.2)  # two beats of ours
            raise ApplicationError("again")
        return {}

    rig.catalogue.add("steps: [{id: only, call: job.pages, retry: {max: 2, backoff: 1s..1s}}]")
    async with rig.worker(activities=[pages]):
        assert (await (await rig.start()).result())["status"] == "completed"
    assert found == [[], [{"page": 7}]]


@pytest.mark.parametrize("what", ["approval", "flow"])
async def test_a_task_that_a_query_cuts_in_two_tells_no_other_time_on_replay(idle_rig: Rig, what: str) -> None:
    """Facts that were exported before a restart and those that are told after it are one chain."""
    rig = idle_rig
    rig.directory.delay = rig.catalogue.delay = 0.4
    rig.catalogue.add("steps: [{id: approve, ask: {title: Go?, who: 'user:bob'}}]")
    async with rig.worker():
        handle = await rig.ask(ASK) if what == "approval" else await rig.start("test_flow", {}, {"requester": "ann"})
        approval = handle if what == "approval" else rig.child(handle, "approve")
        for _ in range(60):
            with suppress(RPCError, WorkflowQueryFailedError):
                await approval.query("status")
            with suppress(RPCError, WorkflowQueryFailedError):
                await handle.query("status")
            await asyncio.sleep(0.01)
        await rig.until_put(approval)
    async with rig.worker():
        await rig.decide(approval, answer("approved", "bob"))
        result = await handle.result()
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert (len(facts), facts[-1].hash) == (result["evidence"]["events"], result["evidence"]["digest"])
