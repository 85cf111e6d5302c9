"""Items: the same steps for each of a list."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow.views import graph, why
from tests.domain.flow.world import Document, World, ask, call, do, each, undo, wait


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


def test_ids_of_every_item_count_from_one() -> None:
    """However late an item begins, its first start is the first."""
    world = World(each("e", [1, 2, 3], call("x"), limit=1))
    for index in range(3):
        assert world.step(f"e[{index}].x").n == 1
        world.succeeds(f"e[{index}].x")
    world = World(each("e", [1, 2], call("x"), limit=1), call("after"))
    world.succeeds("e[0].x").succeeds("e[1].x").operate("rerun", "e")
    assert world.step("e[0].x").n == 2
    assert world.succeeds("e[0].x").step("e[1].x").n == 2


def test_an_item_ends_early_however_deep_it_has_failed() -> None:
    """What a block within the item never finishes is not waited for."""
    inner = do("d", call("x", on_failure="fail"), call("y"))
    world = World(each("e", [1, 2], inner, call("z"), tolerate=1), call("after"))
    world.fails("e[0].x").succeeds("e[1].x").succeeds("e[1].y").succeeds("e[1].z")
    assert (world.states["e[0].y"], world.states["e[0].d"], world.states["e[0].z"]) == (
        "skipped",
        "cancelled",
        "skipped",
    )
    assert (world.states["e"], world.states["after"]) == ("succeeded", "running")


def test_what_goes_on_in_a_failed_item_is_stopped_before_anything_is_undone() -> None:
    """A job that is quicker than its stop is undone, too."""
    steps = [call(name, needs=[], undo=undo(name)) for name in ("x", "y")]
    world = World(each("e", [1], *steps, call("bad", needs=[], on_failure="fail"), tolerate=1))
    world.succeeds("e[0].x").fails("e[0].bad")
    assert (world.stopping, world.undos) == (["e[0].y"], [])
    world.succeeds("e[0].y")
    assert world.undos == ["e[0].y"]
    world.undone("e[0].y").undone("e[0].x")
    assert world.run.status == "completed"


def test_an_answer_comes_too_late_for_an_item_that_has_failed() -> None:
    """It neither fails the item again nor counts."""
    steps = (ask("a", needs=[]), call("bad", needs=[], on_failure="fail"))
    world = World(each("e", [1], *steps, tolerate=1)).fails("e[0].bad").answers("e[0].a", "rejected")
    assert (world.states["e[0].a"], world.run.status) == ("cancelled", "completed")


def test_an_unnamed_negative_answer_fails_its_item_alone() -> None:
    """A named one does not."""
    world = World(each("e", [1, 2], ask("a"), call("x"), tolerate=1))
    world.answers("e[0].a", "rejected").answers("e[1].a").succeeds("e[1].x")
    assert (world.run.status, world.step("e").outputs["failed"]) == ("completed", [0])
    world = World(each("e", [1], ask("a"), call("x", needs=[{"a": "rejected"}])))
    assert world.answers("e[0].a", "rejected").succeeds("e[0].x").run.status == "completed"


def test_a_share_of_the_items_may_fail() -> None:
    """Half of four may, three may not."""
    world = World(each("e", [1, 2, 3, 4], call("x", on_failure="fail"), tolerate="50%"))
    world.fails("e[0].x").fails("e[1].x")
    assert world.states["e"] == "running"
    world.fails("e[2].x").stops("e[3].x")
    assert (world.states["e"], world.step("e").error) == ("parked", "each: 3 of 4 items have failed: 0, 1, 2")


def test_too_few_items_that_succeed_fail_the_each() -> None:
    """Where enough were wanted."""
    world = World(each("e", [1], call("x"), enough={"count": 2})).succeeds("e[0].x")
    assert world.step("e").error == "each: 1 of 1 items have succeeded, 2 were wanted"


def test_what_is_no_list_parks_the_each() -> None:
    """So does one that is too long; with a better variable it is done again."""
    world = World(each("e", "vars.v", call("x")), vars={"v": 7})
    assert (world.states["e"], world.step("e").error) == ("parked", "each: a list is needed, and int was given")
    world.operate("set_value", **{"with": {"v": [1]}})
    world.operate("rerun", "e")
    assert world.states["e[0].x"] == "running"
    long = World(each("e", [0] * 10_001, call("x")))
    assert long.step("e").error.startswith("each: 10,001 items, and at most 10,000 can be gone through")


def test_of_many_items_only_what_they_gave_is_kept() -> None:
    """A failed one stays to be looked at and done again, and every one is undone with what it was about."""
    steps = call("x", undo=undo("x", item="{{ item }}"), on_failure="fail")
    world = World(each("e", f"{[*range(201)]}", steps, limit=1, tolerate=1), call("after"))
    world.succeeds("e[0].x", v=0).fails("e[1].x")
    assert [a for a in world.states if "[" in a] == ["e[1].x", "e[2].x"]
    world.operate("rerun", "e[1].x")
    world.succeeds("e[1].x", v=1)
    for index in range(2, 201):
        world.succeeds(f"e[{index}].x", v=index)
    assert world.step("e").outputs["items"][200] == {"x": {"v": 200}}
    world.operate("cancel")
    world.stops("after")
    for index in reversed(range(201)):
        assert world.effects[-1].arguments == {"item": index}  # type: ignore[union-attr]
        world.undone(f"e[{index}].x")
    assert world.run.status == "cancelled"


def test_work_of_items_that_are_there_no_more_is_undone() -> None:
    """The `each` was begun again over less."""
    steps = call("x", undo=undo("x", item="{{ item }}", index="{{ index }}"))
    world = World(each("e", "vars.v", steps), wait("w"), vars={"v": ["a", "b"]}).succeeds("e[0].x").succeeds("e[1].x")
    world.operate("set_value", **{"with": {"v": ["c"]}})
    world.operate("rerun", "e")
    world.succeeds("e[0].x").operate("cancel")
    assert world.effects[-1].arguments == {"item": "c", "index": 0}  # type: ignore[union-attr]
    world.undone("e[0].x")
    assert world.effects[-1].arguments == {"item": "b", "index": 1}  # type: ignore[union-attr]
    assert world.undone("e[1].x").run.status == "cancelled"


def test_a_cancelled_each_has_nothing_under_way() -> None:
    """One that lies in a block that is stopped is closed with it."""
    world = World(do("b", each("e", [1, 2], call("x"))), call("after", needs=[{"b": "cancelled"}]))
    world.operate("cancel_step", "b")
    world.stops("e[0].x").stops("e[1].x")
    assert not world.step("e").goes_on
    assert world.states["after"] == "running"


def test_items_that_go_on_keep_what_they_lie_in_open() -> None:
    """The block has ended with its last item; the steps that follow the `each` do not wait."""
    rest = each("e", [1, 2], call("x"), enough={"count": 1, "rest": "continue"})
    world = World(do("b", rest, call("y")), call("after")).succeeds("e[0].x").succeeds("y")
    assert (world.states["e"], world.states["b"]) == ("succeeded", "running")
    assert (world.operate("rerun", "e").status, world.states["after"]) == ("closed", "waiting")
    assert world.succeeds("e[1].x").states["after"] == "running"


def test_an_item_that_is_failing_fails_once() -> None:
    """What fails in it meanwhile changes nothing."""
    inner = each("i", [1, 2], call("y", on_failure="fail"), needs=[], on_failure="fail")
    steps = (call("x", needs=[], on_failure="fail"), call("z", needs=[]), inner)
    world = World(each("e", [1], *steps, tolerate=1)).fails("e[0].i[0].y").fails("e[0].x")
    world.stops("e[0].i[1].y")
    assert (world.states["e[0].i"], world.states["e"]) == ("failed", "running")
    world.stops("e[0].z")
    assert (world.run.status, [f.name for f in world.facts].count("item.failed")) == ("completed", 2)


def test_an_item_that_is_cancelled_gives_nothing() -> None:
    """Nor has it failed."""
    world = World(each("e", [1], do("d", call("x")), tolerate=1), wait("w")).fails("e[0].x")
    world.operate("cancel_step", "e[0].x")
    assert world.step("e").outputs == {"items": [{"d": {}}], "failed": []}


def test_the_bounds_of_an_each_are_numbers_or_shares() -> None:
    """Nothing else."""
    for tolerate, says in ((-1, "0 or more"), ("many", "no share of items")):
        with pytest.raises(ValidationError, match=says):
            World(each("e", [1], call("x"), tolerate=tolerate))


def test_the_graph_counts_the_items() -> None:
    """In which state how many are, and which leads."""
    world = World(each("e", [1, 2], call("x"))).succeeds("e[0].x")
    nodes = {str(n["id"]): n for n in graph(world.run)["nodes"]}  # type: ignore[index,union-attr,call-overload]
    assert nodes["x"]["state"] == "running"
    assert nodes["x"]["states"] == {"succeeded": 1, "running": 1}


def test_the_rest_that_goes_on_is_why_the_run_is_open() -> None:
    """Its each has ended."""
    rest = each("e", [1, 2], call("x"), enough={"count": 1, "rest": "continue"})
    world = World(rest).succeeds("e[0].x")
    assert [r.releases for r in why(world.run) if r.step == "e"] == ["the end of the items that are under way"]


def test_only_items_of_the_same_each_see_each_other() -> None:
    """An expression can't name a step inside another one."""
    outside = call("y", **{"with": {"v": "{{ has(steps.x) }}"}})
    world = World(each("e", [1], call("x")), outside).succeeds("e[0].x")
    assert world.last[-1].arguments == {"v": False}  # type: ignore[union-attr]


def test_nothing_begins_in_an_item_that_is_failing() -> None:
    """Although its needs are met."""
    steps = (call("a", needs=[]), call("b", needs=[], on_failure="fail"), call("c", needs=["a"]))
    world = World(each("e", [1], *steps, call("d", needs=[]), tolerate=1)).fails("e[0].b").succeeds("e[0].a")
    assert (world.states["e[0].c"], why(world.run)[1].step) == ("waiting", "e[0].c")
    assert world.stops("e[0].d").states["e[0].c"] == "skipped"


def test_items_of_many_items_are_folded_together() -> None:
    """With all that lies in them."""
    world = World(each("o", [*range(201)], each("i", [1], call("x")), limit=1)).succeeds("o[0].i[0].x")
    assert [a for a in world.states if "o[0]" in a] == []
    assert world.states["o[1].i[0].x"] == "running"


def test_items_within_an_item_that_fails_are_not_looked_at_any_more() -> None:
    """They are gone with it, of an `each` of many."""
    inner = each("i", [1, 2], call("y", on_failure="fail"), needs=[], on_failure="continue", tolerate=1)
    many = each("e", [*range(300)], inner, call("bad", needs=[], on_failure="fail"), limit=1, tolerate=300)
    world = World(many)
    for index in range(220):
        world.fails(f"e[{index}].bad").stops(f"e[{index}].i[0].y").stops(f"e[{index}].i[1].y")
    assert not [a for a in world.states if a.startswith("e[219]")]


def going(world: World) -> list[str]:
    """Return the steps whose jobs are under way."""
    return [a for a, s in world.run.steps.items() if s.state == "running" and s.block is None]


def all_succeed(world: World) -> World:
    """Let all that goes on succeed, until nothing does."""
    while found := going(world):
        world.succeeds(found[0], of=found[0])
    return world


@pytest.mark.parametrize(("step", "scope", "failed"), [(None, "failed", []), ("e[0].x", "step", [1])])
def test_items_that_were_cut_off_are_done_once_the_each_goes_on(
    step: str | None, scope: str, failed: list[int]
) -> None:
    """Else it would succeed without them."""
    world = World(each("e", [1, 2, 3, 4, 5], call("x", on_failure="fail"), limit=3, tolerate=1))
    world.fails("e[0].x").fails("e[1].x").stops("e[2].x").stops("e[3].x")
    assert (world.states["e"], world.states["e[2].x"], "e[4].x" in world.states) == ("parked", "cancelled", False)
    assert world.operate("rerun", step, **{"as": scope}).status == "done"
    assert len(going(world)) == 3
    all_succeed(world)
    assert (world.run.status, world.step("e").outputs["failed"], world.step("e[3].x").n) == ("completed", failed, 2)
    items = world.step("e").outputs["items"]
    assert isinstance(items, list)
    assert [i for i, item in enumerate(items) if item is None] == failed


def test_what_was_done_in_an_item_that_was_cut_off_stands() -> None:
    """Only the rest is done again; a block in it whole, and who has items counts on."""
    block = do("b", call("y"), call("x", on_failure="fail", needs=[]))
    world = World(each("e", [1, 2], call("w"), block, each("f", [7], call("z"), needs=["w"])))
    world.succeeds("e[0].w").succeeds("e[1].w").succeeds("e[1].y").fails("e[0].x").stops("e[0].y")
    for step in ("e[0].f[0].z", "e[1].x", "e[1].f[0].z"):
        world.stops(step)
    assert (world.states["e"], world.states["e[1].b"], world.states["e[1].f[0].z"]) == ("parked", *["cancelled"] * 2)
    before = len(world.started)
    world.operate("rerun", "e[0].x")
    all_succeed(world)
    assert world.states["e"] == "succeeded"
    assert sorted(a for a in world.started[before:] if a.startswith("e[1]")) == ["e[1].f[0].z", "e[1].x", "e[1].y"]
    assert world.step("e[1].f[0].z").n == 2


def test_an_item_that_was_cut_off_may_be_done_again_by_hand() -> None:
    """Then it is not a second time when there is room."""
    world = World(each("e", [1, 2, 3, 4], call("x", on_failure="fail"), limit=3, tolerate=1))
    world.fails("e[0].x").fails("e[1].x").stops("e[2].x").stops("e[3].x").operate("rerun", **{"as": "failed"})
    assert (going(world), world.states["e[3].x"]) == (["e[0].x", "e[1].x", "e[2].x"], "cancelled")
    world.operate("rerun", "e[3].x")
    assert all_succeed(world).step("e[3].x").n == 2
    assert world.run.status == "completed"


@pytest.mark.parametrize("fields", [{"as": "failed"}, {"step": "e[0].x"}])
def test_an_item_that_has_failed_is_done_again_with_all_that_it_lacks(fields: Document) -> None:
    """What was undone in it comes first, what was left out follows; what stands in it is not done twice."""
    inner = (call("v"), do("b", call("w", undo=undo("w"))), call("x", on_failure="fail"), call("z"))
    world = World(each("e", [1], *inner, tolerate=1, on_failure="park"), wait("end", needs=[]))
    world.succeeds("e[0].v").succeeds("e[0].w").fails("e[0].x").undone("e[0].w")
    assert (world.step("e").outputs["failed"], world.states["e[0].z"]) == ([0], "skipped")
    before = len(world.started)
    assert world.operate("rerun", **fields).status == "done"
    assert (going(world), world.states["e[0].x"]) == (["e[0].w"], "waiting")
    all_succeed(world)
    assert (world.started[before:], world.states["e"]) == (["e[0].w", "e[0].x", "e[0].z"], "succeeded")
    assert [d.step for d in world.run.done] == ["e[0].w"]


def test_a_block_in_an_item_that_has_failed_goes_on_with_what_it_lacks() -> None:
    """As the item itself."""
    block = each("e", [1], do("b", call("y", on_failure="fail"), call("x")), tolerate=1)
    world = World(block, wait("end", needs=[])).fails("e[0].y")
    world.operate("rerun", **{"as": "failed"})
    assert all_succeed(world).states == {
        "e": "succeeded",
        "end": "waiting",
        "e[0].b": "succeeded",
        "e[0].y": "succeeded",
        "e[0].x": "succeeded",
    }


def test_failures_of_one_item_are_mended_together() -> None:
    """Each is done once more, and in its turn."""
    steps = (call("x"), call("y", on_failure="fail", needs=[{"x": "failed"}]))
    world = World(each("e", [1], do("b", *steps), call("z"), tolerate=1), wait("end", needs=[]))
    world.fails("e[0].x").fails("e[0].y").operate("rerun", **{"as": "failed"})
    assert (going(world), world.states["e[0].y"]) == (["e[0].x"], "waiting")
    steps = (call("x", needs=[], on_failure="fail"), call("y", needs=[], on_failure="fail"))
    world = World(each("e", [1], *steps, tolerate=1), wait("end", needs=[])).fails("e[0].x").fails("e[0].y")
    world.operate("rerun", **{"as": "failed"})
    assert (going(world), world.step("e[0].x").n, world.step("e[0].y").n) == (["e[0].x", "e[0].y"], 2, 2)


def test_a_failure_is_not_mended_twice_where_what_it_lies_in_is_done_again_whole() -> None:
    """What another failure of the item has undone in there begins anew, the items with it."""
    inner = (call("u", undo=undo("u")), call("y", needs=[]), call("r", needs=[{"y": "failed"}]))
    world = World(each("e", [1], call("z", on_failure="fail"), each("f", [7], *inner, needs=[])))
    world.succeeds("e[0].f[0].u").fails("e[0].f[0].y").succeeds("e[0].f[0].r").fails("e[0].z").undone("e[0].f[0].u")
    assert world.operate("rerun", **{"as": "failed"}).status == "done"
    assert (going(world), world.step("e[0].f[0].y").n) == (["e[0].z", "e[0].f[0].u", "e[0].f[0].y"], 2)
    assert all_succeed(world).run.status == "completed"
