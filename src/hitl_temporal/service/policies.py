"""Trying a policy out on what has been decided: another version of a question, or its rules, against the record.

Must not know: HTTP, terminals, how a record is replayed (`domain.approval.whatif`).
"""

import asyncio
import re
from datetime import timedelta

from pydantic import ValidationError
from temporalio.client import Client

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routing import route_named
from hitl_temporal.domain.approval.shadow import RuleReport, report
from hitl_temporal.domain.approval.whatif import Replayed, replay, unknown_selectors
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.effects.rosters import read_roster
from hitl_temporal.ports import AbsenceBook, Catalogue, Directory, UnknownFlowError
from hitl_temporal.service.errors import InvalidError, NotFoundError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.questions import as_put, calendars_of
from hitl_temporal.service.records import Records, Skipped, closed_records, demand_may_read


class Replays(Value):
    """What a candidate would have made of past requests, those that ended last in front.

    Attributes:
        looked_at: How many approvals of the step there were.
        replayed: How many of them could be replayed.
        changed: How many of these would have gone otherwise.
        items: One entry per replayed approval.
        skipped: One entry per approval that could not be replayed.
        next: The cursor of the approvals that follow; None: there are no more.
    """

    looked_at: int
    replayed: int
    changed: int
    items: tuple[Replayed, ...]
    skipped: tuple[Skipped, ...]
    next: str | None


class Shadow(Value):
    """How rules did on past requests; the counts of several pages add up.

    Attributes:
        items: One entry per rule.
        next: The cursor of the approvals that follow; None: there are no more.
    """

    looked_at: int
    items: tuple[RuleReport, ...]
    skipped: tuple[Skipped, ...]
    next: str | None


class Policies:
    """The use cases of trying out."""

    def __init__(self, client: Client, catalogue: Catalogue, directory: Directory, absences: AbsenceBook) -> None:
        self._client = client
        self._catalogue = catalogue
        self._directory = directory
        self._absences = absences

    async def replay(
        self,
        me: Identity,
        flow: str,
        step: str,
        document: dict[str, Json] | None = None,
        *,
        since: timedelta,
        cursor: str | None = None,
        limit: int = 200,
    ) -> Replays:
        """Return what another version of a step's question would have made of its past requests.

        Args:
            me: An operator, administrator or auditor.
            flow: Its name.
            step: The step whose requests are replayed; it need not be in the flow any more.
            document: The ask to try; None: the step's as it is defined now.
            since: How long ago requests may have been made at most.
            cursor: Where an earlier call has left off.
            limit: How many approvals are looked at, at most.

        Raises:
            ForbiddenError: I have none of these roles.
            NotFoundError: No such flow.
            InvalidError: The document is no ask, or none that could be asked here (it names a calendar or a group that
                nobody knows, say), or the flow has never had such a step that asks.
            UnavailableError: Temporal does not answer.
        """
        demand_may_read(me)
        definition = await self._definition(flow)
        candidate = await self._candidate(definition, step, document)
        named = re.compile(rf".+\.{re.escape(step)}\.[0-9]+")  # <run>.<step>.<attempt>
        records = await closed_records(
            self._client,
            flow,
            since=since,
            is_wanted=lambda approval: named.fullmatch(approval) is not None,
            cursor=cursor,
            limit=limit,
        )
        own = (r for r in records.found if r.origin is not None and r.origin.step == step)  # a run's id has dots, too
        records = records._replace(found=tuple(own))
        if not records.looked_at and cursor is None and step not in _asks(definition):
            raise _no_ask(definition, step)
        return await self._replays(candidate, records)

    async def shadow(
        self, me: Identity, flow: str, *, since: timedelta, cursor: str | None = None, limit: int = 200
    ) -> Shadow:
        """Return how often each rule of a flow has decided, or would have, and whether people agreed.

        Raises:
            ForbiddenError: I am neither operator, administrator nor auditor.
            NotFoundError: No such flow.
            UnavailableError: Temporal does not answer.
        """
        demand_may_read(me)
        await self._definition(flow)
        records = await closed_records(
            self._client, flow, since=since, is_wanted=lambda _: True, cursor=cursor, limit=limit
        )
        return Shadow(
            looked_at=records.looked_at, items=report(records.found), skipped=records.skipped, next=records.next
        )

    async def _replays(self, candidate: Ask, records: Records) -> Replays:
        unknown = dict.fromkeys(s for record in records.found for s in unknown_selectors(record, candidate))
        roster = await read_roster(self._directory, self._absences, tuple(unknown), ())
        calendars = await calendars_of(self._catalogue, (candidate,))
        items: list[Replayed] = []
        for record in records.found:
            items.append(replay(record, candidate, roster, calendars))
            await asyncio.sleep(0)  # others wait for this process, too
        return Replays(
            looked_at=records.looked_at,
            replayed=len(items),
            changed=sum(item.changed for item in items),
            items=tuple(items),
            skipped=records.skipped,
            next=records.next,
        )

    async def _definition(self, flow: str) -> Flow:
        try:
            return await self._catalogue.flow(flow)
        except UnknownFlowError as error:
            raise NotFoundError(error.reason) from error

    async def _candidate(self, definition: Flow, step: str, document: dict[str, Json] | None) -> Ask:
        if document is None:
            ask = _asks(definition).get(step)
            if ask is None:
                raise _no_ask(definition, step)
        else:
            try:
                ask = Ask.model_validate(document, by_alias=True, by_name=False)
            except ValidationError as error:
                raise InvalidError(f"ask.{first_problem(error)}") from error
            if faults := await self._catalogue.faults(ask, document):
                first, *rest = faults
                raise InvalidError(first + (f" (and {len(rest)} more)" if rest else ""))
        ask = await as_put(self._catalogue, definition, ask)
        if (missing := route_named(ask)) is not None:
            raise InvalidError(f"ask.stages.route: there is no route {missing!r} in site.yaml")
        return ask


def _asks(definition: Flow) -> dict[str, Ask]:
    return {s.step.id: s.step.ask for s in definition.plan.every if s.step.ask is not None}


def _no_ask(definition: Flow, step: str) -> InvalidError:
    known = ", ".join(_asks(definition)) or "none"
    return InvalidError(f"step: {step[:100]!r} is no step of {definition.flow!r} that asks; those are: {known}")
