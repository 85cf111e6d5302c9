"""Events on a real Temporal: what they start, what they advance, and that the same one does nothing twice."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.service import door
from hitl_temporal.service.errors import ForbiddenError, InvalidError
from hitl_temporal.service.events import MOST_EVENTS, Events, Received
from hitl_temporal.service.identity import Identity
from tests.engine.conftest import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

GUS = Identity("gus", frozenset({"operator"}), frozenset(), "medium", "api")
ANN = Identity("ann", frozenset(), frozenset(), "medium", "api")

TRIGGERED = """
inputs: {n: {type: integer}}
triggers:
  - event: {type: TYPE, if: event.data.n > 0, requester: ann, inputs: {n: '{{event.data.n}}'}}
steps: [{id: a, call: job.do, with: {name: '{{string(inputs.n)}}'}}]
outputs: {n: '{{inputs.n}}'}
"""
WAITING = """
steps:
  - {id: first, wait: {event: {type: TYPE, if: event.data.n > 1}}}
outputs: {n: '{{steps.first.outputs.data.n}}'}
"""
LATER = """
steps:
  - {id: q, ask: {title: Q, who: 'user:bob'}}
  - {id: then, wait: {event: {type: TYPE}}}
outputs: {n: '{{steps.then.outputs.data.n}}'}
"""


def event(kind: str, n: object = 1, name: str = "1") -> CloudEvent:
    return CloudEvent(type=kind, source="/test", id=name, data={"n": n})  # pyright: ignore[reportArgumentType]


@pytest.fixture
def kind() -> str:
    """A type of event that no other test sends."""
    return f"t.{uuid4().hex[:8]}"


def add(rig: Rig, text: str, kind: str) -> str:
    """Add a flow under a name of its own."""
    name = f"flow_{uuid4().hex[:8]}"
    rig.catalogue.add(text.replace("TYPE", kind), name)
    return name


async def send(rig: Rig, *events: CloudEvent, me: Identity = GUS) -> Received:
    return await Events(rig.client, rig.catalogue, rig.queue).send(me, events)


async def eventually(look: Callable[[], Awaitable[Any]]) -> None:
    """Wait until something is so; the test's time limit bounds it."""
    while not await look():
        await asyncio.sleep(0.05)


async def until_listed(rig: Rig, handle: WorkflowHandle[Any, Any], waiting: str | None = None) -> None:
    """Wait until visibility shows a run, and what it waits for."""
    awaits = f" AND HitlWaiting = '{waiting}'" if waiting else ""

    async def is_listed() -> bool:
        return [w async for w in rig.client.list_workflows(f"WorkflowId = '{handle.id}'{awaits}")] != []

    await eventually(is_listed)


async def test_an_event_starts_a_run_once(rig: Rig, kind: str) -> None:
    """With the inputs and the requester of the trigger; sent again, it names the run and starts nothing."""
    name = add(rig, TRIGGERED, kind)
    first = await send(rig, event(kind, 7))
    (run,) = first.started
    assert run.startswith(f"{name}.event-")
    assert (await rig.client.get_workflow_handle(run).result())["outputs"] == {"n": 7}
    status = await rig.client.get_workflow_handle(run).query("status")
    assert status["requester"] == "ann"
    again = await send(rig, event(kind, 7))
    assert (again.started, again.already, again.errors) == ((), (run,), ())
    assert rig.jobs.names() == ["7"]


async def test_what_is_not_meant_starts_nothing(rig: Rig, kind: str) -> None:
    """Another type, or an `if` that is false."""
    add(rig, TRIGGERED, kind)
    assert await send(rig, event(kind, 0), event("other", 1, "2")) == Received()


@pytest.mark.parametrize(
    ("n", "says"), [({}, "no such overload"), ("x", "no such overload"), (1.5, "'n': 1.5 is not a whole number")]
)
async def test_what_can_not_be_told_is_an_error_in_the_answer(rig: Rig, kind: str, n: object, says: str) -> None:
    """A failing expression is never a match, and inputs that do not fit start nothing."""
    name = add(rig, TRIGGERED, kind)
    found = await send(rig, event(kind, n))
    (wrong,) = found.errors
    assert (wrong.flow, wrong.trigger, wrong.event, found.started) == (name, 0, "1", ())
    assert says.lower() in wrong.reason.lower()


async def test_a_waiting_run_goes_on(rig: Rig, kind: str) -> None:
    """It is named once; the same event again moves nothing."""
    handle = await rig.start(add(rig, WAITING, kind))
    await until_listed(rig, handle, f"event:{kind}")
    unmeant = await send(rig, event(kind, 1))
    assert (unmeant.advanced, unmeant.kept) == ((), 1)
    found = await send(rig, event(kind, 2, "2"))
    assert (found.advanced, found.kept, found.errors) == ((handle.id,), 0, ())
    assert (await handle.result())["outputs"] == {"n": 2}
    assert (await send(rig, event(kind, 2, "2"))).advanced == ()


async def test_a_run_that_does_not_wait_yet_keeps_it(rig: Rig, kind: str) -> None:
    """Events are kept from the run's start."""
    handle = await rig.start(add(rig, LATER, kind))
    await rig.until_put(rig.child(handle, "q"))
    await until_listed(rig, handle)
    assert (await send(rig, event(kind, 3))).kept == 1
    await rig.decide(rig.child(handle, "q"), {"actor": "bob", "outcome": "approved", "key": "k"})
    assert (await handle.result())["outputs"] == {"n": 3}


async def test_what_an_event_starts_waits_for_the_next_one(rig: Rig, kind: str) -> None:
    """A flow may be started by an event and wait for another of its type, also when the first is sent again."""
    text = f"triggers: [{{event: {{type: TYPE}}}}]{WAITING.replace(', if: event.data.n > 1', '')}"
    add(rig, text, kind)
    (run,) = (await send(rig, event(kind, 1))).started
    handle = rig.client.get_workflow_handle(run)
    await until_listed(rig, handle, f"event:{kind}")
    assert (await send(rig, event(kind, 1))).advanced == ()
    second = await send(rig, event(kind, 2, "2"))
    assert second.advanced == (run,)
    assert (await handle.result())["outputs"] == {"n": 2}


async def test_without_a_worker_nothing_is_lost(idle_rig: Rig, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is started and waits for a worker; an open one is told by Signal."""
    rig = idle_rig
    monkeypatch.setattr(door, "PATIENCE", timedelta(seconds=2))  # nobody will answer
    name = add(rig, WAITING.replace(", if: event.data.n > 1", ""), kind)
    handle = await rig.start(name)
    await until_listed(rig, handle)
    assert (await send(rig, event(kind, 5))).kept == 1
    async with rig.worker():
        assert (await handle.result())["outputs"] == {"n": 5}


async def test_operators_send_events(rig: Rig, kind: str) -> None:
    """Whoever may start everything that listens."""
    with pytest.raises(ForbiddenError, match="operator or admin"):
        await send(rig, event(kind), me=ANN)


async def test_a_request_has_so_many_events(rig: Rig, kind: str) -> None:
    """More are refused as a whole."""
    with pytest.raises(InvalidError, match="101 events"):
        await send(rig, *(event(kind, 1, str(n)) for n in range(MOST_EVENTS + 1)))
