"""Steps that mend the failure of another."""

from tests.domain.flow.world import World, call


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
