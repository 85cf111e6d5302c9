"""Blocks: steps that lie in a step and are done once, in order."""

from tests.domain.flow.world import World, call, do


def test_a_block_runs_from_its_first_step_to_its_last() -> None:
    """Its steps follow each other, and its followers wait for all of them."""
    world = World(do("b", call("x"), call("y")), call("after"))
    assert world.states == {"b": "running", "x": "running", "y": "waiting", "after": "waiting"}
    world.succeeds("x").succeeds("y")
    assert world.states == {"b": "succeeded", "x": "succeeded", "y": "succeeded", "after": "running"}
    assert world.succeeds("after").run.status == "completed"


def test_a_block_within_a_block() -> None:
    """Any depth."""
    world = World(do("a", do("b", do("c", call("x")))), call("after"))
    assert world.succeeds("x").states["after"] == "running"


def test_an_operator_cancels_a_block() -> None:
    """What goes on in it is stopped first."""
    world = World(do("b", call("x"), call("y")), call("after", needs=[{"b": "cancelled"}]))
    assert world.operate("cancel_step", "b").changes == ("b: cancelled once it has stopped",)
    assert world.stops("x").states == {"b": "cancelled", "x": "cancelled", "y": "skipped", "after": "running"}
