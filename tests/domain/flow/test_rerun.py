"""A step is done again, alone or with what follows."""

import pytest

from hitl_temporal.domain.flow.effects import StartCall
from hitl_temporal.domain.flow.job import Prepared, Secret
from tests.domain.flow.world import Document, World, ask, call, do, each, undo, wait


def test_a_finished_item_is_rerun() -> None:
    """Its each is under way again, and counts on in its ids."""
    world = World(each("e", [1, 2], call("x")), wait("w")).succeeds("e[0].x", v=1).succeeds("e[1].x", v=2)
    assert world.operate("rerun", "e[0].x").status == "done"
    assert (world.states["e"], world.step("e[0].x").n) == ("running", 2)
    world.succeeds("e[0].x", v=3)
    assert world.step("e").outputs == {"items": [{"x": {"v": 3}}, {"x": {"v": 2}}], "failed": []}
    world.operate("rerun", "e")
    assert world.step("e[1].x").n == 3


def test_from_a_step_all_that_follows_is_done_again() -> None:
    """In its list, and after what it lies in; what follows waits for its needs as it did before."""
    world = World(call("a"), do("b", call("x"), call("y")), call("z"), call("other", needs=[]), wait("w", needs=[]))
    world.succeeds("a").succeeds("x").succeeds("y").succeeds("z").succeeds("other")
    receipt = world.operate("rerun", "x", **{"as": "from"})
    assert receipt.changes == ("x: again", "y: again", "z: again")
    assert world.states == {
        "a": "succeeded",
        "b": "running",
        "x": "running",
        "y": "waiting",
        "z": "waiting",
        "other": "succeeded",
        "w": "waiting",
    }
    assert world.succeeds("x").succeeds("y").states["z"] == "running"


def test_what_follows_must_have_ended_first() -> None:
    """Nothing that goes on is forgotten."""
    world = World(call("a"), call("b")).succeeds("a")
    receipt = world.operate("rerun", "a", **{"as": "from"})
    assert (receipt.status, receipt.reason) == ("closed", "step 'b', which follows, is running: cancel it first")
    assert world.fails("b").operate("rerun", "a", **{"as": "from"}).status == "done"
    assert world.states == {"a": "running", "b": "waiting"}


def test_everything_that_failed_is_done_again() -> None:
    """What parked, and what failed with others going on; not what has been mended, nor what goes on in spite of it."""
    steps = [
        call("a", needs=[]),
        call("b", needs=[], on_failure="continue"),
        call("c", needs=[], on_failure={"catch": [call("mend")]}),
        call("d", needs=[]),
        call("e", needs=[{"d": "failed"}]),
    ]
    world = World(*steps).fails("a").fails("b").fails("c").succeeds("mend").fails("d")
    assert world.operate("rerun", **{"as": "failed"}).changes == ("a: again", "d: again")
    world = World(call("a"))
    receipt = world.operate("rerun", **{"as": "failed"})
    assert (receipt.status, receipt.reason) == ("closed", "no step has parked or failed")


def test_what_is_done_about_a_failure_waits_for_it_again() -> None:
    """It is left out where there is none any more."""
    world = World(call("x"), call("y", needs=[{"x": "failed"}]), wait("end", needs=[])).fails("x").fails("y")
    assert world.operate("rerun", **{"as": "failed"}).changes == ("x: again", "y: again")
    assert (world.states["x"], world.states["y"]) == ("running", "waiting")
    assert world.succeeds("x").states["y"] == "skipped"


def test_all_of_a_run_is_done_again() -> None:
    """Once nothing goes on."""
    world = World(call("a"), do("b", call("x")), call("c")).succeeds("a")
    receipt = world.operate("rerun", **{"as": "all"})
    assert (receipt.status, receipt.reason) == ("closed", "step 'x' is running")
    world.fails("x")
    assert world.operate("rerun", **{"as": "all"}).changes == ("a: again", "b: again")
    assert world.states == {"a": "running", "b": "waiting", "x": "waiting", "c": "waiting"}
    assert world.succeeds("a").step("x").n == 2


def test_other_arguments_take_the_place_of_those_of_the_document() -> None:
    """For this start and later ones; only a job and a run within have any."""
    world = World(call("a", **{"with": {"v": 1, "w": 2}}), ask("q", needs=[])).fails("a")
    assert world.operate("rerun", "a", **{"with": {"w": 3}}).changes == ("a: again with other arguments",)
    assert world.last[-1].arguments == {"v": 1, "w": 3}  # type: ignore[union-attr]
    world.fails("a").operate("rerun", "a", **{"as": "from", "with": {"v": 4}})
    assert world.effects[-1].arguments == {"v": 4, "w": 3}  # type: ignore[union-attr]
    world.fails("a").operate("rerun", "a")
    assert world.effects[-1].arguments == {"v": 4, "w": 3}  # type: ignore[union-attr]
    says = "with: only a `call`, a `run` or a `flow` that is done again takes other arguments"
    for step, scope in (("q", "step"), ("a", "failed")):
        receipt = world.operate("rerun", step, **{"as": scope, "with": {"v": 1}})
        assert (receipt.status, receipt.reason) == ("invalid", says)


def test_arguments_given_by_hand_stay_where_a_step_is_done_again_with_others() -> None:
    """In an item that goes on, in a block that is done again whole; but not in another turn."""
    items = each("e", [1], call("a", undo=undo("a")), call("x", on_failure="fail"), tolerate=1)
    world = World(items, wait("end", needs=[])).succeeds("e[0].a")
    world.operate("rerun", "e[0].a", **{"with": {"v": 1}})
    world.succeeds("e[0].a").fails("e[0].x").undone("e[0].a").operate("rerun", **{"as": "failed"})
    assert world.last[-1].arguments == {"v": 1}  # type: ignore[union-attr]
    world = World(do("b", call("a"), repeat={"until": "index == 1", "max": 3}), wait("end", needs=[])).fails("a")
    world.operate("rerun", "a", **{"with": {"v": 1}})
    world.succeeds("a")
    assert world.effects[-1].arguments == {}  # type: ignore[union-attr]
    world.fails("a").operate("rerun", "a", **{"with": {"v": 2}})
    world.succeeds("a").operate("rerun", "b")
    assert world.last[-1].arguments == {"v": 2}  # type: ignore[union-attr]


def command(world: World) -> Prepared:
    """Return the command that was started last."""
    found = next(e.command for e in reversed(world.effects) if isinstance(e, StartCall))
    assert found is not None
    return found


def test_a_command_takes_other_words() -> None:
    """Variables one by one: those of its document stay, with their secrets."""
    env = {"TOKEN": "{{secret('t')}}", "A": "0", "B": "0"}
    world = World({"id": "a", "run": {"command": "one", "env": env}}).fails("a")
    wish = {"env": {"A": 1, "B": None, "C": "c"}, "args": ["x", 2], "cwd": "there"}
    assert world.operate("rerun", "a", **{"with": wish}).status == "done"
    assert command(world).env == {"TOKEN": Secret(secret="t"), "A": "1", "C": "c"}
    assert (command(world).command, command(world).args, command(world).cwd) == (("one",), ("x", "2"), "there")
    world.fails("a").operate("rerun", "a", **{"with": {"cwd": None}})
    assert command(world).cwd is None


def test_a_command_that_gets_no_secrets_can_be_another() -> None:
    """Or a script."""
    world = World({"id": "a", "run": {"command": "one"}}).fails("a")
    world.operate("rerun", "a", **{"with": {"script": "mend.sh"}})
    assert (command(world).command, command(world).script) == ((), "mend.sh")
    world = World({"id": "a", "run": {"script": "one.sh"}}).fails("a")
    world.operate("rerun", "a", **{"with": {"command": ["two", "x"]}})
    assert (command(world).command, command(world).script) == (("two", "x"), None)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"nonsense": 1}, "with: a job takes no 'nonsense'; it takes command, script, args, env, cwd"),
        ({"log_limit_bytes": 10**12}, "takes no 'log_limit_bytes'"),
        ({"env": {"Q": {"secret": "other"}}}, "with.env.Q: a mapping is no text"),
        ({"env": {"Q": {"$secret": "other"}}}, "with.env.Q: a mapping is no text"),
        ({"env": ["Q"]}, "with.env: a list is no map of variables"),
        ({"env": {"HITL_KEY": "x"}}, "'HITL_KEY' can't be a variable"),
        ({"env": {"A=B": "x"}}, "'A=B' can't be a variable"),
        ({"args": "x y"}, "with.args: 'x y' is no list of words"),
        ({"args": ["a\0b"]}, "with.args: a text with a NUL"),
        ({"command": ["sh", "-c", "echo $TOKEN"]}, "what is run by hand gets no secrets, and this gets 't'"),
        ({"script": "mend.sh"}, "what is run by hand gets no secrets"),
    ],
)
def test_what_does_not_fit_a_command_is_refused(wish: Document, says: str) -> None:
    """Above all a secret that its document does not name, and another command for those that it does."""
    world = World({"id": "a", "run": {"command": "one", "env": {"TOKEN": "{{secret('t')}}"}}}).fails("a")
    receipt = world.operate("rerun", "a", **{"with": wish})
    assert (receipt.status, world.states["a"]) == ("invalid", "parked")
    assert says in receipt.reason


def test_a_command_by_hand_names_a_program_of_the_project() -> None:
    """Nothing outside of it as a script, and not nothing."""
    world = World({"id": "a", "run": {"command": "one"}}).fails("a")
    assert "no file of the project" in world.operate("rerun", "a", **{"with": {"script": "../x"}}).reason
    assert "no list of words" in world.operate("rerun", "a", **{"with": {"command": []}}).reason


def test_a_step_in_what_never_began_can_not_be_done_again() -> None:
    """It would have nothing around it."""
    world = World(call("a"), do("b", call("x")), wait("w", needs=[]))
    world.operate("skip", "x")
    receipt = world.operate("rerun", "x")
    assert (receipt.status, receipt.reason) == ("closed", "step 'b', in which it lies, is waiting")


def test_nothing_is_done_again_while_it_is_undone() -> None:
    """Nor in what is closing: first that comes to its end."""
    steps = [call("x", undo=undo("x")), call("y", on_failure="fail")]
    world = World(each("e", [1], *steps, tolerate=1), wait("w")).succeeds("e[0].x").fails("e[0].y")
    assert world.operate("rerun", "e[0].x").reason == "step 'e[0].x' is running its undo"
    says = "step 'e', in which it lies, is closing"
    assert world.operate("rerun", "e[0].y").reason == says
    assert world.operate("rerun", **{"as": "failed"}).reason == "no step has parked or failed"
    assert world.operate("rerun", **{"as": "all"}).reason == "step 'e[0].x' is being undone"
    assert world.undone("e[0].x").operate("rerun", "e[0].y").status == "done"


def test_a_block_that_is_opened_again_ends_again() -> None:
    """With facts of their own, and one success to undo."""
    world = World(do("b", call("x"), undo=undo("b")), wait("w")).succeeds("x")
    world.operate("rerun", "x")
    world.succeeds("x")
    keys = [f.key for f in world.facts if f.key.startswith("b:")]
    assert keys == ["b:1:started", "b:1:succeeded", "b:1.1:reopened", "b:1.1:succeeded"]
    assert [d.step for d in world.run.done] == ["b"]


def test_a_parked_each_goes_on_when_an_item_is_mended() -> None:
    """It is under way again, and ends with its last item."""
    world = (
        World(each("e", [1, 2], call("x", on_failure="fail")), call("after")).succeeds("e[1].x", v=2).fails("e[0].x")
    )
    assert world.states["e"] == "parked"
    world.operate("rerun", "e[0].x")
    assert world.states["e"] == "running"
    world.succeeds("e[0].x", v=1)
    assert world.step("e").outputs == {"items": [{"x": {"v": 1}}, {"x": {"v": 2}}], "failed": []}
    assert world.states["after"] == "running"


def test_an_item_fails_twice_with_facts_of_their_own() -> None:
    """Each time it was opened."""
    world = World(each("e", [1], call("x", on_failure="fail"), tolerate=1), wait("w")).fails("e[0].x")
    world.operate("rerun", "e[0].x")
    world.fails("e[0].x")
    assert [f.key for f in world.facts if f.name == "item.failed"] == ["e[0]:1:failed", "e[0]:1.1:failed"]


def test_an_each_that_has_enough_lets_nothing_begin_again() -> None:
    """It would stop it at once; where the rest goes on, it may."""
    world = World(each("e", [1, 2], call("x"), enough={"count": 1}, limit=1), wait("w")).succeeds("e[0].x")
    assert world.operate("rerun", "e[0].x").status == "done"
    enough = {"count": 1, "rest": "cancel"}
    world = World(each("e", [1, 2], call("x"), call("y", needs=[]), enough=enough), wait("w"))
    world.succeeds("e[0].x").succeeds("e[1].x").succeeds("e[1].y").stops("e[0].y")
    says = "step 'e', in which it lies, is succeeded: rerun that step"
    assert world.operate("rerun", "e[0].x").reason == says
    world = World(each("e", [1, 2], call("x"), enough={"count": 1, "rest": "continue"}), wait("w"))
    world.succeeds("e[0].x").succeeds("e[1].x")
    assert world.operate("rerun", "e[1].x").status == "done"


def test_a_rerun_says_what_goes_on_with_it() -> None:
    """Beside the step of an item that has failed: what of the item was undone, and what was left out."""
    item = (call("w", undo=undo("w")), call("x", on_failure="fail"), call("z"))
    world = World(each("e", [1], *item)).succeeds("e[0].w").fails("e[0].x").undone("e[0].w")
    expected = ("e[0].x: again", "e[0].w: goes on with it", "e[0].z: goes on with it")
    assert world.operate("rerun", dry_run=True, **{"as": "failed"}).changes == expected
    assert world.operate("rerun", "e[0].x", dry_run=True).changes == expected
    assert world.operate("rerun", **{"as": "failed"}).changes == expected


def test_a_rerun_says_which_items_were_cut_off_and_go_on() -> None:
    """An `each` that gave up has items that are begun once more when it goes on."""
    world = World(each("e", [1, 2, 3, 4, 5], call("x", on_failure="fail"), limit=3, tolerate=1))
    world.fails("e[0].x").fails("e[1].x").stops("e[2].x").stops("e[3].x")
    receipt = world.operate("rerun", **{"as": "failed"})
    expected = ("e[0].x: again", "e[1].x: again", "e[2]: goes on with it", "e[3]: goes on with it")
    assert receipt.changes == expected
    assert world.operate("rerun", "e[3].x").changes == ("e[3].x: again",)
