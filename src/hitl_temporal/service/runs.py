"""Runs of flows: the catalogue, starting, looking, explaining, operating.

Must not know: HTTP, terminals.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from pydantic import AwareDatetime, RootModel
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError

from hitl_temporal.domain.approval.status import Status as ApprovalStatus
from hitl_temporal.domain.flow.commands import ACTIONS, Receipt, Rerun, parse
from hitl_temporal.domain.flow.views import Reason, Status
from hitl_temporal.domain.ids import OUR_ID
from hitl_temporal.domain.value import Json, Value, digest
from hitl_temporal.domain.waits import ANSWER, waits
from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import FLOW, REQUESTER, STATE
from hitl_temporal.messages import APPROVAL, OUTBOX, RESERVED_TYPES, StartedBy
from hitl_temporal.ports import Catalogue, Directory
from hitl_temporal.service import door
from hitl_temporal.service.errors import ConflictError, InvalidError, NotFoundError, UnansweredError, UnavailableError
from hitl_temporal.service.explaining import Explaining
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.jobs import Job, jobs_of
from hitl_temporal.service.many import RunReceipt, operate_many
from hitl_temporal.service.ownership import owns
from hitl_temporal.service.participation import asked_or_acted, foreign_actor, names_me
from hitl_temporal.service.reading import Page, answer_of, describe, list_page, memo_of
from hitl_temporal.service.rerunning import Rerunning
from hitl_temporal.service.starting import demand_may_start, load

KEYS_LOOKED_AT = 50
"""A person's newest runs of a flow in which an idempotency key is looked for: repeats come soon."""

START_WITHIN_SECONDS = 10.0
"""A start needs no worker; the SDK itself would try for half a minute."""

_STATUS = {
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed_out",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.CANCELED: "cancelled",
}
"""How an execution is called that ended otherwise than well."""


class _Reasons(RootModel[tuple[Reason, ...]]):
    """The answer of the query `why`."""


class _Graph(RootModel[dict[str, Json]]):
    """The answer of the query `graph`."""


class Started(Value):
    """A run that has been started, now or by the same request before."""

    id: str


class RunItem(Value):
    """One row of the list of runs."""

    id: str
    kind: str = "run"
    flow: str
    requester: str
    state: str
    started: AwareDatetime
    ended: AwareDatetime | None


class Refusal(Value):
    """Why a run ended without a result: its input or its name was refused, or it was terminated."""

    id: str
    flow: str
    status: str
    type: str
    reason: str


class Runs:
    """The use cases of flows and their runs."""

    def __init__(self, client: Client, catalogue: Catalogue, directory: Directory, task_queue: str) -> None:
        self._client = client
        self._catalogue = catalogue
        self._directory = directory
        self._task_queue = task_queue
        self._explaining = Explaining(client, task_queue)
        self._rerunning = Rerunning(client, catalogue, directory, task_queue)

    async def start(
        self,
        me: Identity,
        flow: str,
        inputs: Json,
        *,
        run_id: str | None = None,
        key: str | None = None,
        on_behalf_of: str | None = None,
    ) -> Started:
        """Start a run, once per `key`; inputs are checked first, and nothing is started when they do not fit.

        Raises:
            NotFoundError: No such flow.
            InvalidError: The inputs, the id, or the person acted for do not fit; or the key came with another body.
            ForbiddenError: The flow's `start` does not name me.
            ConflictError: The id is in use.
            UnansweredError: Temporal does not answer, and may have started it.
        """
        mine = digest([me.person, key]) if key is not None else None
        request = {"key": mine, "body": digest([flow, inputs, run_id, on_behalf_of])}
        if mine is not None and (before := await self._started_with(me, flow, mine, run_id)) is not None:
            return _same(before, request, key)
        loaded = await load(self._catalogue, flow, inputs)
        await demand_may_start(self._directory, me, loaded.definition, on_behalf_of)
        if run_id is not None and not OUR_ID.fullmatch(run_id):
            raise InvalidError(f"id {run_id[:100]!r} does not match {OUR_ID.pattern}")
        workflow_id = run_id or f"{flow}-{mine[:16] if mine else uuid4().hex[:12]}"
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                await self._client.start_workflow(
                    flow,
                    args=[inputs, StartedBy(requester=me.person, on_behalf_of=on_behalf_of, key=key)],
                    id=workflow_id,
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    memo={"request": request, "on_behalf_of": on_behalf_of},
                    search_attributes=TypedSearchAttributes(
                        [
                            SearchAttributePair(STATE, "running"),
                            SearchAttributePair(FLOW, flow),
                            SearchAttributePair(REQUESTER, me.person),
                        ]
                    ),
                    static_summary=f"{flow} for {me.person}",
                )
        except WorkflowAlreadyStartedError as error:
            first: Mapping[str, str | None] = (await memo_of(await describe(self._client, workflow_id))).get(
                "request"
            ) or {}
            if mine is not None and first.get("key") == mine:
                return _same((workflow_id, first), request, key)
            raise ConflictError(f"id {workflow_id!r} is in use; choose another, or leave it out") from error
        except (RPCError, TimeoutError) as error:
            raise UnansweredError(
                f"Temporal did not answer in time: it is not known whether {flow!r} was started, as {workflow_id!r};"
                " look for this id, or send the same again with its Idempotency-Key: it starts once",
                key or "",
            ) from error
        return Started(id=workflow_id)

    async def list(
        self,
        me: Identity,
        *,
        state: str | None = None,
        flow: str | None = None,
        mine: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[RunItem]:
        """Return runs, the newest first: all of them for operators, my own for everybody else."""
        conditions = [f"{FLOW.name} IS NOT NULL", f"WorkflowType != '{APPROVAL}'", f"WorkflowType != '{OUTBOX}'"]
        if state is not None:
            conditions.append(f"{STATE.name} = {literal(state)}")
        if flow is not None:
            conditions.append(f"{FLOW.name} = {literal(flow)}")
        if mine or not me.is_operator:
            conditions.append(f"{REQUESTER.name} = {literal(me.person)}")
        rows, following = await list_page(self._client, " AND ".join(conditions), cursor, limit)
        items = [
            RunItem(
                id=row.id,
                flow=row.workflow_type,
                requester=row.typed_search_attributes.get(REQUESTER) or "",
                state=row.typed_search_attributes.get(STATE) or "running",
                started=row.start_time,
                ended=row.close_time,
            )
            for row in rows
        ]
        return Page(items=tuple(items), next=following)

    async def show(self, me: Identity, run_id: str, *, wait: timedelta | None = None) -> Status | Refusal:
        """Return a run as I may see it; with `wait`, as soon as it has ended or when that time is over.

        Raises:
            NotFoundError: There is none, or I have no part in it.
        """
        description = await self._visible(me, run_id)
        handle = self._client.get_workflow_handle(run_id)
        if wait is not None and description.status is WorkflowExecutionStatus.RUNNING:
            await _ended_within(handle, wait)
            description = await describe(self._client, run_id)
        if description.status in _STATUS and (refusal := await _refusal(handle, description)) is not None:
            return refusal
        return await answer_of(handle, "status", Status)

    async def why(self, me: Identity, run_id: str) -> tuple[Reason, ...]:
        """Return why each open step does not move; waiting approvals say who may act, jobs which try it is."""
        description = await self._visible(me, run_id)
        reasons = await answer_of(self._client.get_workflow_handle(run_id), "why", _Reasons)
        known = await self._explaining.explained(reasons.root, description, names_runs=me.is_operator)
        return tuple([await self._with_people(r) for r in known])

    async def jobs(self, me: Identity, run_id: str) -> tuple[Job, ...]:
        """Return what of a run is with workers now; what commands write is for operators and the flow's owners."""
        description = await self._visible(me, run_id)
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return ()
        found = await answer_of(self._client.get_workflow_handle(run_id), "status", Status)
        sees_output = me.is_operator or await self._owns(me, description.workflow_type)
        return await jobs_of(description, found.steps, self._client.data_converter, with_output=sees_output)

    async def graph(self, me: Identity, run_id: str) -> Mapping[str, Json]:
        """Return nodes and edges with live states."""
        await self._visible(me, run_id)
        return (await answer_of(self._client.get_workflow_handle(run_id), "graph", _Graph)).root

    async def operate(self, me: Identity, run_id: str, action: str, body: Mapping[str, object]) -> Receipt:
        """Send an operator action as this person and return its receipt.

        Raises:
            NotFoundError: There is no such run.
        """
        description = await describe(self._client, run_id)
        if action not in ACTIONS:
            return Receipt(status="invalid", reason=f"action: {action[:100]!r} is not one of {', '.join(ACTIONS)}")
        if (reason := foreign_actor(me, body)) is not None:
            return Receipt(status="invalid", reason=reason)
        command = parse(action, {**body, "actor": me.person, "key": body.get("key") or uuid4().hex})
        if isinstance(command, Receipt):
            return command
        if isinstance(command, Rerun) and await self._may_be_done_again(description):
            return await self._rerunning.again(description, command)
        key = command.key or ""

        async def closed() -> Receipt:
            may_know = me.is_operator or description.typed_search_attributes.get(REQUESTER) == me.person
            if not may_know:
                return Receipt(status="not_eligible", reason=f"{action} needs the role operator or admin", key=key)
            status = (await describe(self._client, run_id)).status  # it may have ended while the command was on its way
            ended = _STATUS.get(status, "completed") if status else "ended"
            return Receipt(status="closed", reason=f"the run has ended: {ended}", key=key)

        return await door.send(
            self._client.get_workflow_handle(run_id),
            action,
            command.model_dump(mode="json", by_alias=True, exclude_none=True),
            Receipt,
            recorded=Receipt(status="recorded", reason="kept by Temporal; judged when a worker is back", key=key),
            closed=closed,
        )

    async def operate_many(self, me: Identity, action: str, body: Mapping[str, object], key: str) -> Page[RunReceipt]:
        """Send an operator action to the runs that a query chooses; see `service.many`."""
        if action not in ACTIONS:
            raise InvalidError(f"action: {action[:100]!r} is not one of {', '.join(ACTIONS)}")
        return await operate_many(self._client, self, me, action, body, key)

    async def _may_be_done_again(self, description: WorkflowExecutionDescription) -> bool:
        """Tell whether this is a run of a flow that has ended and had begun: then `rerun` starts a new one."""
        kind, status = description.workflow_type, description.status
        is_run = kind not in RESERVED_TYPES and not kind.startswith("hitl.")
        if not is_run or status is WorkflowExecutionStatus.RUNNING or FLOW not in description.typed_search_attributes:
            return False
        handle = self._client.get_workflow_handle(description.id)
        return status not in _STATUS or await _refusal(handle, description) is None

    async def _started_with(
        self, me: Identity, flow: str, key: str, run_id: str | None
    ) -> tuple[str, Mapping[str, str | None]] | None:
        """Return the run that this person's key has started and how, None when it is new."""
        mine = f"{REQUESTER.name} = {literal(me.person)} AND {FLOW.name} = {literal(flow)}"
        rows, _ = await list_page(self._client, mine, None, KEYS_LOOKED_AT)
        for row in rows:
            request: Mapping[str, str | None] = (await memo_of(row)).get("request") or {}
            if request.get("key") == key and row.id != run_id:
                return row.id, request
        return None

    async def _visible(self, me: Identity, run_id: str) -> WorkflowExecutionDescription:
        description = await describe(self._client, run_id)
        found = description.typed_search_attributes
        kind = description.workflow_type
        is_run = kind not in RESERVED_TYPES and not kind.startswith("hitl.")
        requester = found.get(REQUESTER) or ""
        if not is_run:
            raise NotFoundError(f"{run_id!r} is not a run of a flow")
        principal = (await memo_of(description)).get("on_behalf_of")
        if me.is_operator or me.person in {requester, principal} or await self._owns(me, description.workflow_type):
            return description
        if await self._takes_part(me, run_id):
            return description
        raise NotFoundError(f"there is no {run_id!r} that you take part in")

    async def _owns(self, me: Identity, flow: str) -> bool:
        return await owns(self._catalogue, self._directory, me, flow)

    async def _takes_part(self, me: Identity, run_id: str) -> bool:
        """Tell whether I am asked, or have acted, in an approval of this run."""
        of_this_run = f"WorkflowType = '{APPROVAL}' AND WorkflowId STARTS_WITH {literal(f'{run_id}.')}"
        query = f"{of_this_run} AND {asked_or_acted(me)}"
        rows, _ = await list_page(self._client, query, None, 50)
        found = [(row, await memo_of(row)) for row in rows]
        # Dots are legal in ids: `a.b` is no part of a run `a` unless it says so itself.
        return any(memo.get("run") == run_id and names_me(row, memo, me, or_acted=True) for row, memo in found)

    async def _with_people(self, reason: Reason) -> Reason:
        """Say of a reason that waits for an answer what the question itself waits for; without a worker it stays."""
        if reason.reason != ANSWER or not reason.releases.startswith("an answer to "):
            return reason  # a question that is being withdrawn waits for nobody
        try:
            status = await answer_of(self._client.get_workflow_handle(reason.by[0]), "status", ApprovalStatus)
        except (NotFoundError, UnavailableError):
            return reason
        found = waits(status)
        if not found:  # it has an outcome of which its run has not heard yet
            return reason
        people = dict.fromkeys(p for wait in found for p in wait.by)
        releases = "; ".join(dict.fromkeys(wait.releases for wait in found))
        return reason.but(by=(*reason.by, *people), reason=found[0].reason, releases=releases)


def _same(before: tuple[str, Mapping[str, str | None]], request: Mapping[str, str | None], key: str | None) -> Started:
    """Return the run of the same request; the same key with another body is refused."""
    run_id, first = before
    if first.get("body") != request["body"]:
        raise InvalidError(f"Idempotency-Key {key!r} was used with another body; choose a new key")
    return Started(id=run_id)


async def _ended_within(handle: WorkflowHandle[Any, Any], wait: timedelta) -> None:
    """Wait for the end of a run, however it ends, but no longer than this."""
    try:
        async with asyncio.timeout(wait.total_seconds()):
            await handle.result()
    except (TimeoutError, WorkflowFailureError):
        return
    except RPCError as error:
        raise UnavailableError(f"Temporal does not answer for {handle.id!r}: {error.message[:200]}") from error


async def _refusal(handle: WorkflowHandle[Any, Any], description: WorkflowExecutionDescription) -> Refusal | None:
    """Return why a run has ended without ever having a result, None when it has one."""
    try:
        await handle.result()
    except WorkflowFailureError as error:
        cause = error.cause
        kind = cause.type or "" if isinstance(cause, ApplicationError) else type(cause).__name__
        if kind in {"FlowFailed", "CancelledError"}:
            return None
        ended = _STATUS.get(description.status, "failed") if description.status else "failed"
        text = cause.message if isinstance(cause, ApplicationError) else str(cause)
        return Refusal(id=handle.id, flow=description.workflow_type, status=ended, type=kind, reason=text[:1000])
    return None
