"""The routes of dry runs and of policies tried out: what they take, whom they ask, and the status of each answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError, UnavailableError
from tests.api.house import House, browser

PREVIEW, REPLAY, SHADOW = (f"/v1/flows/spend/{name}" for name in ("preview", "policy-replays", "shadow"))


@pytest.fixture
async def api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls as bob."""
    async with browser(house) as client:
        client.headers["Authorization"] = "Bearer dev:bob"
        yield client


async def test_a_preview_is_answered_with_every_question(api: httpx.AsyncClient, house: House) -> None:
    """In the words of documents: `if`."""
    answer = await api.post(PREVIEW, json={"inputs": {"amount": 5}, "on_behalf_of": "dee"})
    assert answer.status_code == 200
    assert house.sent == [{"by": "bob", "flow": "spend", "inputs": {"amount": 5}, "on_behalf_of": "dee"}]
    body = answer.json()
    assert (body["flow"], body["requester"], body["on_behalf_of"]) == ("test_flow", "ann", None)
    (ask,) = body["asks"]
    assert (ask["step"], ask["if"], ask["preview"]["title"]) == ("approve", "yes", "Open port 22")
    assert [(s["name"], s["applies"], s["people"][0]["person"]) for s in ask["preview"]["stages"]] == [
        ("manager", "yes", "bob"),
        ("security", "perhaps", "cai"),
    ]


async def test_a_preview_needs_no_body(api: httpx.AsyncClient, house: House) -> None:
    """Of a flow without inputs."""
    assert (await api.post(PREVIEW)).status_code == 200
    assert house.sent[0]["inputs"] == {}


async def test_a_policy_is_tried_out(api: httpx.AsyncClient, house: House) -> None:
    """On the last 90 days unless it says otherwise; without an ask the one that is defined now."""
    document = {"title": "Go", "who": "user:bob"}
    answer = await api.post(REPLAY, json={"step": "approve"})
    assert (answer.status_code, answer.json()["next"]) == (200, "n")
    await api.post(REPLAY, json={"step": "a", "ask": document, "since": "12h", "limit": 500, "cursor": "n"})
    by_bob = {"by": "bob", "flow": "spend"}
    assert house.sent == [
        {**by_bob, "step": "approve", "ask": None, "since": timedelta(days=90), "limit": 200, "cursor": None},
        {**by_bob, "step": "a", "ask": document, "since": timedelta(hours=12), "limit": 500, "cursor": "n"},
    ]


async def test_rules_are_reported_on(api: httpx.AsyncClient, house: House) -> None:
    """With the same bounds, in the query."""
    assert (await api.get(SHADOW)).json() == {"looked_at": 0, "items": [], "skipped": [], "next": None}
    await api.get(SHADOW, params={"since": "2w", "limit": 5, "cursor": "n"})
    assert [(s["since"], s["limit"], s["cursor"]) for s in house.sent] == [
        (timedelta(days=90), 200, None),
        (timedelta(days=14), 5, "n"),
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "step: missing"),
        ({"step": 5}, "step: "),
        ({"step": "a", "colour": "red"}, "colour: "),
        ({"step": "a", "limit": 0}, "limit: "),
        ({"step": "a", "limit": 501}, "limit: "),
        ({"step": "a", "ask": "user:bob"}, "ask: "),
        ({"step": "a", "since": "yesterday"}, "since: 'yesterday' is not a duration"),
        ({"step": "a", "since": "5bd"}, "since: '5bd' counts working time"),
    ],
)
async def test_a_replay_that_is_none_asks_nothing(
    api: httpx.AsyncClient, house: House, body: dict[str, Any], says: str
) -> None:
    """It is refused before any use case, and the field is named."""
    answer = await api.post(REPLAY, json=body)
    assert (answer.status_code, answer.json()["detail"].startswith(says)) == (422, True)
    assert house.sent == []


async def test_what_is_no_preview_asks_nothing(api: httpx.AsyncClient, house: House) -> None:
    """Nor does a report over no time, or of nobody."""
    assert (await api.post(PREVIEW, json={"id": "r"})).status_code == 422
    assert (await api.post(PREVIEW, json={"on_behalf_of": 5})).status_code == 422
    assert (await api.post(PREVIEW, content=b"[]")).status_code == 422
    assert (await api.get(SHADOW, params={"since": "1bh"})).status_code == 422
    assert (await api.get(SHADOW, params={"limit": 501})).status_code == 422
    for method, path in (("POST", PREVIEW), ("POST", REPLAY), ("GET", SHADOW)):
        assert (await api.request(method, path, headers={"Authorization": "Bearer dev:zoe"})).status_code == 401
    assert house.sent == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidError("input 'amount' is missing"), 422),
        (ForbiddenError("not yours"), 403),
        (NotFoundError("no flow 'spend'"), 404),
        (UnavailableError("Temporal does not answer"), 503),
    ],
)
async def test_each_refusal_is_a_problem(api: httpx.AsyncClient, house: House, error: Exception, status: int) -> None:
    """With the words of the use case."""
    house.error = error
    answers = [await api.post(PREVIEW, json={}), await api.post(REPLAY, json={"step": "a"}), await api.get(SHADOW)]
    assert [a.status_code for a in answers] == [status] * 3
    assert {a.json()["detail"] for a in answers} == {str(error)}
