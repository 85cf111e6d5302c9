"""The count in words, for people."""

import pytest
from inline_snapshot import snapshot

from hitl_temporal.domain.approval.tally import MAX_TALLY, in_words, of_approval
from tests.domain.approval.playing import Play, people_with, people_without


def test_a_stage_is_told_in_words() -> None:
    """How many have agreed of how many, how many are against, and whom it waits for."""
    secops, trio = {"who": "group:secops", "approve": 2}, {"who": "group:trio", "approve": 2, "reject": 2}
    told: dict[str, str] = {}

    def tell(name: str, play: Play) -> None:
        told[name] = of_approval(play.state)

    tell("fresh", play := Play(secops))
    play.decide("cai")
    tell("half", play)
    play.decide("dee")
    tell("whole", play)
    tell("mixed", play := Play(trio))
    play.decide("cai", "rejected")
    play.decide("dee")
    tell("one each way", play)
    tell("persons", Play({"who": ["user:cai", "manager:requester"], "approve": "all"}))
    tell("groups", play := Play({"who": ["group:leads", "group:secops", "role:admin"], "approve": "all"}))
    play.decide("cai")
    play.decide("dee")
    tell("a group has answered", play)
    tell("owner", Play({"who": "owner:erp"}))
    tell("overlapping", Play({"who": ["user:cai", "group:secops", "user:cai"]}))
    tell("nobody", Play({"who": "group:empty"}))
    play = Play({"who": "group:trio", "approve": 3})
    play.people = people_without("eli")
    play.decide("cai")
    tell("stuck", play)
    tell("second stage", play := Play({"who": "group:leads"}, {"who": "group:secops"}))
    play.decide("bob")
    tell("second stage open", play)
    play.withdraw("ann")
    tell("withdrawn", play)
    tell("skipped", Play({"who": "group:leads", "when": "false"}))
    tell("by rule", Play(auto=[{"if": "true", "outcome": "approved"}]))
    tell("before people are known", Play(is_resolved=False))
    assert told == snapshot(
        {
            "fresh": "0 of 2, secops pending",
            "half": "1 of 2, secops pending",
            "whole": "2 of 2",
            "mixed": "0 of 2, trio pending",
            "one each way": "1 of 2, 1 of 2 against, trio pending",
            "persons": "0 of 2, cai and bob pending",
            "groups": "0 of 4, leads and secops and admin pending",
            "a group has answered": "2 of 4, leads and admin pending",
            "owner": "0 of 1, erp pending",
            "overlapping": "0 of 1, cai and secops pending",
            "nobody": "0 of 1, parked: nobody can act: group:empty names no eligible person",
            "stuck": "1 of 3, parked: too few are left: 3 must agree, only 2 can",
            "second stage": "0 of 1, leads pending",
            "second stage open": "0 of 1, secops pending",
            "withdrawn": "0 of 1",
            "skipped": "parked: no stage applies: every `when` is false",
            "by rule": "",
            "before people are known": "",
        }
    )


EACH = {"who": ["group:secops", "group:leads"], "approve": "each"}


def test_one_of_each_waits_only_for_the_entries_that_are_missing() -> None:
    """A second vote of the same entry would bring it no nearer."""
    play = Play(EACH)
    assert play.decide("cai").tally == "1 of 2, leads pending"
    assert play.may_act() == ["dee", "bob"]


def test_one_of_each_waits_for_everybody_whose_vote_can_be_moved_to_another_entry() -> None:
    """Whoever is in both counts for the one that helps most."""
    play = Play({"who": ["group:trio", "group:secops"], "approve": "each"})
    assert play.decide("cai").tally == "1 of 2, trio and secops pending"
    assert Play(EACH).decide("ann").tally == "0 of 2, secops and leads pending"


def test_one_of_each_waits_for_whoever_brings_one_of_its_outcomes_nearer() -> None:
    """Outcomes do not add up: for one the leads are missing, for the other secops."""
    play = Play(EACH, outcomes={"fine": {"label": "Fine", "positive": True}})
    play.people = people_with("leads", "bob", "gus")
    assert play.decide("cai").tally == "1 of 2, leads pending"
    assert play.decide("bob", "fine").tally == "1 of 2, secops and leads pending"


def test_who_is_to_be_heard_too_is_pending_although_their_entry_has_its_vote() -> None:
    """Nothing is settled before."""
    assert Play({**EACH, "wait_for_all": True}).decide("cai").tally == "1 of 2, secops and leads pending"


def test_a_stage_of_several_ways_does_not_wait_for_those_whom_none_names() -> None:
    """They could only refuse."""
    play = Play({"any_of": [{"who": "group:secops", "approve": 2}, {"who": "user:eli"}], "quiet": "user:gus"})
    assert of_approval(play.state) == "0 of 2 from secops or 0 of 1 from eli, secops and eli pending"


def test_sending_back_is_no_refusal() -> None:
    """Nothing has been said against it."""
    play = Play({"who": "group:secops", "approve": 2}, rework=1)
    assert play.decide("cai", "rework", comment="which?").tally == "0 of 2"


def test_who_has_been_given_a_place_is_pending_and_not_its_former_holder() -> None:
    """Of a person's place; of a group's where none of the group may act any more."""
    play = Play({"who": ["user:cai", "group:leads"], "approve": 2})
    assert play.reassign("eli", "gus", "cai").tally == "0 of 2, gus and leads pending"
    assert play.do("delegate", "bob", to="dee").tally == "0 of 2, gus and dee pending"
    play = Play({"who": "group:secops", "approve": 2})
    assert play.reassign("eli", "gus", "cai").tally == "0 of 2, secops pending"
    assert play.reassign("eli", "bob", "dee").tally == "0 of 2, gus and bob pending"


def test_who_is_away_is_pending_and_their_substitute_is_not_named() -> None:
    """It is one place, and they may still answer."""
    play = Play({"who": "user:cai"}, is_resolved=False)
    play.away("cai", "gus")
    play.resolve()
    assert of_approval(play.state) == "0 of 1, cai pending"


@pytest.mark.parametrize("state", ["pending", "skipped"])
def test_a_stage_that_has_not_begun_counts_nothing(state: str) -> None:
    """Its threshold is not known before it opens."""
    stages = [{"who": "group:leads", "when": "false"}, {"who": "group:leads"}, {"who": "group:secops", "approve": 2}]
    play = Play(*stages)
    assert [in_words(play.state, s) for s in play.state.stages] == ["skipped", "0 of 1, leads pending", "not open yet"]


def test_a_receipt_tells_the_count_just_after_it() -> None:
    """The next stage's, once it is open; who takes no part is not told how it stands."""
    play = Play({"who": "group:secops", "approve": 2}, {"who": "group:leads"})
    assert [play.decide(p).tally for p in ("gus", "ann", "cai", "dee", "bob")] == snapshot(
        ["", "0 of 2, secops pending", "1 of 2, secops pending", "0 of 1, leads pending", "1 of 1"]
    )


def test_a_tally_is_bounded() -> None:
    """Every receipt that is kept has one."""
    beside = [{"name": f"stage-{n}-{'x' * 60}", "who": "user:cai", "distinct": False} for n in range(20)]
    play = Play({"parallel": beside})
    assert len(of_approval(play.state)) == MAX_TALLY
