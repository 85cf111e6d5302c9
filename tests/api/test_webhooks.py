"""The address of signed messages: what a sender sees."""

import pytest

from hitl_temporal.service.errors import ForbiddenError, UnavailableError
from tests.api.house import House, browser


async def test_a_message_is_handed_over_as_it_was_sent(house: House) -> None:
    """Without a token; what it has started is not told."""
    async with browser(house) as web:
        answer = await web.post("/webhooks/shop", content=b' {"a":1} ', headers={"webhook-id": "msg_1"})
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert house.sent == [{"source": "shop", "id": "msg_1", "body": b' {"a":1} '}]


@pytest.mark.parametrize(("error", "status"), [(ForbiddenError("no"), 401), (UnavailableError("later"), 503)])
async def test_what_is_not_taken_is_a_problem(house: House, error: Exception, status: int) -> None:
    """Not signed, or to be sent again."""
    house.error = error
    async with browser(house) as web:
        answer = await web.post("/webhooks/shop", content=b"{}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
