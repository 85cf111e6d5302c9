"""Blocks: steps that lie in a step and are done once, in order."""

from hitl_temporal.domain.flow.state import Run
from tests.domain.flow.world import World, ask, call, do, each, undo, wait


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


def test_a_block_that_is_stopped_does_not_wait_for_what_never_begins() -> None:
    """However deep in it something goes on."""
    world = World(do("b", do("d", call("x"), call("y"))), call("after", needs=[{"b": "cancelled"}]))
    world.operate("cancel_step", "b")
    assert world.stops("x").states == {
        "b": "cancelled",
        "d": "cancelled",
        "x": "cancelled",
        "y": "skipped",
        "after": "running",
    }


def test_a_block_within_one_that_is_stopped_ends_with_it() -> None:
    """Also if it was stopped by itself before: it ends once."""
    world = World(do("b", do("d", call("x"))), call("after", needs=[{"b": "done"}]))
    world.operate("skip", "d")
    world.operate("cancel_step", "b")
    world.stops("x")
    assert (world.states["d"], world.states["b"], world.states["after"]) == ("cancelled", "cancelled", "running")
    assert [f.key for f in world.facts if f.key.startswith("d:")] == ["d:1:started", "d:1:cancelled"]


def test_the_last_word_about_a_block_counts() -> None:
    """As it does about a job that is being stopped."""
    world = World(do("b", call("x")), call("after"))
    world.operate("cancel_step", "b")
    world.operate("finish", "b", outputs={"v": 1})
    world.stops("x")
    assert (world.step("b").state, world.step("b").outputs, world.states["after"]) == ("succeeded", {"v": 1}, "running")


def test_a_block_fails_with_what_follows_its_failure() -> None:
    """A step within that has parked keeps it running; a block itself fails only by its own bounds."""
    world = World(do("b", call("x")), call("after")).fails("x")
    assert (world.states["b"], world.states["x"], world.run.state) == ("running", "parked", "parked")
    world.operate("skip", "x")
    assert world.states["after"] == "running"


def test_the_undo_of_a_block_runs_before_those_within() -> None:
    """It was completed after them."""
    world = World(do("b", call("x", undo=undo("x")), undo=undo("b")), call("y", on_failure="fail"))
    world.succeeds("x").fails("y")
    assert world.undos == ["b"]
    assert world.undone("b").undos == ["b", "x"]


def test_a_run_waits_while_only_people_are_waited_for() -> None:
    """A block around a question says nothing about whether work goes on."""
    assert World(do("b", ask("a"))).run.state == "waiting"
    assert World(do("b", call("a"))).run.state == "running"
    race = do("race", call("x", needs=[], undo=undo("x")), call("y"), call("z", needs=[]), first=True)
    world = World(race).succeeds("x").succeeds("z").stops("y")
    assert (world.undos, world.run.state) == (["x"], "running")


def test_a_step_skipped_within_a_block_that_waits_stays_skipped() -> None:
    """Also a whole block, with all that lies in it."""
    world = World(call("a"), do("b", call("x"), do("d", call("y"))))
    world.operate("skip", "d")
    assert (world.states["d"], world.states["y"]) == ("skipped", "skipped")
    assert world.succeeds("a").succeeds("x").run.status == "completed"


def test_a_run_is_the_same_after_a_journey_as_json() -> None:
    """What is as it was at first is left out, and is there again."""
    block = do("b", each("e", [1, 2], call("x", undo=undo("x"))), wait("w"))
    world = World(block, call("after")).succeeds("e[0].x", v=1)
    written = world.run.model_dump_json(by_alias=True)
    assert Run.model_validate_json(written) == world.run
    assert '"after":{"since":"2026-03-02T09:00:00Z"}' in written
