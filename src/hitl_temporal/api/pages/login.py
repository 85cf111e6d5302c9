"""Logging in and out. Today there is the development identity alone: whoever is here says who they are.

Must not know: how a session is made safe.
"""

from datetime import UTC, datetime

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_temporal.api.identity import dev_identity, may_be_anyone
from hitl_temporal.api.pages.forms import OpenForm, OwnForm
from hitl_temporal.api.pages.local import local
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.session import LIFETIME
from hitl_temporal.api.pages.visitor import COOKIE, known_as, sessions
from hitl_temporal.api.problems import UnauthenticatedError

router = page_router()


@router.get("/login")
async def login_page(request: Request, next: str = "/") -> HTMLResponse:  # noqa: A002 - the name of the parameter
    """Ask who you are, or say that nobody can log in here; whoever is logged in may do so afresh."""
    return _page(request, local(next), user=known_as(request))


@router.post("/login")
async def log_in(request: Request, form: OpenForm) -> Response:
    """Begin a session and go on to where the person wanted to be."""
    user, following = form.get("user", "").strip(), local(form.get("next", "/"))
    if not may_be_anyone(request) or _is_foreign(request):
        return _page(request, following, status=403)
    try:
        me = await dev_identity(request, user, via="web")
    except UnauthenticatedError as error:
        return _page(request, following, status=401, user=user, error=str(error))
    response = RedirectResponse(following, 303)
    cookie = sessions(request).begin(me.person, datetime.now(UTC))
    seconds = int(LIFETIME.total_seconds())
    response.set_cookie(COOKIE, cookie, max_age=seconds, path="/", httponly=True, samesite="lax")
    return response


@router.get("/logout")
async def logout_page() -> RedirectResponse:
    """Looking changes nothing: the button is on every page."""
    return RedirectResponse("/", 303)


@router.post("/logout")
async def log_out(_: OwnForm) -> RedirectResponse:
    """End the session in this browser."""
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


def _is_foreign(request: Request) -> bool:
    """Tell whether another site's page sent the form: it could log people in as somebody they are not."""
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


def _page(request: Request, following: str, *, status: int = 200, user: str = "", error: str = "") -> HTMLResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return render(
        request,
        "login.html",
        status=status,
        headers=headers,
        following=following,
        is_open=may_be_anyone(request),
        user=user,
        error=error,
    )
