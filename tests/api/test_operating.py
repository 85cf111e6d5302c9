"""Actions over HTTP: one run or many, each once per key, whichever way the key comes."""

from collections.abc import AsyncIterator

import httpx
import pytest

from hitl_temporal.domain.flow.commands import ACTIONS, STATUSES, Receipt
from tests.api.house import House, browser


@pytest.fixture
async def api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls as bob."""
    async with browser(house) as client:
        client.headers["Authorization"] = "Bearer dev:bob"
        yield client


async def test_the_key_of_the_header_is_the_actions(api: httpx.AsyncClient, house: House) -> None:
    """One in the body goes first."""
    await api.post("/v1/runs/r1/actions", json={"action": "hold"}, headers={"Idempotency-Key": "h"})
    await api.post("/v1/runs/r1/actions", json={"action": "hold", "key": "b"}, headers={"Idempotency-Key": "h"})
    assert [sent["key"] for sent in house.sent] == ["h", "b"]


@pytest.mark.parametrize("action", [*ACTIONS])
async def test_every_action_has_the_one_route(api: httpx.AsyncClient, house: House, action: str) -> None:
    """What it takes goes on as it came."""
    await api.post("/v1/runs/a%2Fb/actions", json={"action": action, "step": "post[3].journal"})
    assert (house.sent[-1]["action"], house.sent[-1]["step"]) == (action, "post[3].journal")
    assert house.sent[-1]["id"] == "a/b"


@pytest.mark.parametrize(("status", "code"), [*zip(STATUSES, (200, 202, 422, 409, 403, 202), strict=True)])
async def test_a_receipt_has_the_status_that_is_promised(
    api: httpx.AsyncClient, house: House, status: str, code: int
) -> None:
    """Refused or not."""
    house.operated = Receipt.model_validate({"status": status})
    assert (await api.post("/v1/runs/r1/actions", json={"action": "hold"})).status_code == code


async def test_many_runs_are_answered_in_windows(api: httpx.AsyncClient, house: House) -> None:
    """Always 200, with a receipt for each."""
    body = {"action": "hold", "query": "flow=a", "reason": "r"}
    answer = await api.post("/v1/runs:actions", json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["next"]) == (200, "n")
    assert [item["id"] for item in answer.json()["items"]] == ["r1"]
    assert house.sent[-1] == {"by": "bob", "action": "hold", "key": "k", "query": "flow=a", "reason": "r"}
    assert (await api.post("/v1/runs:actions", json={**body, "key": "own"})).status_code == 200
    assert house.sent[-1]["key"] == "own"
