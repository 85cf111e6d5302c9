"""Errors as RFC 9457 problem details.

Source: https://www.rfc-editor.org/rfc/rfc9457 (2026-11).
"""

from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from hitl_temporal.ports import TemporaryError
from hitl_temporal.service.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServiceError,
    UnansweredError,
    UnavailableError,
)

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 2

_STATUS: Mapping[type[ServiceError], tuple[int, str]] = {
    NotFoundError: (404, "Not found"),
    ForbiddenError: (403, "Not allowed"),
    InvalidError: (422, "The request does not fit"),
    ConflictError: (409, "Conflict"),
    UnavailableError: (503, "Unavailable"),
}

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """What happened, and what to do (RFC 9457).

    Attributes:
        key: Of what was sent and not answered: whether it was recorded is not known.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    key: str | None = None


class UnauthenticatedError(Exception):
    """Nobody, or nobody known, calls; the message says what to send."""


def problem(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> JSONResponse:
    """Return a problem as a response."""
    body: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of this service a problem."""

    async def service_error(_: Request, error: Exception) -> JSONResponse:
        status, title = next((v for k, v in _STATUS.items() if isinstance(error, k)), (500, "Error"))
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
        lost = {"key": error.key} if isinstance(error, UnansweredError) else {}
        return problem(status, title, str(error), headers, **lost)

    async def temporary(_: Request, error: Exception) -> JSONResponse:
        detail = f"{error}; nothing was recorded"
        return problem(503, "Unavailable", detail, {"Retry-After": str(RETRY_AFTER_SECONDS)})

    async def unauthenticated(_: Request, error: Exception) -> JSONResponse:
        return problem(401, "Who are you?", str(error), {"WWW-Authenticate": "Bearer"})

    async def unfit(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError), "registered for it"
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, "The request does not fit", f"{where}: {first['msg']}"[:500])

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException), "registered for it"
        return problem(error.status_code, str(error.detail), str(error.detail), error.headers)

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        log.error("http.unexpected", exc_info=error)
        return problem(500, "Error", "something unexpected happened here; the service's log has it")

    app.add_exception_handler(Exception, unexpected)
    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(TemporaryError, temporary)
    app.add_exception_handler(UnauthenticatedError, unauthenticated)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(HTTPException, http)
