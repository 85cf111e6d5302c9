"""The route of what I have to do, in short."""

from fastapi import APIRouter

from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.domain.approval.digest import Digest

router = APIRouter(prefix="/v1/me", tags=["approvals"])


@router.get("/digest")
async def show_digest(me: Caller, use: UseCases) -> Digest:
    """What I may decide now: how much, how much of it is overdue or due today where I live, and the most urgent."""
    return await use.approvals.digest(me)
