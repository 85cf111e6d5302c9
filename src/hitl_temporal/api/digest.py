"""What I have to do: decisions in short, and what I am asked to answer."""

from typing import Annotated

from fastapi import APIRouter, Query

from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.domain.approval.digest import Digest, Item
from hitl_temporal.service.reading import Page

router = APIRouter(prefix="/v1/me", tags=["approvals"])


@router.get("/digest")
async def show_digest(me: Caller, use: UseCases) -> Digest:
    """What I may decide now: how much, how much of it is overdue or due today where I live, and the most urgent."""
    return await use.approvals.digest(me)


@router.get("/info-requests")
async def list_info_requests(
    me: Caller,
    use: UseCases,
    person: Annotated[str | None, Query(max_length=200, description="Somebody else; for operators and admins.")] = None,
    flow: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[Item]:
    """The approvals that go on when I have answered: I was asked for more, or my request was sent back to me."""
    return await use.approvals.list(me, person=person, flow=flow, info=True, cursor=cursor, limit=limit)
