"""A run that continues as new finds each child again under the id by which it was started."""

from hitl_temporal.domain.flow.effects import StartAsk, StartFlow
from hitl_temporal.engine.kin import Kin
from tests.domain.flow.world import World, ask, call, granted

CHILD = {"child": [call("x")]}


def last_of(world: World) -> Kin:
    """Return the child that was started last."""
    return Kin.of(next(e for e in reversed(world.effects) if isinstance(e, StartAsk | StartFlow)))


def test_a_question_and_a_run_within() -> None:
    """Of the start that is under way, in an item as well."""
    world = World({"id": "e", "each": [1], "do": [ask("q")]})
    assert Kin.all_of(world.run) == (last_of(world),)
    world = World({"id": "go", "flow": "child"}, flows=CHILD)
    assert Kin.all_of(world.run) == (last_of(world),)


def test_questions_about_a_failure_and_about_more_time() -> None:
    """They have ids of their own."""
    world = World(call("a", on_failure={"ask": {"who": ["user:bob"]}})).fails("a")
    assert Kin.all_of(world.run) == (last_of(world),)
    world = World(granted("g", extend={"ask": {"who": "user:bob"}})).succeeds("g")
    world.operate("extend_grant", "g", **{"with": {"for": "1d"}})
    assert Kin.all_of(world.run) == (last_of(world),)


def test_a_run_that_undoes_a_step() -> None:
    """Whichever start of the step it undoes, and however often that was tried."""
    world = World(call("a", undo={"flow": "child"}), call("b", on_failure="fail"), flows=CHILD)
    world.succeeds("a").operate("rerun", "a")
    world.succeeds("a").fails("b")
    assert (last_of(world).child, Kin.all_of(world.run)) == ("r.a.2.undo", (last_of(world),))
    world.undo_fails("a").operate("rerun", "a", key="again")
    assert (last_of(world).child, Kin.all_of(world.run)) == ("r.a.2.undo.2", (last_of(world),))
