"""Routes of absences: mine; with `?person=`, for operators, somebody else's."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from hitl_temporal.api.bodies import IdempotencyKey, RequestBody
from hitl_temporal.api.description import takes
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.domain.absence import Absence
from hitl_temporal.service.absences import Change, Wish

router = APIRouter(prefix="/v1/me/absences", tags=["absences"])

Person = Annotated[str | None, Query(max_length=200, description="Somebody else; for operators and admins.")]


@router.get("")
async def list_absences(me: Caller, use: UseCases, person: Person = None) -> dict[str, tuple[Absence, ...]]:
    """My absences, those that begin first in front."""
    return {"items": await use.absences.list(me, person)}


@router.post("", status_code=201, openapi_extra=takes(Wish))
async def add_absence(
    me: Caller,
    use: UseCases,
    body: RequestBody,
    response: Response,
    person: Person = None,
    key: IdempotencyKey = None,
) -> Change:
    """I will be away: `{since, until, substitute, flow, if, reason}`; open approvals that ask me look again.

    `since` and `until` are times with an offset, or dates in my own time zone; `until` is the first moment after it.
    202: no worker answered in time, and Temporal keeps it.
    """
    change = await use.absences.add(me, body, key=key, person=person)
    if change.status == "recorded":
        response.status_code = 202
    return change


@router.delete("/{absence_id}")
async def remove_absence(
    absence_id: str, me: Caller, use: UseCases, response: Response, key: IdempotencyKey = None
) -> Change:
    """I will not be away after all, or am back early; open approvals that ask me look again."""
    change = await use.absences.remove(me, absence_id, key=key)
    if change.status == "recorded":
        response.status_code = 202
    return change
