"""A race: the first branch of a block that comes to its end wins."""

from tests.domain.flow.world import Document, World, ask, call, do, granted, undo, wait


def test_the_first_branch_to_end_wins() -> None:
    """The others are stopped, or undone; the outcome is the winner's id."""
    race = do(
        "race",
        call("slow", needs=[]),
        call("early", needs=[], undo=undo("early")),
        ask("late", needs=["early"]),
        call("quick", needs=[]),
        call("end", needs=["quick"]),
        first=True,
    )
    world = World(race, call("after", needs=[{"race": "end"}])).succeeds("early").succeeds("quick").succeeds("end")
    assert world.stopping == ["slow", "late"]
    world.stops("slow").answers("late", "withdrawn")
    assert world.undos == ["early"]
    world.undone("early")
    assert world.step("race").outcome == "end"
    assert world.states == {
        "race": "succeeded",
        "slow": "cancelled",
        "early": "succeeded",
        "late": "cancelled",
        "quick": "succeeded",
        "end": "succeeded",
        "after": "running",
    }


def race(**envelope: object) -> Document:
    """Return two branches, each of which is undone."""
    steps = [call(name, needs=[], undo=undo(name)) for name in ("x", "y")]
    return do("race", *steps, call("x_end", needs=["x"]), call("y_end", needs=["y"]), first=True, **envelope)


def test_a_race_that_nobody_ends_fails() -> None:
    """It parks, or does what is written for its failure."""
    world = World(do("race", call("x", needs=[], on_failure="continue"), call("y", **{"if": "false"}), first=True))
    world.fails("x")
    assert (world.states["race"], world.step("race").error) == ("parked", "first: no branch has come to its end")


def test_a_loser_that_answers_late_changes_nothing() -> None:
    """A rejection that comes before its question could be withdrawn ends nothing: the race is over."""
    world = World(do("race", ask("slow", needs=[]), call("quick", needs=[]), first=True), call("after"))
    world.succeeds("quick").answers("slow", "rejected")
    assert (world.states["slow"], world.step("race").outcome, world.states["after"]) == (
        "cancelled",
        "quick",
        "running",
    )


def test_a_loser_that_succeeds_late_is_undone() -> None:
    """Its work is there."""
    world = World(do("race", call("slow", needs=[], undo=undo("slow")), call("quick", needs=[]), first=True))
    world.succeeds("quick").succeeds("slow")
    assert world.undos == ["slow"]
    assert world.undone("slow").states == {"race": "succeeded", "slow": "succeeded", "quick": "succeeded"}


def test_a_negative_end_does_not_win() -> None:
    """An answer that was named lets the race go on without it."""
    inner = [ask("a", needs=[]), call("b", needs=[{"a": "rejected"}]), call("c", needs=[])]
    world = World(do("race", *inner, first=True)).answers("a", "rejected")
    assert world.states["race"] == "running"
    assert world.succeeds("b").stops("c").step("race").outcome == "b"


def test_a_race_undoes_nothing_of_an_earlier_turn() -> None:
    """What won then stays; only what has lost in this turn is undone."""
    world = World(do("b", race(), repeat={"until": "index == 1"}), wait("w"))
    world.succeeds("x").succeeds("x_end").stops("y")
    world.succeeds("x").succeeds("y").succeeds("y_end").stops("x_end")
    assert world.undos == ["x"]
    world.undone("x")
    assert (world.states["b"], [(d.step, d.turn) for d in world.run.done]) == (
        "succeeded",
        [("x", "b#0/"), ("y", "b#1/")],
    )


def test_nothing_is_done_again_in_a_race_that_is_won() -> None:
    """The winner would stop it at once; the race itself can be run again."""
    world = World(race(), wait("w")).succeeds("x").succeeds("x_end").stops("y")
    receipt = world.operate("rerun", "y")
    says = "step 'race', in which it lies, is succeeded: rerun that step"
    assert (receipt.status, receipt.reason) == ("closed", says)
    assert world.operate("rerun", "race").status == "done"
    assert world.states["y"] == "running"


def test_what_a_loser_has_granted_is_taken_back_at_once() -> None:
    """The race ends when its `undo` has run."""
    world = World(do("race", granted("g", needs=[]), call("x", needs=[]), call("end"), first=True), call("after"))
    world.succeeds("g", id=1).succeeds("x").succeeds("end")
    assert (world.undos, world.states["race"]) == (["g"], "running")
    world.undone("g")
    assert (world.states["g"], world.states["race"], world.states["after"]) == ("cancelled", "succeeded", "running")
