"""What was done to a request, done again: the same question comes to the same end, whatever has happened on the way."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from hitl_temporal.domain.approval.doings import doings
from hitl_temporal.domain.approval.whatif import replay
from hitl_temporal.domain.people import Load
from tests.domain.approval.playing import PEOPLE, Play

DUE = {"who": "group:secops", "due": "1d"}


def delegated() -> Play:
    """Return a request that a delegate has decided in time."""
    play = Play()
    play.do("delegate", "cai", to="gus", reason="on leave")
    play.wait("1h")
    play.decide("gus")
    return play


def reassigned() -> Play:
    """Return a request whose place an operator has given to somebody else."""
    play = Play({"who": "user:cai"})
    play.do("reassign", "eli", **{"from": "cai"}, to="gus", reason="gone")
    play.wait("1h")
    play.decide("gus")
    return play


def rescued() -> Play:
    """Return a parked request to which an operator has added somebody."""
    play = Play({"who": "group:empty"})
    play.do("reassign", "eli", to="gus", reason="nobody there")
    play.wait("1h")
    play.decide("gus")
    return play


def extended() -> Play:
    """Return a request decided after its first deadline, which had been moved."""
    play = Play(DUE, {**DUE, "who": "group:leads"})
    play.do("extend", "eli", by="3d", reason="holidays")
    play.wait("2d")
    play.decide("cai")
    play.wait("1h")
    play.decide("bob")
    return play


def answered() -> Play:
    """Return a request whose clock stood still for longer than its deadline."""
    play = Play(DUE)
    play.do("request_info", "cai", text="why?")
    play.wait("3d")
    play.do("provide_info", "ann", text="because")
    play.wait("1h")
    play.decide("cai")
    return play


def sent_back() -> Play:
    """Return a request that was sent back, and came again as it was."""
    play = Play(DUE, rework=1)
    play.decide("cai", "rework", comment="more, please")
    play.wait("3d")
    play.do("provide_info", "ann", text="there")
    play.wait("1h")
    play.decide("dee")
    return play


def sent_back_and_amended(amount: int = 7) -> Play:
    """Return a request that was sent back, and came again amended."""
    play = Play(DUE, rework=1, context={"inputs": {"amount": 5}})
    play.decide("cai", "rework", comment="more, please")
    play.wait("3d")
    play.do("amend", "ann", set={"inputs.amount": amount})
    play.wait("1h")
    play.decide("dee")
    return play


def amended() -> Play:
    """Return a request with a vote that was voided by what changed."""
    context = {"inputs": {"amount": 5}}
    play = Play({"who": "group:secops", "approve": 2}, context=context, material=["inputs.amount"])
    play.decide("cai")
    play.wait("1h")
    play.do("amend", "ann", set={"inputs.amount": 7})
    play.wait("1h")
    play.decide("cai", key="again")
    play.decide("dee", "rejected")
    return play


def edited() -> Play:
    """Return a request that its approver has changed."""
    play = Play(context={"inputs": {"amount": 5}}, edit=["inputs.amount"])
    play.decide("cai", edit={"inputs.amount": 4})
    return play


def taken_back() -> Play:
    """Return a request whose deciding vote was taken back and given otherwise."""
    play = Play(cooling_off="1h")
    play.decide("cai")
    play.wait("30m")
    play.do("retract", "cai")
    play.wait("30m")
    play.decide("cai", "rejected", key="again")
    play.wait("1h")
    return play


def joined() -> Play:
    """Return a request to which its requester has added somebody, who refused."""
    play = Play({"who": "group:secops"}, {"name": "added-by-hand", "who": "group:leads"})
    play.do("add_approver", "ann", to="gus")
    play.wait("1h")
    play.decide("cai")
    play.decide("gus", "rejected")
    return play


def alarmed() -> Play:
    """Return a request that somebody has decided by breaking the glass."""
    play = Play(break_glass={"who": "user:gus", "review": {"who": "group:leads"}})
    play.do("override", "gus", outcome="approved", reason="fire")
    return play


def talked() -> Play:
    """Return a request about which people have only talked before they decided."""
    play = Play()
    play.do("comment", "ann", text="please")
    play.do("claim", "cai")
    play.decide("cai")
    return play


LIVES = [
    *(delegated, reassigned, rescued, extended, answered, sent_back, sent_back_and_amended),
    *(amended, edited, taken_back, joined, alarmed, talked),
]


@pytest.mark.parametrize("life", LIVES)
def test_the_same_question_comes_to_the_same_end(life: Callable[[], Play]) -> None:
    """With nothing unheard: every verb that has moved it is done again."""
    state = life().state
    found = replay(state, state.ask)
    assert state.outcome is not None
    assert (found.before, found.again, found.after, found.changed) == (state.outcome,) * 3 + (False,)


@pytest.mark.parametrize("life", LIVES)
def test_what_was_done_comes_in_the_order_of_time(life: Callable[[], Play]) -> None:
    """And by nobody whose name the record does not know, but for what it keeps without an author."""
    found = doings(life().state)
    assert [d.at for d in found] == sorted(d.at for d in found)
    assert {d.command.actor for d in found} <= {*PEOPLE.people, "system:record"}


def test_what_an_operator_did_is_not_judged_again() -> None:
    """Whether they were one is not known any more; it was judged then."""
    state = reassigned().state
    forgotten = state.but(roster=state.roster.but(cards={p: c for p, c in state.roster.cards.items() if p != "eli"}))
    assert replay(forgotten, state.ask).again == "approved"


def test_an_amendment_that_changed_nothing_sends_a_request_in_again_all_the_same() -> None:
    """It is done again as what it was: an answer."""
    state = sent_back_and_amended(amount=5).state
    assert state.amendments[0].changes == {}
    assert replay(state, state.ask).again == "approved"


def test_who_was_picked_is_picked_again() -> None:
    """Although nobody knows any more how busy they were."""
    play = Play({"who": "group:trio", "pick": "least_loaded"}, is_resolved=False)
    busy = {"cai": Load(open=3), "dee": Load(open=1), "eli": Load(open=2)}
    roster = play.roster().but(loads=busy)
    play.roster = lambda *_: roster
    play.resolve()
    play.decide("dee")
    forgotten = play.state.but(roster=roster.but(loads={}))
    assert replay(forgotten, play.state.ask).again == "approved"


def test_a_deadline_counts_from_when_people_were_asked() -> None:
    """The directory may have been down at the start."""
    play = Play(DUE, is_resolved=False)
    play.now += timedelta(hours=20)
    play.resolve()
    play.wait("20h")
    play.decide("cai")
    assert replay(play.state, play.state.ask).again == "approved"
