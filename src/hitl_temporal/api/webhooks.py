"""The address of other systems' messages, which their signature lets in."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from hitl_temporal.api.bodies import RawBody
from hitl_temporal.api.description import OPEN
from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.problems import problem
from hitl_temporal.service.errors import ForbiddenError

router = APIRouter(tags=["webhooks", OPEN])

_TAKES: dict[str, Any] = {"requestBody": {"required": False, "content": {"application/json": {"schema": {}}}}}


@router.post("/webhooks/{source}", status_code=202, response_model=None, openapi_extra=_TAKES)
async def receive_webhook(source: str, request: Request, use: UseCases, body: RawBody) -> JSONResponse:
    """Take a message signed as Standard Webhooks says; what it has started is not told to whoever sends it."""
    try:
        await use.webhooks.receive(source, request.headers, body)
    except ForbiddenError as error:
        return problem(401, "Not signed", str(error))
    return JSONResponse({"status": "accepted"}, 202)
