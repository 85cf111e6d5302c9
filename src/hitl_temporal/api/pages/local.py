"""Where a person is sent after logging in: a place of this service, never another one.

Must not know: which pages there are.
"""

import re
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse

from hitl_temporal.api.addresses import path_as_sent

_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""One slash, then printable ASCII without a backslash: browsers drop tabs and line ends, and read `/\\` as `//`."""


def local(path: str) -> str:
    """Return the path if it stays on this host, else the inbox."""
    return path if _LOCAL.fullmatch(path) else "/"


def to_login(request: Request) -> RedirectResponse:
    """Return the way to the login page, and from there back to what was asked for."""
    here = path_as_sent(request.scope)
    if request.method == "GET" and request.url.query:
        here = f"{here}?{request.url.query}"
    return RedirectResponse(f"/login?{urlencode({'next': local(here)})}", 303)
