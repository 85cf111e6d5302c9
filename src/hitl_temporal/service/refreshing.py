"""Telling open approvals that something about their people has changed, so that they look again.

Must not know: what has changed, or what an approval then does.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import FLOW
from hitl_temporal.messages import APPROVAL, Refresh
from hitl_temporal.ports import Directory, TemporaryError
from hitl_temporal.service.errors import InvalidError, UnavailableError
from hitl_temporal.service.participation import naming
from hitl_temporal.service.reading import list_page

log = structlog.get_logger(__name__)

REFRESH = "refresh"
"""The signal that an approval takes for it."""

MAX_APPROVALS = 1_000
WITHIN = timedelta(seconds=5)
"""A person waits for the answer; what is not told by then looks again when it next has something to do."""

_AT_ONCE = 20
_PAGE = 200


class Refreshed(NamedTuple):
    """How many open approvals have been told; `note` says why some may not have been, empty: all were."""

    told: int = 0
    note: str = ""


async def refresh(client: Client, directory: Directory, people: Iterable[str], reason: str) -> Refreshed:
    """Tell every open approval that names one of these people, or a group that holds one.

    Args:
        client: Temporal.
        directory: Knows the groups.
        people: Those about whom something has changed.
        reason: One line; it stands in each approval's history.
    """
    try:
        condition = await _condition(directory, tuple(people))
    except TemporaryError as error:
        return await _incomplete(0, str(error))
    return await _tell(client, condition, reason)


async def refresh_all(client: Client, flow: str | None, reason: str) -> Refreshed:
    """Tell every open approval, or every one of a flow: a calendar has changed, or the directory as a whole."""
    return await _tell(client, "" if flow is None else f"{FLOW.name} = {literal(flow)}", reason)


async def _tell(client: Client, condition: str, reason: str) -> Refreshed:
    """Tell the open approvals of this condition.

    It is best effort: an approval that misses it looks again by itself at its next event.
    """
    why = Refresh(reason=reason)
    told, failed = 0, 0
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def tell(approval: str) -> None:
        nonlocal told, failed
        async with at_once:
            try:
                await client.get_workflow_handle(approval).signal(REFRESH, why)
                told += 1
            except RPCError as error:
                failed += error.status is not RPCStatusCode.NOT_FOUND  # not found: it has ended meanwhile

    try:
        async with asyncio.timeout(WITHIN.total_seconds()):
            found, has_more = await _open_approvals(client, condition)
            await asyncio.gather(*(tell(approval) for approval in found))
    except (TimeoutError, UnavailableError, InvalidError) as error:
        return await _incomplete(told, str(error) or f"it took longer than {WITHIN.total_seconds():.0f} s")
    if has_more:
        return await _incomplete(told, f"there are more than {MAX_APPROVALS}")
    return await _incomplete(told, f"{failed} could not be told") if failed else Refreshed(told)


async def _incomplete(told: int, reason: str) -> Refreshed:
    await log.awarning("refresh.incomplete", told=told, reason=reason)
    return Refreshed(told, f"not every open approval was told ({reason}); each looks again at its next event")


async def _open_approvals(client: Client, condition: str) -> tuple[list[str], bool]:
    """Return the ids of open approvals, the newest first, and whether there are more than are taken."""
    query = " AND ".join(filter(None, [f"WorkflowType = '{APPROVAL}'", "ExecutionStatus = 'Running'", condition]))
    rows, cursor = await list_page(client, query, None, _PAGE)
    found = [row.id for row in rows]
    while cursor is not None and len(found) < MAX_APPROVALS:
        rows, cursor = await list_page(client, query, cursor, _PAGE)
        found += [row.id for row in rows]
    return found[:MAX_APPROVALS], cursor is not None or len(found) > MAX_APPROVALS


async def _condition(directory: Directory, people: tuple[str, ...]) -> str:
    """Return the condition for approvals that name one of them."""
    return naming(people, [group for person in people for group in await directory.groups_of(person)])
