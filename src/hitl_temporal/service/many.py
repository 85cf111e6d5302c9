"""One action on many runs: chosen by a few words, each judged as if it had been sent alone, each with its own receipt.

Must not know: HTTP, terminals, how one action is judged.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, Protocol

from temporalio.client import Client

from hitl_temporal.domain.flow.commands import Became, Receipt
from hitl_temporal.domain.flow.selection import GLOBS, Selection, SelectionError, selection
from hitl_temporal.domain.value import Value, digest
from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import FLOW, REQUESTER, STATE, WAITING
from hitl_temporal.messages import APPROVAL, OUTBOX
from hitl_temporal.service.errors import InvalidError, NotFoundError, UnansweredError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.reading import Page, list_page

MOST = 50
"""Runs in one answer: with ten at a time, and two seconds for each, a client has it before it gives up."""

AT_ONCE = 10
"""How many are under way at the same time: one person's sweep must not keep everybody else's clicks waiting."""

_NAMES = {
    "flow": FLOW.name,
    "state": STATE.name,
    "requester": REQUESTER.name,
    "waiting": WAITING.name,
    "id": "WorkflowId",
}
_OURS = f"{FLOW.name} IS NOT NULL AND WorkflowType != '{APPROVAL}' AND WorkflowType != '{OUTBOX}'"
_OPEN = f"ExecutionStatus = 'Running' AND {_OURS}"


class RunReceipt(Value):
    """What became of an action on one run of many: its receipt with the id of the run.

    Two are no receipts of a run. `unavailable`: Temporal did not answer for this one, and nothing was recorded.
    `unanswered`: it was sent and its answer was lost; sent again with this key it is done once.
    """

    id: str
    status: Became | Literal["unavailable", "unanswered"]
    reason: str = ""
    changes: tuple[str, ...] = ()
    key: str = ""


class Operating(Protocol):
    """The one path of every action on a run."""

    async def operate(self, me: Identity, run_id: str, action: str, body: Mapping[str, object]) -> Receipt:
        """Send an action as this person and return its receipt."""
        ...


def written(chosen: Selection, now: datetime) -> str:
    """Return a choice in the words of the server's list; every value is a literal."""
    conditions = [_OPEN]
    for name, values in chosen.terms.items():
        conditions.append("(" + " OR ".join(_condition(name, value) for value in values) + ")")
    if chosen.older is not None:
        conditions.append(f"StartTime <= {literal((now - chosen.older).isoformat())}")
    if chosen.newer is not None:
        conditions.append(f"StartTime > {literal((now - chosen.newer).isoformat())}")
    return " AND ".join(conditions)


def _condition(name: str, value: str) -> str:
    if name in GLOBS and value.endswith("*"):
        return f"{_NAMES[name]} STARTS_WITH {literal(value[:-1])}" if value != "*" else f"{_NAMES[name]} IS NOT NULL"
    return f"{_NAMES[name]} = {literal(value)}"


async def operate_many(
    client: Client, runs: Operating, me: Identity, action: str, body: Mapping[str, object], key: str
) -> Page[RunReceipt]:
    """Do something to the runs that `query`, or the server's own words in `visibility`, choose: one window of them.

    Args:
        client: Temporal.
        runs: Does it to one.
        me: Who wants it; who is no operator means their own runs.
        action: What.
        body: What is said of it, with `query` or `visibility`, and the `cursor` of a window.
        key: Each run's is made of it: sent again, nothing is done twice.

    Raises:
        InvalidError: The query, or its cursor, can't be read.
        UnavailableError: Temporal does not answer.
    """
    cursor = body.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise InvalidError("cursor: the `next` of the answer before is needed")
    rows, following = await list_page(client, _query(me, body), cursor, MOST)
    said = {name: value for name, value in body.items() if name not in {"query", "visibility", "cursor"}}
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(run_id: str) -> RunReceipt:
        async with gate:
            return await _one(runs, me, run_id, action, {**said, "key": digest([key, run_id])[:32]})

    receipts = await asyncio.gather(*(one(row.id) for row in rows))
    return Page(items=tuple(receipts), next=following)


def _query(me: Identity, body: Mapping[str, object]) -> str:
    text, raw = body.get("query"), body.get("visibility")
    if (text is None) == (raw is None) or not isinstance(text if raw is None else raw, str):
        raise InvalidError("query: write which runs, such as `flow=finance.* state=parked`; or `visibility`, not both")
    if isinstance(raw, str):
        if not me.is_operator:
            raise InvalidError("visibility: only operators and admins write queries of the server; write a `query`")
        return f"{_OPEN} AND ({raw})"
    try:
        chosen = written(selection(str(text)), datetime.now(UTC))
    except SelectionError as error:
        raise InvalidError(f"query: {error}") from error
    return chosen if me.is_operator else f"{chosen} AND {REQUESTER.name} = {literal(me.person)}"


async def _one(runs: Operating, me: Identity, run_id: str, action: str, body: Mapping[str, object]) -> RunReceipt:
    key = str(body["key"])
    try:
        receipt = await runs.operate(me, run_id, action, body)
    except NotFoundError as error:
        return RunReceipt(id=run_id, status="closed", reason=str(error), key=key)
    except UnansweredError as error:
        return RunReceipt(id=run_id, status="unanswered", reason=str(error), key=key)
    except UnavailableError as error:
        return RunReceipt(id=run_id, status="unavailable", reason=str(error), key=key)
    return RunReceipt(id=run_id, **receipt.model_dump())
