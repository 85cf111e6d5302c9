"""A step is done again, alone or with what follows."""

from tests.domain.flow.world import World, call, each, wait


def test_a_finished_item_is_rerun() -> None:
    """Its each is under way again, and counts on in its ids."""
    world = World(each("e", [1, 2], call("x")), wait("w")).succeeds("e[0].x", v=1).succeeds("e[1].x", v=2)
    assert world.operate("rerun", "e[0].x").status == "done"
    assert (world.states["e"], world.step("e[0].x").n) == ("running", 2)
    world.succeeds("e[0].x", v=3)
    assert world.step("e").outputs == {"items": [{"x": {"v": 3}}, {"x": {"v": 2}}], "failed": []}
    world.operate("rerun", "e")
    assert world.step("e[1].x").n == 3
