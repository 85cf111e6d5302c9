"""Decision tables: which row's stages a request goes through."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import AskError, begin
from hitl_temporal.domain.approval.routes import Table
from tests.domain.approval.playing import MONDAY, Play

LEAD, BOSS, SEC = (
    {"name": "lead", "who": "group:leads"},
    {"name": "boss", "who": "user:eli"},
    {"name": "sec", "who": "group:secops"},
)
MATRIX = [
    {"if": "amount < 1000", "stages": [LEAD]},
    {"if": "amount < 9000", "stages": [LEAD, BOSS]},
    {"stages": [LEAD, BOSS, SEC]},
]


def names(amount: int, rows: list[dict[str, object]], hit: str = "first") -> list[str]:
    play = Play(context={"amount": amount}, stages={"route": {"hit": hit, "rows": rows}})
    return [s.name for s in play.state.stages]


@pytest.mark.parametrize(("amount", "asked"), [(10, 1), (1000, 2), (9000, 3)])
def test_the_first_row_that_holds_says_who_is_asked(amount: int, asked: int) -> None:
    """A row without a condition always holds."""
    assert names(amount, MATRIX) == ["lead", "boss", "sec"][:asked]


def test_all_rows_that_hold_are_asked_one_after_another() -> None:
    """A stage that two rows write the same is asked once."""
    rows = [
        {"if": "amount > 10", "stages": [LEAD]},
        {"if": "amount > 100", "stages": [LEAD, SEC]},
        {"if": "amount > 9000", "stages": [BOSS]},
    ]
    assert names(500, rows, "all") == ["lead", "sec"]
    assert names(1, rows, "all") == []


def test_two_stages_of_one_name_get_a_number() -> None:
    """Each is asked, also where they stand side by side, and where the number is taken."""
    other = {**LEAD, "who": "user:cai"}
    rows = [{"stages": [LEAD]}, {"stages": [{"parallel": [other, {**SEC, "name": "lead-2"}]}]}]
    assert names(1, rows, "all") == ["lead", "lead-3", "lead-2"]
    assert names(1, [{"stages": [LEAD]}, {"stages": [other]}, {"stages": [other]}], "all") == ["lead", "lead-2"]
    assert names(1, [{"stages": [LEAD]}, {"stages": [{**SEC, "name": "lead"}]}], "all") == ["lead", "lead-2"]


def test_without_a_row_that_holds_it_parks() -> None:
    """Nobody has said who should decide such a request."""
    play = Play(context={"amount": 1}, stages={"route": {"rows": [{"if": "amount > 5", "stages": [LEAD]}]}})
    assert (play.state.state, play.state.reason) == ("parked", "no stage applies: no row of its route holds")
    assert play.facts("parked") == [{"reason": "no stage applies: no row of its route holds"}]


def test_a_condition_that_fails_is_never_false() -> None:
    """The row might have asked more people."""
    with pytest.raises(AskError, match=r"stages\.route: "):
        names(1, [{"if": "cost > 5", "stages": [LEAD]}])


def test_a_table_that_nobody_has_looked_up_is_an_error() -> None:
    """Its name is in the message."""
    ask = Ask.model_validate({"title": "Go?", "stages": {"route": "spend"}})
    assert ask.every_stage == ()
    with pytest.raises(AskError, match=r"there is no route 'spend' in site\.yaml"):
        begin("a-1", ask, requester="ann", at=MONDAY)


def test_a_row_names_each_stage_once() -> None:
    """As an ask does."""
    with pytest.raises(ValidationError, match="two stages are named 'lead'"):
        Table.model_validate({"rows": [{"stages": [LEAD, {**BOSS, "name": "lead"}]}]})


def test_silence_in_a_row_is_checked_as_in_an_ask() -> None:
    """An outcome that there isn't, or a yes by mistake."""
    for at_due, says in (("later", "`at_due` can't be 'later'"), ("approved", "lets silence approve")):
        table = {"rows": [{"stages": [{**LEAD, "at_due": at_due}]}]}
        with pytest.raises(ValidationError, match=says):
            Ask.model_validate({"title": "Go?", "stages": {"route": table}})


def test_every_stage_of_every_row_is_written() -> None:
    """Those that are asked depends on the request."""
    ask = Ask.model_validate({"title": "Go?", "stages": {"route": {"rows": MATRIX}}})
    assert [s.name for s in ask.every_stage] == ["lead", "lead", "boss", "lead", "boss", "sec"]
