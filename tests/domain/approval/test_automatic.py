"""Rules that decide, rules that are only watched, and samples that people look at all the same."""

import pytest

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.result import result
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.approval.surroundings import selectors
from tests.domain.approval.playing import MONDAY, PEOPLE, Play
from tests.domain.approval.test_views import EVIDENCE

SMALL = {"if": "x < 10", "outcome": "approved", "reason": "small"}
BANNED = {"if": "x == 7", "outcome": "rejected"}
LATER = {"later": {"label": "Later"}}


def watched(x: int = 1, *rules: dict[str, str], **ask: object) -> Play:
    return Play({"who": "group:secops", "due": "1h"}, auto=list(rules or (SMALL,)), context={"x": x}, **ask)


def test_a_rule_that_is_watched_decides_nothing() -> None:
    """People are asked as if there were none; what it would have done is kept."""
    play = watched(shadow=True)
    assert (play.state.outcome, play.sent("asked")) == (None, ["cai", "dee"])
    assert play.facts("rule_withheld") == [{"rule": "x < 10", "outcome": "approved", "because": "shadow"}]
    seen = status(play.state).shadowed
    assert seen is not None
    assert (seen.outcome, seen.because, seen.agrees) == ("approved", "shadow", None)


@pytest.mark.parametrize(("outcome", "agrees"), [("approved", True), ("rejected", False)])
def test_the_end_says_whether_people_agreed(outcome: str, agrees: bool) -> None:
    """In the result and in the trail."""
    play = watched(shadow=True)
    play.decide("cai", outcome)
    shadow = result(play.state, EVIDENCE).shadow
    assert shadow is not None
    assert shadow.agrees is agrees
    assert [f["agrees"] for f in play.facts("shadow_compared")] == [agrees]


def test_who_has_not_answered_has_not_disagreed() -> None:
    """Silence and withdrawal are no opinions."""
    silent, withdrawn = watched(shadow=True), watched(shadow=True)
    silent.wait("1h")
    withdrawn.withdraw("ann")
    by_rule = Play({"who": "user:cai", "due": "1h", "at_due": "reject"}, auto=[SMALL], shadow=True, context={"x": 1})
    by_rule.wait("1h")
    for play in (silent, withdrawn, by_rule):
        assert play.state.shadowed is not None
        assert (play.state.shadowed.agrees, play.facts("shadow_compared")) == (None, [])


NOT_YET = {"approve": 2, "reject": 2, "due": "1h"}
REFUSED = {"after": "30m", "how": "decide", "outcome": "rejected"}


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ({**NOT_YET, "at_due": "reject"}, "rejected"),
        ({**NOT_YET, "at_due": "approved", "at_due_positive": True}, "approved"),
        ({**NOT_YET, "escalate": [REFUSED]}, "rejected"),
    ],
)
def test_silence_is_no_opinion_although_somebody_has_said_the_same(stage: dict[str, object], answer: str) -> None:
    """One of the two who were needed has answered, and then nobody had decided when it was due."""
    play = Play({"who": "group:trio", **stage}, auto=[SMALL], shadow=True, context={"x": 1})
    play.decide("cai", answer)
    play.wait("1h")
    assert play.state.outcome == answer
    assert play.state.shadowed is not None
    assert (play.state.shadowed.agrees, play.facts("shadow_compared")) == (None, [])


def test_votes_that_leave_no_way_to_agree_are_an_opinion() -> None:
    """Nobody has said `rejected`, and people have decided it."""
    both = {"who": "group:secops", "approve": "all", "reject": 2}
    play = Play(both, auto=[SMALL], shadow=True, context={"x": 1}, outcomes=LATER)
    play.decide("cai", "later")
    assert play.state.outcome == "rejected"
    assert [f["agrees"] for f in play.facts("shadow_compared")] == [False]


def test_the_word_of_one_who_overrules_is_an_opinion() -> None:
    """A person has looked at it."""
    play = watched(shadow=True)
    play.do("override", "eli", outcome="rejected", reason="no")
    assert [f["agrees"] for f in play.facts("shadow_compared")] == [False]


def test_a_rule_that_does_not_hold_is_not_watched() -> None:
    """There is nothing that it would have done."""
    play = watched(50, shadow=True)
    assert (play.state.shadowed, play.sent("asked")) == (None, ["cai", "dee"])


def test_the_rule_that_is_watched_is_the_one_that_would_have_decided() -> None:
    """A negative one that holds, before all positive ones."""
    play = watched(7, SMALL, BANNED, shadow=True)
    assert play.state.shadowed is not None
    assert play.state.shadowed.outcome == "rejected"


def drawn(seed: str, x: int = 1, *rules: dict[str, str], sample: str = "50%") -> str | None:
    """Return the outcome of a request whose lot is drawn from a seed; None: people are asked."""
    ask = Ask.model_validate({"title": "Go?", "who": "group:secops", "auto": rules or [SMALL], "sample": sample})
    state = begin("a-1", ask, requester="ann", context={"x": x}, seed=seed, at=MONDAY)
    state, _ = advance(state, events.PeopleResolved(at=MONDAY, roster=PEOPLE.roster(selectors(state), ["ann"])))
    assert (state.outcome is None) == (state.shadowed is not None and state.shadowed.because == "sample")
    return state.outcome


def test_a_sample_is_decided_by_people() -> None:
    """About as many as are written, by a lot that nobody can choose; the same seed draws the same."""
    outcomes = [drawn(str(n)) for n in range(200)]
    assert 60 < outcomes.count(None) < 140
    assert outcomes == [drawn(str(n)) for n in range(200)]
    assert {drawn(str(n), sample="100%") for n in range(20)} == {None}


def test_only_what_a_rule_would_let_through_is_sampled() -> None:
    """A refusal needs nobody to look at it."""
    assert {drawn(str(n), 7, SMALL, BANNED, sample="100%") for n in range(20)} == {"rejected"}


def test_a_machine_never_looks_human() -> None:
    """Its decision says what it was, and that for ever; nobody has acted."""
    play = watched()
    (decision,) = result(play.state, EVIDENCE).decisions
    assert (decision.actor, decision.kind, decision.via, decision.named) == ("system:auto", "auto", "auto", "")


def test_nothing_cools_off_that_a_rule_has_decided() -> None:
    """There is no vote to take back."""
    assert watched(cooling_off="1h").state.outcome == "approved"
