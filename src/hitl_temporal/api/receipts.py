"""Receipts as answers: the status that each has, where a person goes on, and how routes that give them are described.

Must not know: what was sent, how it is judged.
"""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.flow.commands import Receipt as OperationReceipt

STATUS: Mapping[str, int] = {
    "counted": 200,
    "done": 200,
    "recorded": 202,
    "asked": 202,
    "needs_step_up": 401,
    "not_eligible": 403,
    "closed": 409,
    "superseded": 409,
    "duplicate": 409,
    "invalid": 422,
}
"""The status that the contract promises for each receipt."""

STEP_UP = 'Bearer error="insufficient_user_authentication"'
"""Source: https://www.rfc-editor.org/rfc/rfc9470 (2026-11)."""


class Answered(Receipt):
    """A receipt as it is answered.

    Attributes:
        confirm: With `needs_step_up` the page on which a person logs in afresh and goes on.
    """

    confirm: str | None = None


def receipt_response(receipt: Receipt | OperationReceipt, *, confirm: str | None = None) -> JSONResponse:
    """Return a receipt with its status; the body is the receipt itself, also when it refuses.

    Args:
        receipt: Of a command.
        confirm: The page on which a person logs in afresh and goes on; said where that is needed.
    """
    body, status = receipt.model_dump(mode="json"), STATUS[receipt.status]
    if receipt.status != "needs_step_up":
        return JSONResponse(body, status)
    return JSONResponse(body | ({"confirm": confirm} if confirm else {}), status, {"WWW-Authenticate": STEP_UP})


def answers(receipt: type[BaseModel], statuses: tuple[str, ...]) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route as FastAPI describes them: the receipt under each status that it may have."""
    said: dict[int, list[str]] = {}
    for name in statuses:
        said.setdefault(STATUS[name], []).append(f"`{name}`")
    return {code: {"model": receipt, "description": ", ".join(names)} for code, names in sorted(said.items())}
