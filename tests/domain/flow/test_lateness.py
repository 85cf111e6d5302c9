"""What is expected of runs and steps, and what is told when it does not come."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hitl_temporal.domain.calendar import DEFAULT, Calendar, OffsetChange
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.effects import Notify
from hitl_temporal.domain.flow.views import result, status, why
from hitl_temporal.domain.flow.watch import Measure, Statistics
from tests.domain.flow.world import EVIDENCE, START, World, ask, call, do, each

NL = DEFAULT.but(
    name="nl",
    tz="Europe/Amsterdam",
    offsets=(OffsetChange(datetime(1970, 1, 1, tzinfo=UTC), 60),),
    until=date(2028, 1, 1),
)
"""Monday to Friday, an hour before UTC; 2026-03-02, on which runs start at 10:00 there, is a Monday."""


def world_of(*steps: Any, statistics: Statistics | None = None, calendar: Calendar | None = NL, **flow: Any) -> World:
    """Return a world whose owner is told; past runs took what `statistics` say."""
    known = {} if calendar is None else {"nl": calendar}
    world = World(*steps, owner="group:network", calendar="nl", calendars=known, begun=False, **flow)
    routes = {"duty": (AlertEntry(to=("group:duty",)),)}
    world.run = world.run.but(watch=world.run.watch.but(routes=routes))
    world.feed(events.Begun(at=world.now))
    if statistics is not None:
        world.feed(events.StatisticsRead(at=world.now, statistics=statistics))
    return world


def hours(**steps: float) -> Statistics:
    """Return what past runs took, in hours; the slow ones twice as long."""
    measures = {
        step: Measure(count=5, median=timedelta(hours=h), p95=timedelta(hours=2 * h)) for step, h in steps.items()
    }
    whole = Measure(count=5, median=timedelta(hours=sum(steps.values())), p95=timedelta(hours=2 * sum(steps.values())))
    return Statistics(runs=5, whole=whole, steps=measures)


def told(world: World) -> list[tuple[str, str]]:
    """Return who was told of what, in order."""
    return [(e.to[0], e.title) for e in world.effects if isinstance(e, Notify)]


def late(world: World) -> list[str]:
    """Return the facts that something is late, or will be."""
    return [f.name for f in world.facts if "late" in f.name]


def judged(world: World) -> Record:
    """Return what was recorded of all that was expected."""
    return next(f for f in world.facts if f.name == "run.expectations_judged")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("06:00", "2026-03-03T05:00"),
        ("18:00", "2026-03-02T17:00"),
        ("10:00", "2026-03-03T09:00"),
        ("+1bd 06:00", "2026-03-03T05:00"),
        ("+5bd 06:00", "2026-03-09T05:00"),
        ("+5d 06:00", "2026-03-07T05:00"),
        ("+0bd 12:00", "2026-03-02T11:00"),
        ("2h", "2026-03-02T11:00"),
        ("9bh", "2026-03-03T10:00"),
        ("+999bd 06:00", None),
    ],
)
def test_a_deadline_means_a_moment_of_the_run(text: str, at: str | None) -> None:
    """Local times in the zone of the flow's calendar, working days and hours in it; beyond it, none."""
    by = world_of(call("a"), expect={"finish_by": text}).run.watch.expected[""].finish_by
    assert (by and by.strftime("%Y-%m-%dT%H:%M")) == at


def test_without_a_calendar_business_time_tells_nothing() -> None:
    """A named calendar that is not there; what can't be told is neither met nor missed."""
    world = world_of(call("a"), calendar=None, expect={"finish_by": "9bh", "longest": "9bh"})
    assert (world.run.watch.expected[""].finish_by, world.next_moment) == (None, None)
    world.succeeds("a")
    assert [f.name for f in world.facts][-2:] == ["step.succeeded", "run.ended"]


def test_a_late_run_is_told_once() -> None:
    """It is a fact, the owner is told, and the status says it; the run goes on as before."""
    world = world_of(call("a"), expect={"finish_by": "2h"}).passes(hours=1)
    assert (late(world), world.next_moment) == ([], START + timedelta(hours=2))
    world.passes(hours=1)
    title = "sample: run r has not ended, and should have by 2026-03-02T11:00:00+00:00"
    assert (late(world), told(world)) == (["run.late"], [("group:network", title)])
    world.passes(hours=5)
    assert (len(late(world)), len(told(world)), world.states["a"]) == (1, 1, "running")
    assert status(world.run, EVIDENCE).late
    world.succeeds("a")
    assert judged(world).attributes == {"hitl.met": [], "hitl.missed": ["finish_by"]}
    assert (world.run.status, world.run.watch.alerts) == ("completed", {})


def test_what_comes_in_time_is_met() -> None:
    """At the very moment, too; a fact says so before the last one."""
    world = world_of(call("a"), expect={"finish_by": "2h", "start_by": "1h", "longest": "3h"})
    world.now += timedelta(hours=2)
    world.succeeds("a")
    assert judged(world).attributes == {"hitl.met": ["start_by", "finish_by", "longest"], "hitl.missed": []}
    assert late(world) == []


def test_what_ends_after_the_moment_is_late_even_if_nobody_had_looked() -> None:
    """The event that ends it comes before the timer."""
    world = world_of(call("a"), expect={"finish_by": "2h"})
    world.now += timedelta(hours=3)
    world.succeeds("a")
    assert (late(world), len(told(world))) == (["run.late"], 1)
    assert judged(world).attributes["hitl.missed"] == ["finish_by"]


def test_a_run_that_does_not_begin_is_late() -> None:
    """While it is held; once it begins nobody is told any more."""
    world = World(call("a"), begun=False, owner="user:bob", expect={"start_by": "1h"})
    world.feed(events.Begun(at=world.now))
    assert world.next_moment is None
    world = world_of(call("a", uses={"sap": 1}), expect={"start_by": "1h"}).passes(hours=1)
    assert (late(world), len(world.run.watch.alerts)) == (["run.late"], 1)
    world.operate("start_step", "a", waive=["resource"])
    assert world.run.watch.alerts == {}


def test_steps_are_late_on_their_own() -> None:
    """By their own route; the flag is on the step, in its result and where it says why it waits."""
    expect = {"start_by": "1h", "finish_by": "3h", "route": "duty"}
    world = world_of(ask("a"), call("b", expect=expect)).passes(hours=1)
    assert told(world) == [("group:duty", "sample: step b has not begun, and should have by 2026-03-02T10:00:00+00:00")]
    assert [r.late for r in why(world.run)] == [False, True]
    world.operate("start_step", "b", waive=["predecessor"])
    assert world.run.watch.alerts == {}
    world.passes(hours=5)
    assert late(world) == ["step.late", "step.late"]
    assert result(world.run, EVIDENCE).steps["b"].late
    world.succeeds("b")
    assert world.run.watch.alerts == {}


def test_a_step_may_take_too_long() -> None:
    """Counted from each start of it."""
    world = world_of(call("a", expect={"longest": "1h"})).passes(minutes=30)
    world.fails("a")
    assert world.next_moment == START + timedelta(hours=1)
    world.passes(minutes=30)
    assert late(world) == ["step.late"]
    world.operate("rerun", "a")
    world.passes(hours=1)
    assert late(world) == ["step.late", "step.late"]


def test_the_steps_of_items_are_expected_of_each() -> None:
    """An alert goes with the item that it is about."""
    world = world_of(each("post", [1, 2], call("book", expect={"longest": "1h"}))).passes(hours=2)
    assert len(told(world)) == 2
    world.succeeds("post[0].book")
    assert [a.step for a in world.run.watch.alerts.values()] == ["post[1].book"]
    world.succeeds("post[1].book")
    assert judged(world).attributes == {"hitl.met": [], "hitl.missed": ["book.longest"]}


def test_the_past_says_how_long() -> None:
    """Of the step, or of the run; while the past is not known nothing is late."""
    expect = {"longest": "p95 * 1.5"}
    world = world_of(call("a", expect=expect), call("b", expect=expect), expect={"longest": "median"})
    assert world.next_moment is None
    world.feed(events.StatisticsRead(at=world.now, statistics=hours(a=1)))
    assert world.next_moment == START + timedelta(hours=1)
    world.passes(hours=3)
    assert late(world) == ["run.late", "step.late"]
    world.succeeds("a")
    assert world.next_moment is None  # nobody has done the other one before
    world.succeeds("b")
    assert judged(world).attributes == {"hitl.met": [], "hitl.missed": ["longest", "a.longest"]}


# --- Projections ------------------------------------------------------------------------------------------------------

PROJECTED = {"finish_by": "10h", "alert": "projected"}


def test_a_projection_is_told_before_it_is_late() -> None:
    """As soon as the critical path leads beyond; once, with the path; then late is told as well."""
    world = world_of(call("z"), call("a"), call("b"), statistics=hours(z=0, a=2, b=7), expect=PROJECTED).succeeds("z")
    assert told(world) == []
    assert world.next_moment is not None
    assert world.next_moment <= START + timedelta(hours=2)
    world.passes(hours=2)
    assert world.next_moment == START + timedelta(hours=2, minutes=30)
    while not late(world):
        world.now = world.next_moment or world.now
        world.passes()
    assert late(world) == ["run.projected_late"]
    assert timedelta(hours=3) < world.now - START < timedelta(hours=3, minutes=3)
    assert "is projected to end" in told(world)[0][1]
    message = next(e for e in world.effects if isinstance(e, Notify))
    assert message.text.startswith("Why: the critical path is z > a > b\n")
    assert (message.alert, world.next_moment) == ("projected", START + timedelta(hours=10))
    world.passes(hours=9)
    assert (late(world)[1:], [a.kind for a in world.run.watch.alerts.values()]) == (["run.late"], ["late"])


def test_what_parks_pushes_the_end_away() -> None:
    """It must be done again, from now on; what is late by more is told at once."""
    world = world_of(call("a"), call("b"), statistics=hours(a=2, b=7), expect=PROJECTED).fails("a")
    assert world.next_moment == START + timedelta(minutes=30)
    world.passes(hours=2)
    assert late(world) == ["run.projected_late"]
    world.operate("rerun", "a")
    world.succeeds("a")
    assert len(late(world)) == 1


def test_a_step_may_be_projected() -> None:
    """Its own end, not that of the run; one of which nothing is known is not."""
    steps = (call("a", expect=PROJECTED), call("b"))
    world = world_of(*steps, statistics=hours(a=11))
    assert late(world) == ["step.projected_late"]
    world = world_of(
        do("c", call("x"), needs=[]), each("d", [1], call("y", expect=PROJECTED), needs=[]), statistics=hours(x=20)
    )
    assert late(world) == []


def test_what_is_held_pushes_the_end_away() -> None:
    """A step whose turn has come and that may not begin is looked at at once, not only when another one ends."""
    long = call("x", needs=[])
    world = world_of(call("a"), call("b"), long, statistics=hours(a=2, b=7, x=9), expect=PROJECTED)
    world.operate("hold", "b")
    assert world.next_moment == START + timedelta(hours=2)
    world.passes(hours=1).succeeds("a")
    assert (late(world), world.next_moment) == ([], START + timedelta(hours=1, minutes=30))
    while not late(world):
        world.now = world.next_moment or world.now
        world.passes()
    assert timedelta(hours=3) < world.now - START < timedelta(hours=3, minutes=3)


def test_a_step_that_begins_is_looked_at_when_it_takes_longer_than_usual() -> None:
    """However early it has begun; what lies in items, or in a branch not taken, is no end of its own."""
    inner = {"id": "c", "choose": [{"if": "false", "do": [call("y", expect=PROJECTED)]}], "needs": ["u"]}
    items = each("e", [1, 2], call("i"), needs=[]), each("f", [1], call("j"), needs=["a"])
    steps = (call("a", needs=[]), call("b"), call("u"), *items, inner)
    world = world_of(*steps, statistics=hours(a=4, b=1, e=3, y=1), expect=PROJECTED)
    assert world.next_moment == START + timedelta(hours=3)
    world.passes(hours=1).succeeds("a").succeeds("e[0].i")
    assert world.next_moment == START + timedelta(hours=2)
    world.succeeds("b").succeeds("e[1].i")
    world.feed(events.StatisticsRead(at=world.now, statistics=hours(a=4, b=1, e=3, y=1, u=11)))
    assert (world.states["u"], late(world)) == ("running", ["run.projected_late"])


def test_without_a_past_nothing_is_projected() -> None:
    """Late is late all the same."""
    world = world_of(call("a"), expect=PROJECTED).passes(hours=10)
    assert late(world) == ["run.late"]


def test_a_run_that_ends_is_not_looked_at_any_more() -> None:
    """Nothing is due after the end."""
    world = world_of(call("a"), statistics=hours(a=2), expect=PROJECTED).succeeds("a")
    assert (world.next_moment, world.run.watch.look_at) == (None, None)
