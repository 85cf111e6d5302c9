"""Ids in paths: whatever is in one, its address leads to it, on every route, over use cases that are tables."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.convertors import CONVERTOR_TYPES

from hitl_temporal.api import create_app
from hitl_temporal.api.addresses import PREFIXES, AsSent, path_as_sent
from hitl_temporal.api.approvals import VERB_PATHS
from hitl_temporal.service.errors import NotFoundError
from tests.api.house import House, browser, hidden

ODD = (
    "a/decisions/b",
    "x/claim",
    "a/b c?#%&x",
    "%2F",
    "two\nlines",
    "ends\n",
    "..",
    ".",
    " ",
    "ü✓",
    "-dash",
    "q'uote\"s",
)


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls as bob."""
    async with browser(house) as client:
        client.headers["Authorization"] = "Bearer dev:bob"
        yield client


def segment(text: str) -> str:
    """Return an id as the client encodes it."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


@pytest.mark.parametrize("odd", ODD)
async def test_every_id_can_be_looked_at_and_decided(http: httpx.AsyncClient, house: House, odd: str) -> None:
    """What is encoded is one id, also when it looks like the path of something else."""
    house.hides = NotFoundError("seen")
    assert (await http.get(f"/v1/approvals/{segment(odd)}")).json()["detail"] == "seen"
    for verb, path in VERB_PATHS.items():
        method = "DELETE" if verb == "release_claim" else "POST"
        await http.request(method, f"/v1/approvals/{segment(odd)}/{path}", json={})
    assert [s["id"] for s in house.sent] == [odd] * len(VERB_PATHS)
    answer = await http.get(f"/v1/approvals/{segment(odd)}/decisions/{segment(odd)}")
    assert answer.json()["key"] == odd
    blob = await http.get(f"/v1/runs/{segment(odd)}/blobs/{segment('sha256:' + odd)}")
    assert blob.json() == [odd, f"sha256:{odd}"]


@pytest.mark.parametrize("odd", ODD)
async def test_every_id_has_a_page(bob: httpx.AsyncClient, house: House, odd: str) -> None:
    """What its form sends goes to that approval."""
    token = hidden(await bob.get("/"))["form_token"]
    await bob.post(f"/approvals/{segment(odd)}", data={"form_token": token, "outcome": "approved"})
    await bob.post(f"/runs/{segment(odd)}", data={"form_token": token, "action": "revoke"})
    assert [s["id"] for s in house.sent] == [odd, odd]


async def test_an_address_that_a_browser_has_emptied_says_what_to_do(bob: httpx.AsyncClient, house: House) -> None:
    """It drops `.`, also when it is encoded; the command does not."""
    answer = await bob.get("/approvals/")
    assert (answer.status_code, "hitl show ." in answer.text) == (404, True)


async def test_bare_slashes_are_taken_where_they_can_be_meant(http: httpx.AsyncClient, house: House) -> None:
    """As before: who does not encode them means the last verb of the path."""
    await http.post("/v1/approvals/a/b/comments", json={})
    assert house.sent[0]["id"] == "a/b"


async def test_a_server_that_keeps_no_raw_path_is_served() -> None:
    """ASGI makes it optional: then the path is encoded again."""
    seen: list[str] = []

    async def app(scope: object, receive: object, send: object) -> None:
        assert isinstance(scope, dict)
        seen.append(scope["path"])

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    for path in ("/v1/approvals/a b", "/catalog/a b"):
        await AsSent(app)({"type": "http", "path": path}, nothing, nothing)
    assert seen == ["/v1/approvals/a%20b", "/catalog/a b"]
    assert path_as_sent({"path": "/a\n"}) == "/a%0A"


def test_the_prefixes_are_those_of_the_routes(house: House) -> None:
    """Elsewhere a parameter is decoded by the server; below them by the convertor alone, once."""
    for path in _paths(create_app(house.services())):
        encoded = ":id}" in path or ":key}" in path
        assert encoded == (path.startswith(PREFIXES) and "{" in path), path
        assert not (encoded and path.count("{") != path.count(":id}") + path.count(":key}")), path
    assert CONVERTOR_TYPES["id"].to_string("a/b") == "a%2Fb"


def _paths(app: FastAPI) -> list[str]:
    found = [route.path for route in app.routes if isinstance(route, APIRoute)]
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        found += [r.path for r in inner.routes if isinstance(r, APIRoute)] if inner is not None else []
    assert len(found) > len(VERB_PATHS)
    return found
