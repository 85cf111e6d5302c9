"""A block that is done again and again until its expression is true."""

from tests.domain.flow.world import World, ask, call, do, each, undo, wait


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


def test_a_step_left_out_in_a_later_turn_has_no_outcome() -> None:
    """It is skipped: what it was in the turn before is over."""
    inner = (ask("a", **{"if": "index == 0"}), call("x", needs=["a"]))
    world = World(do("b", *inner, repeat={"until": "index == 1"})).answers("a", "approved", note=1).succeeds("x")
    assert (world.states["a"], world.step("a").outcome, world.step("a").outputs) == ("skipped", None, {})
    assert world.states["x"] == "running"


def test_a_wait_that_was_over_in_time_lets_its_followers_go() -> None:
    """Whatever it was in the turn before."""
    event = {"id": "w", "wait": {"event": {"type": "t"}}, "timeout": "1h"}
    inner = (event, call("x"), call("late", needs=[{"w": "timed_out"}]))
    world = World(do("b", *inner, repeat={"until": "index == 1"})).passes(hours=2).succeeds("late")
    world.hears("t")
    assert world.states == {"b": "running", "w": "succeeded", "x": "running", "late": "skipped"}


def test_every_turn_leaves_its_facts() -> None:
    """Also of a branch that was taken in none of them."""
    choice = {"id": "c", "choose": [{"if": "true", "do": [call("x")]}, {"else": [call("y")]}]}
    world = World(do("b", choice, repeat={"until": "index == 1"})).succeeds("x").succeeds("x")
    keys = [f.key for f in world.facts]
    assert (len(set(keys)), world.run.status) == (len(keys), "completed")
    assert [k for k in keys if k.startswith("y:")] == ["y:0:skipped", "y:1:skipped"]


def test_what_says_when_it_is_over_may_be_wrong() -> None:
    """Then nobody can tell, and it parks."""
    world = World(do("b", call("x"), repeat={"until": "steps.x.outputs.ok"})).succeeds("x")
    assert world.states["b"] == "parked"
    assert world.step("b").error.startswith("repeat.until: ")


def test_a_turn_is_undone_with_its_own_index() -> None:
    """Not with that of the last one."""
    inner = call("x", undo=undo("x", turn="{{ index }}"))
    world = World(do("b", inner, repeat={"until": "index == 1"}), wait("w")).succeeds("x").succeeds("x")
    world.operate("cancel")
    world.undone("x").undone("x")
    undos = [e.arguments for e in world.effects if getattr(e, "undo", False)]
    assert (undos, world.run.status) == ([{"turn": 1}, {"turn": 0}], "cancelled")


def test_an_operator_names_the_turn() -> None:
    """The present one of that very block, in an item as well; one that is over can't be meant."""
    block = do("b", call("x"), repeat={"until": "false", "max": 2})
    world = World(each("e", [1], block)).succeeds("e[0].x")
    assert world.operate("hold", "e[0].b#1.x").reason == "step 'e[0].x' is running"
    assert world.operate("hold", "e[0].b#0.x").status == "closed"
    assert world.operate("hold", "b#1.x").status == "invalid"


def test_items_count_on_from_turn_to_turn() -> None:
    """No id is used twice."""
    world = World(do("b", each("e", [1, 2], call("x")), repeat={"until": "index == 1"}))
    world.succeeds("e[0].x").succeeds("e[1].x")
    assert [world.step(f"e[{index}].x").n for index in range(2)] == [2, 2]
