"""Alerts, service levels and tickets on a real server: what is down holds up nothing, and nothing is lost."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.views import Status
from hitl_temporal.messages import Seed, StartedBy
from tests.engine.conftest import Rig
from tests.engine.test_flow import eventually
from tests.engine.test_life import short_rig, short_server
from tests.engine.test_time import facts_told_late

__all__ = ["short_rig", "short_server"]  # fixtures

DUTY = (AlertEntry(to=("user:gus",)), AlertEntry(to=("group:secops",), after="30m"))
PARKS = """
owner: group:leads
on_parked: duty
steps:
  - {id: load, call: job.do, with: {name: load}}
  - {id: tell, call: job.do, with: {name: tell}}
"""


async def until(holds: Callable[[], object]) -> None:
    """Wait until something outside has come; the test's time limit is the bound."""
    while not holds():
        await asyncio.sleep(0.02)


async def operate(handle: WorkflowHandle[Any, Any], action: str, step: str | None = None, **more: object) -> Receipt:
    """Act as an operator."""
    command = {"actor": "gus", "step": step, **more}
    return await handle.execute_update(action, command, result_type=Receipt)


async def frozen(rig: Rig) -> WorkflowHandle[Any, Any]:
    """Start a run whose clock moves only when the test says so."""
    with rig.skipper.with_time_skipping_disabled():
        return await rig.skipper.client.start_workflow("test_flow", {}, id=f"r-{uuid4().hex[:8]}", task_queue=rig.queue)


def parked(status: Status) -> bool:
    """Tell whether a run has parked."""
    return status.status == "parked"


@pytest.fixture
def failing(rig: Rig) -> Rig:
    """A rig whose step `load` fails."""
    rig.catalogue.notify = {"duty": DUTY}
    rig.jobs.failing.add("load")
    return rig


async def test_owner_and_route_are_told_with_delays(failing: Rig) -> None:
    """Whom the directory names when it is sent; each message says what, why and what releases it."""
    failing.catalogue.add(PARKS)
    handle = await frozen(failing)
    await until(lambda: failing.notifier.sent("notice") == ["bob", "gus"])
    await failing.skipper.fast_forward(handle, timedelta(hours=1))
    await until(lambda: len(failing.notifier.sent("notice")) == 4)
    assert failing.notifier.sent("notice") == ["bob", "gus", "cai", "dee"]
    message = next(m for m in failing.notifier.messages.values() if m.person == "gus")
    assert (message.run, message.stage, message.title) == (handle.id, "load", "test_flow: load has parked")
    assert f"hitl rerun {handle.id} load" in message.text
    failing.jobs.failing.clear()
    await operate(handle, "rerun", "load")
    assert (await handle.result())["status"] == "completed"
    names = failing.sink.names(handle.id)
    assert names.count("alert.delivered") == 3
    assert (names[-1], verify_chain(failing.sink.of(handle.id))) == ("run.ended", ())


async def test_acknowledging_stops_the_escalation(failing: Rig) -> None:
    """Whoever was told says so; those who come later are never told."""
    failing.catalogue.add(PARKS)
    handle = await frozen(failing)
    await until(lambda: len(failing.notifier.sent("notice")) == 2)
    assert (await operate(handle, "acknowledge", "load")).changes == ("load: parked, acknowledged by gus",)
    await failing.skipper.fast_forward(handle, timedelta(hours=2))
    assert (await handle.query("why"))[0]["acknowledged"] == "gus"
    await operate(handle, "skip", "load")
    assert (await handle.result())["status"] == "completed"
    assert failing.notifier.sent("notice") == ["bob", "gus"]


async def test_a_channel_that_is_down_holds_up_nothing(failing: Rig) -> None:
    """The run ends; what could not be told is told by the outbox once the channel is back."""
    failing.catalogue.add(PARKS)
    failing.notifier.is_down = True
    handle = await failing.start()
    await eventually(handle, parked)
    await operate(handle, "skip", "load")
    assert (await handle.result())["status"] == "completed"
    assert failing.notifier.messages == {}
    failing.notifier.is_down = False
    await until(lambda: {"bob", "gus"} <= {*failing.notifier.sent("notice")})
    assert failing.sink.names(handle.id)[-1] == "run.ended"


async def test_who_has_no_address_keeps_nobody_else_from_being_told(failing: Rig) -> None:
    """It is a fact that they were not."""
    failing.catalogue.add(PARKS)
    failing.notifier.refuses = frozenset({"cai", "bob"})
    handle = await frozen(failing)
    await until(lambda: failing.notifier.sent("notice") == ["gus"])
    await failing.skipper.fast_forward(handle, timedelta(hours=1))
    await until(lambda: failing.notifier.sent("notice") == ["gus", "dee"])
    await operate(handle, "cancel")
    await eventually(handle, lambda status: status.status == "cancelled")
    untold = [f for f in failing.sink.of(handle.id) if f.name == "alert.undelivered"]
    assert "bob has no address" in str(untold[0].attributes["hitl.reason"])


async def test_a_late_run_is_told_once_and_goes_on(rig: Rig) -> None:
    """The status says it; what was expected is judged at the end."""
    rig.catalogue.add(
        "owner: group:leads\nexpect: {finish_by: 2h}\nsteps: [{id: a, wait: {for: 5h}}, {id: b, wait: {for: 5h}}]"
    )
    handle = await frozen(rig)
    await eventually(handle, lambda status: status.status == "waiting")
    await rig.skipper.fast_forward(handle, timedelta(hours=3))
    assert (await eventually(handle, lambda status: status.late)).status == "waiting"
    await rig.skipper.fast_forward(handle, timedelta(hours=8))
    assert (await handle.result())["status"] == "completed"
    assert rig.notifier.sent("notice") == ["bob"]
    names = rig.sink.names(handle.id)
    assert (names.count("run.late"), names[-2:]) == (1, ["run.expectations_judged", "run.ended"])


async def test_past_runs_say_when_it_will_end(rig: Rig) -> None:
    """Their facts are read when a run begins; the status has the projection and the critical path."""
    rig.catalogue.add(
        "owner: group:leads\nexpect: {finish_by: 30d, alert: projected}\nsteps:\n"
        "  - {id: load, call: job.do, with: {name: load}}\n  - {id: tell, call: job.do, with: {name: tell}}"
    )
    assert (await (await rig.start()).result())["status"] == "completed"
    rig.jobs.failing.add("load")
    projection = None
    while projection is None:  # the list of closed runs lags a little
        handle = await rig.start()
        projection = (await eventually(handle, parked)).projection
        await operate(handle, "cancel")
    assert [s.step for s in projection.critical_path] == ["load", "tell"]
    assert projection.unknown == ()


async def test_facts_about_alerts_have_the_time_that_the_history_gives(
    failing: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts, what became of them, a ticket, what past runs took: a worker that takes over finds the same."""
    failing.catalogue.add(PARKS.replace("owner:", "incident: {}\nexpect: {finish_by: 10m}\nowner:"))
    handle = await frozen(failing)
    await eventually(handle, lambda status: status.steps["load"].ticket == "T-1")
    await failing.skipper.fast_forward(handle, timedelta(hours=1))
    await until(lambda: len(failing.notifier.sent("notice")) == 5)
    await operate(handle, "acknowledge", key="k")
    await operate(handle, "skip", "load")
    assert (await handle.result())["status"] == "completed"
    exported = failing.sink.of(handle.id)
    assert {"alert.delivered", "alert.acknowledged", "incident.kept", "run.late"} <= {f.name for f in exported}
    assert [(f.key, f.hash) for f in await facts_told_late(handle, monkeypatch)] == [(f.key, f.hash) for f in exported]


INCIDENT = """
owner: group:leads
incident: {on_close: rerun}
steps: [{id: load, call: job.do, with: {name: load}}]
"""


async def test_a_ticket_follows_a_step(failing: Rig) -> None:
    """Opened when it parks, commented when it is done again, resolved at its recovery, in this order."""
    failing.catalogue.add(INCIDENT)
    handle = await failing.start()
    found = await eventually(handle, lambda status: status.steps["load"].ticket == "T-1")
    assert found.status == "parked"
    await operate(handle, "rerun", "load", key="1")
    await eventually(handle, lambda status: parked(status) and len(failing.tickets.works) == 3)
    failing.jobs.failing.clear()
    await operate(handle, "rerun", "load", key="2")
    assert (await handle.result())["status"] == "completed"
    await until(lambda: len(failing.tickets.works) == 5)
    assert failing.tickets.done() == ["open", "comment", "comment", "comment", "resolve"]
    assert failing.tickets.works[-1] == ("resolve", "T-1", "load has succeeded")


async def test_a_ticket_of_two_runs_is_resolved_by_the_last(failing: Rig) -> None:
    """The recovery of the first says that the other still stands in it; so does the trail."""
    failing.catalogue.add(INCIDENT)
    first, second = await failing.start(), await failing.start()
    for handle in (first, second):
        await eventually(handle, lambda status: status.steps["load"].ticket == "T-1")
    listed = f"HitlState = 'parked' AND TaskQueue = '{failing.queue}' AND ExecutionStatus = 'Running'"
    while (await failing.client.count_workflows(listed)).count < 2:
        await asyncio.sleep(0.02)
    failing.jobs.failing.clear()
    await operate(first, "rerun", "load")
    assert (await first.result())["status"] == "completed"
    await until(lambda: len(failing.tickets.works) == 4)
    left = ("comment", "T-1", f"load has succeeded; run {second.id} can't go on yet")
    assert failing.tickets.works[-1] == left
    await operate(second, "rerun", "load")
    assert (await second.result())["status"] == "completed"
    await until(lambda: failing.tickets.done()[-1] == "resolve")


async def test_a_run_that_is_done_again_after_its_end_resolves_its_ticket(failing: Rig) -> None:
    """What it has left open is taken over by the new run."""
    failing.catalogue.add(INCIDENT)
    old = await failing.start()
    await eventually(old, lambda status: status.steps["load"].ticket == "T-1")
    await operate(old, "cancel")
    with pytest.raises(WorkflowFailureError):
        await old.result()
    failing.jobs.failing.clear()
    first = (await old.describe()).raw_description.workflow_execution_info.first_run_id
    seed = Seed(workflow_id=old.id, first_run_id=first, command={"actor": "gus", "as": "failed", "key": "k"})
    handle = await failing.client.start_workflow(
        "test_flow", args=[{}, StartedBy(requester="gus", seed=seed)], id=f"{old.id}.again", task_queue=failing.queue
    )
    assert (await handle.result())["status"] == "completed"
    await until(lambda: failing.tickets.done()[-1] == "resolve")
    said = f"run {handle.id} does again what run {old.id} has left: load, by gus"
    assert ("comment", "T-1", said) in failing.tickets.works


async def test_closing_the_ticket_does_the_step_again(failing: Rig) -> None:
    """By the door of a ticket system, as `system:ticket`."""
    failing.catalogue.add(INCIDENT)
    handle = await failing.start()
    await eventually(handle, parked)
    failing.jobs.failing.clear()
    event = {"specversion": "1.0", "id": "1", "source": "x", "type": "hitl.ticket.closed", "subject": "test_flow/load"}
    await handle.signal("event", {"actor": "system:ticket", "event": event})
    assert (await handle.result())["status"] == "completed"
    fact = next(f for f in failing.sink.of(handle.id) if f.name == "step.ticket_closed")
    assert fact.attributes["hitl.actor"] == "system:ticket"


async def test_a_ticket_system_that_is_down_holds_up_nothing(failing: Rig) -> None:
    """All that was wanted is done later, in order, by the outbox."""
    failing.catalogue.add(INCIDENT)
    failing.tickets.is_down = True
    handle = await failing.start()
    await eventually(handle, parked)
    failing.jobs.failing.clear()
    await operate(handle, "rerun", "load")
    assert (await handle.result())["status"] == "completed"
    assert failing.tickets.works == []
    failing.tickets.is_down = False
    await until(lambda: len(failing.tickets.works) == 3)
    assert failing.tickets.done() == ["open", "comment", "resolve"]


async def test_alerts_and_tickets_survive_continue_as_new(short_rig: Rig) -> None:
    """Who was told is not told again, what is due later is still due, and the ticket is the same."""
    rig = short_rig
    rig.catalogue.notify = {"duty": DUTY}
    rig.jobs.failing.add("load")
    rig.catalogue.add(PARKS.replace("owner:", "incident: {}\nowner:"))
    handle = await frozen(rig)
    await eventually(handle, lambda status: status.steps["load"].ticket == "T-1")
    first = await handle.describe()
    for n in count():  # until the server has suggested it in a moment in which nothing is under way
        await operate(handle, "hold" if n % 2 == 0 else "release", "tell", key=str(n))
        if n % 2 and (await handle.describe()).run_id != first.run_id:
            break
    assert rig.notifier.sent("notice") == ["bob", "gus"]
    await rig.skipper.fast_forward(handle, timedelta(hours=1))
    await until(lambda: rig.notifier.sent("notice") == ["bob", "gus", "cai", "dee"])
    rig.jobs.failing.clear()
    await operate(handle, "rerun", "load")
    assert (await handle.result())["status"] == "completed"
    await until(lambda: rig.tickets.done() == ["open", "comment", "resolve"])
    assert verify_chain(rig.sink.of(handle.id)) == ()
