"""Whose place is filled by whom: delegates, substitutes, reassigned places; one vote for each place and person."""

from datetime import timedelta
from itertools import pairwise

import pytest

from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.handing import MAX_ADDED, MAX_HANDOVERS
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.approval.status import status
from tests.domain.approval.playing import MONDAY, PEOPLE, Play, people_without


def test_a_place_that_has_its_vote_cannot_be_given_away() -> None:
    """A substitute has answered for it: an operator who moves it would let it count twice."""
    play = Play({"who": ["user:cai", "user:bob"], "approve": 2}, is_resolved=False)
    play.away("cai", "dee")
    play.resolve()
    play.decide("dee")
    receipt = play.reassign("eli", "gus", "cai")
    assert (receipt.status, receipt.reason) == ("not_eligible", "'cai' has no place in a stage that is open")
    assert play.decide("gus").status == "not_eligible"
    assert (play.state.outcome, len(play.state.decisions)) == (None, 1)


# --- Delegate ---------------------------------------------------------------------------------------------------------


def test_a_delegate_answers_in_their_own_name_for_somebody_else() -> None:
    """The giver has given the place away; both the answer and the trail say for whom it was."""
    play = Play({"who": "user:cai"})
    assert play.do("delegate", "cai", to="gus", reason="on a train").status == "counted"
    assert (play.may_act(), play.sent("asked")) == (["gus"], ["cai", "gus"])
    assert play.decide("cai").reason == "the place of 'cai' in stage 's1' has gone to 'gus'"
    assert play.decide("gus").status == "counted"
    (decision,) = play.state.decisions
    assert (decision.actor, decision.on_behalf_of, decision.named) == ("gus", "cai", "cai")
    assert play.facts("delegated") == [
        {"actor": "cai", "stage": "s1", "giver": "cai", "taker": "gus", "reason": "on a train"}
    ]


def test_a_delegate_passes_on_and_gives_back() -> None:
    """However often: whose place it is does not change; whoever gets it back is asked again."""
    play = Play({"who": "user:cai"})
    for giver, taker in (("cai", "gus"), ("gus", "dee"), ("dee", "cai")):
        assert play.do("delegate", giver, to=taker).status == "counted"
    assert (play.may_act(), play.sent("asked")) == (["cai"], ["cai", "gus", "dee", "cai"])
    play.decide("cai")
    assert play.state.decisions[0].on_behalf_of is None


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("cai", "to: you have this place already"),
        ("ann", "to: 'ann' is the requester of this request: nobody decides their own"),
        ("zoe", "to: 'zoe' is not an active person of the directory"),
        ("bob", "to: 'bob' is excluded from stage 's2' by its `not`"),
        ("dee", "to: 'dee' has decided stage 's1'; this one needs somebody else"),
        ("eli", "to: 'eli' has already answered in stage 's2'"),
    ],
)
def test_no_delegate_opens_a_way_that_is_barred(to: str, says: str) -> None:
    """Whoever takes a place is judged as if they had been named."""
    play = Play({"who": "user:dee"}, {"who": ["user:cai", "user:eli"], "approve": 2, "not": "user:bob"})
    play.decide("dee")
    play.decide("eli")
    receipt = play.do("delegate", "cai", to=to)
    assert (receipt.status, receipt.reason) == ("invalid", says)


def test_who_may_not_act_delegates_nothing() -> None:
    """Strangers have no place, voters have used theirs."""
    play = Play({"who": "group:secops", "approve": 2})
    play.decide("cai")
    assert play.do("delegate", "gus", to="bob").reason == "'gus' is not asked in stage 's1'"
    assert play.do("delegate", "cai", to="bob").reason == "'cai' has already answered in stage 's1'"


def test_the_place_of_somebody_barred_is_nobodys_to_fill() -> None:
    """The owner has become a party to the request since they delegated."""
    play = Play({"who": ["user:cai", "user:dee"]}, context={"who": "bob"}, beneficiary="{{who}}")
    play.do("delegate", "cai", to="gus")
    play.do("amend", "ann", set={"who": "cai"})
    receipt = play.decide("gus")
    assert (receipt.status, receipt.reason[:33]) == ("not_eligible", "'gus' could act only for 'cai': '")


def test_one_person_is_one_vote_however_many_places_they_hold() -> None:
    """The second answer is a duplicate, and a stage that needs both places does not take it for two."""
    play = Play({"who": "group:trio", "approve": 2})
    play.do("delegate", "cai", to="gus")
    play.do("delegate", "dee", to="gus")
    assert [play.decide("gus", key=k).status for k in "12"] == ["counted", "duplicate"]
    assert play.state.outcome is None
    play.decide("eli")
    assert play.state.outcome == "approved"


def test_who_was_spoken_for_gets_no_second_vote_with_a_second_place() -> None:
    """Their delegate has answered in their name; then an operator gives them the place of somebody else."""
    play = Play({"who": "group:trio", "approve": 2})
    play.do("delegate", "dee", to="gus")
    play.decide("gus")
    assert play.reassign("eli", "dee", "eli").status == "counted"
    assert play.may_act() == ["cai"]
    assert play.decide("dee").status != "counted"


@pytest.mark.parametrize("first", ["gus", "cai"])
def test_a_hand_over_gives_nobody_a_part_in_two_stages(first: str) -> None:
    """A vote counts for its place, and for who has given it, whichever of the two stages is decided first."""
    play = Play({"parallel": [{"name": n, "who": "user:cai"} for n in ("a", "b")]})
    play.do("delegate", "cai", to="gus")
    assert play.decide(first).status == "counted"
    assert sorted(play.stage_states) == ["approved", "parked"]
    assert play.decide({"gus": "cai", "cai": "gus"}[first]).status == "not_eligible"


def test_in_whose_name_a_stage_was_decided_takes_no_part_in_another() -> None:
    """Neither as who is asked, nor by another hand-over, nor as an approver who is added."""
    play = Play({"who": "user:cai"}, {"who": "group:secops"}, is_resolved=False)
    play.away("cai", "gus", until=MONDAY + timedelta(hours=1))
    play.resolve()
    play.decide("gus")
    play.wait("1h", reads_people=True)
    assert play.may_act("s2") == ["dee"]
    says = "in the name of 'cai' there is a decision in stage 's1'; this one needs somebody else"
    assert play.decide("cai").reason == says
    assert play.do("delegate", "dee", to="cai").reason == f"to: {says}"
    assert play.do("add_approver", "ann", to="cai").reason == "to: 'cai' is asked already, or has answered"


def test_whose_place_was_reassigned_has_no_part_in_what_is_decided_in_it() -> None:
    """It is the taker's then, and so is the vote."""
    play = Play({"who": "user:cai"}, {"who": "user:cai"})
    play.reassign("eli", "gus", "cai")
    play.decide("gus")
    assert play.decide("cai", key="2").status == "counted"


def test_nobody_stands_in_for_who_has_decided_another_stage() -> None:
    """The next one needs somebody else: neither them nor, in their name, their substitute."""
    play = Play({"who": "group:secops"}, {"who": ["user:dee", "user:eli"]})
    play.away("dee", "gus")
    play.decide("dee")
    assert (play.may_act("s2"), play.decide("gus").status) == (["eli"], "not_eligible")


@pytest.mark.parametrize("verb", ["delegate", "reassign"])
def test_a_hand_over_that_leaves_too_few_people_is_refused(verb: str) -> None:
    """All of two must agree: one of them can't have both places."""
    play = Play({"who": "group:secops", "approve": "all"})
    receipt = play.do("delegate", "cai", to="dee") if verb == "delegate" else play.reassign("eli", "dee", "cai")
    assert receipt.reason == "to: 'dee' would hold two places of stage 's1', and one person is one vote"
    assert (receipt.status, play.stage.state) == ("invalid", "open")


def test_who_is_given_a_second_place_has_no_second_vote_by_whoever_stands_in_for_them() -> None:
    """One of each must agree, and both would be in the same name."""
    play = Play({"who": ["user:cai", "user:dee"], "approve": "each"}, is_resolved=False)
    play.away("cai", "gus")
    play.resolve()
    assert play.reassign("eli", "cai", "dee").status == "invalid"
    assert play.reassign("eli", "bob", "dee").status == "counted"
    assert (play.decide("gus").tally, play.decide("bob").tally) == ("1 of 2, bob pending", "2 of 2")


@pytest.mark.parametrize("rest", [{"approve": 2}, {"approve": 3, "weights": {"user:cai": 2, "user:gus": 2}}])
def test_the_one_vote_of_who_has_two_places_may_be_given_by_whoever_is_free(rest: dict[str, object]) -> None:
    """Bob holds one of cai's two places, and that of gus: he can answer for gus, and cai in the other."""
    play = Play({"who": ["user:cai", "user:dee", "user:gus"], **rest})
    play.do("delegate", "cai", to="bob")
    play.reassign("eli", "cai", "dee")
    assert play.do("delegate", "gus", to="bob").status == "counted"
    assert play.decide("bob", on_behalf_of="gus").status == "counted"
    play.decide("cai")
    assert play.state.outcome == "approved"


def test_a_place_given_to_somebody_who_is_asked_too_is_theirs_to_choose() -> None:
    """One answer is enough here; it fills their own place first, the other if they say so."""
    for wanted, named in ((None, "dee"), ("cai", "cai")):
        play = Play({"who": "group:secops"})
        play.do("delegate", "cai", to="dee")
        assert play.decide("dee", on_behalf_of=wanted).status == "counted"
        assert play.state.decisions[0].named == named


def test_a_place_is_filled_once() -> None:
    """Whoever else holds it is told who has answered for it."""
    play = Play({"who": "group:trio", "approve": 2}, is_resolved=False)
    play.away("cai", "gus")
    play.resolve()
    play.decide("gus")
    receipt = play.decide("cai")
    assert (receipt.status, receipt.reason) == (
        "duplicate",
        "'gus' has already answered 'approved' for 'cai'; the first answer stands",
    )


def test_places_of_one_stage_change_hands_a_bounded_number_of_times() -> None:
    """Two robots must not play ball with a place for ever."""
    play = Play({"who": "user:cai"})
    for n in range(MAX_HANDOVERS):
        giver, taker = ("cai", "gus") if n % 2 == 0 else ("gus", "cai")
        assert play.do("delegate", giver, to=taker, key=str(n)).status == "counted"
    assert play.do("delegate", "cai", to="gus").reason == "places of stage 's1' have changed hands 100 times: decide it"


# --- Absences ---------------------------------------------------------------------------------------------------------


def with_absences(*absences: tuple[str, str | None], **rest: object) -> Play:
    play = Play({"who": "group:trio", **rest}, is_resolved=False)
    for person, substitute in absences:
        play.away(person, substitute)
    play.resolve()
    return play


def test_who_stands_in_is_asked_and_the_absent_one_is_told() -> None:
    """The absent person may still answer: an early return needs no paperwork."""
    play = with_absences(("cai", "gus"))
    assert (play.sent("asked"), play.sent("notice")) == (["dee", "eli", "gus"], ["cai"])
    assert [d.text for d in play.state.deliveries if d.occasion == "notice"] == ["Gus Kay stands in for you"]
    assert play.may_act() == ["cai", "dee", "eli", "gus"]
    assert play.decide("cai").status == "counted"


def test_a_substitute_of_a_substitute_stands_in() -> None:
    """The chain says for whom; circles and open ends give nobody."""
    assert "gus" in with_absences(("cai", "bob"), ("bob", "gus")).may_act()
    assert with_absences(("cai", "bob"), ("bob", "cai")).may_act() == ["cai", "dee", "eli"]
    assert with_absences(("cai", "bob"), ("bob", None)).may_act() == ["cai", "dee", "eli"]


@pytest.mark.parametrize("substitute", ["ann", "zoe", "bob"])
def test_a_substitute_opens_no_way_that_is_barred(substitute: str) -> None:
    """Requester, inactive or excluded: nobody stands in then, and the absent person is asked as always."""
    play = with_absences(("cai", substitute), **{"not": "user:bob"})
    assert (play.may_act(), play.sent("asked")) == (["cai", "dee", "eli"], ["cai", "dee", "eli"])
    assert play.decide(substitute).status == "not_eligible"


def test_nobody_stands_in_for_a_requester() -> None:
    """Their place is nobody's."""
    play = Play({"who": ["user:ann", "user:cai"]}, is_resolved=False)
    play.away("ann", "gus")
    play.resolve()
    assert play.decide("gus").status == "not_eligible"


@pytest.mark.parametrize("between", ["ann", "eli"])
def test_nobody_who_is_barred_says_who_stands_in(between: str) -> None:
    """A requester, or whom `not` excludes, who stands in and is away: that would choose who decides."""
    play = Play({"who": "user:cai", "not": ["user:eli"]}, is_resolved=False)
    play.away("cai", between)
    play.away(between, "gus")
    play.resolve()
    assert (play.may_act(), play.sent("asked")) == (["cai"], ["cai"])
    refused = play.decide("gus")
    assert (refused.status, "could act only for 'cai'" in refused.reason) == ("not_eligible", True)
    assert repr(between) in refused.reason


def test_who_stands_in_for_two_answers_once() -> None:
    """The other waits for its owner, or for its deadline."""
    play = with_absences(("cai", "gus"), ("dee", "gus"), approve="all")
    assert play.decide("gus", on_behalf_of="dee").status == "counted"
    assert play.state.decisions[0].named == "dee"
    assert play.decide("gus", key="again", on_behalf_of="cai").status == "duplicate"
    assert (play.may_act(), play.stage.state) == (["cai", "eli"], "open")
    for person in ("cai", "eli"):
        play.decide(person)
    assert play.state.outcome == "approved"


def test_who_is_asked_and_stands_in_too_answers_once() -> None:
    """For their own place, unless they say for which."""
    play = with_absences(("cai", "dee"), approve=2)
    assert play.sent("asked") == ["dee", "eli"]
    play.decide("dee")
    assert (play.state.decisions[0].named, play.may_act()) == ("dee", ["cai", "eli"])


def test_who_does_not_stand_in_for_somebody_is_told_so() -> None:
    """Claiming it does not help."""
    play = with_absences(("cai", "gus"))
    play.do("claim", "gus")
    assert play.decide("gus", on_behalf_of="dee").reason == "'gus' does not stand in for 'dee'"


def test_who_stands_in_and_has_claimed_it_is_told_who_answered_first() -> None:
    """One of the places that they hold has its vote; the other is still theirs."""
    play = with_absences(("cai", "gus"), ("dee", "gus"), approve=3)
    play.decide("cai")
    play.do("claim", "gus")
    receipt = play.decide("gus", on_behalf_of="cai")
    assert (receipt.status, receipt.reason) == (
        "duplicate",
        "'cai' has already answered 'approved' for 'cai'; the first answer stands",
    )
    assert play.decide("gus", on_behalf_of="dee").status == "counted"


def test_an_absence_that_begins_later_is_noticed_when_it_begins() -> None:
    """Who stands in is asked then, and again the one who comes back."""
    play = Play({"who": "user:cai"}, is_resolved=False)
    play.away("cai", "gus", since=MONDAY + timedelta(hours=1), until=MONDAY + timedelta(hours=2))
    play.resolve()
    assert (next_moment(play.state), play.may_act()) == (MONDAY + timedelta(hours=1), ["cai"])
    play.wait("1h", reads_people=True)
    assert (play.sent("asked"), next_moment(play.state)) == (["cai", "gus"], MONDAY + timedelta(hours=2))
    play.wait("1h", reads_people=True)
    assert (play.may_act(), next_moment(play.state)) == (["cai"], None)


def test_an_absence_is_noticed_whatever_else_comes_at_its_moment() -> None:
    """A channel's answer or a command that is worked on first does not make it forgotten."""
    for first in ("delivery", "command"):
        play = Play({"who": "user:cai"}, is_resolved=False)
        play.away("cai", "gus", since=MONDAY + timedelta(hours=1))
        play.resolve()
        play.now += timedelta(hours=1)
        if first == "delivery":
            play.deliver("asked:s1:cai")
            assert next_moment(play.state) == play.now
            play.wait("0s")
        else:
            play.decide("bob")
        assert play.sent("asked") == ["cai", "gus"]


def test_an_absence_for_some_requests_leaves_the_others() -> None:
    """By flow, and by a condition over what is asked."""
    for flow, x, acting in (("it.open", 1, []), ("it.open", 5, ["dee"]), ("finance.pay", 1, ["gus"])):
        play = Play({"who": "user:cai"}, context={"x": x}, is_resolved=False)
        play.state = play.state.but(origin=Origin(run="r", step="s", attempt=1, flow=flow))
        play.away("cai", "gus", flow="finance.*")
        play.away("cai", "dee", **{"if": "x > 4"})
        play.resolve()
        assert play.may_act() == ["cai", *acting]


def test_who_stands_in_may_pass_it_on() -> None:
    """Everything that they could do here; the absent person keeps their own way."""
    play = with_absences(("cai", "gus"))
    assert play.do("delegate", "gus", to="bob").status == "counted"
    assert play.may_act() == ["cai", "dee", "eli", "bob"]
    assert play.decide("gus").status == "not_eligible"
    assert play.decide("bob").status == "counted"
    assert play.state.decisions[0].on_behalf_of == "cai"


def test_a_substitute_who_passes_it_back_changes_nothing() -> None:
    """The absent person has their place."""
    play = with_absences(("cai", "gus"))
    play.do("delegate", "gus", to="cai")
    assert play.may_act() == ["cai", "dee", "eli"]
    two = Play({"who": ["user:cai", "user:dee"], "approve": 1}, is_resolved=False)
    two.away("cai", "gus")
    two.resolve()
    for giver, taker in (("gus", "cai"), ("cai", "bob"), ("dee", "cai")):
        assert two.do("delegate", giver, to=taker).status == "counted"
    assert two.decide("bob", on_behalf_of="dee").status == "not_eligible"


def test_the_place_of_a_delegate_who_is_away_has_a_substitute() -> None:
    """It is the holder who is looked for."""
    play = Play({"who": "user:cai"}, is_resolved=False)
    play.away("gus", "dee")
    play.resolve()
    play.do("delegate", "cai", to="gus")
    assert play.may_act() == ["gus", "dee"]
    play.decide("dee")
    assert play.state.decisions[0].on_behalf_of == "cai"


# --- Reassign ---------------------------------------------------------------------------------------------------------


def test_an_operator_gives_a_place_to_somebody_else() -> None:
    """It is theirs then; who had it is told by whom and why."""
    play = Play({"who": "user:cai"})
    assert play.reassign("eli", "gus", "cai").status == "counted"
    assert (play.may_act(), play.sent("settled"), play.sent("notice")) == (["gus"], ["cai"], ["cai"])
    assert [d.text for d in play.state.deliveries if d.occasion == "notice"] == [
        "eli has given your place to gus: needed"
    ]
    play.decide("gus")
    assert (play.state.decisions[0].on_behalf_of, play.state.decisions[0].named) == (None, "cai")


def test_the_place_of_a_leaver_can_be_given_away() -> None:
    """That is what releases a stage which leavers have parked."""
    play = Play({"who": "group:secops", "approve": "all"})
    play.people = people_without("dee")
    play.wait("1m", reads_people=True)
    assert play.stage.state == "parked"
    assert play.reassign("eli", "gus", "dee").status == "counted"
    assert (play.stage.state, play.may_act()) == ("open", ["cai", "gus"])


def test_somebody_may_be_brought_in_where_too_few_are_left() -> None:
    """Also where one of each is needed: they count for any."""
    play = Play({"who": ["group:secops", "group:gone"], "approve": "each"})
    assert play.stage.state == "parked"
    assert play.reassign("eli", "gus").status == "counted"
    assert (play.stage.state, play.may_act()) == ("open", ["cai", "dee", "gus"])
    for person in ("gus", "dee"):
        play.decide(person)
    assert play.state.outcome == "approved"


def test_somebody_who_is_brought_in_too_few_leaves_it_parked() -> None:
    """The reason is what is still missing."""
    play = Play({"who": "group:secops", "approve": 4})
    play.reassign("eli", "gus")
    assert (play.stage.state, play.stage.reason) == ("parked", "too few are left: 4 must agree, only 3 can")
    play.reassign("eli", "bob")
    assert play.stage.state == "open"


def test_somebody_may_be_brought_in_where_nobody_was_named() -> None:
    """The stage is opened with them as the one who decides."""
    play = Play({"who": "group:empty", "approve": "all", "due": "5h"})
    play.reassign("eli", "gus")
    assert (play.stage.state, play.stage.asked, play.sent("asked")) == ("open", ("gus",), ["gus"])
    play.decide("gus")
    assert play.state.outcome == "approved"


def test_a_stage_whose_times_nobody_can_tell_goes_on_without_them() -> None:
    """It was parked because of its calendar; an operator lets it be decided all the same."""
    play = Play({"who": "user:cai", "due": "1h", "remind": "1bh", "calendar": "mars"})
    assert play.stage.state == "parked"
    assert play.reassign("eli", "gus").status == "counted"
    assert (play.stage.state, play.stage.remind_at, play.may_act()) == ("open", None, ["cai", "gus"])
    assert play.stage.due_at == MONDAY + timedelta(hours=1)


def test_the_trail_tells_who_is_asked_when_a_parked_stage_goes_on() -> None:
    """Each time, whether anybody had been asked before it parked or not."""
    play = Play({"who": "user:cai", "approve": 2, "due": "1h"})
    assert (play.stage.state, play.facts("asked")) == ("parked", [])
    play.reassign("eli", "gus")
    play.people = people_without("gus")
    play.wait("1m", reads_people=True)
    play.reassign("eli", "dee")
    facts = play.facts("asked")
    assert [f["people"] for f in facts] == [["cai", "gus"], ["cai", "dee"]]
    due = (MONDAY + timedelta(hours=1)).isoformat()
    assert [(f["approve"], f["reject"], f["due"]) for f in facts] == [(2, 1, due)] * 2
    keys = [e.key for e in play.effects if getattr(e, "name", "") == "approval.asked"]
    assert keys == ["asked:s1:parked:1", "asked:s1:parked:2"]


def test_people_who_have_come_back_need_an_operator_to_go_on() -> None:
    """A parked stage is opened by naming somebody who is there already."""
    play = Play({"who": "group:secops", "approve": "all"})
    play.people = people_without("dee")
    play.wait("1m", reads_people=True)
    play.people = PEOPLE
    play.wait("1m", reads_people=True)
    assert play.stage.state == "parked"
    assert play.reassign("eli", "dee").status == "counted"
    assert play.stage.state == "open"


@pytest.mark.parametrize(
    ("actor", "to", "source", "says"),
    [
        ("gus", "bob", "cai", "'gus' is neither operator nor admin"),
        ("eli", "cai", "cai", "to: it is the same person"),
        ("eli", "bob", "gus", "'gus' has no place in a stage that is open"),
        ("eli", "ann", "cai", "to: 'ann' is the requester of this request: nobody decides their own"),
        ("eli", "cai", None, "to: 'cai' has a place in stage 's1' already"),
        ("eli", "dee", None, "to: 'dee' has a place in stage 's1' already; 'bob' holds it, give it from there"),
    ],
)
def test_a_reassignment_that_cannot_be_is_refused(actor: str, to: str, source: str | None, says: str) -> None:
    """Who may not, who has no place, who may not have one, and who has one."""
    play = Play()
    play.do("delegate", "dee", to="bob")
    assert play.reassign(actor, to, source).reason == says


def test_there_must_be_a_stage_to_bring_somebody_into() -> None:
    """A question without one says why."""
    play = Play({"who": "group:secops", "when": "false"})
    assert play.reassign("eli", "gus").reason == "no stage applies: every `when` is false"
    assert Play(is_resolved=False).reassign("eli", "gus").status == "not_eligible"


def test_a_reassignment_goes_to_the_first_stage_in_which_the_giver_has_a_place() -> None:
    """Of stages side by side; where they have answered already, to the next."""
    stages = {"parallel": [{"name": n, "who": "group:secops", "approve": 2, "distinct": False} for n in ("a", "b")]}
    play = Play(stages)
    play.decide("cai")
    play.reassign("eli", "gus", "cai")
    assert (play.may_act("a"), play.may_act("b")) == (["dee"], ["gus", "dee"])


def test_who_has_answered_in_a_stage_has_nothing_to_give_away_there() -> None:
    """Not even a second place, which was delegated to them."""
    both = {"who": "group:trio", "distinct": False}
    play = Play({"parallel": [{"name": "a", "approve": 2, **both}, {"name": "b", "approve": 3, **both}]})
    play.do("delegate", "dee", to="cai")
    play.decide("cai")
    play.reassign("eli", "gus", "cai")
    assert (play.may_act("a"), play.may_act("b")) == (["eli"], ["gus", "dee", "eli"])


# --- Add an approver --------------------------------------------------------------------------------------------------


def test_an_added_approver_must_agree_too() -> None:
    """In a stage of their own beside the open one: a request can only become harder to pass."""
    play = Play({"who": "group:secops"}, {"who": "group:leads"})
    assert play.do("add_approver", "ann", to="gus", reason="knows it").status == "counted"
    assert [(s.name, s.state) for s in play.state.stages] == [("s1", "open"), ("added-1", "open"), ("s2", "pending")]
    assert play.facts("approver_added") == [{"actor": "ann", "person": "gus", "stage": "added-1", "reason": "knows it"}]
    play.decide("cai")
    assert play.stage_states == ["approved", "open", "pending"]
    play.decide("gus")
    assert play.stage_states == ["approved", "approved", "open"]


def test_an_added_approver_may_refuse() -> None:
    """As everybody who is asked."""
    play = Play()
    play.do("add_approver", "cai", to="gus")
    play.decide("gus", "rejected")
    assert (play.state.outcome, play.stage_states) == ("rejected", ["skipped", "rejected"])


def test_the_outcome_is_that_of_the_stages_that_the_ask_has() -> None:
    """An added approver's yes is none of its own outcomes."""
    play = Play(outcomes={"fine": {"label": "Fine", "positive": True}})
    play.do("add_approver", "eli", to="gus")
    play.decide("cai", "fine")
    play.decide("gus")
    assert play.state.outcome == "fine"


@pytest.mark.parametrize(
    ("actor", "to", "says"),
    [
        ("gus", "bob", "'gus' is neither the requester, nor asked, nor an operator"),
        ("ann", "ann", "to: 'ann' is the requester of this request: nobody decides their own"),
        ("ann", "zoe", "to: 'zoe' is not an active person of the directory"),
        ("ann", "dee", "to: 'dee' is asked already, or has answered"),
        ("ann", "cai", "to: 'cai' is asked already, or has answered"),
    ],
)
def test_an_approver_who_cannot_be_added_is_refused(actor: str, to: str, says: str) -> None:
    """Who may not add, who may not decide, and who is there already."""
    play = Play({"who": "group:secops", "approve": 2})
    play.decide("cai")
    assert play.do("add_approver", actor, to=to).reason == says


def test_approvers_are_added_a_bounded_number_of_times() -> None:
    """And only while something is asked."""
    assert Play(is_resolved=False).do("add_approver", "ann", to="gus").reason == "no stage is open"
    names = [f"p{n}" for n in range(MAX_ADDED + 1)]
    play = Play()
    play.people = PEOPLE.but(people={**PEOPLE.people, **dict.fromkeys(names, PEOPLE.people["gus"])})
    statuses = [play.do("add_approver", "ann", to=n).status for n in names]
    assert statuses == ["counted"] * MAX_ADDED + ["invalid"]


def test_nobody_is_added_whom_a_later_stage_would_lose() -> None:
    """One more who must agree makes a request harder to pass, and never lets it by who was to decide it later."""
    play = Play({"who": "user:bob"}, {"who": "group:secops", "approve": "all"})
    receipt = play.do("add_approver", "ann", to="dee")
    assert (receipt.status, receipt.reason[:39]) == ("invalid", "to: 'dee' is to decide stage 's2' too, ")
    play = Play({"who": "user:bob"}, {"who": "group:secops", "approve": "all", "distinct": False})
    assert play.do("add_approver", "ann", to="dee").status == "counted"


@pytest.mark.parametrize("who", ["group:gone", "user:bob"])
def test_nobody_is_added_on_whom_a_later_stage_may_fall_back(who: str) -> None:
    """Whether it will need them can't be told before it opens: who is named first may have decided another by then."""
    play = Play({"who": "user:bob"}, {"who": who, "fallback": "user:dee"})
    receipt = play.do("add_approver", "ann", to="dee")
    assert (receipt.status, receipt.reason[:39]) == ("invalid", "to: 'dee' is to decide stage 's2' too, ")
    assert [play.decide(p).status for p in ("bob", "dee")] == ["counted"] * 2


def test_nobody_is_added_who_may_help_out_in_a_later_stage() -> None:
    """It may need their vote."""
    play = Play({"who": "user:cai"}, {"who": "group:leads", "quiet": "user:dee", "approve": 2})
    assert play.do("add_approver", "ann", to="dee").status == "invalid"
    assert [play.decide(p).status for p in ("cai", "bob", "dee")] == ["counted"] * 3


def test_nobody_is_added_whom_a_stage_that_waits_for_an_earlier_one_has_asked_meanwhile() -> None:
    """An escalation had brought them in."""
    later = {"who": "group:leads", "approve": 2, "material": [], "escalate": [{"after": "1h", "to": "user:dee"}]}
    play = Play({"who": "user:cai", "material": ["x"]}, {**later, "reject": 2}, context={"x": 1})
    play.decide("cai")
    play.wait("1h", reads_people=True)
    play.do("amend", "ann", set={"x": 2})
    assert play.stage_states == ["open", "pending"]
    assert play.do("add_approver", "ann", to="dee").status == "invalid"


def test_who_waits_for_a_claim_is_not_added() -> None:
    """They are asked all the same, and the stage would lose them."""
    play = Play({"who": "group:secops", "approve": "all"})
    play.do("claim", "cai")
    assert play.do("add_approver", "ann", to="dee").reason == "to: 'dee' is asked already, or has answered"
    play.decide("cai")
    play.decide("dee")
    assert play.state.outcome == "approved"


def test_who_is_asked_again_when_the_request_comes_back_is_not_added_meanwhile() -> None:
    """Nobody may act until then, and the stage would lose them."""
    play = Play({"who": "group:secops", "approve": "all"}, rework=1)
    play.decide("cai", "rework", comment="which?")
    assert play.do("add_approver", "ann", to="dee").reason == "to: 'dee' is asked already, or has answered"


def test_who_has_given_their_place_away_is_not_added() -> None:
    """It is filled in their name: one person is one vote."""
    play = Play({"who": "user:dee"})
    play.do("delegate", "dee", to="gus")
    assert play.do("add_approver", "ann", to="dee").reason == "to: 'dee' is asked already, or has answered"
    assert play.do("add_approver", "ann", to="cai").status == "counted"
    play.decide("cai")
    play.decide("gus")
    assert play.state.outcome == "approved"


def test_who_could_still_decide_a_parked_stage_is_not_added() -> None:
    """It waits for others to come beside them."""
    play = Play({"who": "group:secops", "approve": 3})
    assert play.stage.state == "parked"
    assert play.do("add_approver", "ann", to="dee").reason == "to: 'dee' is asked already, or has answered"


def test_whose_place_was_given_to_another_is_free_to_be_added() -> None:
    """An operator has taken them out of the stage."""
    play = Play({"who": "user:cai"})
    play.reassign("eli", "gus", "cai")
    assert play.do("add_approver", "ann", to="cai").status == "counted"


def test_nobody_operates_their_own_request() -> None:
    """Neither its deadline nor who has claimed it is theirs to change, whatever role they have."""
    play = Play({"who": "group:secops", "due": "1h"}, requester="eli")
    play.do("claim", "cai")
    assert play.do("release_claim", "eli").status == "not_eligible"
    assert play.do("extend", "eli", by="1d", reason="more").reason.endswith(
        "nobody decides their own, nor how long it may take"
    )


def test_nobody_chooses_who_decides_their_own_request() -> None:
    """An operator whose request it is asks another operator to reassign it."""
    play = Play({"who": "user:bob"}, requester="eli")
    receipt = play.do("reassign", "eli", to="dee", reason="quick", **{"from": "bob"})
    assert (receipt.status, receipt.reason[-23:]) == ("not_eligible", "own, nor who decides it")


def test_an_added_approver_has_the_time_of_those_beside_them() -> None:
    """Else they could hold a request for ever that has a deadline."""
    play = Play({"who": "group:secops", "due": "1d", "remind": "2h", "at_due": "approved", "at_due_positive": True})
    play.do("add_approver", "ann", to="gus")
    added = play.state.stages[1].document
    assert (added.due, added.remind, added.at_due) == ("1d", "2h", "expire")


def test_nobody_stands_in_for_a_delegate_who_is_barred_by_now() -> None:
    """Whoever holds a place of somebody else is judged, too, and so is everybody through whose hands it came."""
    for last, change in (("gus", {"ben": "dee"}), ("eli", {"ben": "gus"})):
        play = Play({"who": "user:cai"}, beneficiary="{{ben}}", context={"ben": "bob"})
        play.do("delegate", "cai", to="dee")
        play.do("delegate", "dee", to="gus") if last == "eli" else None
        play.away("dee" if last == "gus" else "gus", last)
        play.do("amend", "ann", set=change)
        assert play.decide(last).status == "not_eligible"


def test_who_was_handed_a_place_by_somebody_who_is_barred_by_now_does_not_decide() -> None:
    """The first delegate has become a party to the request."""
    play = Play({"who": "user:cai"}, beneficiary="{{ben}}", context={"ben": "bob"})
    play.do("delegate", "cai", to="dee")
    play.do("delegate", "dee", to="gus")
    play.do("amend", "ann", set={"ben": "dee"})
    assert (play.decide("gus").status, play.state.state) == ("not_eligible", "parked")


def test_nobody_stands_in_through_somebody_who_has_left() -> None:
    """A chain of substitutes ends where one is not there any more."""
    play = Play({"who": "user:cai"}, is_resolved=False)
    play.away("cai", "zoe")
    play.away("zoe", "gus")
    play.resolve()
    assert play.may_act() == ["cai"]


def test_what_a_substitute_has_handed_on_stays_when_they_leave() -> None:
    """It is as with a place of one's own; what comes back to them has been nowhere."""
    for hands, leaver, last in ((("gus", "bob"), "gus", "bob"), (("gus", "bob", "gus"), "bob", "gus")):
        play = with_absences(("cai", "gus"))
        for giver, taker in pairwise(hands):
            play.do("delegate", giver, to=taker)
        play.people = people_without(leaver)
        assert play.decide(last).status == "counted"
        assert play.state.decisions[0].on_behalf_of == "cai"


def test_a_place_that_comes_back_to_its_owner_is_theirs_again() -> None:
    """Whoever had it meanwhile may leave, or become a party: nobody waits for them, or is kept from refusing."""
    play = Play({"who": ["user:cai", "user:dee"], "wait_for_all": True, "approve": 1})
    play.do("delegate", "cai", to="gus")
    play.do("delegate", "gus", to="cai")
    play.decide("dee")
    play.people = people_without("gus")
    play.wait("1m", reads_people=True)
    assert (play.state.outcome, play.may_act()) == (None, ["cai"])
    again = Play({"who": "user:cai"})
    for giver, taker in (("cai", "gus"), ("gus", "dee"), ("dee", "gus")):
        again.do("delegate", giver, to=taker)
    again.people = people_without("dee")
    assert again.decide("gus").status == "counted"


def test_whoever_owns_two_places_has_one_vote_whoever_stands_in() -> None:
    """A second place is not given to them: the stage would lack a vote in the end."""
    play = Play({"who": ["user:cai", "user:dee"], "approve": "all"}, is_resolved=False)
    play.away("gus", "bob")
    play.resolve()
    assert play.do("reassign", "eli", to="gus", reason="r", **{"from": "cai"}).status == "counted"
    assert play.do("reassign", "eli", to="gus", reason="r", **{"from": "dee"}).status == "invalid"


def test_who_is_barred_stands_in_for_nobody_in_the_status() -> None:
    """It names those who may act alone."""
    play = Play({"who": "user:cai", "not": "user:gus"}, is_resolved=False)
    play.away("cai", "gus")
    play.resolve()
    assert status(play.state).stages[0].stand_ins == {}
