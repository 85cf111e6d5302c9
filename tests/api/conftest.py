"""A browser on the pages, over use cases that a test sets."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.house import House, browser


@pytest.fixture
def house() -> House:
    """What the use cases answer."""
    return House()


@pytest.fixture
async def web(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in `hitl up`, not logged in; redirects are not followed."""
    async with browser(house) as client:
        yield client


@pytest.fixture
async def bob(web: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same browser with bob's session."""
    await web.post("/login", data={"user": "bob"})
    return web
