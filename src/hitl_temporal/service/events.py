"""Events from outside: each starts the runs that its triggers name, and is told to the open runs that may wait for it.

The same event sent again starts nothing twice and is heard once, so a sender who got no answer just sends it again.

Must not know: how events are written on the wire, who watches files.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import structlog
from pydantic import Field
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.hearing import may_hear
from hitl_temporal.domain.people import EVENT
from hitl_temporal.domain.schedules import Door, Due, Unclear, due
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.effects.triggers import start_once
from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import WAITING
from hitl_temporal.ports import Catalogue, InvalidInputError, UnknownFlowError
from hitl_temporal.service import door
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError, UnansweredError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.reading import list_page

log = structlog.get_logger(__name__)

MOST_EVENTS = 100
"""In one request: its sender waits for all of them."""

MOST_RUNS = 5_000
"""Told of one event; more are an error in the answer."""

RECEIPTS_WITHIN = timedelta(seconds=5)
"""So long runs are asked what an event has done to them; the others are told by Signal, which Temporal keeps."""

START_WITHIN_SECONDS = 10.0

_AT_ONCE = 10
_PAGE = 200


class Place(NamedTuple):
    """One trigger of one flow, by its number from 0."""

    flow: str
    trigger: int


class Wrong(Value):
    """Why an event did not start a run, or was not told to one.

    Attributes:
        event: Its id.
        flow: Whose trigger it is; None: it is about an open run.
        trigger: The number of the trigger, from 0.
        run: Which run was not told.
    """

    event: str
    flow: str | None = None
    trigger: int | None = None
    run: str | None = None
    reason: str


class Received(Value):
    """What events have done.

    Attributes:
        started: The runs that they have started.
        already: The runs that they would have started, and which were there: the same event, sent before.
        advanced: The open runs in which a step that waited has ended.
        kept: How many open runs keep one until they wait for it, or have it judged when a worker is back.
        errors: What could not be done; sent again, the rest is done once.
    """

    started: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    advanced: tuple[str, ...] = ()
    kept: int = 0
    errors: tuple[Wrong, ...] = Field(default=())


class Events:
    """The use case of events."""

    def __init__(self, client: Client, catalogue: Catalogue, task_queue: str) -> None:
        self._client = client
        self._catalogue = catalogue
        self._task_queue = task_queue

    async def send(self, me: Identity, events: Sequence[CloudEvent]) -> Received:
        """Take events that somebody has sent, in their order.

        Raises:
            ForbiddenError: I am neither operator nor administrator.
            InvalidError: They are too many at once.
            UnavailableError: Temporal does not answer; sent again, what has been done is done once.
        """
        if not me.is_operator:
            raise ForbiddenError(f"sending events needs the role operator or admin, which {me.person!r} does not have")
        if len(events) > MOST_EVENTS:
            raise InvalidError(f"{len(events)} events are more than {MOST_EVENTS}; send them in several requests")
        found = [await self.receive(event, "event", sender=me.person) for event in events]
        return Received(
            started=tuple(run for one in found for run in one.started),
            already=tuple(run for one in found for run in one.already),
            advanced=tuple(dict.fromkeys(run for one in found for run in one.advanced)),
            kept=sum(one.kept for one in found),
            errors=tuple(wrong for one in found for wrong in one.errors),
        )

    async def receive(
        self, event: CloudEvent, came_by: Door, *, sender: str, only: frozenset[Place] | None = None
    ) -> Received:
        """Start what an event triggers, then tell the open runs that may wait for it.

        A run that an event starts is not told of it: it waits for the next one.

        Args:
            event: What has happened.
            came_by: Only triggers of this kind mean it.
            sender: For the audit trail of the runs that are told.
            only: The triggers that may mean it; None: all of this kind.

        Raises:
            UnavailableError: Temporal does not answer; sent again, what has been done is done once.
        """
        done = await self.trigger(event, came_by, only=only)
        own = {*done.started, *done.already}
        told = await self._tell(event, await self._catalogue.every_flow(), own, sender)
        return done.but(advanced=told.advanced, kept=told.kept, errors=(*done.errors, *told.errors))

    async def trigger(self, event: CloudEvent, came_by: Door, *, only: frozenset[Place] | None = None) -> Received:
        """Start what an event triggers, and tell no run of it.

        Raises:
            UnavailableError: Temporal does not answer; sent again, what has been done is done once.
        """
        started: list[str] = []
        already: list[str] = []
        errors: list[Wrong] = []
        for name, flow in (await self._catalogue.every_flow()).items():
            for one in due(name, flow.triggers, event, came_by):
                if only is not None and Place(name, one.trigger) not in only:
                    continue
                reason = one.reason if isinstance(one, Unclear) else await self._unfit(one)
                if isinstance(one, Due) and reason is None:
                    (started if await self._start(one, came_by) else already).append(one.run_id)
                    continue
                errors.append(Wrong(event=event.id, flow=name, trigger=one.trigger, reason=reason or ""))
                await log.awarning("trigger.failed", flow=name, trigger=one.trigger, event_id=event.id, reason=reason)
        return Received(started=tuple(started), already=tuple(already), errors=tuple(errors))

    async def _unfit(self, one: Due) -> str | None:
        """Return why a run would refuse its inputs at once; then it is not started at all."""
        try:
            await self._catalogue.load(one.flow, one.inputs)
        except (InvalidInputError, UnknownFlowError) as error:
            return error.reason
        return None

    async def _start(self, one: Due, came_by: Door) -> bool:
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                return await start_once(self._client, self._task_queue, one, came_by)
        except (RPCError, TimeoutError) as error:
            said = f"Temporal did not answer in time: {one.run_id!r} may have been started; send the same event again"
            raise UnansweredError(said, "") from error

    # --- Open runs ----------------------------------------------------------------------------------------------------

    async def _tell(self, event: CloudEvent, flows: Mapping[str, Flow], own: set[str], sender: str) -> Received:
        at_once = asyncio.Semaphore(_AT_ONCE)
        until = asyncio.get_running_loop().time() + RECEIPTS_WITHIN.total_seconds()
        listening = [name for name, flow in flows.items() if may_hear(flow, event)]
        advanced: list[str] = []
        errors: list[Wrong] = []
        kept = 0

        async def tell(run: str) -> None:
            nonlocal kept
            async with at_once:
                is_patient = asyncio.get_running_loop().time() < until
                try:
                    receipt = await self._told(run, event, sender, is_patient=is_patient)
                except (NotFoundError, UnavailableError) as error:
                    errors.append(Wrong(event=event.id, run=run, reason=str(error)))
                    return
            match receipt.status:
                case "done" if len(receipt.changes) > 1:  # the first one is the event itself
                    advanced.append(run)
                case "done" | "recorded":
                    kept += 1
                case "closed":
                    pass
                case _:
                    errors.append(Wrong(event=event.id, run=run, reason=receipt.reason))

        found = 0
        async for page in self._listeners(event, listening):
            runs = [run for run in page if run not in own]
            found += len(runs)
            await asyncio.gather(*(tell(run) for run in runs))
            if found > MOST_RUNS:
                reason = f"more than {MOST_RUNS} open runs may wait for {event.type!r}; the oldest were not told"
                errors.append(Wrong(event=event.id, reason=reason))
                break
        return Received(advanced=tuple(sorted(advanced)), kept=kept, errors=tuple(errors))

    async def _listeners(self, event: CloudEvent, flows: Sequence[str]) -> AsyncIterator[list[str]]:
        """Yield the ids of open runs page by page: those that wait for such an event, and those that yet may.

        A run that was started with an older definition is found as soon as it waits.
        """
        names = f" OR WorkflowType IN ({', '.join(map(literal, flows))})" if flows else ""
        waits = f"{WAITING.name} = {literal(f'event:{event.type}')}"
        query, cursor = f"ExecutionStatus = 'Running' AND ({waits}{names})", None
        while True:
            rows, cursor = await list_page(self._client, query, cursor, _PAGE)
            yield [row.id for row in rows]
            if cursor is None:
                return

    async def _told(self, run: str, event: CloudEvent, sender: str, *, is_patient: bool) -> Receipt:
        command: dict[str, Json] = {
            "actor": EVENT,
            "reason": f"sent by {sender}",
            "key": uuid4().hex,  # the run knows the event itself by its source and id
            "event": event.model_dump(mode="json", exclude_none=True),
        }
        recorded = Receipt(status="recorded", reason="kept by Temporal; judged when a worker is back", key="")
        handle = self._client.get_workflow_handle(run)

        async def closed() -> Receipt:
            return Receipt(status="closed", reason="the run has ended", key="")

        if is_patient:
            return await door.send(handle, "event", command, Receipt, recorded=recorded, closed=closed)
        return await _signalled(handle, command, recorded)


async def _signalled(handle: Any, command: Mapping[str, Json], recorded: Receipt) -> Receipt:
    try:
        async with asyncio.timeout(door.PATIENCE.total_seconds()):
            await handle.signal("event", dict(command), rpc_timeout=door.PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return Receipt(status="closed", reason="the run has ended", key="")
        raise UnavailableError(f"Temporal does not answer for {handle.id!r}: {error.message[:200]}") from error
    except TimeoutError as error:
        raise UnavailableError(f"Temporal does not answer for {handle.id!r}") from error
    return recorded
