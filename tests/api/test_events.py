"""The route of events: what CloudEvents look like on the wire, and who may send them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hitl_temporal.service.errors import ForbiddenError, UnavailableError
from tests.api.house import House, browser

PATH = "/v1/events"
EVENT: dict[str, Any] = {"specversion": "1.0", "type": "order.paid", "source": "/shop", "id": "1", "data": {"n": 5}}
SENT = {
    "by": "bob",
    "type": "order.paid",
    "source": "/shop",
    "id": "1",
    "subject": None,
    "time": None,
    "data": {"n": 5},
}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
BINARY = {"ce-specversion": "1.0", "ce-type": "order.paid", "ce-source": "/shop", "ce-id": "1"}


@pytest.fixture
async def api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls as bob."""
    async with browser(house) as client:
        client.headers["Authorization"] = "Bearer dev:bob"
        yield client


async def test_a_structured_event_is_taken(api: httpx.AsyncClient, house: House) -> None:
    """202 with what it has done; attributes that nobody knows are left out."""
    answer = await api.post(PATH, json={**EVENT, "traceparent": "x"}, headers=STRUCTURED)
    assert (answer.status_code, answer.json()) == (
        202,
        {"started": ["r/2"], "already": [], "advanced": [], "kept": 0, "errors": []},
    )
    assert house.sent == [SENT]


async def test_plain_json_is_taken_as_structured(api: httpx.AsyncClient, house: House) -> None:
    """Many senders do not say more."""
    assert (await api.post(PATH, json=EVENT)).status_code == 202
    assert house.sent == [SENT]


async def test_an_event_in_binary_mode_is_taken(api: httpx.AsyncClient, house: House) -> None:
    """Its attributes are headers, percent-encoded; its data is the body."""
    headers = {**BINARY, "ce-subject": "caf%C3%A9", "ce-time": "2026-12-01T09:00:00Z"}
    assert (await api.post(PATH, json={"n": 5}, headers=headers)).status_code == 202
    assert house.sent == [{**SENT, "subject": "café", "time": "2026-12-01T09:00:00Z"}]


@pytest.mark.parametrize(
    ("content", "media_type", "data"),
    [
        (b"", "application/json", None),
        (b"[1]", "application/vnd.shop+json", [1]),
        (b"paid", "text/plain", "paid"),
    ],
)
async def test_data_is_json_or_text(
    api: httpx.AsyncClient, house: House, content: bytes, media_type: str, data: object
) -> None:
    """As the sender says."""
    answer = await api.post(PATH, content=content, headers={**BINARY, "Content-Type": media_type})
    assert answer.status_code == 202
    assert house.sent[0]["data"] == data


async def test_a_batch_is_taken_in_order(api: httpx.AsyncClient, house: House) -> None:
    """And one without events does nothing."""
    await api.post(PATH, json=[EVENT, {**EVENT, "id": "2", "data_base64": "aGk="}], headers=BATCH)
    assert [(one["id"], one["data"]) for one in house.sent] == [("1", {"n": 5}), ("2", "aGk=")]
    assert (await api.post(PATH, json=[], headers=BATCH)).status_code == 202


@pytest.mark.parametrize(
    ("content", "headers", "says"),
    [
        (b"{", STRUCTURED, "the body is not JSON"),
        (b"NaN", STRUCTURED, "NaN is not in JSON"),
        (b"[]", STRUCTURED, "an event is a JSON object"),
        (b"{}", STRUCTURED, "specversion: is missing"),
        (b'{"specversion": "0.3"}', STRUCTURED, "specversion: '0.3' is not known"),
        (b'{"specversion": "1.0", "source": "/s", "id": "1"}', STRUCTURED, "type"),
        (b'{"specversion": "1.0", "type": "", "source": "/s", "id": "1"}', STRUCTURED, "type"),
        (b"{}", BATCH, "a batch is a JSON array"),
        (b"[1]", BATCH, "event 0: an event is a JSON object"),
        (b"", {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "/s"}, "id"),
        (b"\xff", {**BINARY, "Content-Type": "image/png"}, "neither JSON nor text"),
        (b" " * 300_000, STRUCTURED, "larger than"),
    ],
)
async def test_what_is_no_event_is_told(
    api: httpx.AsyncClient, house: House, content: bytes, headers: dict[str, str], says: str
) -> None:
    """422, and nothing is done."""
    answer = await api.post(PATH, content=content, headers=headers)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert house.sent == []


async def test_nobody_in_particular_sends_nothing(house: House) -> None:
    """401 without identity, 403 without the role, 503 while Temporal is away."""
    async with browser(house) as client:
        assert (await client.post(PATH, json=EVENT)).status_code == 401
        client.headers["Authorization"] = "Bearer dev:bob"
        house.error = ForbiddenError("no")
        assert (await client.post(PATH, json=EVENT)).status_code == 403
        house.error = UnavailableError("away")
        answer = await client.post(PATH, json=EVENT)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
