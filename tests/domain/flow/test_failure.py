"""The meaning of a flow, *Failure* and *Retries*: what becomes of a step that has used up its retries."""

from datetime import timedelta
from typing import Any

import pytest

from hitl_temporal.domain.flow.effects import StartCall
from tests.domain.flow.world import World, call, undo


def test_a_failed_step_parks() -> None:
    """Without another word a failure parks the step with its text, and followers wait."""
    world = World(call("a"), call("b")).fails("a", "boom")
    assert (world.states, world.step("a").error) == ({"a": "parked", "b": "waiting"}, "boom")
    assert world.run.state == "parked"


@pytest.mark.parametrize("result", ["failed", "done"])
def test_a_named_failure_does_not_park(result: str) -> None:
    """A step whose `failed` or `done` some `needs` names ends `failed`, and that step starts."""
    world = World(call("a"), call("b", needs=["a"]), call("c", needs=[{"a": result}])).fails("a")
    assert world.states == {"a": "failed", "b": "skipped", "c": "running"}


def test_a_written_on_failure_wins_over_the_name() -> None:
    """`on_failure: park` parks even if some `needs` names the failure."""
    world = World(call("a", on_failure="park"), call("b", needs=[{"a": "failed"}])).fails("a")
    assert world.states == {"a": "parked", "b": "waiting"}


def test_continue_meets_the_default_needs_of_followers() -> None:
    """`continue`: failed, and the followers run."""
    world = World(call("a", on_failure="continue"), call("b")).fails("a")
    assert world.states == {"a": "failed", "b": "running"}


def test_fail_ends_the_run_and_undoes() -> None:
    """`on_failure: fail` ends the run `failed` after the undo."""
    world = World(call("a", undo=undo("a")), call("b", on_failure="fail")).succeeds("a").fails("b", "boom")
    assert world.undos == ["a"]
    assert (world.undone("a").run.status, world.run.reason) == ("failed", "step 'b': boom")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_outputs_that_are_not_json_fail_the_step(value: Any) -> None:
    """NaN, infinity and half a character fail the step with a clear reason, and don't break the run."""
    world = World(call("a"), call("b"))
    world.succeeds("a", value=value)
    assert world.step("a").state == "parked"
    assert world.step("a").error.startswith("its outputs are not JSON")


def test_a_call_carries_its_limits_and_its_key() -> None:
    """The defaults are 5 attempts, 1s..1m, 5 minutes each, no budget; the key is `<run>.<step>.<n>`."""
    effect = next(e for e in World(call("a")).effects if isinstance(e, StartCall))
    assert (effect.key, effect.attempts, effect.budget) == ("r.a.1", 5, None)
    assert (effect.first_backoff, effect.max_backoff) == (timedelta(seconds=1), timedelta(minutes=1))
    assert effect.timeout == timedelta(minutes=5)


def test_a_call_may_have_its_own_limits() -> None:
    """`retry`, `timeout` and `pool` are passed on."""
    own = {"retry": {"max": 2, "backoff": "2s..4s", "budget": "1h"}, "timeout": "2m", "pool": "sap"}
    effect = next(e for e in World(call("a", **own)).effects if isinstance(e, StartCall))
    assert (effect.attempts, effect.budget, effect.pool) == (2, timedelta(hours=1), "sap")
    assert effect.timeout == timedelta(minutes=2)
