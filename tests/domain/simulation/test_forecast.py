"""Many simulated runs tell how long a flow takes, and what it waits for."""

from typing import Any

import pytest

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.simulation.forecast import Forecast, forecast
from hitl_temporal.domain.simulation.scenario import Given
from hitl_temporal.domain.simulation.setting import Setting
from tests.domain.simulation.stage import PEOPLE, ask, call, flow

HOUR = 3600.0


def foretold(definition: Flow, given: dict[str, Any] | None = None, flows: Any = None, **more: Any) -> Forecast:
    setting = Setting(people=PEOPLE, flows=flows)
    return forecast(definition, Given.model_validate({"requester": "ann", **(given or {})}), setting, runs=40, **more)


def test_jobs_take_the_time_that_is_drawn() -> None:
    """Half of the runs about as long as typical; nine of ten no longer than slow."""
    found = foretold(flow(call("a")), took={"a": "1h..2h"})
    assert found.statuses == {"completed": 40}
    assert found.p50 == pytest.approx(HOUR, rel=0.25)
    assert found.p90 == pytest.approx(2 * HOUR, rel=0.3)
    assert [(p.step, p.who, p.share) for p in found.path] == [("a", "machines", 1.0)]


def test_the_same_seed_tells_the_same() -> None:
    """Another one something else."""
    once = foretold(flow(call("a")))
    assert foretold(flow(call("a"))) == once != foretold(flow(call("a")), seed="2")


def test_what_a_scenario_says_about_a_job_holds() -> None:
    """Its outputs, its failures, and how long it takes."""
    found = foretold(flow(call("a")), {"jobs": {"a": {"takes": "3h"}}})
    assert (found.p50, found.p90) == (3 * HOUR, 3 * HOUR)
    stuck = foretold(flow(call("a")), {"jobs": {"a": {"fail": "no", "permanent": True}}})
    assert (stuck.statuses, stuck.p50, stuck.path) == ({"parked": 40}, None, ())
    (parked,) = stuck.stuck
    assert (parked.step, parked.runs, "no" in parked.reason, found.stuck) == ("a", 40, True, ())


def test_people_answer_within_hours() -> None:
    """Those who may act, stage after stage; what a form needs is done by somebody else."""
    stages = [{"name": "one", "who": ["user:bob"]}, {"name": "two", "who": ["user:cai"]}]
    two = {"stages": stages, "form": {"x": {"type": "string"}}}
    step = {"id": "a", "ask": {"title": "May we?", **two}}
    found = foretold(flow(step, call("b"), ask("c")), took={"c": "1m..1m", "a": "20h..20h"})
    assert found.statuses == {"completed": 40}
    assert found.path[0].step == "a"
    assert found.path[0].who == "people"
    assert found.path[0].p50 == 24 * HOUR


def test_what_is_waited_for_comes() -> None:
    """An event, a file, after a time that is drawn; a wait for a time ends by itself."""
    waits = flow(
        {"id": "e", "wait": {"event": {"type": "x"}}},
        {"id": "t", "wait": {"for": "2h"}},
        {"id": "f", "wait": {"file": "x"}},
        call("g", **{"if": "false"}),
    )
    found = foretold(waits, took={"e": "1h..1h", "f": "1h..1h"})
    assert (found.statuses, found.p50) == ({"completed": 40}, 4 * HOUR)
    assert {p.step: p.who for p in found.path} == {"e": "world", "t": "world", "f": "world"}


def test_runs_within_are_played_too() -> None:
    """With their own jobs."""
    sub = Flow.model_validate({"flow": "sub", "steps": [call("x"), ask("ok")]})
    found = foretold(flow({"id": "s", "flow": "sub"}), flows={"sub": sub}, took={"ok": "1m..1m", "x": "1h..1h"})
    assert found.statuses == {"completed": 40}


def test_the_longer_way_is_the_critical_one() -> None:
    """A step that ends in the shadow of another is not waited for."""
    both = flow(call("a", needs=[]), call("b", needs=[]), call("c", needs=["a", "b"]))
    found = foretold(both, took={"a": "1m..1m", "b": "1h..1h", "c": "1m..1m"})
    assert [(p.step, p.share) for p in found.path] == [("b", 1.0), ("c", 1.0)]


def test_a_run_that_nobody_can_move_is_told() -> None:
    """It has not ended, however long one waits."""
    assert foretold(flow(ask("a", "group:nobody"))).statuses == {"waiting": 40}
