"""A real Temporal server whose clock can be skipped, and one worker with fakes behind its ports.

Source of the flags: docs/measured.md (three virtual days in 0.06 s on the dev server).
"""

import asyncio
import base64
import os
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import ValidationError
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, WorkflowEnvironment
from temporalio.worker import Worker

from hitl_temporal.app.temporal import RUNNER
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.effects.activities import Effects
from hitl_temporal.effects.arrivals import Arrivals
from hitl_temporal.effects.conduct import Conduct
from hitl_temporal.effects.loads import Loads
from hitl_temporal.effects.relatives import Relatives
from hitl_temporal.effects.resources import Resources
from hitl_temporal.effects.server_clock import ServerClock
from hitl_temporal.effects.statistics import PastRuns
from hitl_temporal.effects.subjects import Subjects
from hitl_temporal.effects.ticket_sharing import SharedTickets
from hitl_temporal.effects.ticketing import Ticketing
from hitl_temporal.effects.triggers import Triggers
from hitl_temporal.engine.absences import Absences
from hitl_temporal.engine.approval import Approval
from hitl_temporal.engine.attributes import ALL
from hitl_temporal.engine.flow import Flow
from hitl_temporal.engine.outbox import Outbox
from hitl_temporal.engine.resource_pool import ResourcePool
from hitl_temporal.engine.rotation import Rotation
from hitl_temporal.ports import PermanentError
from tests.fakes import FakeAbsences, FakeCatalogue, FakeDirectory, FakeNotifier, FakeSink, FakeTickets

FLAGS = [
    *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="5ms"'),
    *("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"),
]


def noise(size: int) -> str:
    """Return a text of so many bytes that can't be packed into much less."""
    return base64.b64encode(os.urandom(size)).decode()[:size]


@dataclass
class Jobs:
    """Activities whose every call is written down; `failing` names those that can't, `flaky` those that can't yet."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    flaky: set[str] = field(default_factory=set)

    @activity.defn(name="job.do")
    async def do(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do something, unless told to fail."""
        name = str(arguments.get("name", "job"))
        self.calls.append((name, arguments))
        if name in self.failing:
            raise PermanentError(f"{name} is out of order")
        key = f"{activity.info().workflow_id}.{activity.info().activity_id}"
        weight = {"noise": noise(int(arguments["bytes"]))} if "bytes" in arguments else {}
        return {"did": name, "key": key, **weight}

    @activity.defn(name="job.flaky")
    async def try_again(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do something that may be tried again while it is told to fail."""
        name = str(arguments.get("name", "job"))
        self.calls.append((name, arguments))
        if name in self.flaky:
            raise RuntimeError(f"{name} is busy")
        return {"did": name}

    @activity.defn(name="job.undo")
    async def undo(self, arguments: dict[str, Any]) -> None:
        """Undo something, unless told to fail."""
        name = f"undo {arguments.get('name', 'job')}"
        self.calls.append((name, arguments))
        if name in self.failing:
            raise PermanentError(f"{name} is out of order")

    def names(self) -> list[str]:
        """Return what was done, in order."""
        return [name for name, _ in self.calls]


SHUT_DOWN_WITHIN = timedelta(seconds=30)
"""An activity that heeds its cancellation ends at once; one that doesn't would keep the worker for ever."""


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    """Run a worker; one that can't be shut down fails the test, and the error names what it waits for.

    `Worker.shutdown` waits without bound for every activity and every workflow task.
    """
    before = asyncio.all_tasks()
    await worker.__aenter__()
    try:
        yield worker
    finally:
        try:
            async with asyncio.timeout(SHUT_DOWN_WITHIN.total_seconds()):
                await worker.__aexit__(*sys.exc_info())
        except TimeoutError:
            left = "\n".join(sorted(_whereabouts(task) for task in asyncio.all_tasks() - before))
            pytest.fail(f"worker of {worker.task_queue!r} does not end within {SHUT_DOWN_WITHIN}: it waits for\n{left}")


def _whereabouts(task: asyncio.Task[Any]) -> str:
    """Return the coroutines that a task is in, the innermost last."""
    chain, names = task.get_coro(), []
    while hasattr(chain, "cr_await"):
        names.append(chain.__qualname__)
        chain = chain.cr_await
    return " > ".join(names)


@dataclass
class Rig:
    """A client, the fakes, and short ways to do what tests do."""

    client: Client
    queue: str
    skipper: TimeSkipper
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    sink: FakeSink = field(default_factory=FakeSink)
    absences: FakeAbsences = field(default_factory=FakeAbsences)
    tickets: FakeTickets = field(default_factory=FakeTickets)
    jobs: Jobs = field(default_factory=Jobs)

    async def ask(self, document: Mapping[str, object], approval_id: str | None = None) -> WorkflowHandle[Any, Any]:
        """Start an approval as any client would: by type name and JSON."""
        name = approval_id or f"a-{uuid4().hex[:8]}"
        return await self.client.start_workflow("Approval", dict(document), id=name, task_queue=self.queue)

    async def ask_frozen(self, document: Mapping[str, object]) -> WorkflowHandle[Any, Any]:
        """Start an approval whose clock moves only when the test says so."""
        with self.skipper.with_time_skipping_disabled():
            return await self.skipper.client.start_workflow(
                "Approval", dict(document), id=f"a-{uuid4().hex[:8]}", task_queue=self.queue
            )

    async def start(self, flow: str = "test_flow", inputs: object = None, *more: object) -> WorkflowHandle[Any, Any]:
        """Start a flow as any client would: by type name and JSON."""
        args = [{} if inputs is None else inputs, *more]
        return await self.client.start_workflow(flow, args=args, id=f"r-{uuid4().hex[:8]}", task_queue=self.queue)

    async def decide(self, handle: WorkflowHandle[Any, Any], payload: object) -> Receipt:
        """Decide by update."""
        return await handle.execute_update("decide", payload, result_type=Receipt)

    def child(self, handle: WorkflowHandle[Any, Any], step: str, n: int = 1) -> WorkflowHandle[Any, Any]:
        """Return the approval of a step."""
        return self.client.get_workflow_handle(f"{handle.id}.{step}.{n}")

    async def until_put(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Wait until an approval that another workflow starts is open."""
        while True:
            with suppress(RPCError):
                if (found := await handle.query("status")) is not None and found["state"] == "open":
                    return
            await asyncio.sleep(0.02)

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncIterator[Worker]:
        """Run a worker on this rig's queue."""
        clock = ServerClock(self.client)
        effects = Effects(self.catalogue, self.directory, [self.notifier], self.sink, self.absences, clock)
        activities = [
            *effects.activities,
            *Relatives(self.client).activities,
            *Arrivals(self.client).activities,
            *Loads(self.client, self.queue).activities,
            *Subjects(self.client).activities,
            *Resources(self.client, self.queue, self.catalogue, clock).activities,
            *Triggers(self.client, self.queue, self.catalogue).activities,
            *Ticketing([self.tickets], SharedTickets(self.client, self.queue).standing_in).activities,
            *PastRuns(self.client, self.sink, self.catalogue, self.queue).activities,
            self.jobs.do,
            self.jobs.try_again,
            self.jobs.undo,
        ]
        worker = Worker(
            self.client,
            task_queue=self.queue,
            workflows=[Approval, Flow, Outbox, Rotation, Absences, ResourcePool, *options.pop("workflows", [])],
            activities=[*activities, *options.pop("activities", [])],
            interceptors=[Conduct()],
            workflow_runner=RUNNER,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
            workflow_failure_exception_types=[ValidationError],
            **options,
        )
        async with running(worker):
            yield worker


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """One real server for all tests of a process."""
    binary = Path(sysconfig.get_path("scripts")) / "temporal"
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(binary),
        dev_server_extra_args=FLAGS,
        dev_server_log_level="error",
        search_attributes=list(ALL),
    ) as environment:
        yield environment


@pytest_asyncio.fixture(loop_scope="session")
async def idle_rig(server: WorkflowEnvironment) -> Rig:
    """A rig without a worker."""
    return Rig(server.client, f"q-{uuid4().hex[:8]}", TimeSkipper(server.client))


@pytest_asyncio.fixture(loop_scope="session")
async def rig(idle_rig: Rig) -> AsyncIterator[Rig]:
    """A rig with a running worker."""
    async with idle_rig.worker():
        yield idle_rig


@pytest.fixture
def two_secops() -> dict[str, object]:
    """A question that two of secops must answer."""
    return {"title": "Open 443", "requester": "ann", "who": ["group:secops"], "approve": 2, "due": "7d"}
