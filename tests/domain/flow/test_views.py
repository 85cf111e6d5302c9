"""What a run shows: result, status, the reasons for which it waits, its graph."""

from datetime import timedelta
from typing import Any

import pytest

from hitl_temporal.domain.flow.effects import StartCall
from hitl_temporal.domain.flow.views import graph, result, status, waiting_reasons, why
from tests.domain.flow.world import EVIDENCE, START, World, ask, call, granted, undo, wait


def reasons(world: World) -> dict[str, tuple[str, str]]:
    """Return state and reason of each step that has not ended."""
    return {r.step: (r.state, r.reason) for r in why(world.run)}


def test_each_open_step_has_one_reason() -> None:
    """Jobs, answers, times, predecessors and parked steps are told apart."""
    world = World(call("a", needs=[]), ask("b", needs=[]), wait("c", needs=[]), call("d", needs=[]), call("e"))
    world.fails("d", "boom")
    assert reasons(world) == {
        "a": ("running", "job"),
        "b": ("waiting", "answer"),
        "c": ("waiting", "time"),
        "d": ("parked", "boom"),
        "e": ("waiting", "predecessor"),
    }
    assert waiting_reasons(world.run) == ("answer", "predecessor", "time")


def test_a_reason_says_what_releases_the_step() -> None:
    """Each reason names what must happen, and by whom or what."""
    world = World(call("a", needs=[]), ask("b", needs=[]), call("c", needs=["a", "b"])).succeeds("a")
    found = {r.step: (r.by, r.releases) for r in why(world.run)}
    assert found == {"b": (("r.b.1",), "an answer to r.b.1"), "c": (("b",), "the end of b")}


def test_a_held_step_says_so_before_its_turn_has_come_too() -> None:
    """It waits for its release, the run's or its own; who holds it since when is said."""
    world = World(call("a", needs=[]), call("b"))
    world.passes(hours=1)
    world.operate("hold", "b")
    assert [r.reason for r in why(world.run) if r.step == "b"] == ["predecessor", "hold"]
    assert waiting_reasons(world.run) == ("hold", "predecessor")
    world.passes(hours=1).succeeds("a")
    (held,) = why(world.run)
    assert (held.reason, held.releases, held.by) == ("hold", "hitl release r b", ("eli",))
    assert held.since == START + timedelta(hours=1)
    world.operate("hold", actor="gus")
    assert why(world.run)[0].releases == "hitl release r b and hitl release r"
    world.operate("release", "b")
    (held,) = why(world.run)
    assert (held.releases, held.by, held.since) == ("hitl release r", ("gus",), START + timedelta(hours=2))
    world.run = world.run.but(hold=None)  # as a run that was held before that was kept
    assert (why(world.run)[0].by, why(world.run)[0].since) == ((), START)


def test_a_job_of_agents_says_whose() -> None:
    """Whether the pool is the step's or the command's own; of other jobs there is none to name."""
    command = {"command": ["true"]}
    steps = [{"id": "a", "run": command, "pool": "x"}, {"id": "b", "run": {**command, "pool": "y"}, "needs": []}]
    world = World(*steps, {"id": "c", "run": command, "needs": []}, call("d", needs=[]))
    assert [r.pool for r in why(world.run)] == ["x", "y", None, None]


def test_a_held_rerun_waits_for_the_release_alone() -> None:
    """Done again, a step asks for its needs no more."""
    world = World(call("a"), call("b"), call("c", needs=[])).stops("a")
    world.operate("hold")
    world.operate("rerun", "b")
    assert reasons(world)["b"] == ("waiting", "hold")


def test_what_is_being_stopped_says_so() -> None:
    """A job or a question on its way out is released by its stop."""
    world = World(call("a", needs=[]), ask("b", needs=[]), ask("c", needs=[]), call("d")).answers("c", "rejected")
    assert [r.releases for r in why(world.run)] == ["the stop of job.a", "the withdrawal of r.b.1"]


def test_an_undo_shows_while_it_runs_and_when_it_has_parked() -> None:
    """The compensation of a step is the reason for which an ending run waits."""
    world = World(call("a", undo=undo("a")), ask("b")).succeeds("a").answers("b", "rejected")
    assert [(r.state, r.releases) for r in why(world.run)] == [("running", "the end of its undo, undo.a")]
    world.undo_fails("a", "no route")
    assert reasons(world) == {"a": ("parked", "its undo failed: no route")}
    assert why(world.undone("a").run) != ()


def test_a_grant_says_until_when_it_runs_and_how_it_is_released() -> None:
    """A granted step is released by its end or by `revoke`, and names the questions about more time."""
    world = World(granted("a", extend={"ask": {"who": "user:bob"}}), call("b")).succeeds("a", id=1)
    until = (START + timedelta(days=2)).isoformat()
    world.operate("extend_grant", "a", **{"with": {"for": "1d"}})
    assert reasons(world) == {"a": ("running", f"grant until {until}"), "b": ("waiting", "predecessor")}
    reason = why(world.run)[0]
    assert (reason.releases, reason.by) == (f"{until}, or hitl revoke r a", ("r.a.1.extend.1",))
    world.passes(days=2)
    assert why(world.run)[0].releases == "the end of its undo, undo.a"


def test_the_status_shows_how_a_grant_stands() -> None:
    """Until when, with which extensions, and whether it has ended and why; nothing before it was granted."""
    world = World(granted("a", extend={"max": 2}), call("b"))
    assert result(world.run, EVIDENCE).steps["a"].grant is None
    world.succeeds("a", id=1)
    world.operate("extend_grant", "a", actor="gus", **{"with": {"for": "1d"}})
    grant = result(world.run, EVIDENCE).steps["a"].grant
    assert grant is not None
    assert (grant.until, grant.state) == (START + timedelta(days=3), "active")
    assert [(e.duration, e.by, e.state, e.approval) for e in grant.extensions] == [("1d", "gus", "granted", None)]
    world.operate("revoke", "a", actor="ann")
    grant = result(world.undone("a").run, EVIDENCE).steps["a"].grant
    assert grant is not None
    assert (grant.state, grant.reason) == ("ended", "revoked by ann")
    assert result(world.run, EVIDENCE).steps["b"].grant is None


@pytest.mark.parametrize(
    ("extend", "who"),
    [(None, "never"), ({"max": 1}, "operators"), ({"max": 1, "ask": {"who": ["user:bob"]}}, "people")],
)
def test_a_grant_says_who_may_let_it_last_longer(extend: dict[str, Any] | None, who: str) -> None:
    """As the document has it, so that nobody is offered what can't be."""
    world = World(granted("a", **({"extend": extend} if extend else {}))).succeeds("a", id=1)
    stands = result(world.run, EVIDENCE).steps["a"].grant
    assert stands is not None
    assert stands.extend == who


def test_an_ended_run_waits_for_nothing() -> None:
    """After the end there is no reason."""
    assert why(World(call("a")).succeeds("a").run) == ()


def test_the_state_of_a_run() -> None:
    """Parked wins over running, running over waiting; the end is its status."""
    world = World(call("a", needs=[]), call("b", needs=[]), ask("c", needs=[]))
    assert world.run.state == "running"
    assert world.fails("a").run.state == "parked"
    world.operate("skip", "a")
    assert world.succeeds("b").run.state == "waiting"
    assert world.answers("c").run.state == "completed"


def test_the_result_has_every_step() -> None:
    """State, outcome and outputs by step id, in document order; an approval's id once it was put."""
    world = World(call("a"), ask("b"), outputs={"x": "{{ steps.a.outputs.x }}"}).succeeds("a", x=1)
    found = result(world.run, EVIDENCE)
    assert [(s.state, s.approval) for s in found.steps.values()] == [("succeeded", None), ("waiting", "r.b.1")]
    found = result(world.answers("b").run, EVIDENCE)
    assert (found.status, found.outputs, found.steps["b"].outcome) == ("completed", {"x": 1}, "approved")


def test_an_ask_that_was_not_put_has_no_approval() -> None:
    """A question skipped by `if` or parked before it was put shows no id."""
    world = World(ask("a", **{"if": "false"}), ask("b", asked={"title": "{{ 1/0 }}"}))
    assert [s.approval for s in result(world.run, EVIDENCE).steps.values()] == [None, None]


def test_the_reason_of_an_ending_shows_at_once() -> None:
    """Why a run ends is known before it has ended."""
    world = World(ask("a", needs=[]), call("b", needs=[])).answers("a", "rejected")
    assert result(world.run, EVIDENCE).reason == "step 'a': rejected"


def test_status_hides_sensitive_inputs() -> None:
    """Inputs declared sensitive are masked."""
    inputs = {"port": {"type": "integer"}, "pin": {"type": "string", "sensitive": True}}
    world = World(call("a"), inputs={"port": 22, "pin": "1234"}, version=3, declared=inputs)
    found = status(world.run, EVIDENCE)
    assert (found.inputs, found.version, found.requester) == ({"port": 22, "pin": "***"}, 3, "ann")


PIN_OR = "{{inputs.pin == 'x' ? 1 : 10 / inputs.port}}"


@pytest.mark.parametrize(
    "step",
    [
        call("a", **{"if": "inputs.port == 0 ? inputs.pin : false"}),
        call("a", **{"with": {"n": PIN_OR}}),
        ask("a", asked={"title": PIN_OR}),
        ask("a", asked={"beneficiary": "group:{{inputs.pin}}"}),
        wait("a", "{{inputs.pin == 'x' ? 1 : 10 / inputs.port}}h"),
    ],
)
def test_what_keeps_a_step_from_starting_tells_no_sensitive_value(step: dict[str, Any]) -> None:
    """Neither what its expression read nor what it gave; and so it is of an output, and of an undo."""
    declared = {"port": {"type": "integer"}, "pin": {"type": "string", "sensitive": True}}
    first = call("first", undo={"call": "undo.first", "with": {"n": PIN_OR}})
    world = World(first, step, declared=declared, inputs={"port": 0, "pin": "1234"}, outputs={"n": PIN_OR})
    world.succeeds("first")
    assert (world.step("a").state, "sensitive" in world.step("a").error) == ("parked", True)
    world.operate("skip", "a")
    world.operate("cancel")
    told = [world.run.reason, *(s.error for s in world.run.steps.values()), *(f.model_dump_json() for f in world.facts)]
    assert "1234" not in "".join(told)


def test_what_is_sensitive_in_a_form_goes_to_the_steps_that_follow_alone() -> None:
    """A call gets it; whoever looks at the run, or reads its result, does not."""
    form = {"pin": {"type": "string", "sensitive": True}, "room": {"type": "string"}}
    world = World(ask("a", asked={"form": form}), call("b", **{"with": {"pin": "{{steps.a.outputs.pin}}"}}))
    world.answers("a", pin="1234", room="B 12")
    (called,) = [e for e in world.effects if isinstance(e, StartCall)]
    assert called.arguments == {"pin": "1234"}
    for seen in (status(world.run, EVIDENCE), result(world.run, EVIDENCE)):
        assert seen.steps["a"].outputs == {"pin": "***", "room": "B 12"}


def test_the_graph_has_nodes_and_edges() -> None:
    """Unwritten needs are drawn too; each edge says which results it wants."""
    world = World(call("a"), ask("b"), call("c", needs=[{"b": "rejected"}])).succeeds("a")
    assert graph(world.run) == {
        "flow": "sample",
        "nodes": [
            {"id": "a", "verb": "call", "state": "succeeded"},
            {"id": "b", "verb": "ask", "state": "waiting"},
            {"id": "c", "verb": "call", "state": "waiting"},
        ],
        "edges": [
            {"from": "a", "to": "b", "results": ["succeeded"]},
            {"from": "b", "to": "c", "results": ["rejected"]},
        ],
    }


def test_the_graph_says_on_what_steps_and_branches_depend() -> None:
    """A step has its own `if`; those of a branch have its condition, or `else`."""
    branches = [{"if": "1 < 2", "do": [call("q", **{"if": "true"})]}, {"else": [call("w")]}]
    nodes = graph(World({"id": "c", "choose": branches}).run)["nodes"]
    assert isinstance(nodes, list)
    told = [(n["id"], n.get("if"), n.get("when")) for n in nodes if isinstance(n, dict)]
    assert told == [("c", None, None), ("q", "true", "1 < 2"), ("w", None, "else")]
