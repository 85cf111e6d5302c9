"""The route of a dry run: who would be asked, and why; nothing is started."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hitl_temporal.api.bodies import RequestBody, read_as
from hitl_temporal.api.description import takes
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.service.previews import Previewed

router = APIRouter(prefix="/v1", tags=["runs"])


class Wish(BaseModel):
    """The body of a preview: that of a start, as far as it matters here."""

    model_config = ConfigDict(extra="forbid")

    inputs: Any = Field(default_factory=dict)
    """The flow's inputs; checked against its schema."""
    on_behalf_of: str | None = None


@router.post("/flows/{name}/preview", openapi_extra=takes(Wish))
async def preview_flow(name: str, me: Caller, use: UseCases, body: RequestBody) -> Previewed:
    """Who would be asked if I started this flow with these inputs now: `{inputs, on_behalf_of}`.

    What depends on what a step will find is `perhaps`; nothing is started, and nobody is told.
    """
    wish = read_as(Wish, body)
    return await use.previews.preview(me, name, wish.inputs, on_behalf_of=wish.on_behalf_of)
