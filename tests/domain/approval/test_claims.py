"""Claiming: one takes it on, the others wait, until it is released, lapses or is escalated."""

from datetime import timedelta

from tests.domain.approval.playing import Play, people_with, people_without

TWO = {"who": "group:secops", "approve": 2}


def test_a_claim_does_not_make_a_stage_undecidable() -> None:
    """The others only wait: who is needed beside the holder is still there."""
    play = Play(TWO)
    assert play.do("claim", "cai").status == "counted"
    assert (play.stage.state, play.may_act()) == ("open", ["cai"])
    play.decide("cai")
    assert (play.stage.state, play.may_act()) == ("open", ["dee"])


def test_a_claim_narrows_who_may_act_to_its_holder() -> None:
    """The others are told who has it, and until when; the holder is counted."""
    play = Play()
    receipt = play.do("claim", "cai")
    assert (receipt.status, receipt.tally) == ("counted", "0 of 1, cai pending")
    until = play.stage.claim.until.isoformat() if play.stage.claim else ""
    assert play.decide("dee").reason == f"'cai' has claimed it until {until}"
    assert play.do("claim", "dee").status == "not_eligible"
    assert play.decide("cai").status == "counted"


def test_a_claim_by_who_may_not_act_is_refused() -> None:
    """Strangers, requesters, and who has answered already: each is told why."""
    play = Play(TWO)
    play.decide("cai")
    assert play.do("claim", "gus").reason == "'gus' is not asked in stage 's1'"
    assert play.do("claim", "ann").reason == "'ann' is the requester of this request: nobody decides their own"
    assert play.do("claim", "cai").reason == "'cai' has already answered in stage 's1'"
    assert Play(is_resolved=False).do("claim", "cai").reason == "no stage is open"


def test_a_claim_is_released_by_its_holder_or_an_operator() -> None:
    """The others are told that it is theirs again."""
    for actor in ("cai", "eli"):
        play = Play()
        play.do("claim", "cai")
        assert play.do("release_claim", "dee").reason == "there is no claim of yours to release"
        assert play.do("release_claim", actor).status == "counted"
        assert (play.may_act(), play.sent("notice")) == (["cai", "dee"], ["dee"])
        assert play.do("release_claim", actor, key="again").status == "not_eligible"


def test_a_claim_lapses() -> None:
    """After the lease of the stage; everybody who may act is told."""
    play = Play({"who": "group:secops", "lease": "1h"})
    play.do("claim", "cai")
    play.wait("59m")
    assert play.may_act() == ["cai"]
    play.wait("1m")
    assert (play.stage.claim, play.may_act(), play.sent("notice")) == (None, ["cai", "dee"], ["cai", "dee"])
    assert [f["actor"] for f in play.facts("claim_lapsed")] == ["cai"]


def test_a_stage_that_is_asked_again_is_nobodys() -> None:
    """Who had claimed it has claimed something else."""
    play = Play(context={"x": 1}, material=["x"])
    play.do("claim", "cai")
    play.do("amend", "ann", set={"x": 2})
    assert play.may_act() == ["cai", "dee"]


def test_a_stage_that_has_waited_for_an_earlier_one_is_nobodys() -> None:
    """Nobody waits for who had claimed it, for it may have waited for long."""
    play = Play({"who": "user:bob", "material": ["x"]}, {"who": "group:secops", "lease": "1w"}, context={"x": 1})
    play.decide("bob")
    play.do("claim", "cai")
    play.do("amend", "ann", set={"x": 2})
    assert play.state.stage("s2").claim is None
    play.decide("bob")
    assert play.may_act("s2") == ["cai", "dee"]


def test_a_claim_again_renews_the_lease() -> None:
    """Each is a fact of its own, also in one and the same moment."""
    play = Play({"who": "group:secops", "lease": "1h"})
    for _ in range(2):
        play.do("claim", "cai", key="now")
    play.do("claim", "cai")
    play.wait("30m")
    play.do("claim", "cai")
    play.wait("30m")
    assert (play.may_act(), len(play.facts("claimed"))) == (["cai"], 3)
    assert len({e.key for e in play.effects if hasattr(e, "key")}) == 5


def test_a_lease_that_no_calendar_can_tell_is_four_hours() -> None:
    """A claim never holds for ever."""
    play = Play({"who": "group:secops", "lease": "1bd", "calendar": "mars"})
    play.do("claim", "cai")
    play.wait("4h")
    assert play.stage.claim is None


def test_an_escalation_ends_a_claim() -> None:
    """Whoever has it has let it lie."""
    step = {"after": "1h", "how": "notify", "to": ["group:leads"]}
    play = Play({"who": "group:secops", "escalate": [step]})
    play.do("claim", "cai")
    play.wait("1h")
    assert (play.stage.claim, play.may_act()) == (None, ["cai", "dee"])


def test_a_holder_who_has_left_keeps_nobody_waiting() -> None:
    """The claim of somebody who can't act is none."""
    play = Play(TWO)
    play.people = people_with("secops", "cai", "dee", "gus")
    play.do("claim", "cai")
    play.people = people_without("cai")
    assert play.decide("dee").status == "counted"


def test_a_counted_answer_gives_the_claim_back() -> None:
    """Where more than one is needed, the others go on."""
    play = Play(TWO)
    play.do("claim", "cai")
    play.decide("cai")
    assert (play.stage.claim, play.may_act()) == (None, ["dee"])


def test_a_claim_goes_with_the_place() -> None:
    """Who delegates what they had claimed does not keep others waiting."""
    play = Play()
    play.do("claim", "cai")
    play.do("delegate", "cai", to="gus")
    assert (play.stage.claim, play.may_act()) == (None, ["gus", "dee"])


def test_a_claim_stays_where_somebody_else_gives_their_place_away() -> None:
    """It is its holder's."""
    play = Play({"who": "group:trio"})
    play.do("claim", "cai")
    play.reassign("eli", "gus", "dee")
    assert play.may_act() == ["cai"]


def test_a_parked_stage_has_no_claim() -> None:
    """Nobody can hold what nobody can decide."""
    play = Play(TWO)
    play.do("claim", "cai")
    play.people = people_without("dee")
    play.wait("1m", reads_people=True)
    assert (play.stage.state, play.stage.claim) == ("parked", None)


def test_who_came_during_a_claim_is_asked_when_a_command_finds_it_lapsed() -> None:
    """No other moment may ever come."""
    play = Play()
    play.do("claim", "cai")
    play.people = people_with("secops", "cai", "dee", "gus")
    play.wait("1m", reads_people=True)
    play.now += timedelta(days=3)
    play.do("comment", "ann", text="hi")
    assert (play.may_act(), play.sent("asked")[-1]) == (["cai", "dee", "gus"], "gus")
