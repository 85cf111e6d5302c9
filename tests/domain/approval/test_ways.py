"""The ways through a stage: everybody heard first, one of each, alternatives, weights, stages side by side."""

from hitl_temporal.domain.approval.clock import next_moment
from tests.domain.approval.playing import Play, people_without

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


def test_votes_that_do_not_reach_the_threshold_reject_after_everybody_has_answered() -> None:
    """Two of three had to agree, and one did; nobody else is to be asked."""
    outcomes = {"later": {"label": "Later"}}
    play = Play({**ALL, "approve": 2, "reject": 2}, outcomes=outcomes)
    for person, outcome in (("cai", "approved"), ("dee", "later"), ("eli", "rejected")):
        play.decide(person, outcome)
    assert play.state.outcome == "rejected"
