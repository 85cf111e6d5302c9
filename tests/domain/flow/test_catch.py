"""Steps that mend the failure of another."""

from tests.domain.flow.world import World, ask, call, each, wait


def test_steps_that_catch_mend_a_failure() -> None:
    """The step has failed, and its followers go on."""
    world = World(call("a", on_failure={"catch": [call("mend")]}), call("after")).fails("a")
    assert world.states == {"a": "running", "mend": "running", "after": "waiting"}
    world.succeeds("mend")
    assert world.states == {"a": "failed", "mend": "succeeded", "after": "running"}
    assert world.succeeds("after").run.status == "completed"


def test_what_is_not_caught_is_skipped() -> None:
    """There was nothing to mend."""
    world = World(call("a", on_failure={"catch": [call("mend")]}), call("after")).succeeds("a")
    assert world.states == {"a": "succeeded", "mend": "skipped", "after": "running"}


def test_what_is_not_mended_parks() -> None:
    """With both errors; what mends may be done again."""
    world = World(call("a", on_failure={"catch": [call("mend", on_failure="continue"), call("more")]}), call("after"))
    world.fails("a", "lost").stops("mend")
    assert (world.states["a"], world.states["after"]) == ("parked", "waiting")
    assert world.step("a").error == "lost; and its catch has not mended it: 'mend' is cancelled"
    world.operate("rerun", "mend", **{"as": "from"})
    assert (world.states["a"], world.states["mend"]) == ("running", "running")
    world.succeeds("mend").succeeds("more")
    assert (world.states["a"], world.states["after"]) == ("failed", "running")


def test_a_failure_that_was_caught_once_is_caught_again() -> None:
    """When the step is done again."""
    world = World(call("a", on_failure={"catch": [call("mend")]}), wait("w")).fails("a").succeeds("mend")
    world.operate("rerun", "a")
    assert (world.states["a"], world.states["mend"]) == ("running", "waiting")
    assert world.fails("a").states["mend"] == "running"
    assert world.step("mend").n == 2


def test_a_block_whose_failure_was_not_mended_goes_on_where_it_has_failed() -> None:
    """A step of it is done again, and the next failure is caught anew."""
    inner = call("x", on_failure="fail")
    catch = {"catch": [call("mend")]}
    world = World(each("e", [1], inner, on_failure=catch), call("after")).fails("e[0].x").stops("mend")
    assert world.states["e"] == "parked"
    world.operate("rerun", "e[0].x")
    assert (world.states["e"], world.states["mend"]) == ("running", "waiting")
    world.fails("e[0].x").succeeds("mend")
    assert (world.states["e"], world.step("mend").n, world.states["after"]) == ("failed", 2, "running")


def test_steps_that_mend_are_done_only_after_a_failure() -> None:
    """Before that nobody can begin them, neither by a start nor by a rerun."""
    world = World(call("a", on_failure={"catch": [call("mend")]}), wait("w"))
    world.operate("start_step", "mend", waive=["predecessor"])
    assert world.started == ["a"]
    world.succeeds("a")
    receipt = world.operate("rerun", "mend")
    assert (receipt.status, receipt.reason) == ("closed", "step 'a', in which it lies, is succeeded")


def test_a_wait_that_is_late_is_caught() -> None:
    """So is a question that could not be put."""
    late = {"id": "w", "wait": {"event": {"type": "t"}}, "timeout": "1h", "on_failure": {"catch": [call("mend")]}}
    world = World(late, call("after")).passes(hours=2)
    assert (world.states["w"], world.states["mend"], world.next_moment) == ("running", "running", None)
    assert world.succeeds("mend").states["after"] == "running"
    world = World(ask("q", on_failure={"catch": [call("mend")]}), call("after")).fails("q").succeeds("mend")
    assert world.states["after"] == "running"


def test_a_step_being_mended_is_stopped_with_what_mends_it() -> None:
    """An early end cancels both."""
    world = World(call("a", on_failure={"catch": [call("mend")]})).fails("a")
    world.operate("cancel")
    assert world.stops("mend").states == {"a": "cancelled", "mend": "cancelled"}


def test_an_operator_ends_a_step_that_is_being_mended() -> None:
    """What mends it is stopped first."""
    world = World(call("a", on_failure={"catch": [call("mend")]}), call("after", needs=[{"a": "cancelled"}])).fails("a")
    world.operate("cancel_step", "a")
    assert world.stops("mend").states == {"a": "cancelled", "mend": "cancelled", "after": "running"}
