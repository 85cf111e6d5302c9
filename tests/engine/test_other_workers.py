"""A call with `pool` reaches a worker that is not ours: another language's, with names and types of its own.

The worker here is the SDK's alone, with its own data converter and none of our interceptors; so is any in Go or Java.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from hitl_temporal.domain.flow.commands import Receipt
from tests.engine.conftest import Rig, running
from tests.engine.test_flow import eventually

pytestmark = pytest.mark.dev_server


@dataclass
class Charge:
    """What the other worker takes, as a struct with JSON names is in Go."""

    account: str
    amount: int
    note: str | None = None


@dataclass
class Charged:
    """What it gives."""

    receipt: str
    amount: int


@dataclass
class Cashier:
    """The activities of the other worker."""

    client: Client
    calls: list[Any] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="ChargeCard")
    def charge_card(self, charge: Charge) -> Charged:
        """Charge a card."""
        info = activity.info()
        self.calls.append(charge)
        self.keys.append(f"{info.workflow_id}.{info.activity_id}")
        return Charged(receipt="r-1", amount=charge.amount)

    @activity.defn(name="ListCards")
    def list_cards(self, given: dict[str, Any]) -> list[str]:
        """Need nothing, and return no object: without `with` the argument is an empty one."""
        assert given == {}
        return ["visa", "amex"]

    @activity.defn(name="Decline")
    def decline(self, given: dict[str, Any]) -> None:
        """Fail as it is told."""
        self.calls.append(given)
        if given["kind"] == "business":
            raise ApplicationError("card expired", {"code": 54}, type="CardDeclined", non_retryable=True)
        raise RuntimeError("connection lost")

    @activity.defn(name="Listen")
    def listen(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what it was given."""
        return {"heard": given}

    @activity.defn(name="Flood")
    def flood(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return more than a run keeps."""
        self.calls.append("flood")
        return {"rows": "x" * 300_000}

    @activity.defn(name="Hang")
    async def hang(self, given: dict[str, Any]) -> None:
        """Come to no end by itself; with `beats` it hears of a cancellation."""
        self.started.set()
        while True:
            await asyncio.sleep(0.05)
            if given.get("beats"):
                activity.heartbeat()

    @activity.defn(name="Later")
    def later(self, _: dict[str, Any]) -> None:
        """Be completed from elsewhere, as a webhook would."""
        self.calls.append(activity.info().task_token)
        activity.raise_complete_async()


@dataclass
class Other:
    """Our rig beside the other worker."""

    rig: Rig
    cashier: Cashier

    async def start(self, *steps: str) -> WorkflowHandle[Any, Any]:
        """Start a run of these steps."""
        self.rig.catalogue.add("steps:\n" + "\n".join(f"  - {{{step}}}" for step in steps))
        return await self.rig.start()


@pytest_asyncio.fixture(loop_scope="session")
async def other(rig: Rig) -> AsyncIterator[Other]:
    """A worker of the plain SDK on the task queue that `pool: payments` names."""
    plain = Client(rig.client.service_client, namespace=rig.client.namespace)  # the SDK's data converter, not ours
    cashier = Cashier(plain)
    with ThreadPoolExecutor(4) as threads:
        worker = Worker(
            plain,
            task_queue=f"{rig.queue}-pool-payments",
            activities=[
                *(cashier.charge_card, cashier.list_cards, cashier.decline),
                *(cashier.listen, cashier.flood, cashier.hang, cashier.later),
            ],
            activity_executor=threads,
        )
        async with running(worker):
            yield Other(rig, cashier)


async def test_it_is_given_one_object_and_gives_outputs(other: Other) -> None:
    """Its struct is read from `with`, and its result is the outputs; what is no object is `result`."""
    handle = await other.start(
        "id: pay, call: ChargeCard, pool: payments, with: {account: a-7, amount: 250}",
        "id: cards, call: ListCards, pool: payments",
        'id: echo, call: Listen, pool: payments, with: {r: "{{steps.pay.outputs.receipt}}", '
        'cards: "{{steps.cards.outputs.result}}"}',
    )
    steps = (await handle.result())["steps"]
    assert other.cashier.calls == [Charge(account="a-7", amount=250)]
    assert steps["pay"]["outputs"] == {"receipt": "r-1", "amount": 250}
    assert steps["cards"]["outputs"] == {"result": ["visa", "amex"]}
    assert steps["echo"]["outputs"] == {"heard": {"r": "r-1", "cards": ["visa", "amex"]}}


async def test_workflow_id_and_activity_id_are_the_idempotency_key(other: Other) -> None:
    """A rerun is another start, and has another key."""
    handle = await other.start(
        "id: pay, call: ChargeCard, pool: payments, with: {account: a-7, amount: 250}",
        "id: no, call: Decline, pool: payments, with: {kind: business}",
    )
    await eventually(handle, lambda run: run.steps["no"].state == "parked")
    await operate(handle, "rerun", "pay")
    await eventually(handle, lambda _: len(other.cashier.keys) == 2)
    assert other.cashier.keys == [f"{handle.id}.pay.1", f"{handle.id}.pay.2"]


async def test_a_refusal_parks_at_once_and_says_its_type(other: Other) -> None:
    """An application error that is not to be retried is not."""
    handle = await other.start("id: no, call: Decline, pool: payments, with: {kind: business}, retry: {max: 5}")
    status = await eventually(handle, lambda run: run.steps["no"].state == "parked")
    assert status.steps["no"].reason == "CardDeclined: card expired"
    assert len(other.cashier.calls) == 1


async def test_any_other_error_is_tried_again_and_then_parks(other: Other) -> None:
    """As often as the step's `retry` says."""
    handle = await other.start(
        'id: no, call: Decline, pool: payments, with: {kind: technical}, retry: {max: 3, backoff: "1s..1s"}'
    )
    status = await eventually(handle, lambda run: run.steps["no"].state == "parked")
    assert status.steps["no"].reason == "RuntimeError: connection lost"
    assert len(other.cashier.calls) == 3


async def test_it_may_give_only_so_much(other: Other) -> None:
    """What is large is kept by our workers alone; the work is done, so it is not tried again."""
    handle = await other.start("id: big, call: Flood, pool: payments")
    status = await eventually(handle, lambda run: run.steps["big"].state == "parked")
    assert "at most 262144 are kept" in status.steps["big"].reason
    assert other.cashier.calls == ["flood"]


async def test_a_failure_that_is_named_is_a_result(other: Other) -> None:
    """As with an activity of ours."""
    handle = await other.start(
        "id: no, call: Decline, pool: payments, with: {kind: business}",
        "id: mend, needs: [{no: failed}], call: ListCards, pool: payments",
    )
    assert (await handle.result())["steps"]["mend"]["outputs"] == {"result": ["visa", "amex"]}


async def test_one_that_comes_to_no_end_is_timed_out(other: Other) -> None:
    """It need not beat: the step's `timeout` bounds each attempt."""
    handle = await other.start("id: no, call: Hang, pool: payments, timeout: 1s, retry: {max: 1}")
    status = await eventually(handle, lambda run: run.steps["no"].state == "parked")
    assert "TimeoutError" in status.steps["no"].reason


async def test_one_that_beats_is_cancelled_with_its_run(other: Other) -> None:
    """It hears of it with its next heartbeat."""
    handle = await other.start("id: hang, call: Hang, pool: payments, with: {beats: true}, timeout: 1h")
    await other.cashier.started.wait()
    receipt = await handle.execute_update("cancel", {"actor": "gus", "reason": "enough"}, result_type=Receipt)
    assert receipt.status == "done"
    assert (await eventually(handle, lambda run: run.status == "cancelled")).steps["hang"].state == "cancelled"


async def test_one_that_is_completed_later_gives_its_outputs_then(other: Other) -> None:
    """Whoever has its task token completes it; the SDKs of other languages have that, too."""
    handle = await other.start("id: later, call: Later, pool: payments, timeout: 1h")
    await eventually(handle, lambda _: bool(other.cashier.calls))
    token = other.cashier.calls[0]
    await other.cashier.client.get_async_activity_handle(task_token=token).complete({"paid": True})
    assert (await handle.result())["steps"]["later"]["outputs"] == {"paid": True}


async def test_what_only_our_workers_open_goes_as_it_is(other: Other) -> None:
    """The value of a secret never leaves our workers: another one gets the name, and a blob's digest."""
    blob = {"$blob": "sha256:" + "a" * 64, "size": 300_000, "type": "application/json"}
    handle = await other.start(f"id: a, call: Listen, pool: payments, with: {{key: {{$secret: bank}}, rows: {blob}}}")
    assert (await handle.result())["steps"]["a"]["outputs"] == {"heard": {"key": {"$secret": "bank"}, "rows": blob}}


async def test_the_priority_of_a_step_is_that_of_its_task(other: Other) -> None:
    """Temporal hands out the urgent ones first, each partition of a queue by itself: so no order is tested here."""
    handle = await other.start(
        "id: a, call: ListCards, pool: payments, priority: 1", "id: b, call: ListCards, pool: payments"
    )
    await handle.result()
    tasks = [
        event.activity_task_scheduled_event_attributes
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert {t.activity_id: t.priority.priority_key for t in tasks if t.activity_type.name == "ListCards"} == {
        "a.1": 1,
        "b.1": 3,
    }


async def operate(handle: WorkflowHandle[Any, Any], action: str, step: str) -> None:
    """Do what an operator may."""
    receipt = await handle.execute_update(action, {"actor": "gus", "step": step}, result_type=Receipt)
    assert receipt.status == "done", receipt.reason
