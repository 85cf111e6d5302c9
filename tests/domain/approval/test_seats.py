"""Whose place is filled by whom: delegates, substitutes, reassigned places; one vote for each place and person."""

from tests.domain.approval.playing import Play


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
