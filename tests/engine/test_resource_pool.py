"""The workflow that gives out units, on a real server, among workflows that borrow, give back, and are killed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper, WorkflowEnvironment
from temporalio.worker import Replayer

from hitl_temporal.app.temporal import RUNNER
from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.resources.names import flow_pool
from hitl_temporal.domain.resources.views import PoolStatus
from hitl_temporal.effects.resources import Resources
from hitl_temporal.effects.server_clock import ServerClock
from hitl_temporal.engine.resource_pool import ResourcePool
from hitl_temporal.messages import RESOURCE, ClaimUnits, ReleaseUnits, RequestUnits, pool_id
from hitl_temporal.ports import TemporaryError
from tests.engine.borrowing import Borrowing
from tests.engine.conftest import Rig
from tests.engine.test_life import short_server

__all__ = ["short_server"]

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def lending(idle_rig: Rig) -> AsyncIterator[Rig]:
    """A rig whose worker runs borrowers."""
    async with idle_rig.worker(workflows=[Borrowing]):
        yield idle_rig


@pytest_asyncio.fixture(loop_scope="session")
async def short_lending(short_server: WorkflowEnvironment) -> AsyncIterator[Rig]:
    """The same on a server that wants workflows to continue as new early."""
    rig = Rig(short_server.client, f"q-{uuid4().hex[:8]}", TimeSkipper(short_server.client))
    async with rig.worker(workflows=[Borrowing]):
        yield rig


def resource(rig: Rig, units: int | None) -> str:
    """Return the name of a resource of the test's own; None: that the site does not have."""
    name = f"res-{uuid4().hex[:8]}"
    if units is not None:
        rig.catalogue.resources[name] = Resource(units=units)
    return name


async def borrow(rig: Rig, name: str, *claims: str | dict[str, Any]) -> WorkflowHandle[Any, Any]:
    """Start a workflow that asks for these; a claim by name alone is of one unit."""
    wishes = [{"resource": name, **({"claim": c} if isinstance(c, str) else c)} for c in claims]
    return await rig.client.start_workflow("borrowing", wishes, id=f"b-{uuid4().hex[:8]}", task_queue=rig.queue)


async def give_back(borrower: WorkflowHandle[Any, Any], name: str, claim: str) -> None:
    """Let a workflow give units back, and wait until it has."""
    done = await borrower.query("has_done")
    await borrower.signal("do", args=["give_back", {"resource": name, "claim": claim}])
    while await borrower.query("has_done") == done:
        await asyncio.sleep(0.01)


async def granted(borrower: WorkflowHandle[Any, Any], *claims: str) -> None:
    """Wait until a workflow has been granted exactly these, in order; it may be told of each more than once."""
    while [*dict.fromkeys(await borrower.query("granted"))] != [*claims]:
        await asyncio.sleep(0.01)


def pool_of(rig: Rig, name: str) -> WorkflowHandle[Any, Any]:
    """Return the workflow that gives out these units."""
    return rig.client.get_workflow_handle(pool_id(name))


async def shown(rig: Rig, name: str) -> PoolStatus:
    """Return what a pool says of itself."""
    return await pool_of(rig, name).query("status", result_type=PoolStatus)


async def until(rig: Rig, name: str, is_so: Callable[[PoolStatus], bool]) -> PoolStatus:
    """Wait until a pool is like this."""
    while not is_so(found := await shown(rig, name)):
        await asyncio.sleep(0.01)
    return found


def waiting(*claims: str) -> Callable[[PoolStatus], bool]:
    """Return the test that exactly these wait, in order."""
    return lambda found: [w.claim for w in found.queue] == [*claims]


def holding(*claims: str) -> Callable[[PoolStatus], bool]:
    """Return the test that exactly these hold, in order."""
    return lambda found: [h.claim for h in found.holders] == [*claims]


async def test_a_second_borrower_gets_what_the_first_gives_back(lending: Rig) -> None:
    """A mutex: never both."""
    name = resource(lending, 1)
    first = await borrow(lending, name, "a")
    await granted(first, "a")
    second = await borrow(lending, name, "b")
    found = await until(lending, name, waiting("b"))
    assert (found.units, found.held, found.queue[0].workflow_id) == (1, 1, second.id)
    assert await second.query("granted") == []
    await give_back(first, name, "a")
    await granted(second, "b")
    await until(lending, name, holding("b"))


async def test_units_go_by_priority_then_time_then_the_document(lending: Rig) -> None:
    """Whatever the order in which the requests arrive."""
    name = resource(lending, 1)
    holder = await borrow(lending, name, "holder")
    await granted(holder, "holder")
    third, second, first = ({"claim": f"c{n}", "order": n} for n in (3, 2, 1))
    many = await borrow(lending, name, third, second, first, {"claim": "urgent", "priority": 1, "order": 9})
    late = await borrow(lending, name, "late")
    await until(lending, name, waiting("urgent", "c1", "c2", "c3", "late"))
    await give_back(holder, name, "holder")
    for claim in ("urgent", "c1", "c2", "c3"):
        while claim not in await many.query("granted"):
            await asyncio.sleep(0.01)
        await give_back(many, name, claim)
    await granted(many, "urgent", "c1", "c2", "c3")
    await granted(late, "late")


async def test_of_one_moment_the_first_in_the_document_is_served_first(lending: Rig) -> None:
    """Although nobody holds anything yet, and however they are written down."""
    name = resource(lending, 1)
    both = await borrow(lending, name, {"claim": "b", "order": 2}, {"claim": "a", "order": 1})
    await granted(both, "a")
    await until(lending, name, waiting("b"))


async def test_a_killed_holder_keeps_nothing(lending: Rig) -> None:
    """Nobody has told the pool; the next gets the units, and the trail says from whom they were taken."""
    name = resource(lending, 2)
    dead = await borrow(lending, name, {"claim": "a", "units": 2})
    await granted(dead, "a")
    await dead.terminate()
    heir = await borrow(lending, name, "b")
    await until(lending, name, waiting("b"))
    await lending.skipper.fast_forward(pool_of(lending, name), timedelta(minutes=2))
    await granted(heir, "b")
    while not (facts := lending.sink.of(pool_id(name))):
        await asyncio.sleep(0.01)
    assert [(f.name, f.attributes["hitl.holder"]) for f in facts] == [("resource.freed", dead.id)]
    assert verify_chain(facts) == ()


async def test_a_killed_borrower_that_waits_is_passed_over(lending: Rig) -> None:
    """What can't be told to it is granted to the next."""
    name = resource(lending, 1)
    holder = await borrow(lending, name, "a")
    await granted(holder, "a")
    dead = await borrow(lending, name, "b")
    await until(lending, name, waiting("b"))
    heir = await borrow(lending, name, "c")
    await until(lending, name, waiting("b", "c"))
    await dead.terminate()
    await give_back(holder, name, "a")
    await granted(heir, "c")
    await until(lending, name, holding("c"))


async def test_what_never_can_be_is_refused_with_what_to_do(lending: Rig) -> None:
    """More units than there are, and a resource that nobody has written down."""
    name, unknown = resource(lending, 2), resource(lending, None)
    greedy = await borrow(lending, name, {"claim": "a", "units": 3}, {"claim": "b", "resource": unknown})
    while len(refused := await greedy.query("refused")) < 2:
        await asyncio.sleep(0.01)
    assert refused["a"].startswith(f"3 units of {name!r} are wanted, and there are 2")
    assert refused["b"].startswith(f"there is no resource {unknown!r}")


async def test_asked_for_and_given_back_twice_is_once(lending: Rig) -> None:
    """A message may be sent again; who holds is told again, and still holds once."""
    name = resource(lending, 2)
    first = await borrow(lending, name, "a", "a")
    while not await first.query("granted"):
        await asyncio.sleep(0.01)
    told = len(await first.query("granted"))
    await first.signal("do", args=["ask", {"resource": name, "claim": "a", "requested_at": "2026-01-01T00:00:00Z"}])
    while len(await first.query("granted")) == told:
        await asyncio.sleep(0.01)
    second = await borrow(lending, name, "b", {"claim": "c", "order": 1})
    await granted(second, "b")
    await give_back(first, name, "a")
    await give_back(first, name, "a")
    await granted(second, "b", "c")
    await until(lending, name, holding("b", "c"))


async def test_units_of_a_pool_that_is_not_there_are_given_back_in_silence(lending: Rig) -> None:
    """A run that ends early may give back what it never asked for."""
    name = resource(lending, 1)
    borrower = await borrow(lending, name)
    await give_back(borrower, name, "a")
    await borrower.signal("do", args=["end", {}])
    assert await borrower.result() == []


async def test_the_number_of_units_is_the_one_that_the_site_has_now(lending: Rig) -> None:
    """More is given out at once to who asks, fewer takes nothing away."""
    name = resource(lending, 2)
    first = await borrow(lending, name, {"claim": "a", "units": 2})
    await granted(first, "a")
    lending.catalogue.resources[name] = Resource(units=3)
    second = await borrow(lending, name, "b")
    await granted(second, "b")
    lending.catalogue.resources[name] = Resource(units=1)
    third = await borrow(lending, name, "c")
    found = await until(lending, name, waiting("c"))
    assert (found.units, found.held) == (1, 3)
    await give_back(first, name, "a")
    found = await until(lending, name, holding("b"))
    assert waiting("c")(found)
    await give_back(second, name, "b")
    await granted(third, "c")


async def test_a_flow_bounds_its_runs_by_a_pool_of_its_own(lending: Rig) -> None:
    """Whoever asks says how many units there are; the last to say it counts, whatever the key is."""
    name = flow_pool(f"nightly_{uuid4().hex[:8]}", "Ελλάδα / north")
    first = await borrow(lending, name, {"claim": "a", "pool_units": 1})
    await granted(first, "a")
    second = await borrow(lending, name, {"claim": "b", "pool_units": 1})
    await until(lending, name, waiting("b"))
    third = await borrow(lending, name, {"claim": "c", "pool_units": 2})
    await granted(second, "b")
    await until(lending, name, waiting("c"))
    assert (await shown(lending, name)).name == name
    assert await third.query("granted") == []


async def test_a_temporal_that_refuses_is_a_temporary_error(lending: Rig) -> None:
    """The activity is tried again: a run neither loses its wish nor keeps what it has given back."""
    of_no_namespace = Client(lending.client.service_client, namespace="", data_converter=pydantic_data_converter)
    effects = Resources(of_no_namespace, lending.queue, lending.catalogue, ServerClock(of_no_namespace))
    wish = RequestUnits(resource="x", claim="a", workflow_id="b", run_id="r", requested_at=NOW)
    with pytest.raises(TemporaryError, match="units of 'x' can't be asked for"):
        await effects.claim_units(ClaimUnits(requests=(wish,)))
    with pytest.raises(TemporaryError, match="'x' can't be given back"):
        await effects.release_units(ReleaseUnits(resource="x", claim="a", at=NOW))


async def test_what_is_no_message_poisons_nothing(lending: Rig) -> None:
    """Nonsense is ignored; whoever comes after it is served."""
    name = resource(lending, 1)
    handle = await lending.client.start_workflow(RESOURCE, 7, id=pool_id(name), task_queue=lending.queue)
    for signal in ("request", "release"):
        for payload in (None, "nonsense", {"claim": "a"}, {"resource": name, "claim": "a", "units": 0}):
            await handle.signal(signal, payload)
    borrower = await borrow(lending, name, "a")
    await granted(borrower, "a")
    assert (await shown(lending, name)).name == name


async def test_a_pool_that_nobody_asks_any_more_ends(lending: Rig) -> None:
    """And begins again with the next who asks."""
    name = resource(lending, 1)
    borrower = await borrow(lending, name, "a")
    await granted(borrower, "a")
    await give_back(borrower, name, "a")
    handle = pool_of(lending, name)
    assert not await lending.skipper.fast_forward(handle, timedelta(days=2))
    again = await borrow(lending, name, "b")
    await granted(again, "b")
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def test_requests_wait_for_a_worker(idle_rig: Rig) -> None:
    """All that came meanwhile are served in their order."""
    rig, name = idle_rig, resource(idle_rig, 1)
    async with rig.worker(workflows=[Borrowing]):
        borrower = await borrow(rig, name)
        run_id = (await borrower.describe()).run_id
    handle = await rig.client.start_workflow(RESOURCE, name, id=pool_id(name), task_queue=rig.queue)
    for claim, priority in (("late", 5), ("soon", 1)):
        wish = {"resource": name, "claim": claim, "priority": priority, "requested_at": "2026-03-02T09:00:00Z"}
        await handle.signal("request", {**wish, "workflow_id": borrower.id, "run_id": run_id})
    async with rig.worker(workflows=[Borrowing]):
        while not (found := await shown(rig, name)).holders:
            await asyncio.sleep(0.01)
        assert holding("soon")(found)
        assert waiting("late")(found)


async def test_nothing_is_lost_over_continue_as_new(short_lending: Rig) -> None:
    """Holders hold, waiters keep their place, and both histories replay."""
    rig, name = short_lending, resource(short_lending, 2)
    keeper = await borrow(rig, name, "keeper")
    await granted(keeper, "keeper")
    handle = pool_of(rig, name)
    first = (await handle.describe()).run_id
    turn = 0
    current = await borrow(rig, name, "c0")
    await granted(current, "c0")
    while (await handle.describe()).run_id == first:
        turn += 1
        following = await borrow(rig, name, f"c{turn}")
        await until(rig, name, waiting(f"c{turn}"))
        await give_back(current, name, f"c{turn - 1}")
        await granted(following, f"c{turn}")
        current = following
    assert turn > 0
    last = await borrow(rig, name, "last")
    found = await until(rig, name, waiting("last"))
    assert holding("keeper", f"c{turn}")(found)
    await give_back(keeper, name, "keeper")
    await granted(last, "last")
    replayer = Replayer(workflows=[ResourcePool], workflow_runner=RUNNER, data_converter=pydantic_data_converter)
    for run in (first, (await handle.describe()).run_id):
        await replayer.replay_workflow(await rig.client.get_workflow_handle(handle.id, run_id=run).fetch_history())


async def test_a_holder_that_lives_is_left_alone(lending: Rig) -> None:
    """However often it is looked."""
    name = resource(lending, 1)
    holder = await borrow(lending, name, "a")
    await granted(holder, "a")
    waiter = await borrow(lending, name, "b")
    await until(lending, name, waiting("b"))
    assert await lending.skipper.fast_forward(pool_of(lending, name), timedelta(minutes=10))
    await until(lending, name, holding("a"))
    assert await waiter.query("granted") == []
