"""Runs within runs, events, operators, resources: everything around a run, at its moment."""

import pytest

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.simulation import world
from tests.domain.simulation.stage import ask, call, different, flow, holds, played

SUB = Flow.model_validate({"flow": "sub", "steps": [call("x"), ask("ok")], "outputs": {"y": "{{steps.x.outputs.y}}"}})
FLOWS = {"sub": SUB}
MAIN = flow({"id": "s", "flow": "sub"}, call("b"))
YES = {"decide": {"step": "s.ok", "actor": "bob", "outcome": "approved"}}


def test_a_run_within_is_played_too() -> None:
    """Its steps have the address of the step that has begun it before their own."""
    then = {"status": "completed", "outputs": {"s": {"y": 1}}, "order": ["s.x", "s.ok", "s", "b"]}
    expect = {
        "expect": {"asked": {"s.ok": ["bob"]}, "steps": {"s.x": "succeeded", "x": "succeeded"}, "status": "running"}
    }
    holds(MAIN, expect, YES, flows=FLOWS, jobs={"s.x": {"outputs": {"y": 1}}}, then=then)
    holds(MAIN, YES, flows=FLOWS, jobs={"x": {"outputs": {"y": 1}}}, then=then)


def test_a_run_within_that_people_refuse_ends_the_one_around_it() -> None:
    """Its status is the outcome of the step."""
    no = {"decide": {"step": "s.ok", "actor": "bob", "outcome": "rejected"}}
    holds(MAIN, no, flows=FLOWS, then={"status": "rejected", "outcomes": {"s": "rejected"}})


def test_a_run_within_may_be_given_like_a_call() -> None:
    """With its outcome, or its failure."""
    done = {"s": {"outputs": {"y": 1}}}
    holds(
        MAIN,
        flows=FLOWS,
        jobs=done,
        then={"status": "completed", "outcomes": {"s": "completed"}, "outputs": {"s": {"y": 1}}},
    )
    holds(MAIN, flows=FLOWS, jobs={"s": {"outcome": "expired"}}, then={"status": "expired"})
    holds(MAIN, flows=FLOWS, jobs={"s": {"fail": "no"}}, then={"status": "parked"})


def test_a_run_within_is_stopped_with_the_one_around_it() -> None:
    """Played or given."""
    cancel = {"operate": {"action": "cancel", "actor": "ann"}}
    holds(MAIN, cancel, flows=FLOWS, then={"status": "cancelled", "steps": {"s.ok": "cancelled"}})
    holds(MAIN, cancel, flows=FLOWS, jobs={"s": {"takes": "1h"}}, then={"status": "cancelled"})


def test_a_run_may_undo_a_step() -> None:
    """It must be completed, or the undo has failed."""
    steps = flow({"id": "s", "flow": "sub", "undo": {"flow": "sub"}}, call("b", on_failure="fail"))
    jobs = {"s": {}, "b": {"fail": "no"}}
    asked = {"expect": {"status": "undoing", "asked": {"s.undo.ok": ["bob"]}}}
    yes, no = ({"decide": {"step": "s.undo.ok", "actor": "bob", "outcome": o}} for o in ("approved", "rejected"))
    holds(steps, asked, yes, flows=FLOWS, jobs=jobs, then={"status": "failed", "undone": ["s"]})
    holds(steps, asked, no, flows=FLOWS, jobs=jobs, then={"status": "parked", "undone": []})


def test_inputs_of_a_run_within_are_checked() -> None:
    """What does not fit fails the step."""

    def check(definition: Flow, inputs: dict[str, object]) -> dict[str, object]:
        if definition.flow == "sub":
            raise ValueError("input 'x' is missing")
        return inputs

    outcome = played(MAIN, flows=FLOWS, check=check, then={"status": "completed"})
    assert "input 'x' is missing" in different(outcome)["then.status"]


def test_inputs_of_the_run_are_checked() -> None:
    """What does not fit is told where it stands."""

    def check(_: Flow, __: object) -> None:
        raise ValueError("unknown input 'x'")

    assert different(played(MAIN, check=check)) == {"given.inputs": "unknown input 'x'"}


WAITS = flow({"id": "w", "wait": {"event": {"type": "com.example.done"}}, "timeout": "1h"})


def test_an_event_ends_a_wait() -> None:
    """Each has a source and an id of its own unless it says which."""
    event = {"event": {"type": "com.example.done", "data": {"x": 1}, "receipt": "done"}}
    waits = {"expect": {"waiting": {"w": "event"}}}
    holds(WAITS, waits, event, then={"status": "completed", "outputs": {"w": {"data": {"x": 1}, "source": "scenario"}}})
    again = {"event": {"type": "com.example.done", "source": "s", "id": "1"}}
    two = flow({"id": "w", "each": "[1, 2]", "do": [{"id": "v", "wait": {"event": {"type": "com.example.done"}}}]})
    holds(two, again, again, then={"status": "waiting", "steps": {"w[0].v": "succeeded", "w[1].v": "waiting"}})
    holds(two, event, event, then={"status": "completed"})


def test_an_event_reaches_the_runs_within() -> None:
    """Those that have not ended."""
    inner = Flow.model_validate(
        {"flow": "sub", "steps": [{"id": "v", "wait": {"event": {"type": "com.example.done"}}}]}
    )
    event = {"event": {"type": "com.example.done"}}
    outer = flow({"id": "s", "flow": "sub"}, ask("a"))
    holds(outer, event, event, flows={"sub": inner}, then={"steps": {"s": "succeeded", "a": "waiting"}})


def test_a_wait_that_lasts_too_long_times_out() -> None:
    """At its moment, on the way."""
    holds(WAITS, {"pass": "2h"}, then={"status": "parked"})


def test_operators_act_on_steps_of_any_run() -> None:
    """By their address, with the turn where there is one."""
    skip = {"operate": {"action": "skip", "step": "s.ok", "actor": "eli", "receipt": "done"}}
    holds(MAIN, skip, flows=FLOWS, then={"status": "completed"})
    block = flow({"id": "b", "do": [ask("a")], "repeat": {"until": "index == 1", "max": 3}})
    here = {"operate": {"action": "skip", "step": "b#0.a", "actor": "eli", "receipt": "done"}}
    past = {"operate": {"action": "hold", "step": "b#0.a", "actor": "eli", "receipt": "closed"}}
    holds(block, here, past, then={"steps": {"b#0.a": "skipped", "b#1.a": "waiting", "a": "waiting"}})
    said = different(played(MAIN, {"operate": {"action": "skip", "step": "z", "actor": "eli"}}, flows=FLOWS))
    assert "there is no step 'z'" in said["when.0.operate.step"]


def test_alerts_and_tickets_are_facts_of_a_run_that_goes_on() -> None:
    """Nothing comes back from who is told; a rerun by an operator ends what is open about the step."""
    parked = flow(call("a", incident={"via": "desk"}), owner="group:duty")
    again = {"operate": {"action": "rerun", "step": "a", "actor": "gus", "receipt": "done"}}
    failed = {"a": [{"fail": "no space", "permanent": True}, {"outputs": {}}]}
    holds(parked, {"expect": {"status": "parked"}}, again, jobs=failed, then={"status": "completed"})


def test_an_action_that_can_not_be_read_is_invalid() -> None:
    """As over every other door."""
    holds(MAIN, {"operate": {"action": "hold", "receipt": "invalid"}}, flows=FLOWS)


def test_units_of_a_resource_are_given_out() -> None:
    """One after the other where there is one; what is more than there are parks."""
    jobs = {"a": {"takes": "1h"}, "b": {"takes": "1h"}}
    one = {"uses": {"login": 1}, "needs": []}
    two = flow(call("a", **one), call("b", **one))
    expect = {"expect": {"steps": {"a": "running", "b": "waiting"}, "waiting": {"b": "resource"}}}
    holds(two, expect, {"pass": "1h"}, {"pass": "1h"}, jobs=jobs, resources={"login": 1}, then={"status": "completed"})
    holds(flow(call("a", uses={"login": 2})), resources={"login": 1}, then={"status": "parked"})
    holds(flow(call("a", uses={"login": 2})), then={"status": "parked"})


def test_runs_of_a_flow_may_be_bounded() -> None:
    """A run takes its place in that pool, too."""
    holds(flow(call("a"), concurrency={"limit": 1}), then={"status": "completed"})


def test_what_never_comes_to_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of going on for ever."""
    monkeypatch.setattr(world, "MAX_EVENTS", 3)
    outcome = played(flow(*(call(f"s{n}") for n in range(9))))
    assert "more than 3 things have happened" in different(outcome)["given"]


def test_what_a_calendar_does_not_know_is_told() -> None:
    """At the entry that goes too far."""
    assert "when.0.pass" in different(played(flow(ask("a"), calendar="nowhere"), {"pass": "2bd"}))
