"""Waits for the world: times, events, files, other runs."""

from tests.domain.flow.world import World, call


def test_events_are_kept_and_taken_once() -> None:
    """By the step that has waited longest."""
    event = {"type": "done", "source": "/s", "id": "1", "data": {"n": 1}}
    waits = {"wait": {"event": {"type": "done", "if": "event.data.n == 1"}}}
    world = World(call("a"), {"id": "b", **waits}, {"id": "c", **waits, "timeout": "1h"})
    assert world.operate("event", actor="system:event", **event).status == "done"
    assert world.operate("event", actor="system:event", key="k2", **event).changes[0].endswith("known already")
    world.succeeds("a")
    assert world.states == {"a": "succeeded", "b": "succeeded", "c": "waiting"}
    assert world.step("b").outputs["data"] == {"n": 1}
    world.passes(hours=2)
    assert (world.states["c"], world.step("c").error) == ("parked", "timed out after 1h")
