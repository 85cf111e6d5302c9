"""`http.request`: what is sent, and what becomes of every kind of answer."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from hitl_temporal.integrations.http import Request, Response, connector
from hitl_temporal.ports import PermanentError, TemporaryError

URL = "https://api.example/v1/things"


async def sent(
    answer: httpx.Response | Exception | Callable[..., Any], **given: object
) -> tuple[httpx.Request, Response]:
    """Return what was sent, and what the step gets for this answer."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx.MockTransport(answer if callable(answer) else handle)
    found = await connector(transport).run(Request.model_validate({"url": URL, **given}), "run-1.step.1")
    return seen[0] if seen else httpx.Request("GET", URL), found


async def test_a_call_carries_its_key_and_what_was_written() -> None:
    """Method, headers, query beside what the URL has, a JSON body."""
    request, found = await sent(
        httpx.Response(201, json={"id": 7}, headers={"set-cookie": "s=1", "x-id": "7"}),
        method="POST",
        url=f"{URL}?a=1",
        headers={"X-Team": "net"},
        query={"b": ["x y", 2], "c": True},
        json={"name": "é"},
    )
    assert (request.method, str(request.url)) == ("POST", f"{URL}?a=1&b=x+y&b=2&c=true")
    assert request.headers["idempotency-key"] == "run-1.step.1"
    assert request.headers["x-team"] == "net"
    assert json.loads(request.content) == {"name": "é"}
    assert (found.status, found.json_body, found.text, found.headers["x-id"]) == (201, {"id": 7}, None, "7")
    assert "set-cookie" not in found.headers
    assert found.model_dump(mode="json")["json"] == {"id": 7}


@pytest.mark.parametrize(
    ("given", "kind", "content"),
    [
        ({"body": "é"}, "text/plain; charset=utf-8", "é".encode()),
        ({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", b"<a/>"),
        ({"form": {"a": "x y", "b": 2}}, "application/x-www-form-urlencoded", b"a=x+y&b=2"),
        ({"json": None}, "application/json", b"null"),
        ({"json": []}, "application/json", b"[]"),
    ],
)
async def test_a_body_has_its_type(given: dict[str, Any], kind: str, content: bytes) -> None:
    """What the author says of it goes first."""
    request, _ = await sent(httpx.Response(200), method="POST", **given)
    assert (request.headers["content-type"], request.content) == (kind, content)


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"bearer": "t0ken"}, "Bearer t0ken"),
        ({"basic": {"username": "ann", "password": "p:w"}}, "Basic YW5uOnA6dw=="),
    ],
)
async def test_the_caller_shows_who_it_is(auth: dict[str, Any], header: str) -> None:
    """By a token or a login."""
    request, _ = await sent(httpx.Response(200), auth=auth)
    assert request.headers["authorization"] == header


async def test_an_authors_own_key_goes_before_ours() -> None:
    """It may be that of something that several steps do together; what no header carries is escaped in ours."""
    request, _ = await sent(httpx.Response(200), headers={"Idempotency-Key": "mine"})
    assert request.headers["idempotency-key"] == "mine"
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    await connector(httpx.MockTransport(handle)).run(Request(url=URL), "rün\n1")
    assert seen[0].headers["idempotency-key"] == "r%C3%BCn%0A1"


async def test_a_body_that_is_no_json_is_a_text() -> None:
    """An unknown encoding is read as UTF-8, and nothing is nothing."""
    assert (await sent(httpx.Response(200, text="hello")))[1].text == "hello"
    odd = httpx.Response(200, content=b"hi", headers={"content-type": "text/plain; charset=klingon"})
    assert (await sent(odd))[1].text == "hi"
    empty = (await sent(httpx.Response(204, headers={"content-type": "application/json"})))[1]
    assert (empty.text, empty.json_body) == ("", None)
    problem = httpx.Response(200, content=b"{}", headers={"content-type": "application/problem+json"})
    assert (await sent(problem))[1].json_body == {}


@pytest.mark.parametrize("body", [b"{", b"[NaN]", b"\xff"])
async def test_what_says_that_it_is_json_must_be(body: bytes) -> None:
    """The same again would be the same."""
    answer = httpx.Response(200, content=body, headers={"content-type": "application/json"})
    with pytest.raises(PermanentError, match="not the JSON"):
        await sent(answer)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"retry-after": "7"}, timedelta(seconds=7)),
        (
            503,
            {"retry-after": "Wed, 02 Dec 2026 10:00:30 GMT", "date": "Wed, 02 Dec 2026 10:00:00 GMT"},
            timedelta(seconds=30),
        ),
        (503, {"retry-after": "Wed, 02 Dec 2026 10:00:00 -0000", "date": "Wed, 02 Dec 2026 10:00:30 GMT"}, timedelta()),
        (503, {"retry-after": "999999999999"}, timedelta(days=1)),
        (503, {"retry-after": "soon"}, None),
        (500, {}, None),
        (408, {}, None),
    ],
)
async def test_who_cannot_now_is_asked_again_when_they_say(
    status: int, headers: dict[str, str], wait: timedelta | None
) -> None:
    """Seconds, or a date by their clock; at most a day."""
    with pytest.raises(TemporaryError) as caught:
        await sent(httpx.Response(status, headers=headers, text="later"))
    assert caught.value.retry_after == wait
    assert str(caught.value) == f"GET {URL} answered {status}: later"


@pytest.mark.parametrize("status", [302, 400, 401, 404, 422])
async def test_any_other_status_is_refused_for_good(status: int) -> None:
    """Redirects too: nobody said that what is sent may go elsewhere. The excerpt is bounded."""
    with pytest.raises(PermanentError) as caught:
        await sent(httpx.Response(status, text="x" * 10_000, headers={"location": "https://evil.example"}))
    assert f"answered {status}: xxx" in caught.value.reason
    assert len(caught.value.reason) < 400


@pytest.mark.parametrize(("expect", "status"), [([404], 404), (["200-299", "500"], 500), (["302"], 302)])
async def test_what_is_expected_is_a_success(expect: list[Any], status: int) -> None:
    """Numbers and ranges."""
    assert (await sent(httpx.Response(status), expect=expect))[1].status == status
    with pytest.raises((PermanentError, TemporaryError)):
        await sent(httpx.Response(status))


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("cut"),
        httpx.RemoteProtocolError("garbled"),
        httpx.ReadTimeout(""),
    ],
)
async def test_no_connection_is_tried_again(error: Exception) -> None:
    """Whatever broke; the login in a URL is not told."""
    with pytest.raises(TemporaryError, match=r"^GET https://api\.example:8443/x: ") as caught:
        await sent(error, url="https://ann:pw@api.example:8443/x?token=t#f")
    assert "pw" not in str(caught.value)
    assert "token" not in str(caught.value)


async def test_a_slow_answer_is_tried_again() -> None:
    """The bound is on the whole call."""
    with pytest.raises(TemporaryError, match="no answer within 1s"):
        await sent(_never, timeout="1s")


async def _never(request: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    "url", ["https://api.example:99999/", "http://ex ample/", "https://[::1/", "http://\u0600.example/"]
)
async def test_a_url_that_is_none_is_refused_for_good(url: str) -> None:
    """Before or when it is sent."""
    with pytest.raises((PermanentError, ValidationError)):
        await sent(httpx.Response(200), url=url)


async def test_a_large_answer_is_not_read_to_its_end() -> None:
    """A step keeps what its history can hold."""
    with pytest.raises(PermanentError, match="more than 10 bytes"):
        await sent(httpx.Response(200, text="x" * 11), max_bytes=10)
    assert (await sent(httpx.Response(200, text="x" * 10), max_bytes=10))[1].text == "x" * 10


async def test_an_answer_that_cannot_be_unpacked_is_refused_for_good() -> None:
    """It says that it is gzip."""

    def garbled(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))

    with pytest.raises(PermanentError, match="can't be unpacked"):
        await sent(garbled)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "ftp://x.example/"},
        {"url": "file:///etc/passwd"},
        {"headers": {"X-A": "a\r\nX-B: b"}},
        {"headers": {"X A": "a"}},
        {"auth": {"bearer": "a\nb"}},
        {"auth": {}},
        {"auth": {"bearer": "a", "basic": {"username": "a", "password": "b"}}},
        {"json": 1, "body": "x"},
        {"timeout": "2bh"},
        {"timeout": "0s"},
        {"expect": []},
        {"expect": ["2xx"]},
        {"expect": [99]},
        {"max_bytes": 0},
        {"max_bytes": 1_000_000},
        {"method": "TRACE"},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_sent_is_not_taken(given: dict[str, Any]) -> None:
    """No header begins in another, no wish is silently left out."""
    with pytest.raises(ValidationError):
        Request.model_validate({"url": URL, **given})


async def test_it_speaks_to_a_real_server() -> None:
    """Over a socket, with nobody's transport in between; a port that nobody listens on is a temporary error."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        found = await connector().run(Request(url=f"http://127.0.0.1:{port}/"), "k")
        assert (found.status, found.json_body) == (200, {})
    with pytest.raises(TemporaryError):
        await connector().run(Request(url=f"http://127.0.0.1:{port}/"), "k")
