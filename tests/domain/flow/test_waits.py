"""Waits for the world: times, events, files, other runs."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow.cloud_event import MAX_EVENTS
from hitl_temporal.domain.flow.commands import Receipt, parse
from hitl_temporal.domain.flow.effects import StartCall
from hitl_temporal.domain.flow.views import waiting_reasons, why
from tests.domain.flow.world import START, Document, World, call, wait


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


def waits(step: str, kind: str = "done", **envelope: Any) -> Document:
    """Return a step that waits for an event."""
    more = envelope.pop("event", {})
    return {"id": step, "wait": {"event": {"type": kind, **more}}, **envelope}


def test_the_longest_waiting_takes_an_event() -> None:
    """One event ends one wait."""
    world = World(waits("a", needs=[]), call("x", needs=[]), waits("b"), waits("c", needs=[])).passes(minutes=1)
    world.succeeds("x").hears("done", "1")
    assert world.states == {"a": "succeeded", "x": "succeeded", "b": "waiting", "c": "waiting"}
    world.hears("done", "2")
    assert (world.states["b"], world.states["c"]) == ("waiting", "succeeded")


def test_the_oldest_kept_event_is_taken() -> None:
    """Those that do not fit are left for others."""
    world = World(call("a"), waits("b", event={"subject": "s", "source": "/s"}), waits("c"))
    world.hears("done", "1")
    world.hears("done", "2", subject="s")
    world.hears("else", "3")
    world.succeeds("a")
    assert (world.step("b").outputs["id"], world.step("c").outputs["id"]) == ("2", "1")
    assert [e.id for e in world.run.events] == ["3"]


def test_events_are_kept_within_bounds() -> None:
    """The oldest is forgotten, and still not taken for a new one."""
    world = World(wait("w"), waits("b"))
    for index in range(MAX_EVENTS + 1):
        world.hears("done", str(index))
    assert len(world.run.events) == MAX_EVENTS
    assert world.hears("done", "0", key="again").changes == ("event done of /s: known already",)
    assert world.passes(hours=2).step("b").outputs["id"] == "1"


def test_an_event_that_can_not_be_judged_parks_the_wait() -> None:
    """It is never taken for another; whoever waits next may take it."""
    world = World(waits("a", event={"if": "event.data.n > 1"}, needs=[]), waits("b", needs=[]))
    world.hears("done")
    assert world.states == {"a": "parked", "b": "succeeded"}
    world = World(call("x"), waits("a", event={"if": "event.data.n > 1"}))
    world.hears("done")
    assert world.succeeds("x").states["a"] == "parked"


def test_an_event_that_comes_in_time_ends_the_wait() -> None:
    """The timeout is over with it."""
    world = World(waits("a", timeout="1h"), call("b"))
    assert waiting_reasons(world.run) == ("event", "event:done", "predecessor")
    assert world.next_moment == START + timedelta(hours=1)
    world.hears("done")
    assert (world.states, world.next_moment) == ({"a": "succeeded", "b": "running"}, None)


def test_a_timeout_is_an_outcome_where_it_is_named() -> None:
    """Else a failure."""
    world = World(waits("a", timeout="1h"), call("b", needs=[{"a": "timed_out"}]), call("c", needs=["a"]))
    world.passes(hours=1)
    assert world.states == {"a": "succeeded", "b": "running", "c": "skipped"}
    assert world.step("a").outcome == "timed_out"
    world = World(waits("a", timeout="1h"), call("b", needs=[{"a": "failed"}])).passes(hours=1)
    assert (world.states, world.step("a").outcome) == ({"a": "failed", "b": "running"}, "timed_out")


def test_a_worker_watches_a_file() -> None:
    """Until it is there, for as long as it takes."""
    world = World({"id": "a", "wait": {"file": {"path": "in/{{ vars.v }}", "is": "changed"}}}, vars={"v": "x"})
    (watch,) = (e for e in world.last if isinstance(e, StartCall))
    assert (watch.activity, watch.is_watch, watch.attempts) == ("hitl.watch_file", True, 0)
    assert watch.arguments == {"path": "in/x", "becomes": "changed", "stable": None, "every": "5s"}
    assert [r.by for r in why(world.run)] == [("file:in/x",)]
    assert world.succeeds("a", path="in/x").run.status == "completed"


def test_a_worker_watches_another_run() -> None:
    """An end that is not waited for fails the step."""
    steps = {"id": "a", "wait": {"run": {"id": "other", "status": ["completed", "rejected"]}}}
    assert World(steps).succeeds("a", status="rejected").run.status == "completed"
    world = World(steps).succeeds("a", status="failed")
    assert world.step("a").error == "the run ended failed, not completed or rejected"
    assert World({"id": "a", "wait": {"run": "other"}}).succeeds("a", status="failed").run.status == "completed"


def test_a_watch_that_is_late_is_stopped_first() -> None:
    """What it sees before the stop gets through counts; nobody has to tell the time again."""
    steps = [{"id": "a", "wait": {"file": "f"}, "timeout": "1h"}, call("b", needs=[{"a": "timed_out"}])]
    world = World(*steps).passes(hours=1)
    assert (world.stopping, world.states["a"], world.next_moment) == (["a"], "waiting", None)
    assert world.passes(hours=1).stopping == ["a"]
    assert world.stops("a").states == {"a": "succeeded", "b": "running"}
    assert World(*steps).passes(hours=1).succeeds("a").states == {"a": "succeeded", "b": "skipped"}


@pytest.mark.parametrize("on_failure", ["park", "ask", "fail", "continue"])
def test_what_is_late_does_not_fail_what_is_ending(on_failure: str) -> None:
    """A watch that is being stopped as late when its run, or the block around it, ends: it is stopped, and no more."""
    late: Document = {"id": "a", "wait": {"file": "f"}, "timeout": "1h", "on_failure": on_failure}
    world = World(late).passes(hours=1)
    world.operate("cancel")
    assert world.stops("a").run.status == "cancelled"
    race: Document = {"id": "race", "first": True, "do": [late, call("b", needs=[])]}
    world = World(race).passes(hours=1).succeeds("b")
    assert world.states["race"] == "running"
    assert world.stops("a").states == {"race": "succeeded", "a": "cancelled", "b": "succeeded"}


def test_a_wait_until_a_moment() -> None:
    """Written out, by an expression, or as a text with one; in UTC where nothing else is said."""
    for until in ("2026-03-02T11:00:00+01:00", "vars.t", "2026-03-02T{{ vars.h }}:00:00"):
        world = World({"id": "a", "wait": {"until": until}}, vars={"t": "2026-03-02T10:00:00", "h": "10"})
        assert world.next_moment == START + timedelta(hours=1)
    assert World({"id": "a", "wait": {"until": "2026-03-02T10:00:00"}}).next_moment == START + timedelta(hours=1)
    world = World({"id": "a", "wait": {"until": "vars.t"}}, vars={"t": 7})
    assert world.step("a").error.startswith("wait.until gave '7'; a moment such as")


def test_what_is_no_moment_is_refused() -> None:
    """So is what is no expression."""
    with pytest.raises(ValidationError, match="or write a moment"):
        World({"id": "a", "wait": {"until": "tomorrow at ("}})
    with pytest.raises(ValidationError, match="or write a moment"):
        World({"id": "a", "wait": {"until": "{{ ( }}"}})


@pytest.mark.parametrize(
    ("written", "says"), [({}, "waits for nothing"), ({"for": "1h", "file": "f"}, "`wait` has for and file")]
)
def test_a_wait_is_for_one_thing(written: Document, says: str) -> None:
    """Exactly."""
    with pytest.raises(ValidationError, match=says):
        World({"id": "a", "wait": written})


def test_a_command_that_is_no_object_is_invalid() -> None:
    """Whatever it is."""
    receipt = parse("event", "done")
    assert isinstance(receipt, Receipt)
    assert receipt.status == "invalid"


def test_an_event_that_is_for_another_wait_passes_by() -> None:
    """However long the first has waited."""
    world = World(waits("a", event={"subject": "x"}, needs=[]), waits("b", needs=[]))
    world.hears("done", subject="y")
    assert world.states == {"a": "waiting", "b": "succeeded"}


def test_only_an_open_run_waits() -> None:
    """What an ending run has not begun waits for nothing."""
    world = World(call("a"), call("b"))
    world.operate("cancel")
    assert waiting_reasons(world.run) == ()
    assert waiting_reasons(world.stops("a").run) == ()
