"""Ids and keys in paths: what a caller has percent-encoded is one segment, whatever is in it.

Servers hand over a path decoded: a slash in an id looks then like one between segments, `a/decisions/b` like the
receipt `b` of `a`, and a line end fits no route. So paths with an id are matched as they were sent, and what was
matched is decoded by the convertors `id`, which takes bare slashes as well, and `key`.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope (`raw_path`, 2026-11).

Must not know: which routes there are below these prefixes.
"""

from typing import ClassVar
from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

PREFIXES = ("/v1/approvals/", "/v1/runs/", "/approvals/", "/runs/")
"""Below these every parameter of a path is an `id` or a `key`; a test compares them with the routes."""

APPROVAL = "{approval_id:id}"
RUN = "{run_id:id}"
KEY = "{key:key}"
"""The parameters, as routes write them."""


def path_as_sent(scope: Scope) -> str:
    """Return the path of a request, percent-encoded as the caller has sent it."""
    raw = scope.get("raw_path")  # a server need not give it
    return raw.decode("ascii", "replace") if isinstance(raw, bytes) else quote(scope["path"])


class AsSent:
    """Lets the routes below the prefixes match the path as it was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is around this sees the scope as it was."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIXES):
            scope = {**scope, "path": path_as_sent(scope)}
        await self._app(scope, receive, send)


class _Encoded(Convertor[str]):
    """A part of a path that is decoded when it has been matched."""

    @override
    def convert(self, value: str) -> str:
        """Return what the caller means."""
        return unquote(value)

    @override
    def to_string(self, value: str) -> str:
        """Return it as one segment."""
        return quote(value, safe="")


class _Id(_Encoded):
    regex: ClassVar[str] = ".*"


class _Key(_Encoded):
    regex: ClassVar[str] = "[^/]+"


register_url_convertor("id", _Id())
register_url_convertor("key", _Key())
