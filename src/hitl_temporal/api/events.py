"""The route of events: whoever may send them starts runs, and moves those that wait."""

from typing import Any

from fastapi import APIRouter, Request

from hitl_temporal.api.bodies import RawBody
from hitl_temporal.api.cloud_events import BATCH, STRUCTURED, cloud_events
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.service.events import Received

router = APIRouter(prefix="/v1", tags=["runs"])

_TEXT = {"type": "string", "minLength": 1}
_EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "specversion": {"const": "1.0"},
        "type": _TEXT,
        "source": _TEXT,
        "id": _TEXT,
        "subject": {"type": "string"},
        "time": {"type": "string"},
        "data": {},
    },
    "required": ["specversion", "type", "source", "id"],
}
_TAKES: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT}},
            "application/json": {"schema": {}},
        },
    }
}


@router.post("/events", status_code=202, openapi_extra=_TAKES)
async def send_events(request: Request, me: Caller, use: UseCases, body: RawBody) -> Received:
    """Take CloudEvents 1.0: structured, in binary mode (headers `ce-type` ...) or as a batch of at most 100.

    The same event again starts nothing twice.
    """
    return await use.events.send(me, cloud_events(request.headers, body))
