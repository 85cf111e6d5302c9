"""Requests to the HTTP service: repeats what is safe to repeat, and turns answers into types or errors.

A request that never reached the service is sent again. One that may have reached it is sent again only if that does no
harm: it reads, or it carries an idempotency key.

Must not know: routes, who calls.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from hitl_temporal.client.answers import Receipt
from hitl_temporal.client.errors import (
    ApiError,
    InvalidError,
    StrangeAnswerError,
    UnavailableError,
    UnreachableError,
    of_status,
)
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import Json

_Answer = TypeVar("_Answer", bound=BaseModel)

PATIENCE = timedelta(seconds=5)
"""What the pauses between attempts add up to at most: enough for a restart of the service."""

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_DETAIL = 1_000
_UNAVAILABLE = 503
_KEY = "Idempotency-Key"

_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 15.0
"""The service itself gives a worker 2 s to judge a decision and 5 s to answer a query."""

_JSON: TypeAdapter[Json] = TypeAdapter(Json)


class Wire:
    """One address, one caller, and the patience for both."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        transport: httpx.BaseTransport | None,
        patience: timedelta,
        sleep: Callable[[float], None],
    ) -> None:
        self._url = url.rstrip("/")
        self._patience = patience
        self._sleep = sleep
        if not _is_address(self._url):
            raise UnreachableError(f"{url!r} is no address; set HITL_URL to one such as http://127.0.0.1:8080")
        self._http = httpx.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            transport=transport,
            # A proxy of the environment is not for this machine; it would also spoil the development identity.
            mounts=None if transport else dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]")),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(
        self,
        answer: type[_Answer],
        path: str,
        query: Mapping[str, str | None] | None = None,
        longer: timedelta | None = None,
    ) -> _Answer:
        """Read something.

        Args:
            answer: What comes back.
            path: With each id percent-encoded.
            query: Entries that are None are left out.
            longer: How long the service may hold the answer back.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        held = longer.total_seconds() if longer else 0.0
        timeout = httpx.Timeout(_ANSWER_SECONDS + held, connect=_CONNECT_SECONDS)
        request = self._http.build_request("GET", path, params=given, timeout=timeout)
        return _read(answer, _successful(self._send(request)))

    def post(self, answer: type[_Answer], path: str, body: Mapping[str, Json], key: str | None) -> _Answer:
        """Make something; fields that are None are left out."""
        return _read(answer, _successful(self._post(path, body, key)))

    def delete(self, answer: type[_Answer], path: str, key: str) -> _Answer:
        """Remove something."""
        return _read(answer, _successful(self._send(self._http.build_request("DELETE", path, headers=_keyed(key)))))

    def command(self, path: str, body: Mapping[str, Json], key: str, method: str = "POST") -> Receipt:
        """Send something that is answered by a receipt, refused or not; fields that are None are left out."""
        return _receipt(self._post(path, body, key, method))

    def receipt(self, path: str) -> Receipt:
        """Read a receipt again."""
        return _receipt(self._send(self._http.build_request("GET", path)))

    def _post(self, path: str, body: Mapping[str, Json], key: str | None, method: str = "POST") -> httpx.Response:
        given = {name: value for name, value in body.items() if value is not None}
        headers = _keyed(key) if key else None
        return self._send(self._http.build_request(method, path, json=given, headers=headers))

    def _send(self, request: httpx.Request) -> httpx.Response:
        is_repeatable = request.method == "GET" or _KEY in request.headers
        patience = _Patience(self._patience, self._sleep)
        while True:
            try:
                response = self._http.send(request)
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                has_arrived = not isinstance(error, httpx.ConnectError)
                if (has_arrived and not is_repeatable) or not patience.waits():
                    raise _unreachable(self._url, error) from error
            except httpx.TransportError as error:
                raise _unreachable(self._url, error) from error
            else:
                is_answer = response.status_code != _UNAVAILABLE or not is_repeatable
                if is_answer or not patience.waits(_seconds(response.headers.get("Retry-After"))):
                    return response


class _Patience:
    """The pauses between attempts: each twice the one before, together no longer than allowed."""

    def __init__(self, allowed: timedelta, sleep: Callable[[float], None]) -> None:
        self._left = allowed.total_seconds()
        self._next = _FIRST_PAUSE_SECONDS
        self._sleep = sleep

    def waits(self, at_least: float = 0) -> bool:
        """Wait before another attempt; False at once when patience would not last so long."""
        pause = max(self._next, at_least)
        if pause > self._left:
            return False
        self._left -= pause
        self._next *= 2
        self._sleep(pause)
        return True


def part(text: str) -> str:
    """Return an id as one segment of a path; ids that others gave may hold anything.

    Two are no segments but ways to another place (RFC 3986, 5.2.4), and httpx goes there: they are encoded whole.
    """
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


def _keyed(key: str) -> dict[str, str]:
    """Return the header with a key.

    Raises:
        InvalidError: No header can carry it.
    """
    if not (key.isascii() and key.isprintable() and key == key.strip()):
        raise InvalidError(f"key: {key!r} can't go in a header; use visible ASCII characters alone")
    return {_KEY: key}


def _successful(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise _error(response)


def _receipt(response: httpx.Response) -> Receipt:
    """Return the receipt in an answer; a refusal has a status of 400 or more and a receipt all the same."""
    match _document(response):
        case {"receipt": dict(receipt)} | ({"status": str()} as receipt):
            return _validated(response, lambda: Receipt.model_validate(receipt))
        case _:
            raise _error(response)


def _error(response: httpx.Response) -> ApiError:
    """Return the error that a problem stands for; what is no problem of ours is said to be strange.

    A bare "Not Found" is a web framework's: the path is not one of that service, so nothing was looked for.
    """
    kind = of_status(response.status_code)
    match _document(response):
        case {"detail": str(detail)} if detail != response.reason_phrase:
            return kind(detail[:_LONGEST_DETAIL])
        case _ if kind is UnavailableError:
            return UnavailableError(f"{response.request.url.host} is not available now; try again in a moment")
        case _:
            return _strange(response, "it does not say why")


def _read(answer: type[_Answer], response: httpx.Response) -> _Answer:
    return _validated(response, lambda: answer.model_validate_json(response.content))


def _validated(response: httpx.Response, read: Callable[[], _Answer]) -> _Answer:
    try:
        return read()
    except ValidationError as error:
        raise _strange(response, first_problem(error)) from error


def _document(response: httpx.Response) -> Json:
    try:
        return _JSON.validate_json(response.content)
    except ValidationError:
        return None


def _strange(response: httpx.Response, what: str) -> StrangeAnswerError:
    url = response.request.url.copy_with(query=None)
    return StrangeAnswerError(
        f"{url} answered {response.status_code}, and {what}; does HITL_URL lead to hitl's HTTP service, "
        "and is that no newer than this client?"
    )


def _unreachable(url: str, error: httpx.TransportError) -> UnreachableError:
    what = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "can't be reached"
    why = str(error)[:200] or type(error).__name__
    return UnreachableError(f"{url} {what} ({why}); start it with `hitl up`, or set HITL_URL to where it is")


def _is_address(url: str) -> bool:
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return found.scheme in {"http", "https"} and bool(found.host)


def _seconds(retry_after: str | None) -> float:
    """Return what the server asks for; 0 for a date, which ours never sends."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
