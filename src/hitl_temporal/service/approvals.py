"""Approvals for people: the inbox, one approval, and deciding it.

Must not know: HTTP, terminals.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)

from hitl_temporal.domain.approval.ask import Answers
from hitl_temporal.domain.approval.closed import judge_closed
from hitl_temporal.domain.approval.commands import Command, Decide, Receipt, Withdraw, parse
from hitl_temporal.domain.approval.cut import cut_off
from hitl_temporal.domain.approval.digest import Digest, Item, digest_of
from hitl_temporal.domain.approval.judge import spent, withdrawal_key
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.messages import APPROVAL
from hitl_temporal.ports import Catalogue, Directory
from hitl_temporal.service import door
from hitl_temporal.service.errors import ForbiddenError, NotFoundError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.inbox import cut, inbox_page
from hitl_temporal.service.ownership import owns
from hitl_temporal.service.participation import foreign_actor
from hitl_temporal.service.reading import Page, answer_of, describe, memo_of
from hitl_temporal.service.refreshing import Refreshed, refresh_all
from hitl_temporal.service.zones import zone_named

MOST_IN_DIGEST = 1_000
"""How many rows a digest looks at: more than one person could ever do; it says when there are more."""

_AT_A_TIME = 200


class Approvals:
    """The use cases of one approval and of many."""

    def __init__(self, client: Client, directory: Directory, catalogue: Catalogue) -> None:
        self._client = client
        self._directory = directory
        self._catalogue = catalogue

    async def list(
        self,
        me: Identity,
        *,
        person: str | None = None,
        state: str | None = None,
        flow: str | None = None,
        text: str | None = None,
        info: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Item]:
        """Return what I may decide now, soonest due first; with `state`, everything I may see in that state.

        Args:
            me: Who asks.
            person: Somebody else whose inbox it is, for operators.
            state: Of the approvals; None: whatever may be decided.
            flow: Only what this one asks.
            text: Part of the title.
            info: Whether it is not about decisions, but about what I am asked to answer or to send in again.
            cursor: Where an earlier page ended.
            limit: How many rows are looked at.

        Raises:
            InvalidError: The cursor is not one of ours, or there is no such state.
            ForbiddenError: It is somebody else's inbox.
        """
        whose = me if person in {None, me.person} else await self._other(me, person)
        return await inbox_page(
            self._client, whose, state=state, flow=flow, text=text, info=info, cursor=cursor, limit=limit
        )

    async def digest(self, me: Identity) -> Digest:
        """Return what I have to do, in a few numbers and the most urgent rows; a day is one where I live."""
        page = await self.list(me, limit=_AT_A_TIME)
        rows = page.items
        while page.next is not None and len(rows) < MOST_IN_DIGEST:
            page = await self.list(me, cursor=page.next, limit=_AT_A_TIME)
            rows = (*rows, *page.items)
        zone = zone_named(await self._directory.zone_of(me.person)) or UTC
        return digest_of(me.person, rows, at=datetime.now(UTC), zone=zone, has_more=page.next is not None)

    async def refresh(self, me: Identity, reason: str, flow: str | None = None) -> Refreshed:
        """Let open approvals look at people and calendars again, and plan their deadlines anew.

        Raises:
            ForbiddenError: I neither operate nor administrate.
        """
        if not me.is_operator:
            raise ForbiddenError(f"only operators and admins let approvals look again, which {me.person!r} is not")
        return await refresh_all(self._client, flow, reason)

    async def show(self, me: Identity, approval_id: str) -> Status:
        """Return one approval as I may see it; of answers that wait for a confirmation, mine.

        Raises:
            NotFoundError: There is none, or I have no part in it.
        """
        description = await self._described(approval_id)
        status = await answer_of(self._client.get_workflow_handle(approval_id), "status", Status)
        if (how := cut(description)) is not None:
            status = cut_off(status, how, description.close_time)
        if not (self.may_see(me, status) or await self._owns(me, status)):
            raise NotFoundError(f"no approval {approval_id!r} that you take part in")
        return status.but(kept=tuple(i for i in status.kept if i.actor == me.person))

    @staticmethod
    def may_see(me: Identity, status: Status) -> bool:
        """Tell whether this person takes part, or operates."""
        return me.is_operator or me.person in status.audience

    async def act(self, me: Identity, approval_id: str, verb: str, body: Mapping[str, object]) -> Receipt:
        """Send a verb as this person and return its receipt; every refusal is a receipt too.

        Raises:
            NotFoundError: There is no such approval.
            UnavailableError: Temporal does not answer; nothing was recorded, unless it is an `UnansweredError`.
        """
        try:  # without a worker a run would keep the command as a signal that it never reads
            await self._described(approval_id)
        except UnavailableError as error:
            raise UnavailableError(f"{error}; nothing was recorded, try again") from error
        if (reason := foreign_actor(me, body)) is not None:
            key = body.get("key")
            return Receipt(status="invalid", reason=reason, key=key if isinstance(key, str) else "")
        doors = {"actor": me.person, "via": me.via, "assurance": me.assurance, "click": None}
        command = parse(verb, {**body, **doors})
        if isinstance(command, Receipt):
            return command
        command, key = _one_click(approval_id, command)
        handle = self._client.get_workflow_handle(approval_id)
        payload = command.model_dump(mode="json", by_alias=True, exclude_none=True)

        async def closed() -> Receipt:
            return await self._closed(approval_id, verb, command)

        return await door.send(
            handle,
            verb,
            payload,
            Receipt,
            recorded=Receipt(status="recorded", reason="kept by Temporal; judged when a worker is back", key=key),
            closed=closed,
        )

    async def receipt(self, me: Identity, approval_id: str, key: str) -> Receipt:
        """Return what became of a command of mine, whatever its verb was, by its key.

        Raises:
            NotFoundError: I have sent no such command, or it has not been judged yet.
        """
        status = await answer_of(await self._handle(approval_id), "status", Status)
        done = spent(status, me.person, key)
        if done is not None:
            return done
        kept = (*status.unproven, *status.refusals)
        mine = [r.receipt for r in kept if r.receipt.key == key and r.actor == me.person]
        if not mine:
            said = f"nothing of yours with key {key!r} to {approval_id!r}: it may still be on its way"
            if status.unrecorded:
                said += (
                    f", or was one refusal too many: {status.unrecorded} here were only counted; send it again to see"
                )
            raise NotFoundError(said)
        return mine[-1]

    async def _closed(self, approval_id: str, verb: str, command: Command) -> Receipt:
        description = await self._described(approval_id)
        memo = await memo_of(description)
        try:
            result: Result | None = await self._client.get_workflow_handle(approval_id, result_type=Result).result()
        except WorkflowFailureError:
            result = None
        known = memo.get("answers")
        answers = Answers.model_validate(known) if known is not None else None
        is_cancelled = description.status is WorkflowExecutionStatus.CANCELED
        ended = "withdrawn" if is_cancelled else cut(description)
        return judge_closed(approval_id, result, answers, verb, command, ended=ended)

    async def _other(self, me: Identity, person: str | None) -> Identity:
        """Return somebody else as one whose inbox is looked at: by their name and groups, not by their roles."""
        if person is None or not me.is_operator:
            raise ForbiddenError(f"person: only operators and admins see the inbox of {person!r}; leave it out")
        groups = await self._directory.groups_of(person)
        return Identity(person, frozenset(), frozenset(groups), "low", me.via)

    async def _owns(self, me: Identity, status: Status) -> bool:
        flow = status.origin.flow if status.origin is not None else None
        return flow is not None and await owns(self._catalogue, self._directory, me, flow)

    async def _handle(self, approval_id: str) -> WorkflowHandle[Any, Any]:
        await self._described(approval_id)
        return self._client.get_workflow_handle(approval_id)

    async def _described(self, approval_id: str) -> WorkflowExecutionDescription:
        """Return what Temporal knows of an approval.

        Raises:
            NotFoundError: There is none; in the same words for what is something else, which the caller may not see.
        """
        said = (
            f"no approval {approval_id!r}; if it is a run, decide what it asks: the run's own page names its approvals"
        )
        try:
            description = await describe(self._client, approval_id)
        except NotFoundError as error:
            raise NotFoundError(said) from error
        if description.workflow_type != APPROVAL:
            raise NotFoundError(said)
        return description


def _one_click(approval_id: str, command: Command) -> tuple[Command, str]:
    """Return a command that counts once, as Update and as the Signal after it, and by what its receipt is found.

    Which stage an answer without a key is for is told when it is judged, and its key with it.
    """
    if command.key is not None:
        return command, command.key
    one = uuid4().hex
    if isinstance(command, Decide):
        return command.model_copy(update={"click": one}), one
    key = withdrawal_key(approval_id, command) if isinstance(command, Withdraw) else one
    return command.model_copy(update={"key": key}), key
