"""Units of resources: asked for before the first job begins, given back when none is under way any more."""

from typing import Any

from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.effects import ClaimUnits, ReturnUnits
from hitl_temporal.domain.flow.views import waiting_reasons, why
from tests.domain.flow.world import START, World, ask, call, do, undo


def claims(world: World) -> list[tuple[str, int]]:
    """Return what was asked for, in order."""
    return [(e.resource, e.units) for e in world.effects if isinstance(e, ClaimUnits)]


def returned(world: World) -> list[str]:
    """Return what was given back, in order."""
    return [e.resource for e in world.effects if isinstance(e, ReturnUnits)]


def answer(world: World, *, refuse: str = "") -> World:
    """Answer the last wish."""
    claim = [e for e in world.effects if isinstance(e, ClaimUnits)][-1]
    about: dict[str, Any] = {"at": world.now, "claim": claim.claim, "resource": claim.resource}
    world.feed(events.UnitsRefused(**about, reason=refuse) if refuse else events.UnitsGranted(**about))
    return world


def test_units_are_asked_for_one_resource_after_the_other() -> None:
    """By name; the job begins when all are there, and gives them back when it has ended."""
    world = World(call("a", uses={"z": 1, "b": 2}, priority=1))
    assert (claims(world), world.started, waiting_reasons(world.run)) == ([("b", 2)], [], ("resource",))
    assert [r.by for r in why(world.run)] == [("b",)]
    answer(world.passes(hours=1))
    assert (claims(world), world.started) == ([("b", 2), ("z", 1)], [])
    assert [(r.by, r.since) for r in why(world.run)] == [(("z",), START)]
    assert answer(world).started == ["a"]
    assert returned(world.succeeds("a")) == ["b", "z"]


def test_a_block_takes_units_for_what_lies_in_it() -> None:
    """It gives them back while only people are waited for, and takes them again."""
    world = answer(World(do("b", call("x"), ask("q"), call("y"), uses={"r": 1})))
    assert (world.states["x"], claims(world)) == ("running", [("r", 1)])
    assert returned(world.succeeds("x")) == ["r"]
    world.answers("q")
    assert (world.states["y"], len(claims(world))) == ("waiting", 2)
    assert answer(world).states["y"] == "running"


def test_kept_units_stay_while_people_are_waited_for() -> None:
    """Until the block has ended."""
    world = answer(World(do("b", ask("q"), call("y"), uses={"r": 1}, keep=True)))
    assert (world.states["q"], returned(world.answers("q"))) == ("waiting", [])
    assert returned(world.succeeds("y")) == ["r"]


def test_what_there_is_not_parks_the_step() -> None:
    """The next one asks for itself."""
    world = answer(World(do("b", call("x"), call("y", needs=[]), uses={"r": 9})), refuse="there are 4")
    assert (world.states["x"], world.step("x").error) == ("parked", "resource 'r': there are 4")
    assert (claims(world), world.states["y"]) == ([("r", 9)] * 2, "waiting")
    assert answer(world).states["y"] == "running"


def test_a_step_takes_units_beside_those_of_what_it_lies_in() -> None:
    """What is held for the block, or for the run, stays while the step waits for its own."""
    world = answer(answer(World(do("b", call("x", uses={"s": 1}), uses={"r": 1}))))
    assert (world.states["x"], returned(world)) == ("running", [])
    assert sorted(returned(world.succeeds("x"))) == ["r", "s"]
    world = answer(answer(World(call("a", uses={"sap": 1}), concurrency=1)))
    assert (world.states["a"], claims(world)) == ("running", [("flow:sample", 1), ("sap", 1)])


def test_all_that_a_step_lacks_is_asked_for_by_name() -> None:
    """Whoever is to hold it: two runs that hold what the other wants would wait for ever."""
    world = World(do("b", call("x", uses={"m": 1}), uses={"a": 1, "z": 1}))
    assert answer(answer(answer(world))).states["x"] == "running"
    assert claims(world) == [("a", 1), ("m", 1), ("z", 1)]


def test_what_is_idle_is_given_back_for_what_comes_before_it() -> None:
    """Then it is asked for again, in its turn."""
    world = World(do("b", call("x"), call("y", uses={"c": 1}), uses={"r": 1}))
    answer(world).succeeds("x")
    assert (claims(world), returned(world)) == ([("r", 1), ("c", 1)], ["r"])
    assert answer(answer(world)).states["y"] == "running"
    assert claims(world)[2:] == [("r", 1)]


def test_a_hold_keeps_no_units_of_others() -> None:
    """What was taken in the meantime is given back, and asked for again afterwards."""
    for step in (None, "a"):
        world = World(call("a", uses={"r": 1, "s": 1}))
        world.operate("hold", step)
        answer(world)
        assert (claims(world), returned(world)) == ([("r", 1)], ["r"])
        world.operate("release", step)
        assert answer(answer(world)).states["a"] == "running"


def test_a_step_does_not_take_twice_what_its_block_has() -> None:
    """It would wait for itself."""
    world = answer(World(do("b", call("x", uses={"r": 1}), uses={"r": 2})))
    assert (world.states["x"], claims(world)) == ("running", [("r", 2)])


def test_an_operator_lets_a_step_begin_without_units() -> None:
    """Only if `resource` is named."""
    world = World(call("a", uses={"r": 1}))
    world.operate("start_step", "a")
    assert world.states["a"] == "waiting"
    world.operate("start_step", "a", waive=["resource"])
    assert (world.states["a"], returned(world)) == ("running", ["r"])
    block = do("b", call("x"), call("y"), uses={"r": 1})
    world = World(call("a"), block)
    assert world.operate("start_step", "y", waive=["resource"]).status == "done"
    assert world.operate("start_step", "y", waive=["resource"]).status == "done"


def test_an_answer_to_a_wish_that_is_over_gives_back() -> None:
    """Nobody holds what nobody needs."""
    world = World(call("a", uses={"r": 1}))
    world.operate("cancel")
    assert (world.run.status, returned(world)) == ("cancelled", ["r"])
    answer(world)
    assert returned(world) == ["r", "r"]


def test_an_answer_that_comes_again_changes_nothing() -> None:
    """It was taken."""
    world = answer(World(call("a", uses={"r": 1})))
    before = world.run
    assert answer(world).run == before


def test_a_flow_bounds_how_many_of_its_runs_go_on() -> None:
    """Runs are counted by the flow, or by a key of it; what is asked for is the run's own."""
    world = World(call("a"), ask("q"), concurrency=2)
    assert claims(world)[0][1] == 1
    assert answer(world).states["a"] == "running"
    assert len(returned(world.succeeds("a"))) == 1
    by_key = {"limit": 1, "key": "{{ inputs.k }}"}
    world = World(call("a"), inputs={"k": "x"}, declared={"k": {"type": "string"}}, concurrency=by_key)
    assert "x" in claims(world)[0][0]
    assert answer(world, refuse="none").states["a"] == "parked"


def test_a_held_step_asks_for_nothing() -> None:
    """Its turn has not come; what it waits for is the hold."""
    world = World(call("a", uses={"r": 1}, needs=[]), call("b", needs=["a"], uses={"r": 1}))
    world.operate("hold", "a")
    assert waiting_reasons(world.run) == ("hold", "predecessor")


def test_a_refusal_that_comes_too_late_parks_nothing() -> None:
    """Nobody waits for the units any more."""
    world = World(do("b", call("x"), ask("q"), uses={"r": 1}))
    world.operate("skip", "x")
    assert answer(world, refuse="none").states == {"b": "running", "x": "skipped", "q": "waiting"}


def test_a_refusal_parks_nothing_in_a_run_that_is_ending() -> None:
    """What has parked there would keep it from its end for ever."""
    world = World(ask("a", undo=undo("a")), call("x"), concurrency=1).answers("a")
    world.operate("cancel")
    assert (world.states["x"], world.run.state) == ("waiting", "undoing")
    answer(world, refuse="too many")
    assert world.states["x"] == "waiting"
    assert world.undone("a").run.status == "cancelled"


def test_units_that_are_held_need_no_word() -> None:
    """Nothing is given back by it."""
    world = answer(World(do("b", call("x"), call("y"), uses={"r": 1})))
    world.operate("start_step", "y", waive=["resource"])
    assert returned(world) == []
