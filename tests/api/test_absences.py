"""The routes of absences: what they take, whom they ask, and the status of each answer."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from hitl_temporal.service.absences import Change
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError, UnavailableError
from tests.api.house import House, browser

PATH = "/v1/me/absences"
WISH = {"since": "2026-12-24", "until": "2027-01-02", "if": "amount > 5"}
ABSENCE = {
    "id": "7",
    "person": "bob",
    "since": "2026-12-23T23:00:00Z",
    "until": "2027-01-01T23:00:00Z",
    "substitute": None,
    "flow": None,
    "if": "amount > 5",
    "reason": "",
    "by": None,
}


@pytest.fixture
async def api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls as bob."""
    async with browser(house) as client:
        client.headers["Authorization"] = "Bearer dev:bob"
        yield client


async def test_mine_are_listed(api: httpx.AsyncClient, house: House) -> None:
    """As documents with the names that people write."""
    answer = await api.get(PATH)
    assert (answer.status_code, answer.json()) == (200, {"items": [ABSENCE]})
    assert house.sent == [{"by": "bob", "person": None}]


async def test_one_is_added(api: httpx.AsyncClient, house: House) -> None:
    """201 with what was added, and how many open approvals look again."""
    answer = await api.post(PATH, json=WISH, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201
    assert answer.json() == {"status": "done", "absence": ABSENCE, "refreshed": 2, "note": "", "key": "k"}
    assert house.sent == [{"by": "bob", "wish": WISH, "key": "k", "person": None}]


async def test_one_is_removed(api: httpx.AsyncClient, house: House) -> None:
    """200 with what was removed."""
    answer = await api.delete(f"{PATH}/7", headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["absence"]) == (200, ABSENCE)
    assert house.sent == [{"by": "bob", "id": "7", "key": "k"}]


async def test_somebody_elses_are_asked_for_by_name(api: httpx.AsyncClient, house: House) -> None:
    """Whether the caller may is for the use case."""
    await api.get(PATH, params={"person": "dee"})
    await api.post(PATH, json=WISH, params={"person": "dee"})
    assert [sent["person"] for sent in house.sent] == ["dee", "dee"]


@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("DELETE", f"{PATH}/7")])
async def test_what_temporal_only_keeps_is_202(api: httpx.AsyncClient, house: House, method: str, path: str) -> None:
    """It is judged when a worker is back."""
    house.away = Change(status="recorded", absence=None, note="kept by Temporal", key="k")
    answer = await api.request(method, path, json=WISH if method == "POST" else None)
    assert (answer.status_code, answer.json()["status"], answer.json()["absence"]) == (202, "recorded", None)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidError("until: it must lie after `since`"), 422),
        (ForbiddenError("not yours"), 403),
        (NotFoundError("there is no absence '7'"), 404),
        (UnavailableError("nothing was recorded"), 503),
    ],
)
async def test_each_refusal_is_a_problem(api: httpx.AsyncClient, house: House, error: Exception, status: int) -> None:
    """With the words of the use case."""
    house.error = error
    answers = [await api.get(PATH), await api.post(PATH, json=WISH), await api.delete(f"{PATH}/7")]
    assert [a.status_code for a in answers] == [status] * 3
    assert {a.json()["detail"] for a in answers} == {str(error)}
    assert {a.headers["content-type"] for a in answers} == {"application/problem+json"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": b"{"}, 422),
        ({"content": b"[]"}, 422),
        ({"json": WISH, "headers": {"Idempotency-Key": "k" * 201}}, 422),
        ({"json": WISH, "params": {"person": "p" * 201}}, 422),
        ({"json": WISH, "headers": {"Authorization": "Bearer dev:zoe"}}, 401),
    ],
)
async def test_a_request_that_is_none_asks_nothing(
    api: httpx.AsyncClient, house: House, sent: Mapping[str, Any], status: int
) -> None:
    """It is refused before any use case."""
    assert (await api.post(PATH, **sent)).status_code == status
    assert house.sent == []
