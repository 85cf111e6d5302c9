"""Sends one HTTP request and says what came of it.

TemporaryError     408, 425, 429, 5xx (after `Retry-After`), no connection, no answer in time
PermanentError     any other status that is not expected, an answer too large or not the JSON that it says it is

Redirects are not followed: they would carry headers and body to wherever the other side says.

Must not know: flows, where secrets come from.
"""

import asyncio
import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from pydantic_core import from_json

from hitl_temporal.domain.duration import exact
from hitl_temporal.domain.words import shorten
from hitl_temporal.integrations.http.models import Auth, Request, Response, is_expected
from hitl_temporal.ports import Connector, PermanentError, TemporaryError

KEY_HEADER: Final = "Idempotency-Key"
"""Source: draft-ietf-httpapi-idempotency-key-header-07 (read 2026-12-01)."""

_TRY_AGAIN: Final = frozenset({408, 425, 429})
_LONGEST_WAIT: Final = timedelta(days=1)
"""Whatever the other side asks for: a step that sleeps for a year is a step that nobody looks at."""

_NOT_KEPT: Final = frozenset({"set-cookie", "set-cookie2", "www-authenticate", "authentication-info"})
_EXCERPT: Final = 300
"""Characters of the answer that an error tells."""


def connector(transport: httpx.AsyncBaseTransport | None = None) -> Connector[Request, Response]:
    """Return `http.request`; a test gives its own transport."""

    async def run(request: Request, key: str) -> Response:
        # What is set for this machine's proxies holds for every call; a test's transport has none.
        async with httpx.AsyncClient(
            transport=transport, timeout=exact(request.timeout).total_seconds(), trust_env=transport is None
        ) as client:
            return await _send(client, request, key)

    return Connector("http.request", Request, Response, run)


async def _send(client: httpx.AsyncClient, request: Request, key: str) -> Response:
    whom = _address(request.url)
    try:
        # The client's own bound is one for each part of the answer.
        async with asyncio.timeout(client.timeout.read):
            answer = await client.send(_message(client, request, key), stream=True)
            try:
                body = await _read(answer, request.max_bytes)
            finally:
                await answer.aclose()
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TemporaryError(f"{request.method} {whom}: no answer within {request.timeout}") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
        raise PermanentError(f"{request.method} {whom}: this can't be sent: {_words(error)}") from error
    except httpx.DecodingError as error:
        raise PermanentError(f"{request.method} {whom}: the answer can't be unpacked: {_words(error)}") from error
    except httpx.HTTPError as error:
        raise TemporaryError(f"{request.method} {whom}: {_words(error)}") from error
    said = f"{request.method} {whom} answered {answer.status_code}"
    if not is_expected(answer.status_code, request.expect):
        raise _refusal(answer, said, body or b"")
    if body is None:
        raise PermanentError(f"{said} with more than {request.max_bytes} bytes; ask for less, or raise max_bytes")
    return _response(answer, body, said)


def _message(client: httpx.AsyncClient, request: Request, key: str) -> httpx.Request:
    """Return what is sent; what the author has written goes before what we add."""
    headers = httpx.Headers({name: _plain(value) for name, value in request.headers.items()})
    headers.setdefault(KEY_HEADER, quote(key, safe="!#$%&'()*+,/:;=?@[]~"))
    if request.auth is not None:
        headers["authorization"] = _authorization(request.auth)
    if request.body is not None:
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    written = httpx.URL(request.url).params
    query = {name: list(value) if isinstance(value, tuple) else value for name, value in request.query.items()}
    message = client.build_request(
        request.method,
        request.url,
        headers=headers,
        params=written.merge(query) if query else None,
        json=request.json_body,
        content=None if request.body is None else request.body.encode(),
        data=request.form,
    )
    if request.has_json and request.json_body is None:  # httpx takes None for no body
        return client.build_request(
            request.method, message.url, headers={"content-type": "application/json", **headers}, content=b"null"
        )
    return message


def _authorization(auth: Auth) -> str:
    if auth.bearer is not None:
        return f"Bearer {auth.bearer.get_secret_value()}"
    assert auth.basic is not None, "checked by the model"
    login = f"{auth.basic.username}:{auth.basic.password.get_secret_value()}"
    return f"Basic {base64.b64encode(login.encode()).decode()}"


async def _read(answer: httpx.Response, most_bytes: int) -> bytes | None:
    """Return the body, None when it is larger than this; no more of it is read."""
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > most_bytes:
            return None
    return bytes(body)


def _refusal(answer: httpx.Response, said: str, body: bytes) -> TemporaryError | PermanentError:
    excerpt = shorten(body[: 4 * _EXCERPT].decode(answer.charset_encoding or "utf-8", errors="replace"), _EXCERPT)
    said = f"{said}: {excerpt}" if excerpt else said
    if answer.status_code in _TRY_AGAIN or answer.status_code >= 500:
        return TemporaryError(said, _retry_after(answer.headers))
    return PermanentError(said)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return what the other side asked to wait, in seconds or until a date by its own clock; None: it did not say.

    Source: RFC 9110, section 10.2.3 (read 2026-12-01).
    """
    written = headers.get("retry-after", "").strip()
    if written.isdecimal():
        return min(timedelta(seconds=int(written[:9])), _LONGEST_WAIT)
    until, now = _date(written), _date(headers.get("date", "")) or datetime.now(UTC)
    return None if until is None else min(max(until - now, timedelta()), _LONGEST_WAIT)


def _date(written: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(written)
    except (ValueError, IndexError, TypeError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _response(answer: httpx.Response, body: bytes, said: str) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in _NOT_KEPT}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and (kind == "application/json" or kind.endswith("+json")):
        try:
            found = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise PermanentError(
                f"{said} with a body that is not the JSON which it says it is: {_words(error)}"
            ) from error
        return Response(status=answer.status_code, headers=headers, json=found)
    try:
        text = body.decode(answer.charset_encoding or "utf-8", errors="replace")
    except LookupError:  # an encoding that nobody knows
        text = body.decode("utf-8", errors="replace")
    return Response(status=answer.status_code, headers=headers, text=text)


def _plain(value: str | SecretStr) -> str:
    return value if isinstance(value, str) else value.get_secret_value()


def _address(url: str) -> str:
    """Return a URL without what may be secret in it: login, query, fragment."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        return "the URL"
    port = f":{parsed.port}" if parsed.port else ""
    return shorten(f"{parsed.scheme}://{parsed.host}{port}{parsed.path}", 200)


def _words(error: Exception) -> str:
    return shorten(str(error) or type(error).__name__, _EXCERPT)
