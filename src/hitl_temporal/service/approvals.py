"""Approvals for people: the inbox, one approval, and deciding it.

Must not know: HTTP, terminals.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pydantic import AwareDatetime
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowFailureError,
    WorkflowHandle,
)

from hitl_temporal.domain.approval.ask import Answers
from hitl_temporal.domain.approval.closed import judge_closed
from hitl_temporal.domain.approval.commands import Command, Decide, Receipt, Withdraw, parse
from hitl_temporal.domain.approval.judge import default_key, receipt_of, withdrawal_key
from hitl_temporal.domain.approval.views import Result, Status
from hitl_temporal.domain.value import Value
from hitl_temporal.engine.attributes import DUE, FLOW, REQUESTER, STATE
from hitl_temporal.messages import APPROVAL
from hitl_temporal.ports import Directory
from hitl_temporal.service import door
from hitl_temporal.service.errors import NotFoundError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.participation import asked_or_acted, foreign_actor, may_act
from hitl_temporal.service.reading import Page, answer_of, describe, list_page, literal, memo_of


class Item(Value):
    """One row of the inbox."""

    id: str
    kind: str = "approval"
    title: str
    flow: str | None
    requester: str
    state: str
    due: AwareDatetime | None
    tally: str


class Approvals:
    """The use cases of one approval and of many."""

    def __init__(self, client: Client, directory: Directory) -> None:
        self._client = client
        self._directory = directory

    async def list(
        self,
        me: Identity,
        *,
        state: str | None = None,
        flow: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Item]:
        """Return what I may decide now, soonest due first; with `state`, everything I may see in that state.

        Raises:
            InvalidError: The cursor is not one of ours.
        """
        conditions = [f"WorkflowType = '{APPROVAL}'"]
        if state is None:
            conditions.append("ExecutionStatus = 'Running'")
            conditions.append(f"{STATE.name} IN ('open', 'parked', 'info')")  # of a block one stage may be parked
            conditions.append(may_act(me))
        else:
            conditions.append(f"{STATE.name} = {literal(state)}")
            if not me.is_operator:
                conditions.append(f"({asked_or_acted(me)} OR {REQUESTER.name} = {literal(me.person)})")
        if flow is not None:
            conditions.append(f"{FLOW.name} = {literal(flow)}")
        items: list[Item] = []
        while not items:
            rows, cursor = await list_page(self._client, " AND ".join(conditions), cursor, limit)
            found = [(row, await memo_of(row)) for row in rows]
            shown = [_item(row, memo) for row, memo in found if state is not None or _is_mine(memo, me)]
            items = [item for item in shown if text is None or text.lower() in item.title.lower()]
            if cursor is None:
                break
        # Visibility sorts by start alone; by due within what was read, and `next` says when there is more.
        items.sort(key=lambda i: (i.due is None, i.due, i.id))
        return Page(items=tuple(items), next=cursor)

    async def show(self, me: Identity, approval_id: str) -> Status:
        """Return one approval as I may see it.

        Raises:
            NotFoundError: There is none, or I have no part in it.
        """
        handle = await self._handle(approval_id)
        status = await answer_of(handle, "status", Status)
        if not self.may_see(me, status):
            raise NotFoundError(f"no approval {approval_id!r} that you take part in")
        return status

    @staticmethod
    def may_see(me: Identity, status: Status) -> bool:
        """Tell whether this person takes part: asked for it, is asked, has acted, or operates."""
        asked = {p for stage in status.stages for p in (*stage.asked, *stage.may_act)}
        acted = {d.actor for d in status.decisions}
        return me.is_operator or me.person in {status.requester, status.on_behalf_of, *asked, *acted}

    async def act(self, me: Identity, approval_id: str, verb: str, body: Mapping[str, object]) -> Receipt:
        """Send a verb as this person and return its receipt; every refusal is a receipt too.

        Raises:
            NotFoundError: There is no such approval.
            UnavailableError: Temporal does not answer; nothing was recorded.
        """
        try:  # without a worker a run would keep the command as a signal that it never reads
            description = await describe(self._client, approval_id)
            _must_be_approval(approval_id, description)
        except UnavailableError as error:
            raise UnavailableError(f"{error}; nothing was recorded, try again") from error
        if (reason := foreign_actor(me, body)) is not None:
            key = body.get("key")
            return Receipt(status="invalid", reason=reason, key=key if isinstance(key, str) else "")
        command = parse(verb, {**body, "actor": me.person, "via": me.via, "assurance": me.assurance})
        if isinstance(command, Receipt):
            return command
        if command.key is None and not isinstance(command, Decide | Withdraw):
            command = command.model_copy(update={"key": uuid4().hex})  # the update and the signal of one click are one
        key = command.key or _key_of(approval_id, command, await memo_of(description))
        handle = self._client.get_workflow_handle(approval_id)
        payload = command.model_dump(mode="json", by_alias=True, exclude_none=True)

        async def closed() -> Receipt:
            return await self._closed(approval_id, verb, command)

        return await door.send(
            handle,
            verb,
            payload,
            Receipt,
            kept={**payload, "key": key},
            recorded=Receipt(status="recorded", reason="kept by Temporal; judged when a worker is back", key=key),
            closed=closed,
        )

    async def receipt(self, me: Identity, approval_id: str, key: str) -> Receipt:
        """Return what became of an answer of mine, by its key.

        Raises:
            NotFoundError: I have sent no such answer, or it has not been judged yet.
        """
        status = await answer_of(await self._handle(approval_id), "status", Status)
        for decision in status.decisions:
            if decision.key == key and decision.actor == me.person:
                return receipt_of(decision)
        mine = [r.receipt for r in status.refusals if r.receipt.key == key and r.actor == me.person]
        if not mine:
            raise NotFoundError(f"no answer of yours with key {key!r} to {approval_id!r}: it may still be on its way")
        return mine[-1]

    async def _closed(self, approval_id: str, verb: str, command: Command) -> Receipt:
        description = await describe(self._client, approval_id)
        _must_be_approval(approval_id, description)
        memo = await memo_of(description)
        try:
            result: Result | None = await self._client.get_workflow_handle(approval_id, result_type=Result).result()
        except WorkflowFailureError:
            result = None
        known = memo.get("answers")
        answers = Answers.model_validate(known) if known is not None else None
        return judge_closed(approval_id, result, answers, verb, command)

    async def _handle(self, approval_id: str) -> WorkflowHandle[Any, Any]:
        description = await describe(self._client, approval_id)
        _must_be_approval(approval_id, description)
        return self._client.get_workflow_handle(approval_id)


def _must_be_approval(approval_id: str, description: WorkflowExecutionDescription) -> None:
    if description.workflow_type != APPROVAL:
        raise NotFoundError(f"{approval_id!r} is a run of {description.workflow_type!r}, not an approval")


def _key_of(approval_id: str, command: Command, memo: Mapping[str, object]) -> str:
    """Return the key under which a command without one will be judged, so that its receipt can be read later."""
    if not isinstance(command, Decide):
        return withdrawal_key(approval_id, command)
    return default_key(approval_id, command.actor, str(memo.get("stage") or ""), command.outcome)


def _is_mine(memo: Mapping[str, object], me: Identity) -> bool:
    """Leave out what the query finds by my groups and I could not decide: my own requests, what I have answered."""
    barred = memo.get("barred")
    return not (isinstance(barred, list) and me.person in barred)


def _item(row: WorkflowExecution, memo: Mapping[str, object]) -> Item:
    found = row.typed_search_attributes
    flow, title, tally = memo.get("flow"), memo.get("title"), memo.get("tally")
    return Item(
        id=row.id,
        title=str(title or row.id),
        flow=str(flow) if flow else None,
        requester=found.get(REQUESTER) or "",
        state=found.get(STATE) or "open",
        due=found.get(DUE),
        tally=str(tally or ""),
    )
