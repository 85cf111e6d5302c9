"""The count in words, for people."""

import pytest
from inline_snapshot import snapshot

from hitl_temporal.domain.approval.tally import MAX_TALLY, in_words, of_approval
from tests.domain.approval.playing import Play, people_without


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
