"""Approvals that have ended, whole, as their workflows remember them: page by page, each within a few seconds.

A record holds everything that was asked, said and decided, so it is for operators, administrators and auditors.

Must not know: what is made of a record.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import ValidationError
from temporalio.client import Client, WorkflowExecution

from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.people import OPERATORS
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import Value
from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import FLOW
from hitl_temporal.messages import APPROVAL
from hitl_temporal.service.errors import ForbiddenError, NotFoundError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.reading import answer_of, list_page

RECORD = "record"
"""The query that an approval answers with its whole state."""

READERS = OPERATORS | {"auditor"}

MAX_LOOKED_AT = 500
WITHIN = timedelta(seconds=4)
"""After so long no further page is begun: whoever asks is answered in time, and asks for the rest."""

_PAGE = 10
"""Read at once; each costs a worker the replay of one history."""


class Skipped(Value):
    """An approval that could not be looked at, and why."""

    id: str
    why: str


class Records(NamedTuple):
    """Some records, those that ended last in front.

    Attributes:
        next: The cursor of those that follow; None: there are no more.
    """

    found: tuple[Approval, ...]
    skipped: tuple[Skipped, ...]
    next: str | None

    @property
    def looked_at(self) -> int:
        """How many approvals there were, readable or not."""
        return len(self.found) + len(self.skipped)


def demand_may_read(me: Identity) -> None:
    """Pass those who may read records.

    Raises:
        ForbiddenError: I have none of the roles.
    """
    if me.roles.isdisjoint(READERS):
        raise ForbiddenError(f"records of what others decided are for the roles {', '.join(sorted(READERS))}")


async def closed_records(
    client: Client,
    flow: str,
    *,
    since: timedelta,
    is_wanted: Callable[[str], bool],
    cursor: str | None,
    limit: int,
) -> Records:
    """Return the records of a flow's approvals that have ended.

    Args:
        client: Temporal; it keeps them until its retention is over.
        flow: Its name.
        since: How long ago they may have been started at most.
        is_wanted: Tells by the id whether an approval is looked at.
        cursor: Where an earlier call has left off.
        limit: How many are looked at, at most.

    Raises:
        InvalidError: The cursor is none of ours.
        UnavailableError: Temporal does not answer.
    """
    query = (
        f"WorkflowType = '{APPROVAL}' AND {FLOW.name} = {literal(flow)}"
        " AND ExecutionStatus NOT IN ('Running', 'ContinuedAsNew')"
        f" AND StartTime > {literal((datetime.now(UTC) - since).isoformat())}"
    )
    began, read = time.monotonic(), Records((), (), cursor)
    while read.looked_at < limit:
        rows, following = await list_page(client, query, read.next, min(_PAGE, limit - read.looked_at))
        page = await asyncio.gather(*(_read(client, row) for row in rows if is_wanted(row.id)))
        found = tuple(r for r in page if isinstance(r, Approval))
        skipped = tuple(r for r in page if isinstance(r, Skipped))
        read = Records((*read.found, *found), (*read.skipped, *skipped), following)
        if following is None or time.monotonic() - began > WITHIN.total_seconds():
            break
    return read


async def _read(client: Client, row: WorkflowExecution) -> Approval | Skipped:
    try:
        record = await answer_of(client.get_workflow_handle(row.id, run_id=row.run_id), RECORD, Approval)
    except (NotFoundError, UnavailableError) as error:
        return Skipped(id=row.id, why=str(error)[:300])
    except ValidationError as error:
        return Skipped(
            id=row.id, why=f"its worker remembers it in another way than this service: {first_problem(error)}"
        )
    if record.outcome is None:
        return Skipped(id=row.id, why="it was ended in Temporal without an outcome")
    return record
