"""Claiming: one takes it on, the others wait, until it is released, lapses or is escalated."""

from tests.domain.approval.playing import Play

TWO = {"who": "group:secops", "approve": 2}


def test_a_claim_does_not_make_a_stage_undecidable() -> None:
    """The others only wait: who is needed beside the holder is still there."""
    play = Play(TWO)
    assert play.do("claim", "cai").status == "counted"
    assert (play.stage.state, play.may_act()) == ("open", ["cai"])
    play.decide("cai")
    assert (play.stage.state, play.may_act()) == ("open", ["dee"])
