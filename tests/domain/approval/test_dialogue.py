"""Talking about a request: comments, questions back, and rework in a bounded number of rounds."""

from tests.domain.approval.playing import Play


def test_what_was_sent_back_is_not_parked() -> None:
    """It waits for its requester, and nobody may decide it meanwhile."""
    play = Play(rework=1)
    assert play.decide("cai", "rework", comment="which port?").status == "counted"
    assert (play.state.state, play.stage.state, play.may_act()) == ("info", "open", [])
    assert play.facts("parked") == []
