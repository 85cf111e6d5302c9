"""The route by which operators let open approvals look at the world again."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints

from hitl_temporal.api.bodies import RequestBody, read_as
from hitl_temporal.api.description import takes
from hitl_temporal.api.identity import Caller, UseCases

router = APIRouter(prefix="/v1", tags=["approvals"])


class Wish(BaseModel):
    """What has changed, and for which flow; null: for all."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    flow: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


@router.post("/approvals:refresh", openapi_extra=takes(Wish))
async def refresh_approvals(me: Caller, use: UseCases, body: RequestBody) -> dict[str, int | str]:
    """Let open approvals read people and calendars again: how many were told, and why perhaps not all."""
    wish = read_as(Wish, body)
    found = await use.approvals.refresh(me, wish.reason, wish.flow)
    return {"told": found.told, "note": found.note}
