"""An approval whose workflow was ended from outside: closed, without an outcome, and said to be so."""

import pytest

from hitl_temporal.domain.approval.closed import judge_closed
from hitl_temporal.domain.approval.commands import VERBS, Command
from hitl_temporal.domain.approval.cut import Cut, cut_off
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.waits import waits
from tests.domain.approval.playing import MONDAY, Play


@pytest.mark.parametrize("how", ["terminated", "timed_out", "failed"])
def test_nobody_is_asked_by_what_was_cut_off(how: Cut) -> None:
    """Whatever it knew last: who is asked, what is owed, what is kept. What was said and decided stays."""
    play = Play({"who": "group:secops", "approve": 2, "due": "1h"}, {"who": "group:leads"})
    play.decide("cai", key="k")
    play.do("claim", "dee")
    play.do("request_info", "dee", text="why?")
    was = status(play.state)
    seen = cut_off(was, how, MONDAY)
    assert was.is_live
    assert (seen.is_live, seen.outcome, seen.state, seen.ended, seen.tally) == (False, None, how, MONDAY, "")
    assert [(s.state, s.may_act, s.claim, s.due) for s in seen.stages] == [("skipped", (), None, None)] * 2
    assert (seen.info, seen.cooling, waits(seen)) == (None, None, ())
    assert (seen.decisions, seen.conversation) == (was.decisions, was.conversation)
    assert "closed without an outcome; ask again" in seen.reason


def test_what_was_decided_before_stays_decided() -> None:
    """A stage that has ended keeps its outcome, and so does an approval."""
    play = Play({"who": "group:secops"}, {"who": "group:leads"})
    play.decide("cai")
    assert [s.state for s in cut_off(status(play.state), "terminated", None).stages] == ["approved", "skipped"]
    play.decide("bob")
    done = status(play.state)
    assert cut_off(done, "terminated", MONDAY) == done
    assert not done.is_live


def test_who_comes_after_such_an_end_is_told_how() -> None:
    """Terminated says what to do; Temporal's own cancellation is a withdrawal, as everybody else reads it."""
    late = Command(actor="cai", key="k")
    for verb in ("comment", "claim"):
        assert verb in VERBS
        told = judge_closed("a-1", None, None, verb, late, ended="terminated")
        assert (told.status, told.key) == ("closed", "k")
        assert told.reason.startswith("its workflow was terminated in Temporal")
        assert judge_closed("a-1", None, None, verb, late, ended="withdrawn").reason == "already withdrawn"
