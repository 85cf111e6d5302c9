"""The route by which operators let open approvals look at the world again."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from hitl_temporal.api.bodies import RequestBody
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.service.errors import InvalidError

router = APIRouter(prefix="/v1", tags=["approvals"])


class Wish(BaseModel):
    """What has changed, and for which flow; null: for all."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    flow: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


@router.post("/approvals:refresh")
async def refresh_approvals(me: Caller, use: UseCases, body: RequestBody) -> dict[str, int | str]:
    """Let open approvals read people and calendars again: how many were told, and why perhaps not all."""
    try:
        wish = Wish.model_validate(body)
    except ValidationError as error:
        raise InvalidError(first_problem(error)) from error
    found = await use.approvals.refresh(me, wish.reason, wish.flow)
    return {"told": found.told, "note": found.note}
