"""Branches: the first true one is taken."""

from tests.domain.flow.world import World, call, do, wait


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


def test_a_later_branch_does_not_count_once_one_is_taken() -> None:
    """Its steps are skipped with all that lies in them, and count as succeeded for those who name them."""
    choice = {"id": "c", "choose": [{"if": "true", "do": [call("x")]}, {"if": "true", "do": [do("d", call("y"))]}]}
    world = World(choice)
    assert (world.states["d"], world.states["y"], world.step("y").outcome) == ("skipped", "skipped", None)


def test_a_condition_that_can_not_be_told_parks_the_choice() -> None:
    """It is never taken for a no."""
    world = World({"id": "c", "choose": [{"if": "inputs.n > 1", "do": [call("x")]}, {"else": [call("y")]}]})
    assert (world.states["c"], world.states["x"], world.states["y"]) == ("parked", "waiting", "waiting")
    world.operate("skip", "c")
    assert world.run.status == "completed"


def test_followers_may_name_the_branch() -> None:
    """By its index, as a text."""
    choice = {"id": "c", "choose": [{"if": "false", "do": [call("x")]}, {"else": [call("y")]}]}
    world = World(choice, call("a", needs=[{"c": "0"}]), call("b", needs=[{"c": "1"}])).succeeds("y")
    assert (world.states["a"], world.states["b"]) == ("skipped", "running")


def test_a_branch_that_was_not_taken_is_not_done_by_itself() -> None:
    """The choice can be made again."""
    choice = {"id": "c", "choose": [{"if": "vars.v", "do": [call("x")]}, {"else": [call("y")]}]}
    world = World(choice, wait("w"), vars={"v": True}).succeeds("x")
    receipt = world.operate("rerun", "y")
    says = "step 'c', in which it lies, has taken another branch: rerun that step"
    assert (receipt.status, receipt.reason) == ("closed", says)
    world.operate("set_value", **{"with": {"v": False}})
    world.operate("rerun", "c")
    assert (world.states["x"], world.states["y"]) == ("skipped", "running")
