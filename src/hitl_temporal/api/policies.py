"""Routes for trying a policy out on past requests; for operators, administrators and auditors."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from hitl_temporal.api.bodies import RequestBody, read_as
from hitl_temporal.api.description import takes
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.domain.duration import DurationError, fixed
from hitl_temporal.domain.value import Json
from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.policies import Replays, Shadow
from hitl_temporal.service.records import MAX_LOOKED_AT

router = APIRouter(prefix="/v1/flows/{name}", tags=["policies"])

SINCE = "90d"
LIMIT = 200


class Wish(BaseModel):
    """The body of a policy replay."""

    model_config = ConfigDict(extra="forbid")

    step: str
    ask: dict[str, Json] | None = None
    """The document of an ask to try; null: the step's as it is defined now."""
    since: str = SINCE
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LOOKED_AT)] = LIMIT


@router.post("/policy-replays", openapi_extra=takes(Wish))
async def replay_policy(name: str, me: Caller, use: UseCases, body: RequestBody) -> Replays:
    """What another version of a step's question would have made of its past requests.

    `{step, ask, since, limit, cursor}`; `next` is the cursor of what there was no time for, or no room in `limit`.
    """
    wish = read_as(Wish, body)
    return await use.policies.replay(
        me, name, wish.step, wish.ask, since=_ago(wish.since), cursor=wish.cursor, limit=wish.limit
    )


@router.get("/shadow")
async def shadow_report(
    name: str,
    me: Caller,
    use: UseCases,
    since: str = SINCE,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LOOKED_AT)] = LIMIT,
) -> Shadow:
    """How often each rule has decided, or would have, and whether people came to the same."""
    return await use.policies.shadow(me, name, since=_ago(since), cursor=cursor, limit=limit)


def _ago(text: str) -> timedelta:
    try:
        length = fixed(text)
    except DurationError as error:
        raise InvalidError(f"since: {error}") from error
    if length is None:
        raise InvalidError(f"since: {text!r} counts working time; write one such as 90d or 12h")
    return length
