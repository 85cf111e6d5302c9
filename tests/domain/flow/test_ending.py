"""The meaning of a flow, *End* and *Ending early*: how runs end, and what is undone."""

from typing import Any

from hitl_temporal.domain.flow.effects import StartCall
from tests.domain.flow.world import World, ask, call, each, undo, wait


def three_done(**last: Any) -> World:
    """Return a run in which `b`, then `a`, then `c` have succeeded, and `d` is asked."""
    calls = [call(s, needs=[], undo=undo(s, was="{{ self.outputs.id }}")) for s in "abc"]
    world = World(*calls, ask("d", needs=[*"abc"]), call("e"), **last)
    for step in "bac":
        world.succeeds(step, id=f"{step}1")
    return world


def test_a_run_is_completed_when_all_is_done() -> None:
    """Succeeded, skipped, cancelled, and failed with `continue` all let a run be `completed`."""
    world = World(call("a", needs=[]), call("b", needs=[], **{"if": "false"}), call("c", needs=[]),
                  call("d", needs=[], on_failure="continue"))  # fmt: skip
    world.succeeds("a").stops("c").fails("d")
    assert world.states == {"a": "succeeded", "b": "skipped", "c": "cancelled", "d": "failed"}
    assert world.run.status == "completed"


def test_outputs_are_rendered_at_the_end() -> None:
    """A completed run gives its `outputs` with their types."""
    world = World(call("a"), outputs={"rule": "{{ steps.a.outputs.rule }}"}).succeeds("a", rule=7)
    assert world.run.outputs == {"rule": 7}


def test_an_output_that_fails_is_null_and_said() -> None:
    """The work is done: what can't be told is null, with a fact and the reason."""
    world = World(call("a"), outputs={"rule": "{{ steps.a.outputs.rule }}"}).succeeds("a")
    assert (world.run.status, world.run.outputs) == ("completed", {"rule": None})
    assert "output 'rule'" in world.run.reason
    assert "run.output_failed" in {f.name for f in world.facts}


def test_done_work_is_undone_in_reverse_order_of_completion() -> None:
    """A rejection undoes one step after another, the last done first, each with its own outputs."""
    world = three_done().answers("d", "rejected")
    assert world.undos == ["c"]
    world.undone("c")
    assert world.undos == ["c", "a"]
    world.undone("a").undone("b")
    assert world.undos == ["c", "a", "b"]
    assert [e.arguments["was"] for e in world.effects if isinstance(e, StartCall) and e.undo] == ["c1", "a1", "b1"]
    assert (world.run.status, world.states["a"], world.states["e"]) == ("rejected", "succeeded", "skipped")


def test_an_undo_has_its_own_key() -> None:
    """The key of a compensation tells it from the call that it reverses."""
    world = three_done().answers("d", "rejected")
    assert next(e for e in world.effects if isinstance(e, StartCall) and e.undo).key == "r.c.1.undo"


def test_a_run_that_is_being_undone_says_so() -> None:
    """While it unwinds, the run is `undoing`; nothing else of it starts."""
    world = three_done().answers("d", "rejected")
    assert world.run.state == "undoing"
    assert "e" not in world.started


def test_running_steps_are_stopped_and_awaited_before_anything_is_undone() -> None:
    """Jobs are cancelled and questions withdrawn first; undo begins when the last has ended."""
    world = World(call("a", undo=undo("a")), call("b"), ask("c", needs=["a"]), ask("d", needs=["a"])).succeeds("a")
    world.answers("d", "rejected")
    assert (world.stopping, world.undos) == (["b", "c"], [])
    world.stops("b")
    assert world.undos == []
    world.answers("c", "withdrawn")
    assert (world.undos, world.states["b"], world.states["c"]) == (["a"], "cancelled", "cancelled")


def test_a_call_that_succeeds_after_the_stop_is_undone_too() -> None:
    """What has in fact succeeded is `succeeded`, comes last, and is therefore undone first."""
    world = World(call("a", undo=undo("a")), call("b", undo=undo("b")), ask("c", needs=["a"])).succeeds("a")
    world.answers("c", "rejected").succeeds("b")
    assert (world.undos, world.states["b"]) == (["b"], "succeeded")
    assert world.undone("b").undos == ["b", "a"]


def test_a_call_that_fails_after_the_stop_is_cancelled() -> None:
    """A failure of what was being stopped parks nothing; its text is kept."""
    world = World(call("a", needs=[]), ask("b", needs=[])).answers("b", "rejected").fails("a", "boom")
    assert (world.states["a"], world.run.status) == ("cancelled", "rejected")
    assert world.step("a").error == "step 'b': rejected; boom"


def test_an_answer_is_too_late_for_a_run_that_ends() -> None:
    """An open ask of an ending run is `cancelled`, even if somebody approves at the last moment."""
    world = World(ask("a", needs=[]), ask("b", needs=[])).answers("a", "rejected").answers("b", "approved")
    assert (world.states["b"], world.run.status) == ("cancelled", "rejected")


def test_an_early_end_waits_for_no_parked_step_and_no_clock() -> None:
    """Parked steps and waits are cancelled at once; steps not begun are skipped."""
    world = World(call("a", needs=[]), wait("b", needs=[]), call("c")).fails("a")
    world.operate("cancel", actor="ann", reason="not needed")
    assert world.states == {"a": "cancelled", "b": "cancelled", "c": "skipped"}
    assert (world.run.status, world.run.reason) == ("cancelled", "cancelled by ann: not needed")


def test_cancel_undoes_unless_told_not_to() -> None:
    """`cancel` undoes what was done; with `no_undo` it leaves it."""
    world = three_done()
    world.operate("cancel")
    assert world.answers("d", "withdrawn").undos == ["c"]
    world = three_done()
    world.operate("cancel", no_undo=True)
    assert (world.answers("d", "withdrawn").undos, world.run.status) == ([], "cancelled")


def test_the_first_ending_stands() -> None:
    """A second reason to end changes neither status nor reason."""
    world = World(ask("a", needs=[]), call("b", needs=[])).answers("a", "rejected")
    assert world.operate("cancel").reason == "the run is ending: step 'a': rejected"
    assert world.stops("b").run.status == "rejected"


def test_a_failing_undo_parks_and_may_be_done_again() -> None:
    """A parked compensation holds the end until an operator runs it again, under a key of its own."""
    world = three_done().answers("d", "rejected").undo_fails("c", "no route")
    assert (world.run.state, world.undos) == ("parked", ["c"])
    assert world.operate("rerun", "c", actor="gus").changes == ("c: undo again",)
    assert [e.key for e in world.effects if isinstance(e, StartCall) and e.undo] == ["r.c.1.undo", "r.c.1.undo.2"]
    assert world.undone("c").undos == ["c", "c", "a"]


def test_a_parked_undo_may_be_skipped() -> None:
    """Skipping a parked compensation goes on with the next; the step stays `succeeded`."""
    world = three_done().answers("d", "rejected").undo_fails("c")
    assert world.operate("skip", "c", actor="gus").status == "done"
    assert (world.undos, world.states["c"], world.step("c").undo) == (["c", "a"], "succeeded", "skipped")


def test_an_undo_that_can_not_be_rendered_parks() -> None:
    """A compensation is not called with arguments that could not be told; `set_value` may mend them."""
    world = World(call("a", undo={"call": "u.a", "with": {"was": "{{ vars.id + 1 }}"}}), ask("b"), vars={"id": "x"})
    world.succeeds("a").answers("b", "rejected")
    assert (world.undos, world.step("a").undo) == ([], "parked")
    world.operate("set_value", **{"with": {"id": 1}})
    world.operate("rerun", "a")
    assert world.undone("a").run.status == "rejected"


def test_a_skipped_or_failed_step_is_not_undone() -> None:
    """Only what has succeeded is undone."""
    steps = [call("a", needs=[], undo=undo("a"), on_failure="continue"), call("b", needs=[], undo=undo("b")), ask("c")]
    world = World(*steps).fails("a")
    world.operate("skip", "b")
    world.stops("b").answers("c", "rejected")
    assert (world.undos, world.run.status) == ([], "rejected")


def test_work_of_an_earlier_start_is_undone_when_the_rerun_is_stopped() -> None:
    """A step that had succeeded is undone with those outputs, whatever became of it since."""
    world = World(call("a", undo=undo("a", was="{{ self.outputs.id }}")), ask("b")).succeeds("a", id=1)
    world.operate("rerun", "a")
    world.answers("b", "rejected").stops("a")
    effect = next(e for e in world.effects if isinstance(e, StartCall) and e.undo)
    assert (effect.arguments, effect.key, world.states["a"]) == ({"was": 1}, "r.a.1.undo", "cancelled")


def test_a_step_that_succeeded_twice_is_undone_once() -> None:
    """After a rerun the last success is undone, in its new place in the order."""
    world = World(call("a", undo=undo("a", was="{{ self.outputs.id }}")), call("b", undo=undo("b")), ask("c"))
    world.succeeds("a", id=1).succeeds("b")
    world.operate("rerun", "a")
    world.succeeds("a", id=2).answers("c", "rejected").undone("a").undone("b")
    assert (world.undos, world.run.status) == (["a", "b"], "rejected")
    assert next(e for e in world.effects if isinstance(e, StartCall) and e.undo).arguments == {"was": 2}


def test_a_step_stopped_from_outside_is_cancelled() -> None:
    """A job that somebody else cancelled leaves its step `cancelled`; its default followers are skipped."""
    world = World(call("a"), call("b")).stops("a")
    assert (world.states, world.run.status) == ({"a": "cancelled", "b": "skipped"}, "completed")


def test_after_the_end_only_commands_are_answered() -> None:
    """News that come after the end change nothing."""
    world = World(call("a")).succeeds("a")
    before = world.run
    assert world.succeeds("a").last == ()
    assert world.operate("skip", "a").reason == "the run has ended: completed"
    assert world.run == before


def test_a_run_that_can_not_undo_is_ended_as_it_is() -> None:
    """What was undone is, what is being undone is waited for, and what has failed stays."""
    steps = (call("a", undo=undo("a")), call("b", undo=undo("b")), call("c", on_failure="fail"))
    world = World(*steps).succeeds("a").succeeds("b").fails("c").undo_fails("b")
    assert (world.operate("cancel").status, world.run.state) == ("closed", "parked")
    receipt = world.operate("cancel", reason="gone", no_undo=True)
    assert (receipt.status, receipt.changes) == ("done", ("run: nothing more is undone",))
    assert (world.run.status, world.undos) == ("failed", ["b"])
    left = [f.attributes for f in world.facts if f.name == "step.left_standing"]
    assert [(f["hitl.step"], f["hitl.reason"]) for f in left] == [(s, "left standing by eli: gone") for s in "ba"]
    world = World(*steps).succeeds("a").succeeds("b").fails("c")
    assert world.operate("cancel", no_undo=True).status == "done"
    assert world.run.state == "undoing"
    assert world.operate("cancel", no_undo=True, key="again").status == "closed"
    assert (world.undone("b").run.status, world.undos) == ("failed", ["b"])


def test_an_undo_that_nobody_wants_any_more_may_fail() -> None:
    """It does not park: the run ends, and what it was to reverse is said to stand."""
    world = World(call("a", undo=undo("a")), call("c", on_failure="fail")).succeeds("a").fails("c")
    world.operate("cancel", no_undo=True)
    world.undo_fails("a")
    assert (world.run.status, world.step("a").undo) == ("failed", "skipped")
    assert world.facts[-2].name == "step.left_standing"


def test_what_is_left_of_an_item_that_is_over_is_told() -> None:
    """Although the item is not kept."""
    many = each("e", "vars.many", call("x", undo=undo("x")), limit=300)
    world = World(many, call("c", on_failure="fail"), vars={"many": [*range(201)]})
    for index in range(201):
        world.succeeds(f"e[{index}].x")
    world.fails("c").operate("cancel", no_undo=True)
    left = [f for f in world.facts if f.name == "step.left_standing"]
    assert (len(left), len(world.undos)) == (200, 1)
