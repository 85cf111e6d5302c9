"""When a run will have ended, and what decides it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hitl_temporal.domain.audit import Fact, Trail, record
from hitl_temporal.domain.calendar import DEFAULT, OffsetChange
from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.forecast import Forecast, critical_path, forecast
from hitl_temporal.domain.flow.statistics import measure
from hitl_temporal.domain.flow.views import status
from hitl_temporal.domain.flow.watch import Measure, Statistics
from hitl_temporal.domain.value import Json
from tests.domain.flow.test_lateness import hours
from tests.domain.flow.world import EVIDENCE, START, World, answered, ask, call, do, each, granted, wait


def world_of(*steps: Any, past: Statistics, **flow: Any) -> World:
    """Return a world that knows its past."""
    world = World(*steps, **flow)
    world.feed(events.StatisticsRead(at=world.now, statistics=past))
    return world


def projected(world: World) -> Forecast:
    """Return what is projected now."""
    found = forecast(world.run, world.now)
    assert found is not None
    return found


def path(world: World) -> list[str]:
    """Return the ids on the critical path."""
    return [step.step for step in critical_path(world.run, world.now)]


def until(world: World) -> float:
    """Return in how many hours from the start it is projected to end."""
    return (projected(world).finish - START) / timedelta(hours=1)


def test_the_longest_way_decides() -> None:
    """Branches that run beside each other count once, the longer one."""
    steps = (call("a"), call("b", needs=["a"]), call("c", needs=["a"]), call("d", needs=["b", "c"]))
    world = world_of(*steps, past=hours(a=1, b=2, c=5, d=1))
    assert (until(world), path(world)) == (7, ["a", "c", "d"])
    world.succeeds("a")
    world.now += timedelta(hours=1)
    world.succeeds("c")
    assert (until(world), path(world)) == (3, ["a", "b", "d"])
    assert [s.state for s in projected(world).critical_path] == ["succeeded", "running", "waiting"]


def test_the_first_of_several_may_be_enough() -> None:
    """As many as the need counts."""
    steps = (call("a", needs=[]), call("b", needs=[]), call("c", needs=[]), call("d", needs=[{"any": ["a", "b", "c"]}]))
    assert until(world_of(*steps, past=hours(a=2, b=3, c=4, d=10))) == 12
    steps = (*steps[:3], call("d", needs=[{"of": ["a", "b", "c"], "count": 2}]))
    assert path(world_of(*steps, past=hours(a=2, b=3, c=4, d=10))) == ["b", "d"]


def test_the_order_of_the_document_does_not_matter() -> None:
    """A step may need one that stands below it."""
    world = world_of(call("a", needs=["b"]), call("b", needs=[]), past=hours(a=1, b=2))
    assert (until(world), path(world)) == (3, ["b", "a"])


def test_what_takes_longer_than_usual_ends_now() -> None:
    """And what has parked must be done again."""
    world = world_of(call("a"), call("b"), past=hours(a=1, b=1)).passes(hours=5)
    assert until(world) == 6
    world.fails("a")
    assert until(world) == 7


def test_a_block_takes_what_its_steps_take() -> None:
    """They are on the path; one that repeats, or mends a failure, counts as a whole."""
    world = world_of(call("a"), do("b", call("x"), call("y", needs=[])), call("c"), past=hours(a=1, x=2, y=3, c=1))
    assert (until(world), path(world)) == (5, ["a", "b", "y", "c"])
    world.succeeds("a")
    assert until(world) == 4
    repeated = do("b", call("x"), repeat={"until": "true"})
    assert path(world_of(repeated, past=hours(x=2, b=9))) == ["b"]
    mended = do("b", call("x", on_failure="fail"), on_failure={"catch": [call("m")]})
    assert path(world_of(do("b", call("x"), first=True), past=hours(b=2))) == ["b"]
    assert until(world_of(mended, past=hours(b=5, x=1))) == 1


def test_items_count_as_their_step_does() -> None:
    """As long as it took to go through all of them."""
    assert until(world_of(each("a", [1, 2], call("x")), past=hours(a=3, x=2))) == 3


def test_times_that_are_known_count_as_they_are() -> None:
    """A wait that is under way, and a grant."""
    assert until(world_of(wait("a", "4h"), call("b"), past=hours(b=1))) == 5
    world = world_of(granted("a", "2d"), call("b"), past=hours(b=1))
    world.succeeds("a", id=1)
    assert until(world) == 49


def test_what_was_never_done_counts_as_no_time_and_is_named() -> None:
    """Too early, never too late."""
    found = projected(world_of(call("a"), call("new"), past=hours(a=1)))
    assert (found.unknown, found.finish) == (("new",), START + timedelta(hours=1))


def test_without_a_past_or_after_the_end_nothing_is_projected() -> None:
    """The status says so by saying nothing."""
    world = World(call("a"))
    assert (critical_path(world.run, START), status(world.run, EVIDENCE).projection) == ((), None)
    world.feed(events.StatisticsRead(at=world.now, statistics=Statistics(runs=1)))
    assert forecast(world.run, START) is None
    world.feed(events.StatisticsRead(at=world.now, statistics=hours(a=1)))
    shown = status(world.run, EVIDENCE).projection
    assert shown is not None
    assert [s.step for s in shown.steps] == ["a"]
    assert forecast(world.succeeds("a").run, START) is None


def test_people_take_open_hours() -> None:
    """A question of three open hours at four in the afternoon is answered at eleven, not in the night."""
    opened = Measure(
        count=3,
        median=timedelta(hours=20),
        p95=timedelta(hours=40),
        open_median=timedelta(hours=10),
        open_p95=timedelta(hours=12),
    )
    past = Statistics(runs=3, steps={"a": opened})
    world = world_of(ask("a", expect={"longest": "p95"}), past=past)
    assert projected(world).finish == datetime(2026, 3, 3, 11, tzinfo=UTC)
    assert world.next_moment == datetime(2026, 3, 3, 13, tzinfo=UTC)
    never = DEFAULT.but(name="never", week=((),) * 7)
    world = World(ask("a"), calendars={"default": never})
    world.feed(events.StatisticsRead(at=world.now, statistics=past))
    assert projected(world).finish == START + timedelta(hours=20)
    world.feed(events.AskAnswered(at=world.now, step="a", n=1, approval="r.a.1", result=answered("approved")))
    assert world.run.status == "completed"


# --- What past runs took ----------------------------------------------------------------------------------------------


def fact(name: str, length: timedelta | None, **attributes: Json) -> Fact:
    """Return a fact of something that has taken so long, since nine on a Monday."""
    at = START + (length or timedelta())
    trail = Trail.begin("r", "f", None)
    began = None if length is None else START
    facts = {f"hitl.{name}": value for name, value in attributes.items()}
    return record(trail, name=name, key="k", at=at, began=began, attributes=facts, run_id="r")[1]


def test_past_runs_are_measured_by_their_facts() -> None:
    """The middle and the slow ones, by nearest rank; the steps of items by their id; failures not."""
    runs = [
        (
            fact("step.succeeded", timedelta(hours=n), step="a"),
            fact("step.succeeded", timedelta(hours=24 * n), step="post[0].ok"),
            fact("step.succeeded", None, step="b"),
            fact("step.failed", timedelta(hours=n), step="c"),
            fact("run.ended", timedelta(hours=n), status="completed" if n < 5 else "rejected"),
        )
        for n in range(1, 6)
    ]
    found = measure(runs, {"ok": DEFAULT})
    assert (found.runs, [*found.steps]) == (5, ["a", "ok"])
    assert (found.steps["a"].median, found.steps["a"].p95) == (timedelta(hours=3), timedelta(hours=5))
    assert found.steps["a"].open_median is None
    assert found.steps["ok"].open_median == timedelta(hours=24)
    assert found.whole is not None
    assert (found.whole.count, found.whole.median) == (4, timedelta(hours=2))


def test_a_calendar_that_does_not_go_back_so_far_counts_the_wall() -> None:
    """Rather than nothing."""
    young = DEFAULT.but(offsets=(OffsetChange(datetime(2026, 6, 1, tzinfo=UTC), 0),))
    found = measure([(fact("step.succeeded", timedelta(hours=2), step="a"),)], {"a": young})
    assert (found.steps["a"].median, found.steps["a"].open_median, found.whole) == (timedelta(hours=2), None, None)
    assert measure([], {}) == Statistics()
