"""A yard: a house with agents, the runs that go on in it, the people who move them, and what kills it all at random.

Nobody here asks a workflow by a query while a worker may be away (docs/measured.md): what there is to do is read from
lists, and from the audit store.
"""

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from temporalio.client import Client, WorkflowExecution
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from tests.e2e.house import PATIENCE, House

POOL = "yard"
GATE = "com.example.gate"
ENDINGS = ("shipped", "refused", "wrecked")
"""How an order ends: as it should, because bob says no, or because its ship is wrecked."""

KINDS = ("worker", "agent", "temporal", "up")
"""What is killed: the worker, an agent, Temporal's server, or the HTTP service with what keeps the others running."""

LOOK_SECONDS = 0.3
STUCK_SECONDS = 240
"""When nothing has moved for so long, something stands still that will not move."""


@dataclass(frozen=True)
class Order:
    """One run, and how it must end."""

    id: str
    ending: str
    weights: tuple[int, ...]

    @property
    def is_refused(self) -> bool:
        """Whether bob says no."""
        return self.ending == "refused"


class Parked(NamedTuple):
    """A step that can't go on by itself, as its trail tells it."""

    fact: str
    run: str
    step: str
    reason: str

    @property
    def is_in_doubt(self) -> bool:
        """Whether nobody knows how far a command came."""
        return self.reason.startswith("in_doubt:")


class Yard:
    """Orders under way, with everything that they need, and all that befalls it."""

    def __init__(self, house: House, orders: Sequence[Order], *, agents: int, together: int) -> None:
        """Take what there is to do.

        Args:
            house: Open.
            orders: One run each.
            agents: How many serve the pool.
            together: How many runs are under way at a time.
        """
        self.house = house
        self.orders = {order.id: order for order in orders}
        self.kills: Counter[str] = Counter()
        self.parked: dict[str, Parked] = {}
        self.finished: set[str] = set()
        """What is parked, or was, by its fact; and which of it an operator has taken for done."""
        self.left_to_the_end = 0
        self.is_over = False
        self._agents: list[subprocess.Popen[bytes] | None] = [None] * agents
        self._together = together
        self._client: Client | None = None
        self._started: set[str] = set()
        self._answered: set[str] = set()
        self._told: set[str] = set()
        self._operated: set[str] = set()

    # --- processes ----------------------------------------------------------------------------------------------------

    def start_agents(self) -> None:
        """Start every agent that does not run."""
        environment = {**self.house.environment, "TEMPORAL_ADDRESS": self.house.temporal_address}
        command = [sys.executable, "-m", "hitl_temporal", "worker", "--pool", POOL, "--slots", "4"]
        for n, agent in enumerate(self._agents):
            if agent is None or agent.poll() is not None:
                with (self.house.folder / f"agent-{n}.log").open("ab") as log:
                    self._agents[n] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def end_agents(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Leave none running."""
        for agent in self._agents:
            if agent is not None:
                agent.send_signal(number)
                agent.wait(PATIENCE.total_seconds())

    def kill(self, kind: str, chance: random.Random) -> None:
        """End a process of this kind as a power cut would, and see that there is another one."""
        if kind == "agent":
            agent = chance.choice([agent for agent in self._agents if agent is not None])
            agent.kill()
            agent.wait(PATIENCE.total_seconds())
        else:
            self.house.kill(kind)
        self.kills[kind] += 1
        if kind == "up":
            self.house.open()

    async def kill_at_random(
        self, chance: random.Random, kinds: Iterable[str], *, pause: tuple[float, float], at_least: int
    ) -> None:
        """Kill one after the other, until there are no more, or everything is over and enough has been killed.

        Args:
            chance: Of which agent, and how long each lives.
            kinds: In their order; there may be no end of them.
            pause: The shortest and the longest, in seconds.
            at_least: How many die, even if everything is over before.
        """
        for kind in kinds:
            await asyncio.sleep(chance.uniform(*pause))
            if self.is_over and self.kills.total() >= at_least:
                return
            await asyncio.to_thread(self.kill, kind, chance)

    async def keep_agents(self) -> None:
        """Start agents again whenever they have died."""
        while True:
            await asyncio.to_thread(self.start_agents)
            await asyncio.sleep(LOOK_SECONDS)

    # --- people -------------------------------------------------------------------------------------------------------

    async def work(self) -> None:
        """Start all runs and move them until each has ended, or stands still in doubt.

        Raises:
            AssertionError: None has moved on for long, or a step is parked for another reason.
        """
        moved = time.monotonic()
        before = None
        while True:
            with suppress(RPCError, RuntimeError, TimeoutError):
                running = await self._open_workflows()
                await self._read_parked()
                await self._move(running)
                settled = self._settled({row.id for row in running})
                if len(settled) == len(self.orders):
                    return
                now = (settled, frozenset(self._started), frozenset(self._answered), frozenset(self._told))
                moved, before = (moved, before) if now == before else (time.monotonic(), now)
            assert time.monotonic() - moved < STUCK_SECONDS, await self._report()
            await asyncio.sleep(LOOK_SECONDS)

    def _settled(self, running: set[str]) -> frozenset[str]:
        """Return the orders that nobody needs to wait for: over, or left in doubt."""
        left = {p.run for p in self.parked.values() if p.fact not in self._operated}
        return frozenset(
            name
            for name in self._started
            if name not in running or any(run == name or run.startswith(f"{name}.") for run in left)
        )

    async def _move(self, running: Sequence[WorkflowExecution]) -> None:
        """Do all that there is to do now."""
        unsettled = len(self._started) - len(self._settled({row.id for row in running}))
        fresh = [o for o in self.orders.values() if o.id not in self._started][: max(self._together - unsettled, 0)]
        approvals = [row.id for row in running if row.workflow_type == "Approval" and row.id not in self._answered]
        waiting = {_order(row.id) for row in running if f"event:{GATE}" in _reasons(row)} - self._told
        # What holds a unit of the press would keep the others waiting; the rest is left standing for a while.
        pressing = [p for p in self.parked.values() if p.step.endswith(".label") and p.fact not in self._operated]
        await asyncio.gather(
            *(self._start(order) for order in fresh),
            *(self._answer(approval) for approval in approvals),
            *(self._open_gate(name) for name in waiting),
            *(self.resolve(one) for one in pressing),
        )

    async def _start(self, order: Order) -> None:
        inputs = {"name": order.id, "weights": order.weights, "ending": order.ending}
        body = {"inputs": inputs, "id": order.id}
        answer = await self._call("ann", "/v1/flows/order/runs", body, Idempotency_Key=order.id)
        if answer is not None:
            assert answer.status_code in {201, 503}, answer.text
            if answer.status_code == 201:
                self._started.add(order.id)

    async def _answer(self, approval: str) -> None:
        order = self.orders[_order(approval)]
        body = {"outcome": "rejected" if order.is_refused else "approved"}
        answer = await self._call("bob", f"/v1/approvals/{approval}/decisions", body, Idempotency_Key="bob clicks")
        if answer is not None:
            assert answer.status_code in {200, 202, 503}, answer.text
            if answer.status_code != 503:
                self._answered.add(approval)

    async def _open_gate(self, name: str) -> None:
        event = {"specversion": "1.0", "type": GATE, "source": "/port", "id": name, "subject": name}
        answer = await self._call("gus", "/v1/events", event, Content_Type="application/cloudevents+json")
        if answer is not None and answer.status_code == 202:
            told = answer.json()
            if not told["errors"] and any(_order(run) == name for run in told["advanced"]):
                self._told.add(name)

    async def resolve(self, one: Parked) -> None:
        """Do what an operator does who has looked how far the command came: again, or take it for done."""
        action = "rerun" if len(self._operated) % 2 == 0 else "finish"
        body = {"action": action, "step": one.step, "reason": "it was looked at", **RERUN[action]}
        answer = await self._call("gus", f"/v1/runs/{one.run}/actions", body, Idempotency_Key=one.fact)
        if answer is not None:
            assert answer.status_code in {200, 202, 503}, answer.text
            if answer.status_code != 503:
                self._operated.add(one.fact)
                if action == "finish":
                    self.finished.add(one.fact)

    async def _call(self, person: str, path: str, body: object, **headers: str) -> httpx.Response | None:
        """Send something; None: nobody was there, and it is sent again."""
        try:
            return await asyncio.to_thread(self.house.call, person, "POST", path, body, **headers)
        except httpx.TransportError:
            return None

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def left(self) -> tuple[Parked, ...]:
        """What nobody has resolved yet."""
        return tuple(p for p in self.parked.values() if p.fact not in self._operated)

    async def client(self) -> Client:
        """Return a client; it finds the server again by itself."""
        if self._client is None:
            address = self.house.temporal_address
            self._client = await Client.connect(address, data_converter=pydantic_data_converter)
        return self._client

    async def _open_workflows(self) -> list[WorkflowExecution]:
        client = await self.client()
        async with asyncio.timeout(10):
            query = "ExecutionStatus = 'Running' AND WorkflowType IN ('order', 'shipment', 'customs', 'Approval')"
            return [row async for row in client.list_workflows(query)]

    async def _read_parked(self) -> None:
        for one in await asyncio.to_thread(parked_steps, self.house.state / "audit.db"):
            assert one.is_in_doubt, f"parked for another reason: {one}"
            self.parked[one.fact] = one

    async def _report(self) -> str:
        lines = [f"nothing has moved for {STUCK_SECONDS} s; killed: {dict(self.kills)}"]
        for row in await self._open_workflows():
            why = await asyncio.to_thread(self.house.call, "gus", "GET", f"/v1/runs/{row.id}/why")
            lines.append(f"{row.workflow_type} {row.id}: {why.text[:1000]}")
        return "\n".join([*lines, self.house.logs()])


RERUN: dict[str, dict[str, object]] = {"rerun": {"as": "step"}, "finish": {}}


@asynccontextmanager
async def agents_of(yard: Yard) -> AsyncIterator[None]:
    """Keep agents running; afterwards there are none."""
    keeping = asyncio.create_task(yard.keep_agents())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        yard.end_agents()


def parked_steps(store: Path) -> tuple[Parked, ...]:
    """Return every step that has ever parked."""
    if not store.exists():
        return ()
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as audit:
        found = audit.execute("SELECT span_id, workflow_id, fact FROM spans WHERE name = 'step.parked'").fetchall()
    facts = ((span, run, json.loads(fact)["attributes"]) for span, run, fact in found)
    return tuple(Parked(span, run, told["hitl.step"], told["hitl.reason"]) for span, run, told in facts)


def _order(workflow: str) -> str:
    """Return the id of the order that a workflow belongs to."""
    return workflow.partition(".")[0]


def _reasons(row: WorkflowExecution) -> Sequence[str]:
    found: Any = row.search_attributes.get("HitlWaiting", ())
    return found
