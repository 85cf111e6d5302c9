"""Steps within steps: blocks, turns, races, branches, items, and what mends a failure."""

from tests.domain.flow.world import Document, World, ask, call, undo, wait


def do(step: str, *steps: Document, **envelope: object) -> Document:
    """Return a block."""
    return {"id": step, "do": list(steps), **envelope}


def each(step: str, items: object, *steps: Document, **envelope: object) -> Document:
    """Return a step that goes through items."""
    return {"id": step, "each": items, "do": list(steps), **envelope}


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


def test_a_block_repeats_until_its_expression_is_true() -> None:
    """Each turn is another start of its steps, and `index` counts the turns."""
    steps = call("x", **{"with": {"turn": "{{ index }}", "last": "{{ steps.x.outputs }}"}})
    world = World(do("b", steps, repeat={"until": "steps.x.outputs.ok", "max": 3}), call("after"))
    assert world.last[-1].arguments == {"turn": 0, "last": {}}  # type: ignore[union-attr]
    world.succeeds("x", ok=False)
    assert world.last[-1].arguments == {"turn": 1, "last": {"ok": False}}  # type: ignore[union-attr]
    assert world.step("x").n == 2
    world.succeeds("x", ok=True)
    assert world.states == {"b": "succeeded", "x": "succeeded", "after": "running"}


def test_a_block_that_is_never_done_fails() -> None:
    """`max` turns, and no more."""
    world = World(do("b", call("x"), repeat={"until": "false", "max": 2}))
    world.succeeds("x").succeeds("x")
    assert world.states["b"] == "parked"
    assert world.step("b").error == "repeat: false is not true after 2 turns"


def test_every_turn_is_undone() -> None:
    """The last turn first."""
    block = do("b", call("x", undo=undo("x", was="{{ self.outputs.id }}")), repeat={"until": "index == 1"})
    world = World(block, call("y", on_failure="fail")).succeeds("x", id=1).succeeds("x", id=2).fails("y")
    assert [e.arguments for e in world.effects if getattr(e, "undo", False)] == [{"was": 2}]
    world.undone("x")
    assert [e.arguments for e in world.effects if getattr(e, "undo", False)] == [{"was": 2}, {"was": 1}]
    assert world.undone("x").run.status == "failed"


def test_the_first_branch_to_end_wins() -> None:
    """The others are stopped, or undone; the outcome is the winner's id."""
    race = do(
        "race",
        call("slow", needs=[]),
        call("early", needs=[], undo=undo("early")),
        ask("late", needs=["early"]),
        call("quick", needs=[]),
        call("end", needs=["quick"]),
        first=True,
    )
    world = World(race, call("after", needs=[{"race": "end"}])).succeeds("early").succeeds("quick").succeeds("end")
    assert world.stopping == ["slow", "late"]
    world.stops("slow").answers("late", "withdrawn")
    assert world.undos == ["early"]
    world.undone("early")
    assert world.step("race").outcome == "end"
    assert world.states == {
        "race": "succeeded",
        "slow": "cancelled",
        "early": "succeeded",
        "late": "cancelled",
        "quick": "succeeded",
        "end": "succeeded",
        "after": "running",
    }


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


def test_an_each_goes_through_its_items() -> None:
    """So many at a time; what it gives is in the order of the items."""
    step = call("x", **{"with": {"item": "{{ item }}", "index": "{{ index }}"}})
    world = World(each("e", "[10, 20, 30]", step, limit=2), call("after"))
    assert world.states == {"e": "running", "after": "waiting", "e[0].x": "running", "e[1].x": "running"}
    assert world.last[-1].arguments == {"item": 20, "index": 1}  # type: ignore[union-attr]
    world.succeeds("e[1].x", v=2)
    assert world.states["e[2].x"] == "running"
    world.succeeds("e[0].x", v=1).succeeds("e[2].x", v=3)
    assert world.step("e").outputs == {"items": [{"x": {"v": 1}}, {"x": {"v": 2}}, {"x": {"v": 3}}], "failed": []}
    assert world.states["after"] == "running"


def test_an_each_over_nothing_succeeds() -> None:
    """There was nothing to do."""
    world = World(each("e", "[]", call("x")), call("after"))
    assert (world.states["e"], world.states["after"]) == ("succeeded", "running")


def test_items_fail_alone_and_are_undone() -> None:
    """What was done in a failed item is taken back; the others go on."""
    steps = (call("x", undo=undo("x")), call("y", on_failure="fail"))
    world = World(each("e", [1, 2], *steps, tolerate=1), call("after"))
    world.succeeds("e[0].x").fails("e[0].y")
    assert world.undos == ["e[0].x"]
    world.undone("e[0].x").succeeds("e[1].x").succeeds("e[1].y", v=2)
    assert world.step("e").outputs == {"items": [None, {"x": {}, "y": {"v": 2}}], "failed": [0]}
    assert world.states["after"] == "running"


def test_too_many_failed_items_fail_the_each() -> None:
    """The others are stopped."""
    world = World(each("e", [1, 2, 3], ask("x")), call("after", needs=[{"e": "failed"}]))
    world.answers("e[0].x", "rejected")
    assert world.stopping == ["e[1].x", "e[2].x"]
    world.answers("e[1].x", "withdrawn").answers("e[2].x", "withdrawn")
    assert world.states["e"] == "failed"
    assert world.states["after"] == "running"


def test_enough_items_end_an_each() -> None:
    """The rest is cancelled, or goes on beside."""
    world = World(each("e", [1, 2, 3], call("x"), enough={"count": 1}), call("after")).succeeds("e[1].x", v=2)
    assert world.states["after"] == "waiting"
    world.stops("e[0].x").stops("e[2].x")
    assert (world.states["e"], world.states["after"]) == ("succeeded", "running")
    assert world.step("e").outputs == {"items": [None, {"x": {"v": 2}}, None], "failed": []}
    steps = (call("x"), call("y"))
    world = World(each("e", [1, 2], *steps, enough={"count": 1, "rest": "continue"}), call("after"))
    world.succeeds("e[0].x").succeeds("e[0].y")
    assert (world.states["e"], world.states["after"]) == ("succeeded", "running")
    world.succeeds("after").succeeds("e[1].x")
    assert world.run.status is None
    assert world.succeeds("e[1].y").run.status == "completed"


def test_items_within_items() -> None:
    """Inner items have addresses within the outer ones, and `item` is the innermost."""
    inner = each("i", "item.parts", call("x", **{"with": {"v": "{{ item }}"}}))
    world = World(each("o", "[{'parts': [1, 2]}, {'parts': [3]}]", inner, call("y")))
    assert {a for a, s in world.states.items() if s == "running"} == {
        "o", "o[0].i", "o[1].i", "o[0].i[0].x", "o[0].i[1].x", "o[1].i[0].x",
    }  # fmt: skip
    world.succeeds("o[1].i[0].x", z=3)
    assert world.states["o[1].y"] == "running"
    world.succeeds("o[1].y").succeeds("o[0].i[0].x").succeeds("o[0].i[1].x").succeeds("o[0].y")
    assert world.run.status == "completed"


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


def test_an_operator_cancels_a_block() -> None:
    """What goes on in it is stopped first."""
    world = World(do("b", call("x"), call("y")), call("after", needs=[{"b": "cancelled"}]))
    assert world.operate("cancel_step", "b").changes == ("b: cancelled once it has stopped",)
    assert world.stops("x").states == {"b": "cancelled", "x": "cancelled", "y": "skipped", "after": "running"}


def test_a_finished_item_is_rerun() -> None:
    """Its each is under way again, and counts on in its ids."""
    world = World(each("e", [1, 2], call("x")), wait("w")).succeeds("e[0].x", v=1).succeeds("e[1].x", v=2)
    assert world.operate("rerun", "e[0].x").status == "done"
    assert (world.states["e"], world.step("e[0].x").n) == ("running", 2)
    world.succeeds("e[0].x", v=3)
    assert world.step("e").outputs == {"items": [{"x": {"v": 3}}, {"x": {"v": 2}}], "failed": []}
    world.operate("rerun", "e")
    assert world.step("e[1].x").n == 3


def test_people_say_what_to_do_about_a_failure() -> None:
    """They let it be done again with other arguments."""
    world = World(call("a", **{"with": {"v": 1, "w": 2}}, on_failure={"ask": {"who": ["user:bob"]}})).fails("a")
    assert world.states["a"] == "parked"
    assert world.last[-1].approval == "r.a.1.repair"  # type: ignore[union-attr]
    world.repaired("a", "edit", **{"with": {"v": 7}})
    assert world.last[-1].arguments == {"v": 7, "w": 2}  # type: ignore[union-attr]
    assert world.succeeds("a").run.status == "completed"
