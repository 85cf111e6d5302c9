"""Who calls: the development identity, in `hitl up` on a loopback bind only.

Tokens and OIDC join here; the directory alone says what a person may do.
"""

from typing import Annotated

from fastapi import Depends, Request

from hitl_temporal.api.problems import UnauthenticatedError
from hitl_temporal.app.services import Services
from hitl_temporal.domain.approval.stage import Assurance
from hitl_temporal.service.identity import Identity, identify

DEV = "dev:"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

HOW = "send `Authorization: Bearer <token>`"


def services(request: Request) -> Services:
    """Return the use cases that the application was made with."""
    found = request.app.state.services
    assert isinstance(found, Services), "set by create_app"
    return found


async def caller(request: Request) -> Identity:
    """Return who calls.

    Raises:
        UnauthenticatedError: Nobody, or nobody the directory knows as active.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError(f"this route needs to know who you are: {HOW}")
    if not token.startswith(DEV):
        raise UnauthenticatedError(f"this token is not known here: {HOW}")
    if not may_be_anyone(request):
        raise UnauthenticatedError("the development identity works in `hitl up` alone, on loopback, without a proxy")
    return await dev_identity(request, token.removeprefix(DEV))


async def dev_identity(request: Request, person: str, *, assurance: Assurance = "medium", via: str = "api") -> Identity:
    """Return the identity of somebody who just says so.

    Raises:
        UnauthenticatedError: The directory knows nobody like that as active.
    """
    identity = await identify(services(request).directory, person, assurance=assurance, via=via)
    if identity is None:
        raise UnauthenticatedError(f"{person[:100]!r} is not an active person of the directory (workflows/people.yaml)")
    return identity


def may_be_anyone(request: Request) -> bool:
    """Tell whether the development identity is on for this very request."""
    if not request.app.state.is_development:
        return False
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name in LOOPBACK and not any(_is_of_a_proxy(header) for header in request.headers)


def _is_of_a_proxy(header: str) -> bool:
    return header == "forwarded" or header.startswith("x-forwarded-")


Caller = Annotated[Identity, Depends(caller)]
UseCases = Annotated[Services, Depends(services)]
