"""What was done, in the order of completion: undo covers exactly that."""

from hitl_temporal.domain.flow.effects import StartCall
from tests.domain.flow.world import World, ask, call, do, each, undo, wait


def test_the_last_done_is_undone_first() -> None:
    """In the order of completion, not of the document; what has no `undo` is left alone."""
    steps = [call(name, needs=[], undo=undo(name)) for name in "abc"]
    world = World(*steps, call("d", needs=[]), ask("q", needs=[]))
    world.succeeds("b").succeeds("d").succeeds("c").succeeds("a").answers("q", "rejected")
    world.undone("a").undone("c").undone("b")
    assert (world.undos, world.run.status) == (["a", "c", "b"], "rejected")


def test_what_was_not_done_is_not_undone() -> None:
    """What failed, was skipped, or was stopped."""
    steps = [call(name, needs=[], undo=undo(name), on_failure="continue") for name in "abc"]
    world = World(*steps, ask("q", needs=[])).fails("a")
    world.operate("skip", "b")
    world.stops("b").answers("q", "rejected")
    world.stops("c")
    assert (world.undos, world.run.status) == ([], "rejected")


def test_a_step_that_is_done_again_is_undone_once() -> None:
    """With what it gave last; while the second time has not succeeded, the first is still there."""
    world = World(call("a", undo=undo("a", was="{{ self.outputs.id }}")), wait("w")).succeeds("a", id=1)
    world.operate("rerun", "a")
    assert [d.outputs for d in world.run.done] == [{"id": 1}]
    world.succeeds("a", id=2).operate("cancel")
    assert [e.arguments for e in world.effects if isinstance(e, StartCall) and e.undo] == [{"was": 2}]
    assert world.undone("a").run.status == "cancelled"


def test_the_work_of_a_start_that_was_not_repeated_is_undone() -> None:
    """A rerun that fails leaves what the first start did."""
    world = World(call("a", undo=undo("a", was="{{ self.outputs.id }}")), wait("w")).succeeds("a", id=1)
    world.operate("rerun", "a")
    world.fails("a").operate("cancel")
    (effect,) = (e for e in world.effects if isinstance(e, StartCall) and e.undo)
    assert (effect.key, effect.arguments) == ("r.a.1.undo", {"was": 1})


def test_an_item_is_undone_by_itself_and_the_others_with_the_run() -> None:
    """Each once."""
    steps = (call("x", undo=undo("x")), ask("q"))
    world = World(each("e", [1, 2, 3], *steps, tolerate=2), call("after", on_failure="fail"))
    world.succeeds("e[0].x").succeeds("e[1].x").succeeds("e[2].x").answers("e[1].q", "rejected")
    world.undone("e[1].x").answers("e[0].q").answers("e[2].q").fails("after")
    world.undone("e[2].x").undone("e[0].x")
    assert (world.undos, world.run.status) == (["e[1].x", "e[2].x", "e[0].x"], "failed")


def test_ids_of_undo_are_never_used_twice() -> None:
    """Also when an `each` is gone through again, and its items fail again."""
    steps = (call("x", undo={"flow": "back"}), call("y", on_failure="fail"))
    world = World(each("e", [1], *steps, tolerate=1), wait("w"), flows={"back": [call("c")]})
    for _ in range(2):
        world.succeeds("e[0].x").fails("e[0].y").undone("e[0].x").operate("rerun", "e")
    assert [e.child for e in world.effects if getattr(e, "undo", False)] == ["r.e.0.x.1.undo", "r.e.0.x.2.undo"]
    keys = [f.key for f in world.facts]
    assert len(keys) == len(set(keys))


def test_cancel_without_undo_leaves_everything() -> None:
    """Of blocks as well."""
    world = World(do("b", call("x", undo=undo("x")), call("y")))
    world.succeeds("x").operate("cancel", no_undo=True)
    world.stops("y")
    assert (world.undos, world.run.status, world.states["b"]) == ([], "cancelled", "cancelled")


def test_an_operator_gives_up_an_undo_that_has_parked() -> None:
    """The next one goes on; of a block that repeats it is one turn that is given up."""
    world = World(do("b", call("x", undo=undo("x")), repeat={"until": "index == 1"}), wait("w"))
    world.succeeds("x").succeeds("x").operate("cancel")
    world.undo_fails("x")
    assert world.run.state == "parked"
    world.operate("skip", "x")
    assert [e.key for e in world.effects if isinstance(e, StartCall) and e.undo] == ["r.x.2.undo", "r.x.1.undo.2"]
    assert world.undone("x").run.status == "cancelled"


def test_what_can_not_be_undone_as_written_parks() -> None:
    """An operator goes on without it."""
    world = World(call("a", undo=undo("a", was="{{ self.outputs.gone }}")), ask("q")).succeeds("a")
    world.answers("q", "rejected")
    assert world.step("a").undo == "parked"
    world.operate("skip", "a")
    assert world.run.status == "rejected"


def test_a_block_does_not_end_in_an_item_that_fails() -> None:
    """Its last question was refused, so its item is undone: the block has not succeeded, and is not undone twice."""
    items = each("e", [1, 2], do("b", ask("q"), undo=undo("b")), call("x"), tolerate=1, limit=1)
    world = World(items).answers("e[0].q").fails("e[0].x")
    assert world.operate("rerun", **{"as": "all"}).status == "done"
    world.answers("e[0].q", "rejected").undone("e[0].b")
    assert (world.undos, world.states["e[0].b"]) == (["e[0].b"], "cancelled")
    assert [f.attributes["hitl.step"] for f in world.facts if f.name == "step.undone"] == ["e[0].b"]
    assert world.states["e[1].q"] == "waiting"


def test_no_other_item_begins_in_what_is_ending() -> None:
    """An item within one that fails is stopped with it, and the next does not take its place."""
    inner = each("i", [1, 2], call("x"), limit=1)
    world = World(each("e", [1], do("b", inner, needs=[]), ask("q", needs=[]), tolerate=1))
    world.answers("e[0].q", "rejected").stops("e[0].i[0].x")
    assert world.run.status == "completed"
    assert not [f for f in world.facts if f.attributes.get("hitl.step") == "e[0].i[1].x"]


def test_work_in_an_each_that_is_there_no_more_is_undone() -> None:
    """The `each` lay in an item that was begun again and has not been reached a second time."""
    inner = each("i", [1, 2], call("x", undo=undo("x", place="{{ item }}")))
    world = World(each("e", ["a", "b"], inner, limit=1), wait("w"))
    for outer in (0, 1):
        for item in (0, 1):
            world.succeeds(f"e[{outer}].i[{item}].x")
    world.operate("rerun", "e")
    world.operate("cancel")
    world.stops("e[0].i[0].x").stops("e[0].i[1].x")
    for outer in (1, 0):
        for item in (1, 0):
            world.undone(f"e[{outer}].i[{item}].x")
    given = [e.arguments["place"] for e in world.effects if isinstance(e, StartCall) and e.undo]
    assert (given, world.run.status) == ([2, 1, 2, 1], "cancelled")


def test_what_was_finished_before_its_block_began_is_replaced_by_the_first_turn() -> None:
    """Else both would be undone."""
    for more in ({}, {"repeat": {"until": "true", "max": 2}}):
        world = World(ask("q"), do("b", call("x", undo=undo("x")), **more), wait("end", needs=[]))
        world.operate("finish", "x")
        assert [d.n for d in world.run.done] == [0]
        world.answers("q").operate("rerun", "x")
        assert [d.n for d in world.succeeds("x").run.done] == [1]
