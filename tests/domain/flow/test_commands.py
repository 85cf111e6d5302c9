"""Steps that run commands: what their exit codes mean; and what a document may not say of a step."""

from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.attempts import may_begin_again
from hitl_temporal.domain.flow.effects import StartCall
from hitl_temporal.domain.flow.job import is_pool
from hitl_temporal.domain.flow.waiting import left_looking, watches
from tests.domain.flow.world import Document, World, ask, call, do, undo


def run(step: str, **envelope: Any) -> Document:
    """Return a step that runs a command."""
    return {"id": step, "run": {"command": "do it"}, **envelope}


def ends(world: World, step: str, code: str, *, well: bool) -> World:
    """A command has ended with this code."""
    about: dict[str, Any] = {"at": world.now, "step": step, "n": world.n(step), "outcome": code}
    world.feed(events.JobSucceeded(**about, outputs={}) if well else events.JobFailed(**about, error="exit"))
    return world


def test_followers_name_exit_codes() -> None:
    """As numbers and ranges; a code that is named ends the step without parking."""
    steps = [run("a"), call("b", needs=[{"a": "1-3"}]), call("c", needs=[{"a": "0"}])]
    assert ends(World(*steps), "a", "2", well=False).states == {"a": "failed", "b": "running", "c": "skipped"}
    assert ends(World(*steps), "a", "0", well=True).states == {"a": "succeeded", "b": "skipped", "c": "running"}
    assert ends(World(*steps), "a", "7", well=False).states["a"] == "parked"


def test_an_outcome_that_is_no_code_meets_none() -> None:
    """An operator may give any."""
    world = World(run("a"), call("b", needs=[{"a": "0-255"}])).fails("a")
    world.operate("finish", "a", **{"as": "by_hand"})
    assert world.states == {"a": "succeeded", "b": "skipped"}


def test_a_command_in_doubt_parks() -> None:
    """Nobody knows how far it came, whatever is written for its failure; unless it was being stopped."""
    world = World(run("a", on_failure="continue"))
    lost = events.JobFailed(at=world.now, step="a", n=1, error="lost", is_in_doubt=True)
    world.feed(lost)
    assert (world.states["a"], world.step("a").error) == ("parked", "in_doubt: lost")
    world = World(run("a"))
    world.operate("skip", "a")
    world.feed(lost)
    assert world.states["a"] == "skipped"


def test_an_undo_in_doubt_parks_as_such() -> None:
    """One that has said that it failed does not."""
    for is_in_doubt, error in ((True, "in_doubt: lost"), (False, "lost")):
        world = World(call("a", undo={"run": {"command": "undo it"}}), call("b", on_failure="fail"))
        world.succeeds("a").fails("b")
        world.feed(events.UndoFailed(at=world.now, step="a", error="lost", is_in_doubt=is_in_doubt))
        assert (world.step("a").undo, world.step("a").error) == ("parked", error)


def started(**job: Any) -> StartCall:
    """Return the effect that starts a command."""
    world = World({"id": "a", "run": {"command": "do it"}, **job})
    (effect,) = [e for e in world.effects if isinstance(e, StartCall)]
    return effect


def test_who_has_said_that_it_failed_is_tried_as_often_as_is_written() -> None:
    """Once, unless there is a `retry`; whether it may be begun twice or not."""
    idempotent = {"command": "do it", "idempotent": True}
    for effect, tries in (
        (started(), 1),
        (started(run=idempotent), 1),
        (started(retry={"max": 3}), 3),
        (started(run=idempotent, retry={"max": 3}), 3),
    ):
        again = [may_begin_again(effect, begun=n, failed=n, end="told") for n in range(1, 6)]
        assert again == [n < tries for n in range(1, 6)]


def test_a_command_whose_agent_was_lost_is_begun_again_if_that_is_harmless() -> None:
    """Five times in all, or as often as is written; that is no failure of the command."""
    idempotent = {"command": "do it", "idempotent": True}
    for effect, starts in (
        (started(), 1),
        (started(retry={"max": 3}), 1),
        (started(run=idempotent), 5),
        (started(run=idempotent, retry={"max": 1}), 1),
        (started(run=idempotent, retry={"max": 3}), 3),
    ):
        again = [may_begin_again(effect, begun=n, failed=0, end="lost") for n in range(1, 7)]
        assert again == [n < starts for n in range(1, 7)]
    lost_then_failed = may_begin_again(started(run=idempotent), begun=2, failed=1, end="told")
    assert not lost_then_failed


def test_what_nobody_knows_the_end_of_is_tried_again_if_that_is_harmless() -> None:
    """Such as one that took too long: as often as one that has failed."""
    twice = {"retry": {"max": 2}}
    idempotent = {"command": "do it", "idempotent": True}
    assert not may_begin_again(started(**twice), begun=1, failed=1, end="unclear")
    assert may_begin_again(started(run=idempotent, **twice), begun=1, failed=1, end="unclear")
    assert not may_begin_again(started(run=idempotent), begun=1, failed=1, end="unclear")


def test_a_failure_gives_its_outputs() -> None:
    """If they have a text."""
    for given, kept in (({"v": 1}, {"v": 1}), ({"v": float("nan")}, {})):
        world = World(call("a"), call("b", needs=[{"a": "failed"}]))
        world.feed(events.JobFailed(at=world.now, step="a", n=1, error="gone", outputs=given))
        assert world.step("a").outputs == kept


def test_workers_go_on_to_look() -> None:
    """For what is still waited for, and not being stopped."""
    world = World({"id": "f", "wait": {"file": "f"}, "needs": []}, {"id": "r", "wait": {"run": "o"}, "needs": []})
    assert [w.activity for w in watches(world.run)] == ["hitl.watch_file", "hitl.watch_run"]
    world.operate("skip", "f")
    assert [w.step for w in watches(world.run)] == ["r"]
    assert left_looking(world.run) == (("f", 1),)
    world.stops("f").fails("r")
    assert (world.states["r"], watches(world.run), left_looking(world.run)) == ("parked", (), ())


def test_news_of_a_step_being_mended_are_of_something_else() -> None:
    """Its job has failed."""
    world = World(call("a", on_failure={"catch": [call("mend")]})).fails("a")
    before = world.run
    assert world.succeeds("a", n=1).run == before


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (call("a", undo={"run": {"command": "x"}, "with": {"v": 1}}), "`with` belongs to `call` and `flow`"),
        (call("a", undo={}), "does nothing"),
        ({"id": "a", "each": [1]}, "`each` without `do`"),
        (call("a", repeat={"until": "true"}), "`repeat` belongs to `do`, not to `call`; remove it"),
        (ask("a", timeout="1h"), "write `due` in the ask"),
        (run("a", **{"with": {"v": 1}}), "write `args` or `env` in the `run`"),
        (call("a", grant={"for": "1h"}), "`grant` without `undo`"),
        (do("a", call("x"), first=True, repeat={"until": "true"}), "`first` beside `repeat`"),
        (call("a", keep=True), "`keep` without `uses`"),
        ({"id": "a", "choose": [{"else": [call("x")]}, {"if": "true", "do": [call("y")]}]}, "`else` must be the last"),
        ({"id": "a", "call": "x", "run": {"command": "y"}}, "exactly one verb"),
        (call("a", undo=undo("a"), demand=["q"]), "demands 'q', which is no ask here"),
    ],
)
def test_what_a_step_may_not_say(step: Document, says: str) -> None:
    """With what to do about it."""
    with pytest.raises(ValidationError, match=says):
        World(step)


def test_what_a_pool_may_be_called() -> None:
    """As in a document."""
    assert is_pool("linux-1")
    assert not is_pool("Linux")


def test_every_step_has_its_needs_made_explicit() -> None:
    """The one above it, where nothing is written."""
    needs = World(call("a"), call("b"), call("c", needs=[])).definition.all_needs
    assert {name: [n.of for n in entries] for name, entries in needs.items()} == {"a": [], "b": [("a",)], "c": []}
