"""The inbox: what I may decide now, what I am asked to answer, and what became of what I started.

Must not know: how lists are read.
"""

import secrets

from fastapi import Request
from fastapi.responses import HTMLResponse

from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages.people import names_of
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.visitor import Me

router = page_router()

MOST = 100
NEWEST = 20


@router.get("/")
async def inbox(request: Request, visitor: Me, use: UseCases, cursor: str | None = None) -> HTMLResponse:
    """Show what waits for me, soonest due first, then my newest runs."""
    waiting = await use.approvals.list(visitor.me, cursor=cursor, limit=MOST)
    owed = await use.approvals.list(visitor.me, info=True, cursor=None, limit=MOST)
    asked = [item for item in owed.items if item.waits_for == visitor.me.person]
    runs = await use.runs.list(visitor.me, mine=True, limit=NEWEST)
    people = [visitor.me.person, *(p for item in (*waiting.items, *asked) for p in (item.requester, item.claimed_by))]
    return render(
        request,
        "inbox.html",
        waiting=waiting,
        asked=asked,
        runs=runs,
        has_more_runs=runs.next is not None or len(runs.items) == NEWEST,
        names=await names_of(use.directory, people),
        key=secrets.token_urlsafe(16),
    )
