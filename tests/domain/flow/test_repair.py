"""People say what to do about a failure."""

from tests.domain.flow.world import World, call


def test_people_say_what_to_do_about_a_failure() -> None:
    """They let it be done again with other arguments."""
    world = World(call("a", **{"with": {"v": 1, "w": 2}}, on_failure={"ask": {"who": ["user:bob"]}})).fails("a")
    assert world.states["a"] == "parked"
    assert world.last[-1].approval == "r.a.1.repair"  # type: ignore[union-attr]
    world.repaired("a", "edit", **{"with": {"v": 7}})
    assert world.last[-1].arguments == {"v": 7, "w": 2}  # type: ignore[union-attr]
    assert world.succeeds("a").run.status == "completed"
