"""When each step was under way, out of the facts of a run."""

from datetime import datetime, timedelta

from hitl_temporal.domain.audit import Fact, Trail, record
from hitl_temporal.domain.flow.timeline import timeline
from tests.domain.flow.world import START, World, call, do, each, undo


def at(hours: float) -> datetime:
    """Return a moment so long after the start."""
    return START + timedelta(hours=hours)


def sealed(world: World, workflow: str = "r") -> list[Fact]:
    """Return the facts of a world as they are kept."""
    trail, found = Trail.begin(workflow, "first"), list[Fact]()
    for told in world.facts:
        trail, fact = record(
            trail,
            name=told.name,
            key=told.key,
            at=told.at,
            began=told.began,
            attributes=dict(told.attributes),
            run_id="first",
        )
        found.append(fact)
    return found


def drawn(facts: list[Fact], until: float = 9) -> list[tuple[str, str, float, float]]:
    """Return the bars of run `r`, in hours since the start."""
    hour = timedelta(hours=1)
    bars = timeline("r", facts, at(until))
    return [(b.step, b.state, (b.start - START) / hour, (b.end - START) / hour) for b in bars]


def test_each_start_has_a_bar_and_so_has_the_time_in_which_it_was_parked() -> None:
    """Of what is under way it goes on until now; of a run that has ended until its end."""
    world = World(call("a"), call("b"), call("c"))
    world.passes(hours=1).fails("a").passes(hours=1)
    world.operate("rerun", "a")
    world.passes(hours=1).succeeds("a").passes(hours=1).fails("b").passes(hours=1)
    begun = [("a", "failed", 0, 1), ("a", "parked", 1, 2), ("a", "succeeded", 2, 3), ("b", "failed", 3, 4)]
    assert drawn(sealed(world)) == [*begun, ("b", "parked", 4, 9)]
    world.operate("skip", "b")
    assert drawn(sealed(world)) == [*begun, ("b", "parked", 4, 5), ("c", "running", 5, 9)]
    ended = World(call("a"), call("b", needs=[], on_failure="fail")).passes(hours=1).fails("b").passes(hours=1)
    assert drawn(sealed(ended))[0] == ("b", "failed", 0, 1)


def test_items_blocks_and_compensations_have_theirs() -> None:
    """Also of what the state of the run has no more."""
    world = World(do("d", each("e", [1, 2], call("x", undo=undo("x")), limit=1)), call("z"))
    world.passes(hours=1).succeeds("e[0].x").passes(hours=1).succeeds("e[1].x").passes(hours=1)
    world.operate("cancel")
    world.stops("z").passes(hours=1).undone("e[1].x").passes(hours=1).undo_fails("e[0].x").passes(hours=1)
    world.operate("skip", "e[0].x")
    assert sorted(drawn(sealed(world))) == [
        ("d", "succeeded", 0, 2),
        ("e", "succeeded", 0, 2),
        ("e[0].x", "failed", 4, 5),
        ("e[0].x", "parked", 5, 6),
        ("e[0].x", "succeeded", 0, 1),
        ("e[1].x", "succeeded", 1, 2),
        ("e[1].x", "undone", 3, 4),
        ("z", "cancelled", 2, 3),
    ]


def test_runs_within_are_part_of_it_and_others_are_not() -> None:
    """By the start of the step that has begun them; what goes on in one that has ended ends with it."""
    inner = World(call("a"), call("b", needs=[])).passes(hours=1).succeeds("a").passes(hours=1).succeeds("b")
    facts = sealed(World(call("x"))) + sealed(inner, "r.pay.1") + sealed(inner, "rr")
    assert drawn(facts) == [("pay.1/a", "succeeded", 0, 1), ("pay.1/b", "succeeded", 0, 2), ("x", "running", 0, 9)]
    cut = [f for f in facts if f.name != "step.succeeded"]
    assert [bar for bar in drawn(cut) if bar[0] == "pay.1/a"] == [("pay.1/a", "running", 0, 2)]


def test_what_is_projected_comes_after_now() -> None:
    """What is over is not projected; the critical path is marked."""
    facts = sealed(World(call("a"), call("b")))
    ahead = [("a", at(0), at(2)), ("b", at(2), at(3)), ("c", at(0), at(1))]
    bars = timeline("r", facts, at(1), projected=ahead, critical=("a", "b"))
    assert [(b.step, b.state, b.is_critical) for b in bars] == [
        ("a", "running", True),
        ("a", "projected", True),
        ("b", "projected", True),
    ]
    assert bars[1].start == at(1)
