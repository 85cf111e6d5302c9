"""A block that is done again and again until its expression is true."""

from tests.domain.flow.world import World, call, do, undo


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
