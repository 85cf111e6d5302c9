"""Which call goes first where a worker can't do all at once."""

from hitl_temporal.domain.flow.effects import StartCall
from tests.domain.flow.world import World, call, each, undo


def test_a_call_has_the_priority_of_its_step_else_of_the_flow() -> None:
    """Also in an item, and what undoes it."""
    steps = (
        call("a", priority=1, undo=undo("a")),
        each("e", [1], call("b", priority=2), call("c", on_failure="fail", needs=[]), needs=["a"]),
    )
    world = World(*steps, priority=4)
    world.succeeds("a").fails("e[0].c").fails("e[0].b")
    world.operate("cancel")
    calls = [(e.activity, e.priority) for e in world.effects if isinstance(e, StartCall)]
    assert calls == [("job.a", 1), ("job.b", 2), ("job.c", 4), ("undo.a", 1)]
