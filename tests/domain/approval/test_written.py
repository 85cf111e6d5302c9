"""What may be written in a stage, an escalation, a table: which keys go together, and which rows hold."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routes import Table, choose, stages_of
from hitl_temporal.domain.approval.stage import Escalation, Stage
from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.value import Json

SPEND: list[Json] = [
    {"if": "amount < 10", "stages": [{"name": "lead", "who": "user:bob"}]},
    {"if": "amount > 5", "stages": [{"name": "lead", "who": "user:eli"}, {"name": "board", "who": "group:trio"}]},
    {"stages": [{"parallel": [{"name": "lead", "who": "user:cai"}, {"name": "law", "who": "user:dee"}]}]},
    {"stages": [{"name": "board", "who": "group:trio"}]},
]


def names(hit: str, amount: int, rows: list[Json] = SPEND) -> list[tuple[str, str]]:
    """Return name and people of each stage that a request of this amount goes through."""
    table = Table.model_validate({"hit": hit, "rows": rows})
    return [(s.name, s.who[0]) for s in stages_of(choose(table, {"amount": amount}))]


def test_the_first_row_that_holds_is_taken() -> None:
    """Rows after it are not looked at, and a row without a condition always holds."""
    assert names("first", 3) == [("lead", "user:bob")]
    assert names("first", 7) == [("lead", "user:bob")]
    assert names("first", 20) == [("lead", "user:eli"), ("board", "group:trio")]
    assert names("first", 20, SPEND[:1]) == []


def test_all_rows_that_hold_are_taken_together() -> None:
    """One after the other; the same entry once, another stage of the same name with a number."""
    assert names("all", 7) == [
        ("lead", "user:bob"),
        ("lead-2", "user:eli"),
        ("board", "group:trio"),
        ("lead-3", "user:cai"),
        ("law", "user:dee"),
    ]
    assert names("all", 3, SPEND[:2]) == [("lead", "user:bob")]
    assert names("all", 20, SPEND[:1]) == []


def test_a_condition_that_fails_is_not_false() -> None:
    """The row might have asked more people."""
    with pytest.raises(ExpressionError):
        choose(Table.model_validate({"rows": SPEND}), {})


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"how": "decide"}, "needs an `outcome`"),
        ({"how": "decide", "outcome": "rejected", "to": "user:bob"}, "asks nobody"),
        ({"to": "user:bob", "outcome": "rejected"}, "belongs to `how: decide`"),
        ({"how": "notify"}, "`how: notify` needs `to`"),
    ],
)
def test_an_escalation_asks_or_decides(document: dict[str, Json], says: str) -> None:
    """It never does both, and never nothing."""
    with pytest.raises(ValidationError, match=says):
        Escalation.model_validate({"after": "1d", **document})


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "needs `who`"),
        ({"who": "user:bob", "any_of": [{"who": "user:cai"}]}, "`who` beside `any_of`"),
        ({"any_of": [{"who": "user:cai"}], "approve": 1}, "`approve` beside `any_of`"),
        ({"any_of": [{"who": "user:cai"}], "pick": "random"}, "`pick` chooses among all"),
        ({"who": "user:bob", "approve": "each", "pick": "random"}, "`pick` chooses among all"),
        ({"who": "user:bob", "pick": "2"}, "is not a way to pick"),
        ({"who": "user:bob", "remind": "0h"}, "is no time at all"),
        ({"who": "user:bob", "quiet": "yes"}, "is not a selector"),
        ({"who": "user:bob", "distinct": "no"}, "valid boolean"),
        ({"who": "user:bob", "weights": {"user:bob": "2"}}, "valid integer"),
        ({"who": "user:bob", "weights": {"user:bob": True}}, "valid integer"),
    ],
)
def test_a_stage_says_one_thing(document: dict[str, Json], says: str) -> None:
    """Keys that contradict each other are refused, and so is what only looks like a number or a truth value."""
    with pytest.raises(ValidationError, match=says):
        Stage.model_validate(document)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("shadow", True, "add some, or remove it"),
        ("sample", "10%", "add some, or remove it"),
        ("sample", "10", "is not a share"),
        ("edit", ["inputs days"], "is not a path"),
        ("rework", "2", "valid integer"),
        ("outcomes", {"open": {"label": "Open"}}, "is built in"),
        ("stages", {"route": {"rows": [{"stages": [{"who": "user:bob", "at_due": "x"}]}]}}, "`at_due` can't be 'x'"),
        ("stages", {"route": {"rows": [{"stages": [{"who": "user:bob"}] * 2}]}}, "two stages are named 'decision'"),
        ("stages", [{"parallel": [{"who": "user:bob"}] * 2}], "two stages are named 'decision'"),
    ],
)
def test_an_ask_says_one_thing(key: str, value: Json, says: str) -> None:
    """The same of the ask around them."""
    stages: list[Json] = [{"who": "user:cai"}]
    with pytest.raises(ValidationError, match=says):
        Ask.model_validate({"title": "Go?", "stages": stages, key: value})


def test_every_stage_that_is_written_is_found() -> None:
    """Those of a block and of every row included; those of a table that is only named are not known."""
    block: Json = {"parallel": [{"name": "law", "who": "user:dee"}, {"name": "money", "who": "user:bob"}]}

    def found(stages: Json) -> list[str]:
        return [s.name for s in Ask.model_validate({"title": "Go?", "stages": stages}).every_stage]

    assert found([{"name": "lead", "who": "user:cai"}, block]) == ["lead", "law", "money"]
    assert found({"route": {"rows": SPEND}}) == ["lead", "lead", "board", "lead", "law", "board"]
    assert found({"route": "spend"}) == []
