"""Cooling off: the deciding vote may be taken back for a while, and nothing else happens meanwhile."""

from datetime import timedelta

import pytest

from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.judge import default_key
from hitl_temporal.domain.approval.overruling import MAX_RETRACTED
from hitl_temporal.domain.value import Json
from tests.domain.approval.playing import MONDAY, Play, people_with, people_without

HOUR = timedelta(hours=1)
SIDE_BY_SIDE = {"parallel": [{"name": "a", "who": "user:cai"}, {"name": "b", "who": "user:dee", "due": "3h"}]}


def cooled(*stages: dict[str, object], **ask: object) -> Play:
    return Play(*stages, cooling_off="1h", **ask)


def test_the_outcome_comes_when_it_has_cooled_off() -> None:
    """Until then the approval has none, and nobody may act."""
    play = cooled()
    play.decide("cai")
    assert (play.state.state, play.state.outcome, play.may_act()) == ("cooling", None, [])
    assert next_moment(play.state) == MONDAY + HOUR
    play.wait("1h")
    assert (play.state.outcome, play.state.ended_at) == ("approved", MONDAY + HOUR)


def test_without_a_vote_nothing_cools_off() -> None:
    """Silence has no author who could take it back."""
    play = cooled({"who": "user:cai", "due": "1h"})
    play.wait("1h")
    assert play.state.outcome == "expired"


def test_a_length_that_no_calendar_can_tell_does_not_hold_an_outcome_up() -> None:
    """There is no time to take anything back then."""
    play = Play(cooling_off="1bd", calendar="mars")
    play.decide("cai")
    assert play.state.outcome == "approved"


def test_the_deciding_vote_may_be_taken_back() -> None:
    """The stage is open again, for its author too; the same click as before is a new one."""
    play = cooled()
    play.decide("cai")
    assert play.do("retract", "cai", reason="wrong window").status == "counted"
    assert (play.state.state, play.may_act()) == ("open", ["cai", "dee"])
    assert [(v.decision.actor, v.why) for v in play.state.voided] == [("cai", "retracted")]
    receipt = play.decide("cai", "rejected")
    assert (receipt.status, receipt.key) == ("counted", default_key("a-1", "cai", "s1#2", "rejected"))


def test_the_key_of_what_was_taken_back_counts_nothing() -> None:
    """A message that comes twice must not undo the second thought."""
    play = cooled()
    play.decide("cai", key="k")
    play.do("retract", "cai")
    receipt = play.decide("cai", key="k")
    assert (receipt.status, play.state.decisions) == ("duplicate", ())
    assert receipt.reason == "you have taken this answer back; a new one needs a new key"


@pytest.mark.parametrize("actor", ["dee", "gus", "eli"])
def test_only_whose_vote_it_is_may_take_it_back(actor: str) -> None:
    """Nobody else, asked or not."""
    play = cooled()
    play.decide("cai")
    assert play.do("retract", actor).reason == f"the deciding vote in stage 's1' is not {actor!r}'s"


def test_a_vote_that_did_not_decide_is_not_taken_back() -> None:
    """It stood before, and whoever decided relied on it."""
    play = cooled({"who": "group:secops", "approve": 2})
    play.decide("cai")
    play.decide("dee")
    assert [play.do("retract", p).status for p in ("cai", "dee")] == ["not_eligible", "counted"]


def test_who_has_left_takes_nothing_back() -> None:
    """As they decide nothing."""
    play = cooled()
    play.decide("cai")
    play.people = people_without("cai")
    assert play.do("retract", "cai").reason == "'cai' is not an active person of the directory"


def test_nothing_is_taken_back_before_it_is_decided() -> None:
    """Nor after it has cooled off."""
    play = cooled({"who": "group:secops", "approve": 2})
    play.decide("cai")
    assert play.do("retract", "cai").reason == "a vote may be taken back only while the decision cools off"
    play.decide("dee")
    play.wait("1h")
    assert play.do("retract", "dee").status == "closed"


@pytest.mark.parametrize(
    ("verb", "actor", "rest"),
    [
        ("decide", "dee", {"outcome": "approved"}),
        ("request_info", "dee", {"text": "why?"}),
        ("provide_info", "ann", {"text": "so"}),
        ("delegate", "dee", {"to": "gus"}),
        ("reassign", "eli", {"to": "gus", "reason": "x"}),
        ("add_approver", "ann", {"to": "gus"}),
        ("claim", "dee", {}),
        ("release_claim", "eli", {}),
        ("amend", "ann", {"set": {"x": 2}}),
        ("extend", "eli", {"by": "1h", "reason": "x"}),
    ],
)
def test_what_comes_while_it_cools_off_comes_too_late(verb: str, actor: str, rest: dict[str, object]) -> None:
    """The receipt says how it was decided, also where stages side by side were still open."""
    play = cooled(SIDE_BY_SIDE, context={"x": 1})
    play.decide("cai", "rejected")
    assert (play.state.state, play.may_act("b")) == ("cooling", [])
    receipt = play.do(verb, actor, **rest)
    assert (receipt.status, receipt.reason[:24]) == ("closed", "already decided rejected")


def test_it_may_be_talked_about_withdrawn_and_overruled_while_it_cools_off() -> None:
    """None of these waits for anything."""
    for verb, actor, rest, outcome in (
        ("comment", "dee", {"text": "hm"}, None),
        ("withdraw", "ann", {}, "withdrawn"),
        ("override", "eli", {"outcome": "rejected", "reason": "no"}, "rejected"),
    ):
        play = cooled()
        play.decide("cai")
        assert play.do(verb, actor, **rest).status == "counted"
        assert play.state.outcome == outcome


def test_of_stages_side_by_side_the_one_that_decided_cools_off() -> None:
    """Whatever its place in the document: its vote is the deciding one."""
    play = cooled(SIDE_BY_SIDE)
    play.decide("dee")
    play.decide("cai")
    assert (play.state.cooling.stage if play.state.cooling else None) == "a"
    assert play.do("retract", "dee").status == "not_eligible"
    assert play.do("retract", "cai").status == "counted"
    assert play.stage_states == ["open", "approved"]


def test_time_stands_still_while_it_cools_off() -> None:
    """For the stage that had decided and for those beside it."""
    play = cooled({"parallel": [{**s, "due": "3h"} for s in SIDE_BY_SIDE["parallel"]]})
    play.wait("1h")
    play.decide("cai", "rejected")
    play.wait("30m")
    play.do("retract", "cai")
    assert [s.due_at for s in play.state.stages] == [MONDAY + 3.5 * HOUR] * 2
    assert [m.why for m in play.stage.moves] == ["it had been decided, and cooled off"]


def test_votes_that_still_decide_decide_again() -> None:
    """One of two refusals is taken back; the other way is still out of reach."""
    later = {"later": {"label": "Later"}}
    play = cooled({"who": "group:trio", "approve": 3, "reject": 2}, outcomes=later)
    play.decide("cai", "later")
    assert play.state.state == "cooling"
    play.do("retract", "cai")
    play.decide("dee", "later")
    assert (play.state.state, play.state.cooling.outcome if play.state.cooling else None) == ("cooling", "rejected")
    assert len(play.facts("cooling")) == 2


def test_a_question_that_waits_for_its_answer_keeps_the_clocks_still_all_along() -> None:
    """Decided meanwhile, taken back, and answered: the time is made up for once."""
    play = cooled({"who": "group:secops", "due": "2h"})
    play.wait("1h")
    play.do("request_info", "cai", text="why?")
    play.wait("1h")
    play.decide("dee")
    play.wait("30m")
    play.do("retract", "dee")
    assert play.stage.due_at == MONDAY + 3.5 * HOUR
    play.wait("1h")
    play.do("provide_info", "ann", text="so")
    assert play.stage.due_at == MONDAY + 4.5 * HOUR


# --- What cools off, and whose it is ----------------------------------------------------------------------------------

BESIDE = {"name": "legal", "who": "user:cai"}, {"name": "it", "who": ["user:dee", "user:gus"], "wait_for_all": True}


def test_a_decision_that_cools_off_is_not_replaced_by_a_stage_beside_it() -> None:
    """A stage that waited for a leaver waits on until the decision is taken back, and the rejection stays one."""
    play = Play({"parallel": [*BESIDE]}, cooling_off="1h")
    play.decide("dee", "rejected")
    play.decide("cai", "rejected")
    before = play.state.cooling
    play.people = people_without("gus")
    play.wait("10m", reads_people=True)
    assert (play.state.cooling, play.stage_states) == (before, ["rejected", "open"])
    assert play.do("retract", "dee").status == "not_eligible"
    play.wait("50m")
    assert play.state.outcome == "rejected"


def test_a_stage_that_waited_ends_when_the_decision_beside_it_is_taken_back() -> None:
    """It is looked at again then: its own decision cools off next."""
    play = Play({"parallel": [*BESIDE]}, cooling_off="1h")
    play.decide("dee", "rejected")
    play.decide("cai", "rejected")
    play.people = people_without("gus")
    assert play.do("retract", "cai").status == "counted"
    assert play.stage_states == ["open", "rejected"]
    assert play.state.cooling is not None
    assert play.state.cooling.stage == "it"


def test_people_to_be_read_while_it_cools_off_are_read_when_it_is_taken_back() -> None:
    """An edit names them in a stage beside, and in the same moment the last who was waited for there has left."""
    stages = [
        {"name": "legal", "who": "group:secops", "approve": 2},
        {"name": "it", "who": "{{who}}", "distinct": False},
        {"name": "lead", "who": ["user:eli", "user:gus"], "wait_for_all": True},
    ]
    play = Play({"parallel": stages}, context={"who": "user:bob"}, edit=["who"], material=[], cooling_off="1h")
    play.decide("eli", "rejected")
    play.people = people_without("gus")
    play.decide("cai", edit={"who": "group:trio"})
    assert play.state.cooling is not None
    play.wait("1m", reads_people=True)
    assert play.do("retract", "eli").status == "counted"
    assert next_moment(play.state) == play.now
    play.wait("0s", reads_people=True)
    assert play.may_act("it") == ["cai", "dee", "eli"]


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [
        ({"escalate": [{"after": "1h", "how": "decide", "outcome": "rejected"}]}, "rejected"),
        ({"due": "1h", "at_due": "approved", "at_due_positive": True}, "approved"),
        ({"due": "1h"}, "expired"),
    ],
)
def test_silence_does_not_cool_off(stage: dict[str, Json], outcome: str) -> None:
    """Nobody's vote has decided, so nobody could take it back; that somebody had voted changes nothing."""
    play = Play({"who": "group:trio", "approve": 2, **stage}, cooling_off="30m")
    play.decide("cai")
    play.wait("1h", reads_people=True)
    assert (play.state.outcome, play.do("retract", "cai").status) == (outcome, "closed")


def test_a_vote_that_is_taken_back_takes_its_edit_with_it() -> None:
    """What nobody has agreed to does not stay in the request; whoever has answered to it is told."""
    play = Play(context={"x": 1}, edit=["x"], cooling_off="1h", title="Take {{x}}?")
    play.decide("cai", edit={"x": 9})
    assert play.state.shown.title == "Take 9?"
    assert play.do("retract", "cai", reason="too much").status == "counted"
    assert (play.state.shown.title, play.state.state) == ("Take 1?", "open")
    assert [(a.kind, a.actor, a.reason) for a in play.state.amendments] == [
        ("edit", "cai", ""),
        ("edit", "cai", "too much"),
    ]
    assert play.decide("dee").status == "counted"


def test_what_others_have_changed_since_stays_changed() -> None:
    """Only the edit is taken back that still stands."""
    play = Play(
        {"who": "group:secops", "approve": "any", "wait_for_all": True, "material": []},
        context={"x": 1, "y": 1},
        edit=["x", "y"],
        cooling_off="1d",
    )
    play.decide("cai", edit={"x": 30, "y": 30})
    play.do("amend", "ann", set={"x": 500})
    play.people = people_without("dee")
    play.wait("1m", reads_people=True)
    assert play.do("retract", "cai").status == "counted"
    assert (play.state.context["x"], play.state.context["y"]) == (500, 1)
    again = Play(context={"x": 1}, edit=["x"], cooling_off="1d")
    again.decide("cai", edit={"x": 30})
    before = len(again.state.amendments)
    again.state = again.state.but(context={**again.state.context, "x": 7})
    again.do("retract", "cai")
    assert len(again.state.amendments) == before


def test_votes_are_taken_back_a_bounded_number_of_times() -> None:
    """Each stays known, and an approval is carried whole."""
    play = Play(cooling_off="1h")
    for n in range(MAX_RETRACTED):
        play.decide("cai", key=f"d{n}")
        assert play.do("retract", "cai", key=f"r{n}").status == "counted"
    play.decide("cai", key="last")
    assert play.do("retract", "cai").reason.startswith(f"votes have been taken back {MAX_RETRACTED} times")


def test_who_agreed_to_an_edit_that_is_taken_back_is_asked_again() -> None:
    """What they have agreed to is not what is asked now."""
    lead = {"who": "user:bob", "material": ["x"]}
    play = Play(lead, {"who": "user:cai"}, context={"x": 1}, edit=["x"], cooling_off="1h")
    play.decide("bob")
    play.decide("cai", edit={"x": 9})
    play.decide("bob")
    assert play.state.state == "cooling"
    assert play.do("retract", "cai").status == "counted"
    assert (play.stage_states, play.state.decisions) == (["open", "pending"], ())


def test_a_vote_is_not_taken_back_where_its_change_cannot_be() -> None:
    """Others have changed the rest since, and the question could not be put: it says so, and the vote stands."""
    shown = {"rate": "{{kind == 'y' ? 0 : 10 / other}}"}
    big = {"who": "user:cai", "when": "big"}
    start = {"kind": "x", "other": 1, "big": True}
    play = cooled({"who": "user:bob"}, big, context=start, edit=["kind"], show=shown)
    play.decide("bob", edit={"kind": "y"})
    assert play.do("amend", "ann", set={"other": 0, "big": False}).status == "counted"
    refused = play.do("retract", "bob")
    assert (refused.status, play.state.state) == ("invalid", "cooling")
    assert refused.reason.startswith("what it has changed can't be changed back: edit: the question can't be put")


def test_silence_does_not_cool_off_where_all_were_waited_for() -> None:
    """One has refused, the other has said nothing when it was due: nobody has decided, and nobody can take it back."""
    waits = {"wait_for_all": True, "due": "1h", "at_due": "reject"}
    play = cooled({"who": ["user:cai", "user:dee"], **waits}, auto=[{"if": "true", "outcome": "approved"}], shadow=True)
    play.decide("cai", "rejected")
    play.wait("2h")
    assert (play.state.outcome, play.state.cooling) == ("rejected", None)
    assert play.state.shadowed is not None
    assert play.state.shadowed.agrees is None


def test_who_joins_while_it_cools_off_is_asked_when_it_is_open_again() -> None:
    """Nothing else would tell them."""
    play = cooled({"who": "group:secops", "approve": 1})
    play.decide("cai")
    play.people = people_with("secops", "cai", "dee", "gus")
    play.do("retract", "cai")
    assert play.sent("asked")[-1] == "gus"
