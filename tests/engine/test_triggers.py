"""The end of a run triggers others: once, whatever its status, and also what it does not wait for."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.service import RPCError

from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.schedules import run_event, triggered_id
from hitl_temporal.effects.triggers import Triggers
from hitl_temporal.messages import RunEnded
from hitl_temporal.ports import PermanentError
from tests.engine.conftest import Rig

FIRST = "steps: [{id: a, call: job.do, with: {name: first}}]\noutputs: {n: '{{1 + 1}}'}"
NEXT = """
inputs: {n: {type: integer, optional: true}, of: {type: string}}
triggers: [{run: {flow: FIRST, status: STATUS, requester: gus, inputs: {n: 'N', of: '{{event.subject}}'}}}]
steps: [{id: a, call: job.do, with: {name: next}}]
outputs: {n: '{{inputs.n}}', of: '{{inputs.of}}'}
"""


def add(rig: Rig, status: str = "completed", n: str = "{{event.data.outputs.n}}") -> tuple[str, str]:
    """Add a flow and one that follows it; return their names."""
    mark = uuid4().hex[:8]
    first, following = f"first_{mark}", f"next_{mark}"
    rig.catalogue.add(FIRST, first)
    rig.catalogue.add(NEXT.replace("FIRST", first).replace("STATUS", status).replace("'N'", f"'{n}'"), following)
    return first, following


async def named(rig: Rig, following: str, event: CloudEvent) -> str:
    """Return the id of the run that an event starts by the first trigger of a flow."""
    return triggered_id(following, (await rig.catalogue.every_flow())[following].triggers, 0, event)


async def ended(rig: Rig, run: str) -> Any:
    """Return the result of a run that is about to be started."""
    while True:
        try:
            return await rig.client.get_workflow_handle(run).result()
        except RPCError:
            await asyncio.sleep(0.05)


async def test_a_run_that_completes_starts_the_next(rig: Rig) -> None:
    """With what it has given, as the person whom the trigger names; told again it starts nothing."""
    first, following = add(rig)
    handle = await rig.start(first)
    await handle.result()
    event = run_event(handle.id, handle.first_execution_run_id or "", first, "completed", {})
    run = await named(rig, following, event)
    result = await ended(rig, run)
    assert result["outputs"] == {"n": 2, "of": handle.id}
    assert (await rig.client.get_workflow_handle(run).query("status"))["requester"] == "gus"
    told = RunEnded(
        id=handle.id,
        first_run_id=handle.first_execution_run_id or "",
        flow=first,
        status="completed",
        outputs={"n": 2},
    )
    assert await Triggers(rig.client, rig.queue, rig.catalogue).tell_ended(told) == 0


async def test_a_run_that_is_cancelled_starts_what_waits_for_that(rig: Rig) -> None:
    """And not what waits for another status."""
    first, following = add(rig, "[cancelled, failed]", "{{null}}")
    rig.catalogue.add("steps: [{id: w, wait: {for: 1d}}]", first)
    handle = await rig.start(first)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    event = run_event(handle.id, handle.first_execution_run_id or "", first, "cancelled", {})
    assert (await ended(rig, await named(rig, following, event)))["outputs"] == {"n": None, "of": handle.id}


async def test_a_run_that_nobody_follows_tells_nobody(rig: Rig) -> None:
    """It costs nothing: no outbox is started."""
    first, _ = add(rig)
    other = f"other_{first}"
    rig.catalogue.add(FIRST, other)
    handle = await rig.start(other)
    await handle.result()
    events = [event async for event in handle.fetch_history_events()]
    assert not any(event.HasField("start_child_workflow_execution_initiated_event_attributes") for event in events)


async def test_inputs_that_can_not_be_told_show_in_temporal(rig: Rig) -> None:
    """The outbox of the run fails and says which trigger; the run itself has ended as it has."""
    first, following = add(rig, n="{{event.data.outputs.missing}}")
    handle = await rig.start(first)
    assert (await handle.result())["status"] == "completed"
    query = f"WorkflowId STARTS_WITH '{handle.id}.outbox'"
    outboxes: list[Any] = []
    while not outboxes or outboxes[0].status is WorkflowExecutionStatus.RUNNING:
        await asyncio.sleep(0.05)
        outboxes = [found async for found in rig.client.list_workflows(query)]
    assert [found.status for found in outboxes] == [WorkflowExecutionStatus.FAILED]
    told = RunEnded(id="r", first_run_id="1", flow=first, status="completed")
    with pytest.raises(PermanentError, match=f"trigger 0 of flow '{following}'"):
        await Triggers(rig.client, rig.queue, rig.catalogue).tell_ended(told)
