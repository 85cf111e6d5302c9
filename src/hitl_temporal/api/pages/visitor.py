"""Who looks at a page: the person of the session cookie, as the directory knows them at this very request.

The cookie counts on pages alone: every form of theirs carries a token of the session, while the routes under `/v1`
take what any page on the same host could send.

Must not know: what the person may do.
"""

from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from hitl_temporal.api.identity import dev_identity, may_be_anyone
from hitl_temporal.api.pages.session import Sessions
from hitl_temporal.api.problems import UnauthenticatedError
from hitl_temporal.service.identity import Identity, assurance_of

COOKIE = "hitl_session"


class Visitor(NamedTuple):
    """A person with a session.

    Attributes:
        form_token: What each form sent in this session must carry.
    """

    me: Identity
    form_token: str


def sessions(request: Request) -> Sessions:
    """Return what reads this service's cookies."""
    found = request.app.state.sessions
    assert isinstance(found, Sessions), "set by install"
    return found


async def visitor(request: Request) -> Visitor:
    """Return who looks, and leave it on the request for whatever draws the page.

    Raises:
        UnauthenticatedError: Nobody is logged in, or nobody the directory knows as active.
    """
    cookie, now = request.cookies.get(COOKIE, ""), datetime.now(UTC)
    login = sessions(request).login(cookie, now)
    if login is None or not may_be_anyone(request):
        raise UnauthenticatedError("nobody is logged in")
    me = await dev_identity(request, login.person, assurance=assurance_of(now - login.at), via="web")
    found = Visitor(me, sessions(request).form_token(cookie))
    request.state.visitor = found
    return found


def known_as(request: Request) -> str:
    """Return whose session this browser has, empty for nobody's: a login page need not ask for it again."""
    login = sessions(request).login(request.cookies.get(COOKIE, ""), datetime.now(UTC))
    return login.person if login is not None else ""


def visitor_of(request: Request) -> Visitor | None:
    """Return the visitor that was found for this request, None on pages for everybody."""
    found = getattr(request.state, "visitor", None)
    return found if isinstance(found, Visitor) else None


Me = Annotated[Visitor, Depends(visitor)]
