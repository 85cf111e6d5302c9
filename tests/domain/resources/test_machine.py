"""Who gets units, in which order, and what takes them away."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.resources import machine
from hitl_temporal.domain.resources.events import Checked, Resized, Undelivered
from hitl_temporal.domain.resources.machine import MAX_SPENT, WHILE_HELD, WHILE_WAITED, advance, next_check
from hitl_temporal.domain.resources.state import Pool
from tests.domain.resources.pools import asks, at, claim, gives_back, granted, holding, pool, refused, waiting


def after(now: Pool, *events: object) -> Pool:
    """Return the pool after these events, one by one."""
    for event in events:
        now, _ = advance(now, event)  # pyright: ignore[reportArgumentType]
    return now


def test_units_are_granted_as_long_as_there_are_some() -> None:
    """Who asks for what is free has it at once."""
    now, effects = advance(pool(4), asks("a", 3))
    assert granted(effects) == ["a"]
    now, effects = advance(now, asks("b", 2))
    assert (granted(effects), waiting(now), now.free) == ([], ["b"], 1)
    now, effects = advance(now, gives_back("a"))
    assert (granted(effects), holding(now), now.free) == (["b"], ["b"], 2)


def test_priority_comes_first_then_time_then_the_document() -> None:
    """Of the same moment the order in the document decides, then the arrival."""
    now = after(
        pool(1),
        asks("holder"),
        asks("late", minute=2),
        asks("second", minute=1, order=2),
        asks("first", minute=1, order=1),
        asks("third", minute=1, order=2),
        asks("urgent", minute=3, priority=1),
        asks("idle", minute=0, priority=5),
    )
    assert waiting(now) == ["urgent", "first", "second", "third", "late", "idle"]


def test_claims_that_come_together_are_ordered_before_any_is_granted() -> None:
    """Not the first to arrive has the only unit, but the one in front."""
    _, effects = advance(pool(1), asks("b", order=2), asks("a", order=1), asks("u", priority=1, order=3))
    assert granted(effects) == ["u"]


def test_a_large_claim_is_not_overtaken_by_small_ones_behind_it() -> None:
    """It would starve otherwise; a more urgent one may pass."""
    now = after(pool(4), asks("a", 2), asks("large", 4, minute=1))
    now, effects = advance(now, asks("small", 1, minute=2))
    assert (granted(effects), waiting(now)) == ([], ["large", "small"])
    now, effects = advance(now, asks("urgent", 2, minute=3, priority=1))
    assert granted(effects) == ["urgent"]
    now, effects = advance(after(now, gives_back("a", 4)), gives_back("urgent", 4))
    assert (granted(effects), waiting(now)) == (["large"], ["small"])


def test_a_claim_asked_for_twice_is_one() -> None:
    """Who holds it is told again, since they may have forgotten; who waits keeps their place."""
    now = after(pool(1), asks("a"), asks("b"), asks("c"))
    again, effects = advance(now, asks("a"), asks("b"))
    assert (again, granted(effects)) == (now, ["a"])


def test_a_claim_given_back_twice_is_nothing() -> None:
    """The second time it belongs to somebody else."""
    now = after(pool(1), asks("a"), asks("b"), gives_back("a"))
    again, effects = advance(now, gives_back("a"))
    assert (holding(again), effects) == (["b"], ())


def test_a_claim_given_back_before_it_comes_is_not_wished_for() -> None:
    """Messages may overtake each other; one that is made later is a new wish."""
    now = after(pool(1), gives_back("a", 1))
    now, effects = advance(now, asks("a", minute=1))
    assert (granted(effects), now.is_idle) == ([], True)
    now, effects = advance(now, asks("a", minute=2))
    assert granted(effects) == ["a"]
    assert holding(after(now, gives_back("a", 1))) == ["a"]


def test_who_waits_can_give_up() -> None:
    """Those behind move up."""
    now = after(pool(2), asks("a"), asks("large", 2), asks("b"))
    now, effects = advance(now, gives_back("large"))
    assert (granted(effects), holding(now)) == (["b"], ["a", "b"])


def test_only_so_many_claims_given_back_are_remembered() -> None:
    """The oldest are forgotten first, and each is remembered once."""
    now = after(pool(1), *(gives_back(str(n)) for n in range(MAX_SPENT + 1)), gives_back("5", 2))
    assert len(now.spent) == MAX_SPENT
    assert (now.spent[0].id, now.spent[-1].id) == ("1", "5")


def test_more_than_there_is_is_refused_with_what_to_do() -> None:
    """Nobody waits for what never comes."""
    now, effects = advance(pool(4), asks("a", 5))
    assert refused(effects) == {"a": "5 units of 'sap-dialog' are wanted, and there are 4; ask for fewer, or add some"}
    assert now.is_idle
    _, effects = advance(pool(None), asks("a"))
    assert refused(effects)["a"].startswith("there is no resource 'sap-dialog'")


def test_a_pool_takes_only_so_many_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must fit into one payload."""
    monkeypatch.setattr(machine, "MAX_CLAIMS", 2)
    _, effects = advance(after(pool(1), asks("a"), asks("b")), asks("c"))
    assert refused(effects) == {"c": "2 claims hold or wait for 'sap-dialog' already; try again later"}


def test_who_has_ended_holds_nothing_and_waits_for_nothing() -> None:
    """Units taken from a holder are a fact; who only waited is forgotten."""
    now = after(pool(2), asks("a", run="x"), asks("b"), asks("c", run="x"), asks("d", run="y"))
    now, effects = advance(now, Checked(at=at(5), ended=("x",)))
    assert (holding(now), waiting(now), now.checked_at) == (["b", "d"], [], at(5))
    [freed] = [e for e in effects if isinstance(e, Record)]
    assert (freed.name, freed.attributes["hitl.claim"], freed.attributes["hitl.reason"]) == (
        "resource.freed",
        "a",
        "its run has ended",
    )


def test_units_of_whom_nobody_can_tell_go_to_the_next() -> None:
    """Only those of this claim: that one message was not taken says nothing of others."""
    now = after(pool(2), asks("a", run="x"), asks("b", run="x"), asks("c"))
    now, effects = advance(now, Undelivered(at=at(1), claim="a"))
    assert (granted(effects), holding(now)) == (["c"], ["b", "c"])


def test_a_claim_of_a_run_that_took_the_place_of_another_is_a_new_one() -> None:
    """A workflow id has one open run, so the one before holds nothing any more."""
    now = after(pool(1), asks("a", run="x"))
    now, effects = advance(now, asks("a", minute=1, run="y"))
    assert granted(effects) == ["a"]
    assert [(h.claim.run_id, h.since) for h in now.holders] == [("y", at(1))]


def test_a_late_message_of_the_run_before_takes_nothing_from_the_one_that_is_open() -> None:
    """Else two runs would work with the only unit."""
    now = after(pool(1), asks("a", minute=1, run="y"))
    assert advance(now, asks("a", minute=0, run="x")) == (now, ())


def test_who_asks_again_and_gives_back_is_not_told_that_it_is_theirs() -> None:
    """Nor in another order of what comes together."""
    now = after(pool(1), asks("a"))
    now, effects = advance(now, asks("a"), gives_back("a"))
    assert (now.is_idle, effects) == (True, ())


def test_fewer_units_take_nothing_away() -> None:
    """Nothing is granted until enough has come back."""
    now = after(pool(4), asks("a", 3), asks("b", 1), asks("c", 1))
    now, effects = advance(now, Resized(at=at(1), units=2))
    assert (holding(now), now.free) == (["a", "b"], -2)
    [resized] = effects
    assert isinstance(resized, Record)
    assert resized.attributes == {"hitl.resource": "sap-dialog", "hitl.units": 2, "hitl.was": 4}
    now, effects = advance(now, gives_back("b"))
    assert granted(effects) == []
    _, effects = advance(now, gives_back("a"))
    assert granted(effects) == ["c"]


def test_a_claim_that_does_not_fit_any_more_is_passed_over_until_it_does() -> None:
    """It keeps its place."""
    now = after(pool(4), asks("a", 4), asks("large", 3), asks("small"), Resized(at=at(1), units=2))
    now, effects = advance(now, gives_back("a"))
    assert (granted(effects), waiting(now)) == (["small"], ["large"])
    now, effects = advance(now, Resized(at=at(3), units=4))
    assert granted(effects) == ["large"]


def test_a_resource_that_the_site_has_no_more_is_granted_to_nobody() -> None:
    """Who waits, waits until it is back: a slip in a file ends no run."""
    now = after(pool(1), asks("a"), asks("b"))
    now, effects = advance(now, Resized(at=at(1), units=None))
    assert [e.attributes for e in effects if isinstance(e, Record)] == [{"hitl.resource": "sap-dialog", "hitl.was": 1}]
    now, effects = advance(now, gives_back("a"))
    assert granted(effects) == []
    now, effects = advance(now, Resized(at=at(2), units=1))
    assert [type(e).__name__ for e in effects] == ["Grant"]
    assert advance(now, Resized(at=at(3), units=1)) == (now, ())


def test_it_is_looked_often_only_while_somebody_waits() -> None:
    """And never while nobody holds anything."""
    now = pool(1)
    assert next_check(now) is None
    now = after(now, asks("a"))
    assert next_check(now) == at() + WHILE_HELD
    now = after(now, asks("b", minute=2))
    assert next_check(now) == at() + WHILE_WAITED
    now = after(now, Checked(at=at(9)))
    assert next_check(now) == at(9) + WHILE_WAITED


def test_a_claim_is_for_something_and_has_one_of_five_priorities() -> None:
    """No other can be made."""
    for wrong in ({"units": 0}, {"priority": 0}, {"priority": 6}):
        with pytest.raises(ValidationError):
            claim("a", **wrong)
