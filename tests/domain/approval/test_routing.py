"""Putting a decision table in the place of its name."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routes import Routed, Table
from hitl_temporal.domain.approval.routing import route_named, with_table

NAMED = Ask.model_validate({"title": "Go?", "stages": {"route": "spend"}})
TABLE = Table.model_validate({"rows": [{"stages": [{"who": "group:secops", "at_due": "later"}]}]})


def test_only_a_name_is_looked_up() -> None:
    """A question has its stages, or its table, or names one."""
    assert route_named(NAMED) == "spend"
    assert route_named(Ask.model_validate({"title": "Go?", "who": "user:cai"})) is None
    assert route_named(NAMED.but(stages=Routed(route=TABLE))) is None


def test_a_table_takes_the_place_of_its_name() -> None:
    """If its stages end as the question may end."""
    later = {"title": "Go?", "stages": {"route": "spend"}, "outcomes": {"later": {"label": "Later"}}}
    found = with_table(Ask.model_validate(later), TABLE)
    assert [s.who for s in found.every_stage] == [("group:secops",)]
    assert found.title == "Go?"
    with pytest.raises(ValidationError, match="later"):
        with_table(NAMED, TABLE)
