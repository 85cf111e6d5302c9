"""Talking about a request: comments, questions back, and rework in a bounded number of rounds."""

from datetime import timedelta

import pytest

from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.status import outcomes
from hitl_temporal.domain.calendar import DEFAULT
from tests.domain.approval.playing import MONDAY, Play, people_without

HOUR = timedelta(hours=1)


def test_what_was_sent_back_is_not_parked() -> None:
    """It waits for its requester, and nobody may decide it meanwhile."""
    play = Play(rework=1)
    assert play.decide("cai", "rework", comment="which port?").status == "counted"
    assert (play.state.state, play.stage.state, play.may_act()) == ("info", "open", [])
    assert play.facts("parked") == []


def test_a_second_question_to_somebody_else_waits_for_the_first() -> None:
    """Whoever was asked first would lose the question that they were asked."""
    play = Play()
    assert play.do("request_info", "cai", text="which?", to="gus").status == "counted"
    second = play.do("request_info", "dee", text="why?", to="bob")
    assert (second.status, "'gus' was asked first" in second.reason) == ("invalid", True)
    assert play.do("request_info", "dee", text="why?", to="gus").status == "counted"
    assert play.do("provide_info", "gus", text="this").status == "counted"
    assert play.do("request_info", "dee", text="why?", to="bob").status == "counted"


def test_what_was_sent_back_is_not_parked_while_its_requester_works_on_it() -> None:
    """Who sent it back is asked again afterwards, so nobody is missing."""
    play = Play({"who": "group:secops", "approve": "all"}, rework=2)
    play.decide("cai", "rework", comment="which port?")
    play.wait("1d", reads_people=True)
    play.do("comment", "dee", text="hm")
    assert (play.stage.state, play.state.total_refused) == ("open", 0)
    play.do("provide_info", "ann", text="443")
    assert (play.stage.state, play.may_act()) == ("open", ["cai", "dee"])


# --- Comments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["ann", "bob", "cai", "dee", "eli"])
def test_whoever_sees_it_may_comment(actor: str) -> None:
    """The requester's side, those who are asked, and operators."""
    play = Play(on_behalf_of="bob")
    assert play.do("comment", actor, text=" hm ").status == "counted"
    (remark,) = play.state.conversation
    assert (remark.number, remark.kind, remark.actor, remark.text) == (1, "comment", actor, "hm")


def test_strangers_may_not_comment() -> None:
    """They have no part in it."""
    assert Play().do("comment", "gus", text="hm").reason == "'gus' has no part in this approval"


def test_a_comment_is_told_to_those_who_have_had_a_hand_in_it() -> None:
    """Not to its author; also to who has asked something and waits."""
    play = Play({"who": "group:trio", "approve": 2})
    play.decide("dee")
    play.do("request_info", "cai", text="why?")
    play.do("comment", "ann", text="soon")
    told = [d.person for d in play.state.deliveries if d.text == "ann: soon"]
    assert told == ["dee", "cai"]


def test_a_comment_is_in_the_trail_as_its_digest_with_what_it_refers_to() -> None:
    """Text can be erased, the trail cannot; a document is known by its own digest."""
    play = Play()
    attached = {"name": "plan", "url": "https://x.example/plan", "digest": "a" * 64}
    play.do("comment", "cai", text="see there", attachments=[attached])
    (fact,) = play.facts("commented")
    assert fact["attachments"] == [attached]
    assert "see there" not in str(fact)
    assert play.state.conversation[0].attachments[0].name == "plan"


# --- Questions back ---------------------------------------------------------------------------------------------------


def test_the_clocks_stand_still_between_question_and_answer() -> None:
    """On the wall by as long as it took; and the trail says why."""
    play = Play({"who": "group:secops", "due": "4h", "remind": "2h", "escalate": [{"after": "3h", "to": "user:eli"}]})
    play.wait("1h")
    assert play.do("request_info", "cai", text="which port?").status == "counted"
    assert (play.state.state, next_moment(play.state)) == ("info", None)
    play.wait("10h")
    assert play.do("provide_info", "ann", text="443").status == "counted"
    assert (play.stage.due_at, play.stage.remind_at) == (MONDAY + 14 * HOUR, MONDAY + 12 * HOUR)
    assert play.stage.escalations == (MONDAY + 13 * HOUR,)
    (fact,) = play.facts("deadline_moved")
    assert fact["reason"] == f"waited for ann since {(MONDAY + HOUR).isoformat()}"
    assert [r.kind for r in play.state.conversation] == ["info_requested", "info_provided"]


def test_open_time_stands_still_too() -> None:
    """What was left of it is counted on from when it goes on: not a night more."""
    play = Play({"who": "group:secops", "due": "4bh", "remind": ["3bh"]})
    play.wait("1h")
    play.do("request_info", "cai", text="which port?")
    play.wait("24h")
    play.do("provide_info", "ann", text="443")
    tuesday = MONDAY + timedelta(days=1)
    assert (play.stage.due_at, play.stage.remind_at) == (tuesday + 4 * HOUR, tuesday + 3 * HOUR)


def test_a_clock_that_no_calendar_can_tell_moves_as_the_wall_does() -> None:
    """The answer came beyond the years that are known."""
    short = DEFAULT.but(name="short", until=MONDAY.date() + timedelta(days=2))
    play = Play({"who": "group:secops", "due": "4bh", "calendar": "short"}, calendars={"short": short})
    play.do("request_info", "cai", text="which port?")
    play.wait("1w")
    play.do("provide_info", "ann", text="443")
    assert play.stage.due_at == MONDAY + 4 * HOUR + timedelta(weeks=1)


def test_a_question_that_the_server_had_in_time_stops_the_clock_from_then_on() -> None:
    """Whatever was worked on before it."""
    play = Play({"who": "user:cai", "due": "1h"})
    play.now += 2 * HOUR
    play.deliver("asked:s1:cai")
    assert play.do("request_info", "cai", at=MONDAY + HOUR / 2, text="why?").status == "counted"
    play.do("provide_info", "ann", text="so")
    assert play.stage.due_at == MONDAY + 2.5 * HOUR


def test_what_opens_while_a_question_waits_has_its_whole_time() -> None:
    """Counted from when it opened."""
    play = Play({"who": "group:secops"}, {"who": "group:leads", "due": "2h"})
    play.do("request_info", "cai", text="why?")
    play.wait("1h")
    play.decide("dee")
    play.wait("1h")
    play.do("provide_info", "ann", text="so")
    assert play.state.stages[1].due_at == MONDAY + 4 * HOUR


def test_what_waits_for_an_earlier_stage_while_a_question_waits_is_made_up_for_once() -> None:
    """Both have kept the same clock still."""
    stages = (
        {"who": "group:leads", "material": ["x"]},
        {"who": "group:secops", "approve": 2, "due": "2h", "material": []},
    )
    for answer_first in (True, False):
        play = Play(*stages, context={"x": 1})
        play.decide("bob")
        play.do("request_info", "cai", text="why?")
        play.wait("1h")
        play.do("amend", "ann", set={"x": 2})
        play.wait("1h")
        if answer_first:
            play.do("provide_info", "ann", text="so")
            play.decide("bob")
        else:
            play.decide("bob")
            play.do("provide_info", "ann", text="so")
        assert play.state.stages[1].due_at == MONDAY + 4 * HOUR


def test_a_deadline_may_be_extended_while_the_clock_stands_still() -> None:
    """By so much, from where it was: what stands still is made up for besides."""
    play = Play({"who": "group:secops", "due": "1h"})
    play.wait("10m")
    play.do("request_info", "cai", text="why?")
    play.wait("110m")
    assert play.do("extend", "eli", by="1h", reason="busy").status == "counted"
    assert play.stage.due_at == MONDAY + 2 * HOUR
    play.wait("1h")
    play.do("provide_info", "ann", text="so")
    assert play.stage.due_at == play.now + timedelta(minutes=110)


def test_others_may_still_decide_while_a_question_waits() -> None:
    """It is a question, not a veto."""
    play = Play()
    play.do("request_info", "cai", text="why?")
    assert play.decide("dee").status == "counted"
    assert (play.state.outcome, play.state.info) == ("approved", None)


def test_two_questions_have_one_answer() -> None:
    """The clocks stand still since the first."""
    play = Play({"who": "group:secops", "due": "2h"})
    play.do("request_info", "cai", text="which port?")
    play.wait("1h")
    play.do("request_info", "dee", text="and why?")
    play.wait("1h")
    play.do("provide_info", "ann", text="443, for the shop")
    assert (play.stage.due_at, play.state.info) == (MONDAY + 4 * HOUR, None)
    assert [d.person for d in play.state.deliveries if d.text.startswith("ann answers")] == ["dee", "cai"]


@pytest.mark.parametrize("actor", ["gus", "ann", "eli"])
def test_only_who_was_asked_or_the_requester_answers(actor: str) -> None:
    """Nobody else can let the clocks run."""
    play = Play()
    assert play.do("provide_info", actor, text="x").reason == "nobody has asked for more"
    play.do("request_info", "cai", text="why?", to="gus")
    receipt = play.do("provide_info", actor, text="so")
    assert (receipt.status == "counted") == (actor != "eli")
    assert actor != "eli" or receipt.reason == "'gus' was asked, or the requester answers"


@pytest.mark.parametrize(
    ("actor", "to", "says"),
    [
        ("gus", None, "'gus' is not asked in stage 's1'"),
        ("cai", "cai", "to: you would ask yourself"),
        ("cai", "zoe", "to: 'zoe' is not an active person of the directory: say whom to ask"),
        ("cai", "system:run", "to: 'system:run' is not an active person of the directory: say whom to ask"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(actor: str, to: str | None, says: str) -> None:
    """Who may not decide asks nothing back, and nobody asks a machine or somebody who is gone."""
    assert Play().do("request_info", actor, text="why?", to=to).reason == says


def test_who_waits_for_somebody_elses_claim_asks_nothing() -> None:
    """Their reason is none of the bars."""
    play = Play()
    play.do("claim", "cai")
    assert play.do("request_info", "dee", text="why?").reason == "'dee' can't decide it now"


def test_a_machine_has_somebody_to_answer_for_it() -> None:
    """The person on whose behalf it has asked; without one the question must say whom."""
    play = Play(requester="system:client", on_behalf_of="gus")
    play.do("request_info", "cai", text="why?")
    assert (play.state.info.to if play.state.info else None) == "gus"
    alone = Play(requester="system:client")
    assert alone.do("request_info", "cai", text="why?").status == "invalid"
    assert alone.do("request_info", "cai", text="why?", to="user:gus").status == "counted"


# --- Rework -----------------------------------------------------------------------------------------------------------

BACK = {"comment": "which port?"}


def test_a_request_may_be_sent_back_where_the_ask_allows_it() -> None:
    """With a comment; without rounds it is no outcome at all."""
    assert Play().decide("cai", "rework", **BACK).status == "invalid"
    play = Play(rework=1)
    assert play.decide("cai", "rework").reason == "a comment is required with 'rework'"
    assert play.decide("cai", "rework", **BACK).status == "counted"
    assert (play.state.rounds, play.state.outcome) == (1, None)
    assert [(r.kind, r.to) for r in play.state.conversation] == [("sent_back", "ann")]


def test_nobody_decides_what_was_sent_back() -> None:
    """Until it comes again; whoever tries is told for whom it waits."""
    play = Play({"who": "group:trio", "approve": 2, "due": "1h"}, rework=1)
    play.decide("dee")
    play.decide("cai", "rework", **BACK)
    assert play.decide("eli").reason == "it was sent back to 'ann': it can be decided when it comes again"
    assert (play.may_act(), next_moment(play.state)) == ([], None)
    told = [d.person for d in play.state.deliveries if d.text == "sent back by cai: which port?"]
    assert told == ["ann", "dee"]


@pytest.mark.parametrize("verb", ["provide_info", "amend"])
def test_it_comes_again_with_an_answer_or_a_change(verb: str) -> None:
    """Those who had it are asked anew, with their whole time; their earlier answers are void."""
    play = Play({"who": "group:secops", "approve": 2, "due": "2h"}, context={"port": 22}, rework=1)
    play.decide("dee", key="k")
    play.wait("1h")
    play.decide("cai", "rework", **BACK)
    play.wait("1h")
    rest = {"text": "the usual"} if verb == "provide_info" else {"set": {"port": 443}, "reason": "new host"}
    assert play.do(verb, "ann", **rest).status == "counted"
    assert (play.state.state, play.may_act(), play.stage.round) == ("open", ["cai", "dee"], 2)
    assert play.stage.due_at == MONDAY + 4 * HOUR
    assert [(v.decision.actor, v.why) for v in play.state.voided] == [("dee", "sent_back"), ("cai", "sent_back")]
    assert play.state.conversation[-1].kind == "resubmitted"
    assert play.decide("dee", key="k").reason == "it was sent back and has come again since: look again"
    assert len(play.facts("resubmitted")) == 1


def test_a_stage_that_has_agreed_keeps_what_it_said_when_one_beside_it_sends_back() -> None:
    """It was passed before."""
    play = Play({"parallel": [{"name": "a", "who": "group:leads"}, {"name": "b", "who": "user:cai"}]}, rework=1)
    play.decide("bob")
    play.decide("cai", "rework", **BACK)
    play.do("provide_info", "ann", text="443")
    assert play.stage_states == ["approved", "open"]


def beside(**rest: object) -> Play:
    """Return a request that one of two stages has sent back after an hour, while the other has one of two votes."""
    both = {"name": "a", "who": "group:secops", "approve": "all", "due": "5h", **rest}
    stages = {"parallel": [both, {"name": "b", "who": "group:leads", "due": "5h"}]}
    play = Play(stages, context={"port": 22, "host": "x"}, rework=1)
    play.decide("cai")
    play.wait("1h")
    play.decide("bob", "rework", **BACK)
    play.wait("2h")
    return play


@pytest.mark.parametrize("change", [None, {"host": "y"}])
def test_an_open_stage_beside_the_one_that_sends_back_keeps_its_votes(change: dict[str, object] | None) -> None:
    """It has not sent it back, and what is material to it is as it was; its clock has stood still."""
    play = beside(material=["port"])
    if change is None:
        play.do("provide_info", "ann", text="the usual")
    else:
        play.do("amend", "ann", set=change)
    assert [(d.actor, d.stage) for d in play.state.decisions] == [("cai", "a")]
    assert [(v.decision.actor, v.why) for v in play.state.voided] == [("bob", "sent_back")]
    assert [(s.round, s.due_at) for s in play.state.stages] == [(1, MONDAY + 7 * HOUR), (2, MONDAY + 8 * HOUR)]
    assert (play.may_act("a"), play.may_act("b")) == (["dee"], ["bob"])
    for person in ("dee", "bob"):
        assert play.decide(person, key="new").status == "counted"
    assert play.state.outcome == "approved"


def test_a_change_asks_a_stage_again_beside_the_one_that_sent_back() -> None:
    """What is material to it has another value now."""
    play = beside(material=["port"])
    play.do("amend", "ann", set={"port": 443})
    assert [(v.decision.actor, v.why) for v in play.state.voided] == [("bob", "sent_back"), ("cai", "changed")]
    assert (play.may_act("a"), play.may_act("b")) == (["cai", "dee"], ["bob"])


def test_a_stage_beside_the_one_that_sent_back_goes_on_when_somebody_sends_it_in_again() -> None:
    """It was parked only because nobody was there to do so."""
    play = beside()
    play.people = people_without("ann")
    play.wait("1d", reads_people=True)
    assert play.stage_states == ["parked", "parked"]
    play.do("provide_info", "eli", text="this one")
    assert (play.stage_states, play.may_act("a"), play.may_act("b")) == (["open", "open"], ["dee"], ["bob"])


def test_a_stage_beside_the_one_that_sent_back_stays_parked_where_nobody_can_decide_it() -> None:
    """Whoever sends it in again."""
    stages = {"parallel": [{"name": "a", "who": "group:empty"}, {"name": "b", "who": "group:leads"}]}
    play = Play(stages, rework=1)
    play.decide("bob", "rework", **BACK)
    play.do("provide_info", "ann", text="443")
    assert play.stage_states == ["parked", "open"]


def test_rounds_are_bounded() -> None:
    """Then it has to be decided, and sending back is no choice any more."""
    play = Play(rework=1)
    assert "rework" in outcomes(play.state)
    play.decide("cai", "rework", **BACK)
    play.do("provide_info", "ann", text="443")
    receipt = play.decide("cai", "rework", **BACK)
    assert receipt.reason == "it has been sent back 1 times, and no more is allowed: decide it"
    assert (receipt.status, "rework" in outcomes(play.state)) == ("invalid", False)


def test_only_the_requester_sends_it_in_again() -> None:
    """Whoever was asked something else does not."""
    play = Play(rework=1)
    play.decide("cai", "rework", **BACK)
    assert play.do("provide_info", "dee", text="x").status == "not_eligible"
    assert play.do("request_info", "dee", text="x").status == "not_eligible"


def test_what_nobody_could_send_in_again_is_not_sent_back() -> None:
    """A machine has asked for itself, or its person has left."""
    for requester in ("system:schedule", "zoe"):
        receipt = Play(requester=requester, rework=1).decide("cai", "rework", **BACK)
        assert receipt.reason == (
            f"it can't be sent back: {requester!r}, who answers for it, is not an active person of the directory"
        )
    play = Play(requester="system:schedule", on_behalf_of="gus", rework=1)
    assert play.decide("cai", "rework", **BACK).status == "counted"
    assert play.do("provide_info", "gus", text="443").status == "counted"


def test_what_is_open_and_to_be_heard_wholly_waits_for_the_requester_too() -> None:
    """The one who sent it back has not answered for the stage."""
    play = Play({"who": "group:secops", "wait_for_all": True}, rework=1)
    play.decide("cai", "rework", **BACK)
    play.do("provide_info", "ann", text="443")
    for person in ("cai", "dee"):
        play.decide(person)
    assert play.state.outcome == "approved"


def test_what_was_sent_back_to_who_has_left_waits_for_an_operator() -> None:
    """Else it would wait for ever, in silence; the requester may still answer if they come back."""
    play = Play({"who": "user:cai", "due": "3h"}, rework=1)
    play.decide("cai", "rework", comment="which?")
    assert play.do("provide_info", "eli", text="this").status == "not_eligible"
    play.people = people_without("ann")
    play.wait("1d", reads_people=True)
    assert (play.stage.state, play.stage.reason) == (
        "parked",
        "it was sent back, and 'ann' is not there to answer: an operator may",
    )
    assert "eli" in play.sent("notice")
    assert play.do("provide_info", "eli", text="this one").status == "counted"
    assert (play.state.state, play.may_act()) == ("open", ["cai"])


def test_what_was_sent_back_parks_each_stage_once() -> None:
    """Of stages side by side, those that were parked before stay as they were."""
    beside = [{"name": "a", "who": "user:cai"}, {"name": "b", "who": "group:empty"}]
    play = Play({"parallel": beside}, rework=1)
    play.decide("cai", "rework", comment="which?")
    play.people = people_without("ann")
    play.wait("1d", reads_people=True)
    play.wait("1d", reads_people=True)
    assert play.stage_states == ["parked", "parked"]
    assert len(play.facts("parked")) == 2


def test_who_has_come_while_it_was_sent_back_is_asked_when_it_comes_again() -> None:
    """Into a stage beside the one that sent it back: nothing else would ever tell them."""
    beside = {"parallel": [{"name": "x", "who": "user:cai"}, {"name": "y", "who": "user:dee"}]}
    play = Play(beside, rework=2, context={"a": 1})
    play.decide("cai", "rework", comment="fix")
    play.do("reassign", "eli", to="gus", reason="needed", **{"from": "dee"})
    assert "gus" not in play.sent("asked")
    play.do("amend", "ann", set={"a": 2})
    assert (play.may_act("y"), play.sent("asked")[-1]) == (["gus"], "gus")


def test_who_is_brought_in_while_a_stage_is_parked_for_rework_waits_too() -> None:
    """Nobody is asked, and nothing is said to be, before it is sent in again."""
    play = Play({"who": "user:cai"}, rework=2)
    play.decide("cai", "rework", comment="fix")
    play.people = people_without("ann")
    play.wait("1h", reads_people=True)
    facts = len(play.facts("asked"))
    assert play.stage.state == "parked"
    assert play.reassign("eli", "gus").status == "counted"
    assert (play.stage.state, len(play.facts("asked"))) == ("parked", facts)


def test_a_stage_without_a_calendar_goes_on_after_rework_only_if_an_operator_has_helped() -> None:
    """By itself it stays parked for its times; whom an operator has brought in meanwhile may decide."""
    untimed = {"name": "a", "who": "user:cai", "due": "1bd", "calendar": "mars"}
    for helped, state in ((False, "parked"), (True, "open")):
        play = Play({"parallel": [untimed, {"name": "b", "who": "user:dee"}]}, rework=2)
        play.decide("dee", "rework", comment="c")
        if helped:
            assert play.reassign("eli", "gus").status == "counted"
        play.do("provide_info", "ann", text="x")
        assert play.stage_states == [state, "open"]
