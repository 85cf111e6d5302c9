"""What every page has in common: security headers, and errors that are pages too.

Must not know: what a page shows.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from typing_extensions import override

from hitl_temporal.api.pages.local import to_login
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.problems import UnauthenticatedError
from hitl_temporal.ports import TemporaryError
from hitl_temporal.service.errors import ServiceError

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing from elsewhere, no scripts, no frames, and nothing left in a shared browser."""

_ERRORS = (ServiceError, TemporaryError, RequestValidationError, HTTPException)


class PageRoute(APIRoute):
    """A route to a page: whoever is not logged in is sent to log in, and every error is drawn."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, wrapped."""
        answer = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                response = await answer(request)
            except UnauthenticatedError:
                response = to_login(request)
            except _ERRORS as error:
                response = await _drawn(request, error)
            response.headers.update(SECURITY)
            return response

        return page


def page_router() -> APIRouter:
    """Return a router whose routes are pages; they are no part of the API's description."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


async def _drawn(request: Request, error: Exception) -> Response:
    """Return an error as a page, with the status, words and headers that `problems` gives it."""
    handlers = request.app.exception_handlers
    handle = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    problem: Response = await handle(request, error)
    told = json.loads(bytes(problem.body))
    kept = {name: value for name, value in problem.headers.items() if name not in {"content-length", "content-type"}}
    return render(
        request,
        "error.html",
        status=problem.status_code,
        headers=kept,
        title=told["title"],
        detail=told["detail"],
        is_temporary=problem.status_code == 503,
        was_sent=request.method == "POST",
        is_unanswered="key" in told,
    )
