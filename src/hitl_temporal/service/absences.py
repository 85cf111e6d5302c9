"""Absences for people: mine, or somebody else's for an operator; who is asked follows at once.

Must not know: HTTP, terminals, who may change an absence (`domain.absences` judges).
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.absences import Receipt, parse
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.messages import ABSENCES
from hitl_temporal.ports import Directory
from hitl_temporal.service import door
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.reading import answer_of, describe
from hitl_temporal.service.refreshing import Refreshed, refresh
from hitl_temporal.service.zones import zone_named

START_WITHIN_SECONDS = 5.0
"""A start needs no worker; the SDK itself would try for half a minute."""

LATER = "open approvals look again at their next event"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Wish(BaseModel):
    """What somebody writes of an absence: moments as texts, either with an offset or dates in the person's own zone."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: str
    until: str
    substitute: str | None = None
    flow: str | None = None
    condition: str | None = Field(default=None, alias="if")
    reason: str | None = None


class Change(Value):
    """What became of a wish.

    Attributes:
        status: `recorded`: Temporal keeps it; it is judged when a worker is back.
        absence: What was added or removed; None: that is not known yet.
        refreshed: How many open approvals were told to look again.
        note: What else the person should know.
        key: The idempotency key under which it was done.
    """

    status: Literal["done", "recorded"]
    absence: Absence | None
    refreshed: int = 0
    note: str = ""
    key: str


class _Listed(RootModel[tuple[Absence, ...]]):
    """The answer of the query `absences`."""


class Absences:
    """The use cases of being away."""

    def __init__(self, client: Client, directory: Directory, task_queue: str, workflow_id: str = ABSENCES) -> None:
        self._client = client
        self._directory = directory
        self._task_queue = task_queue
        self._handle = client.get_workflow_handle(workflow_id)

    async def list(self, me: Identity, person: str | None = None) -> tuple[Absence, ...]:
        """Return my absences, or somebody else's, those that begin first in front.

        Raises:
            NotFoundError: I am no operator and ask for somebody else's.
            UnavailableError: Temporal, or every worker, is away.
        """
        wanted = person or me.person
        if wanted != me.person and not me.is_operator:
            raise NotFoundError(f"no absences of {wanted[:100]!r} that you may see: those of others are for operators")
        try:
            found = await describe(self._client, self._handle.id)
        except NotFoundError:  # nobody has ever been away
            return ()
        if found.status is not WorkflowExecutionStatus.RUNNING:  # ended by hand; a query would still be answered
            return ()
        return (await answer_of(self._handle, "absences", _Listed, wanted)).root

    async def add(
        self, me: Identity, wish: Mapping[str, object], *, key: str | None = None, person: str | None = None
    ) -> Change:
        """Say that I will be away, or that somebody else will; once per `key`.

        Raises:
            InvalidError: The wish does not fit; the message names the field.
            ForbiddenError: I may not say that of somebody else.
            UnavailableError: Temporal does not answer; nothing was recorded, unless it is an `UnansweredError`.
        """
        try:
            wanted = Wish.model_validate(wish)
        except ValidationError as error:
            raise InvalidError(first_problem(error)) from error
        zone = await self._directory.zone_of(person or me.person)
        moments: dict[str, Json] = {
            "since": _moment("since", wanted.since, zone).isoformat(),
            "until": _moment("until", wanted.until, zone).isoformat(),
        }
        rest: dict[str, Json] = wanted.model_dump(by_alias=True, exclude={"since", "until"}, exclude_none=True)
        return await self._change(me, "add", {**rest, **moments, "person": person}, key)

    async def remove(self, me: Identity, absence_id: str, *, key: str | None = None) -> Change:
        """Say that an absence was a mistake, or is over early; once per `key`.

        Raises:
            NotFoundError: There is none of this id.
            ForbiddenError: It is somebody else's.
            UnavailableError: Temporal does not answer; nothing was recorded, unless it is an `UnansweredError`.
        """
        return await self._change(me, "remove", {"id": absence_id}, key)

    async def _change(self, me: Identity, verb: str, body: Mapping[str, Json], key: str | None) -> Change:
        key = key or uuid4().hex
        command = parse(verb, {**body, "actor": me.person, "key": key})
        receipt = command if isinstance(command, Receipt) else await self._send(verb, command, key)
        match receipt.status:
            case "done":
                told, note = await self._refresh(receipt)
                return Change(status="done", absence=receipt.absence, refreshed=told, note=note, key=receipt.key)
            case "recorded":
                return Change(status="recorded", absence=None, note=f"{receipt.reason}; {LATER}", key=receipt.key)
            case "unknown":
                raise NotFoundError(receipt.reason)
            case "not_eligible":
                raise ForbiddenError(receipt.reason)
            case "invalid":
                raise InvalidError(receipt.reason)

    async def _send(self, verb: str, command: BaseModel, key: str) -> Receipt:
        payload: dict[str, Json] = command.model_dump(mode="json", by_alias=True, exclude_none=True)
        recorded = Receipt(status="recorded", reason="kept by Temporal; judged when a worker is back", key=key)

        async def not_there() -> Receipt:
            raise UnavailableError(f"{self._handle.id!r} was ended in Temporal just now; try again")

        async def first() -> Receipt:
            await self._start()
            return await door.send(self._handle, verb, payload, Receipt, recorded=recorded, closed=not_there)

        return await door.send(self._handle, verb, payload, Receipt, recorded=recorded, closed=first)

    async def _start(self) -> None:
        """Start the workflow that keeps the list; one that is there is left as it is."""
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                await self._client.start_workflow(
                    ABSENCES,
                    id=self._handle.id,
                    task_queue=self._task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary="who is out of office",
                )
        except (RPCError, TimeoutError) as error:
            raise UnavailableError("Temporal does not answer: nothing was recorded; try again") from error

    async def _refresh(self, receipt: Receipt) -> Refreshed:
        assert receipt.absence is not None, "done"
        about = f"absence of {receipt.absence.person}"
        return await refresh(self._client, self._directory, receipt.concerns, about)


def _moment(field: str, text: str, zone: str) -> datetime:
    """Return a moment in UTC; a date is its first moment in the person's time zone.

    Raises:
        InvalidError: It is neither a date nor a time with an offset.
    """
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), _zone(field, zone)).astimezone(UTC)
        found = datetime.fromisoformat(text.upper())
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidError(f"{field}: {_WANTED.format(text[:50])}") from error
    raise InvalidError(f"{field}: {text[:50]!r} has no offset; add Z or one such as +01:00, or give a date alone")


_WANTED = "{!r} is neither a date such as 2026-12-24 nor a time such as 2026-12-24T13:00:00+01:00"


def _zone(field: str, name: str) -> tzinfo:
    found = zone_named(name)
    if found is None:
        raise InvalidError(f"{field}: the directory gives the unknown time zone {name!r}; give a time with an offset")
    return found
