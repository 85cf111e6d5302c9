"""A race: the first branch of a block that comes to its end wins."""

from tests.domain.flow.world import World, ask, call, do, undo


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
