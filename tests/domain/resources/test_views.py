"""What people are shown of a pool, and how pools are called."""

import pytest

from hitl_temporal.domain.resources import views
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.resources.machine import advance
from hitl_temporal.domain.resources.names import flow_pool, is_of_site
from hitl_temporal.domain.resources.views import Holder, Waiter, status
from tests.domain.resources.pools import asks, at, pool


def test_a_pool_shows_who_holds_and_who_waits() -> None:
    """Since when, and in which place."""
    now, _ = advance(pool(2), asks("a", 2))
    now, _ = advance(now, asks("b", minute=1), asks("c", minute=2, priority=2))
    shown = status(now)
    assert (shown.name, shown.units, shown.held, shown.waiting) == ("sap-dialog", 2, 2, 2)
    assert shown.holders == (Holder(claim="a", workflow_id="r-a", units=2, since=at()),)
    assert shown.queue == (
        Waiter(position=1, claim="c", workflow_id="r-c", units=1, priority=2, since=at(2)),
        Waiter(position=2, claim="b", workflow_id="r-b", units=1, priority=3, since=at(1)),
    )


def test_of_a_long_list_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many there are is said all the same."""
    monkeypatch.setattr(views, "MAX_SHOWN", 1)
    now, _ = advance(pool(2), *(asks(name) for name in "abcde"))
    shown = status(now)
    assert (len(shown.holders), len(shown.queue), shown.held, shown.waiting) == (1, 1, 2, 3)


def test_the_limit_of_a_flow_is_no_resource_of_the_site() -> None:
    """No name of a resource has a colon in it."""
    assert (flow_pool("nightly"), flow_pool("nightly", "EMEA")) == ("flow:nightly", "flow:nightly:EMEA")
    assert not is_of_site(flow_pool("nightly"))
    assert is_of_site("sap-dialog")


def test_a_resource_without_a_number_is_a_mutex() -> None:
    """And is passed on as written."""
    assert Resource().units == 1
    assert Resource(units=4).model_dump() == {"units": 4}
