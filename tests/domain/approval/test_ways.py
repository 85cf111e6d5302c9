"""The ways through a stage: everybody heard first, one of each, alternatives, weights, stages side by side."""

import pytest

from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.tally import of_approval
from tests.domain.approval.playing import PEOPLE, Play, people_with, people_without

# --- Wait for all -----------------------------------------------------------------------------------------------------

ALL = {"who": "group:trio", "wait_for_all": True}


def test_nothing_is_settled_before_everybody_has_answered() -> None:
    """Then refusals are looked at first."""
    play = Play(ALL)
    play.decide("cai")
    play.decide("dee", "rejected")
    assert play.state.outcome is None
    play.decide("eli")
    assert play.state.outcome == "rejected"


def test_who_has_left_is_not_waited_for() -> None:
    """The last who could still answer goes: the votes that are there settle it, whoever brings the news."""
    for happens in ("time", "click"):
        play = Play(ALL)
        play.decide("cai")
        play.decide("dee")
        play.people = people_without("eli")
        if happens == "time":
            play.wait("1h", reads_people=True)
        else:
            play.decide("gus")
        assert (play.state.outcome, next_moment(play.state)) == ("approved", None)


def test_a_threshold_that_leavers_have_put_out_of_reach_parks_after_everybody_has_answered() -> None:
    """They have not said no."""
    play = Play({**ALL, "approve": "all"})
    play.decide("cai")
    play.decide("dee")
    play.people = people_without("eli")
    play.wait("1h", reads_people=True)
    assert (play.state.outcome, play.stage.state) == (None, "parked")


def test_a_parked_stage_is_not_settled_by_leavers() -> None:
    """An operator helps, or its deadline comes."""
    play = Play({**ALL, "approve": "all"})
    play.decide("cai")
    play.people = people_without("dee", "eli")
    for _ in range(2):
        play.wait("1h", reads_people=True)
    assert (play.state.outcome, play.stage.state, len(play.facts("parked"))) == (None, "parked", 1)


def test_votes_that_do_not_reach_the_threshold_reject_after_everybody_has_answered() -> None:
    """Two of three had to agree, and one did; nobody else is to be asked."""
    outcomes = {"later": {"label": "Later"}}
    play = Play({**ALL, "approve": 2, "reject": 2}, outcomes=outcomes)
    for person, outcome in (("cai", "approved"), ("dee", "later"), ("eli", "rejected")):
        play.decide(person, outcome)
    assert play.state.outcome == "rejected"


# --- One of each ------------------------------------------------------------------------------------------------------

EACH = {"who": ["group:secops", "group:leads", "user:eli"], "approve": "each"}


def test_one_of_each_entry_must_agree() -> None:
    """Two of one group are not one of each."""
    play = Play(EACH)
    for person in ("cai", "dee", "bob"):
        play.decide(person)
        assert play.state.outcome is None
    assert play.state.live_stages
    play.decide("eli")
    assert play.state.outcome == "approved"


def test_a_person_of_two_entries_counts_for_the_one_that_helps_most() -> None:
    """By best matching, whoever came first."""
    play = Play({"who": ["group:trio", "group:secops"], "approve": "each"})
    play.decide("cai")
    play.decide("eli")
    assert play.state.outcome == "approved"


def test_one_person_is_one_entry() -> None:
    """Nobody counts for two."""
    play = Play({"who": ["group:secops", "user:cai"], "approve": "each"})
    play.decide("cai")
    assert (play.state.outcome, play.may_act()) == (None, ["dee"])


def test_an_entry_that_has_refused_wholly_rejects() -> None:
    """Nobody is left who could agree for it."""
    play = Play({**EACH, "reject": 9})
    assert play.stage.state == "parked"
    play = Play({**EACH, "reject": 2})
    play.decide("eli", "rejected")
    assert play.state.outcome == "rejected"


def test_a_refusal_of_each() -> None:
    """Written for `reject`: one of every entry must refuse."""
    play = Play({"who": ["group:secops", "user:eli"], "approve": 2, "reject": "each"})
    play.decide("cai", "rejected")
    assert play.state.outcome is None
    play.decide("eli", "rejected")
    assert play.state.outcome == "rejected"


def test_the_fallback_stands_in_for_each_entry_that_names_nobody() -> None:
    """The others stay as they are; where nobody at all is named, it stands in for all of them."""
    play = Play({"who": ["group:secops", "group:empty"], "approve": "each", "fallback": "user:eli"})
    assert (play.may_act(), play.facts("asked")[0]["fallback"]) == (["cai", "dee", "eli"], True)
    play.decide("cai")
    play.decide("eli")
    assert play.state.outcome == "approved"
    nobody = Play({"who": ["group:gone", "group:empty"], "approve": "each", "fallback": "group:secops"})
    assert (nobody.may_act(), nobody.stage.ways[0].needed) == (["cai", "dee"], 2)


def test_one_entry_is_each_of_one() -> None:
    """Its fallback is that of any stage."""
    play = Play({"who": "group:empty", "approve": "each", "fallback": "user:cai"})
    play.decide("cai")
    assert play.state.outcome == "approved"


def test_an_entry_without_anybody_parks() -> None:
    """One of each can't be had."""
    play = Play({"who": ["group:secops", "group:empty"], "approve": "each"})
    assert play.stage.reason == "2 votes are needed, but only 1 can act"


def test_who_changes_teams_takes_no_vote_along() -> None:
    """A vote counts for what its author was asked for: legal's second yes does not become finance's."""
    for away_to in ((), ("cai",)):
        play = Play({"who": ["group:secops", "group:leads"], "approve": "each"})
        play.decide("cai")
        play.people = play.people.but(
            groups={
                **play.people.groups,
                "secops": play.people.groups["secops"].but(members=("dee",)),
                "leads": play.people.groups["leads"].but(members=("bob", *away_to)),
            }
        )
        play.decide("dee")
        assert play.state.outcome is None
        play.decide("bob")
        assert play.state.outcome == "approved"


def test_who_answers_after_changing_teams_counts_for_the_new_one() -> None:
    """They are asked as a member of that."""
    play = Play({"who": ["group:secops", "group:leads"], "approve": "each"})
    play.people = people_with("leads", "bob", "cai")
    play.people = play.people.but(
        groups={**play.people.groups, "secops": PEOPLE.groups["secops"].but(members=("dee",))}
    )
    play.decide("cai")
    play.decide("dee")
    assert play.state.outcome == "approved"


# --- Alternatives -----------------------------------------------------------------------------------------------------

TRIO = "group:trio"
EITHER = {"any_of": [{"who": "group:secops", "approve": "all"}, {"who": "user:eli"}]}


def test_the_first_way_that_is_met_ends_the_stage() -> None:
    """Two of secops, or the one admin."""
    for people in (("cai", "dee"), ("eli",)):
        play = Play(EITHER)
        for person in people:
            assert play.state.outcome is None
            play.decide(person)
        assert play.state.outcome == "approved"


def test_votes_on_two_ways_do_not_add_up() -> None:
    """Whom one way names does not count on another."""
    play = Play({"any_of": [{"who": "group:secops", "approve": 2}, {"who": ["user:eli", "user:bob"], "approve": 2}]})
    play.decide("cai")
    play.decide("eli")
    assert play.state.outcome is None
    assert of_approval(play.state) == "1 of 2 from secops or 1 of 2 from eli and bob, secops and bob pending"


def test_whom_an_operator_brings_in_counts_on_every_way() -> None:
    """No way names them, and the operator could have given them any place."""
    play = Play({"any_of": [{"who": "group:secops", "approve": 2}, {"who": ["user:eli", "user:bob"], "approve": 2}]})
    play.reassign("eli", "gus")
    play.decide("gus")
    play.decide("bob")
    assert play.state.outcome == "approved"


def test_refusals_count_over_all_ways_together() -> None:
    """`reject: all` is all of those who are named anywhere."""
    play = Play({**EITHER, "reject": "all"})
    for person in ("cai", "dee"):
        play.decide(person, "rejected")
        assert play.state.outcome is None
    play.decide("eli", "rejected")
    assert play.state.outcome == "rejected"


def test_a_way_that_is_out_of_reach_leaves_the_others() -> None:
    """Only when none is possible any more it is rejected by votes, or parked by leavers."""
    play = Play({**EITHER, "reject": 3})
    play.decide("cai", "rejected")
    assert play.state.outcome is None
    play.people = people_without("eli")
    play.decide("gus")
    assert play.stage.reason == "too few are left: none of the ways to agree is possible any more"


def test_a_way_may_need_one_of_each() -> None:
    """Beside one that does not."""
    play = Play({"any_of": [{"who": ["user:cai", "user:dee"], "approve": "each"}, {"who": "user:eli"}]})
    assert [w.needed for w in play.stage.ways] == [2, 1]
    play.decide("cai")
    play.decide("dee")
    assert play.state.outcome == "approved"


def test_the_fallback_is_asked_where_no_way_names_anybody() -> None:
    """Not where one does."""
    none = {"any_of": [{"who": "group:empty"}, {"who": "group:gone", "approve": 2}], "fallback": "group:secops"}
    assert Play(none).may_act() == ["cai", "dee"]
    one = {"any_of": [{"who": "group:empty"}, {"who": "user:eli"}], "fallback": "group:secops"}
    assert Play(one).may_act() == ["eli"]


# --- Who is named by none of them -------------------------------------------------------------------------------------

SEVERAL = [
    {"who": ["group:secops", "group:leads"], "approve": "each"},
    {"any_of": [{"who": "group:trio", "approve": 3}, {"who": "group:leads"}]},
]


@pytest.mark.parametrize("stage", SEVERAL)
def test_who_is_quiet_and_in_no_entry_agrees_for_none(stage: dict[str, object]) -> None:
    """Of each entry means of each, and one of the leads is one of the leads."""
    play = Play({**stage, "quiet": ["user:gus", "user:eli"]})
    assert [play.decide(p).status for p in ("gus", "eli")] == ["counted"] * 2
    assert play.state.outcome is None
    for person in ("cai", "bob"):
        play.decide(person)
    assert play.state.outcome == "approved"


@pytest.mark.parametrize("stage", SEVERAL)
def test_whom_an_escalation_adds_agrees_for_none_that_does_not_name_them(stage: dict[str, object]) -> None:
    """Nothing says for which of them they would stand; they may refuse."""
    play = Play({**stage, "escalate": [{"after": "1h", "to": "user:gus"}]})
    play.wait("1h")
    assert play.decide("gus").status == "counted"
    assert play.state.outcome is None
    play = Play({**stage, "escalate": [{"after": "1h", "to": "user:gus"}]})
    play.wait("1h")
    play.decide("gus", "rejected")
    assert play.state.outcome == "rejected"


@pytest.mark.parametrize("people", [("eli", "bob"), ("bob", "eli")])
def test_who_is_quiet_and_in_an_entry_agrees_for_it(people: tuple[str, ...]) -> None:
    """They are not told, and that is all."""
    play = Play({"who": ["group:trio", "group:leads"], "approve": "each", "quiet": "user:eli"})
    for person in people:
        assert play.state.outcome is None
        play.decide(person)
    assert play.state.outcome == "approved"


def test_who_is_quiet_and_in_no_entry_refuses_for_none() -> None:
    """One of each must refuse."""
    play = Play({"who": ["group:secops", "group:leads"], "approve": 2, "reject": "each", "quiet": "user:gus"})
    play.decide("gus", "rejected")
    play.decide("cai", "rejected")
    assert play.state.outcome is None
    play.decide("bob", "rejected")
    assert play.state.outcome == "rejected"


def test_an_entry_is_not_filled_by_those_who_are_in_none() -> None:
    """It has nobody who may act, whoever helps out: one of each can't be had."""
    play = Play({"who": ["group:secops", "group:empty"], "approve": "each", "quiet": "user:gus"})
    assert play.stage.reason == "2 votes are needed, but only 1 can act"


def test_whom_an_escalation_lets_into_a_stage_that_has_nobody_stands_in_for_every_entry() -> None:
    """They are its fallback then."""
    play = Play({"who": ["group:gone", "group:empty"], "approve": "each", "escalate": [{"after": "1h", "to": TRIO}]})
    play.wait("1h")
    play.decide("cai")
    play.decide("dee")
    assert play.state.outcome == "approved"


def test_an_operator_lets_somebody_stand_in_for_an_entry_who_is_there_quietly() -> None:
    """They had a place before, which counted for nothing."""
    play = Play({"who": ["group:secops", "group:empty"], "approve": "each", "quiet": "user:gus"})
    assert play.reassign("eli", "gus").status == "counted"
    assert play.stage.state == "open"
    play.decide("gus")
    play.decide("cai")
    assert play.state.outcome == "approved"


# --- Weights ----------------------------------------------------------------------------------------------------------

HEAVY = {"who": "group:trio", "weights": {"user:eli": 3, "group:trio": 2, "user:cai": 1}}


def test_weights_are_added_up() -> None:
    """The largest that is said of a person; 1 where nothing is."""
    play = Play({**HEAVY, "approve": 5})
    play.decide("cai")
    assert of_approval(play.state) == "2 of 5, trio pending"
    play.decide("eli")
    assert play.state.outcome == "approved"
    light = Play({"who": "group:trio", "weights": {"user:eli": 3}, "approve": 4})
    light.decide("cai")
    light.decide("eli")
    assert light.state.outcome == "approved"


@pytest.mark.parametrize(("approve", "needed"), [("all", 7), ("50%", 4), ("any", 1), (6, 6)])
def test_thresholds_are_taken_of_weights(approve: str | int, needed: int) -> None:
    """All of 2 + 2 + 3."""
    assert Play({**HEAVY, "approve": approve}).stage.ways[0].needed == needed


def test_more_weight_than_there_is_parks() -> None:
    """As with votes."""
    assert Play({**HEAVY, "approve": 8}).stage.reason == "8 votes are needed, but only 7 can act"


def test_refusals_have_their_weight_too() -> None:
    """One heavy refusal is enough."""
    play = Play({**HEAVY, "reject": 3})
    play.decide("cai", "rejected")
    assert play.state.outcome is None
    play.decide("eli", "rejected")
    assert play.state.outcome == "rejected"


def test_weights_of_the_ask_hold_for_every_stage() -> None:
    """That has none of its own; what is rendered may name nobody."""
    play = Play({"who": "group:trio", "approve": 4}, weights={"{{who}}": 3}, context={"who": "user:eli"})
    play.decide("eli")
    play.decide("cai")
    assert play.state.outcome == "approved"


def test_who_holds_two_heavy_places_fills_the_heavier() -> None:
    """What is still possible is counted so; one person is one vote."""
    play = Play({**HEAVY, "approve": 5})
    play.do("delegate", "cai", to="gus")
    assert play.do("delegate", "eli", to="gus").status == "counted"
    assert play.stage.state == "open"
    assert play.do("delegate", "dee", to="gus").status == "invalid"


def test_one_of_each_is_counted_exactly_where_somebody_holds_two_places() -> None:
    """Who holds both places of one entry may fill one of them; the other entry needs somebody else."""
    play = Play({"who": ["group:secops", "user:eli", "user:bob"], "approve": "each"})
    play.do("delegate", "cai", to="gus")
    assert play.do("delegate", "dee", to="gus").status == "counted"
    assert play.do("delegate", "bob", to="gus").status == "invalid"
    play.decide("eli")
    assert play.stage.state == "open"


def test_a_vote_keeps_its_weight_whatever_its_author_becomes() -> None:
    """It weighed two when it was given."""
    play = Play({"who": ["user:cai", "user:dee", "user:eli"], "weights": {"group:secops": 2}, "approve": 4})
    play.decide("cai")
    play.people = people_with("secops", "dee")
    play.decide("dee")
    assert play.state.outcome == "approved"


def test_a_vote_stays_on_its_way() -> None:
    """Who goes over to the others does not count among them."""
    play = Play({"any_of": [{"who": "group:secops", "approve": 2}, {"who": "group:leads", "approve": 2}]})
    play.reassign("eli", "gus")
    play.decide("cai")
    play.people = people_with("leads", "bob", "cai")
    play.decide("bob")
    assert play.state.outcome is None


def test_an_edit_counts_for_who_is_named_now() -> None:
    """The answer that came with it is one of the new round."""
    ask = {"context": {"who": "group:trio"}, "edit": ["who"]}
    play = Play({"who": ["{{who}}", "user:bob"], "approve": "each"}, **ask)
    play.decide("bob")
    assert play.decide("cai", edit={"who": "group:trio"}).status == "counted"
    assert play.state.outcome == "approved"
    play = Play({"who": ["{{who}}", "user:cai"], "approve": "each"}, **ask)
    play.people = people_with("secops", "cai", "dee")
    assert play.decide("cai", edit={"who": "group:secops"}).status == "counted"
    play.wait("0s", reads_people=True)
    assert play.state.decisions[0].counts_for == ("group:secops", "user:cai")
    play.decide("dee")
    assert play.state.outcome == "approved"


# --- Side by side -----------------------------------------------------------------------------------------------------

BESIDE = {"parallel": [{"name": "a", "who": "user:cai"}, {"name": "b", "who": "group:secops"}]}


def test_stages_side_by_side_are_asked_at_once() -> None:
    """All of them must be passed before the next is asked."""
    play = Play(BESIDE, {"name": "c", "who": "group:leads"})
    assert play.sent("asked") == ["cai", "cai", "dee"]
    play.decide("cai")
    assert play.stage_states == ["approved", "open", "pending"]
    play.decide("dee")
    assert play.stage_states == ["approved", "approved", "open"]


def test_a_refusal_of_one_ends_all() -> None:
    """The others are left as they are."""
    play = Play(BESIDE)
    play.decide("dee", "rejected")
    assert (play.state.outcome, play.stage_states) == ("rejected", ["skipped", "rejected"])


def test_who_is_asked_in_two_is_counted_in_the_first() -> None:
    """And no more in the second, where nobody decides two stages."""
    play = Play(BESIDE)
    play.decide("cai", key="1")
    assert play.state.decisions[0].stage == "a"
    assert play.decide("cai", key="2").status == "not_eligible"
    assert of_approval(play.state) == "0 of 1, secops pending"


def test_where_it_is_allowed_one_person_decides_both() -> None:
    """With two clicks; each has the stage in its key."""
    play = Play({"parallel": [{**s, "distinct": False} for s in BESIDE["parallel"]]})
    assert play.decide("cai").key != play.decide("cai").key
    assert play.state.outcome == "approved"


def test_a_stage_that_needs_who_has_decided_beside_it_parks() -> None:
    """All of two, and one of them is used up: nobody has refused."""
    play = Play({"parallel": [BESIDE["parallel"][0], {**BESIDE["parallel"][1], "approve": "all"}]})
    play.decide("cai")
    assert play.stage_states == ["approved", "parked"]
    assert play.state.state == "parked"


def test_stages_side_by_side_have_one_condition() -> None:
    """Beside their own."""
    both = [{**s, "when": "x > 1"} if s["name"] == "a" else s for s in BESIDE["parallel"]]
    stages = ({"parallel": both, "when": "x > 0", "name": "check"}, {"name": "c", "who": "group:leads"})
    for x, states in (
        (0, ["skipped", "skipped", "open"]),
        (1, ["skipped", "open", "pending"]),
        (2, ["open", "open", "pending"]),
    ):
        play = Play(*stages, context={"x": x})
        assert play.stage_states == states
    assert Play(*stages, context={"x": 0}).stage.reason == "when: x > 0"


def test_the_tally_of_stages_side_by_side_names_each() -> None:
    """So that everybody sees what is missing where."""
    assert of_approval(Play(BESIDE).state) == "a: 0 of 1, cai pending; b: 0 of 1, secops pending"


def test_the_deadline_of_one_ends_all() -> None:
    """Its own outcome is the approval's; the other had time yet."""
    play = Play({"parallel": [{**BESIDE["parallel"][0], "due": "1h"}, {**BESIDE["parallel"][1], "due": "2h"}]})
    play.wait("1h")
    assert (play.state.outcome, play.stage_states) == ("expired", ["expired", "skipped"])
