"""The second judge of the properties (oracle.py): what it has been wrong about."""

from hitl_temporal.domain.approval.state import Approval
from tests.domain.approval import oracle
from tests.domain.approval.playing import Play


def _world(state: Approval) -> oracle.World:
    return oracle.World(state.roster, state.now)


def test_a_place_that_an_operator_adds_does_not_go_the_way_of_earlier_ones() -> None:
    """What gus had given away before is not what he is given now."""
    play = Play({"who": "user:bob"})
    play.do("delegate", "bob", to="gus")
    play.do("delegate", "gus", to="eli")
    assert play.reassign("eli", "gus").status == "counted"
    assert oracle.speaks_for(_world(play.state), play.state, play.stage, "gus") == {"gus"}
    before = play.state
    assert play.decide("gus").status == "counted"
    assert oracle.why_not(_world(before), before, before.stages[0], play.state.decisions[0]) is None


def test_who_owns_two_places_has_one_vote_by_whoever_holds_them() -> None:
    """Cai delegates one and is given another: all three would be two votes in cai's name."""
    play = Play({"who": ["user:cai", "user:dee"], "approve": 1})
    play.do("delegate", "cai", to="bob")
    play.reassign("eli", "cai", "dee")
    for needed, could in ((1, True), (2, False)):
        ways = tuple(w.but(needed=needed) for w in play.stage.ways)
        found = oracle.could_agree(_world(play.state), play.state, play.stage.but(ways=ways), lambda _: frozenset())
        assert found == could
