"""Branches: the first true one is taken."""

from tests.domain.flow.world import World, call


def test_a_choice_takes_the_first_true_branch() -> None:
    """Its index is the outcome; the steps of the others are skipped."""
    branches = [{"if": "inputs.n > 5", "do": [call("big")]}, {"if": "inputs.n > 1", "do": [call("some")]}]
    choice = {"id": "c", "choose": [*branches, {"else": [call("none")]}]}
    world = World(choice, call("after"), inputs={"n": 3}, declared={"n": {"type": "integer"}})
    assert world.states == {"c": "running", "big": "skipped", "some": "running", "none": "skipped", "after": "waiting"}
    world.succeeds("some")
    assert (world.step("c").outcome, world.states["after"]) == ("1", "running")


def test_a_choice_without_a_true_branch_is_skipped() -> None:
    """Its followers go on."""
    world = World({"id": "c", "choose": [{"if": "false", "do": [call("x")]}]}, call("after"))
    assert world.states == {"c": "skipped", "x": "skipped", "after": "running"}
    assert world.step("c").outcome is None
