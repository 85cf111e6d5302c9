"""Items: the same steps for each of a list."""

from tests.domain.flow.world import World, ask, call, each, undo


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
