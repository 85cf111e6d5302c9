"""Runs within runs: a step starts one, and its end is the end of the step."""

import pytest

from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.effects import StartCall, StartFlow, StopStep
from hitl_temporal.domain.flow.requests import MAX_DEPTH
from hitl_temporal.domain.flow.views import result, why
from tests.domain.flow.world import EVIDENCE, Document, World, ask, call, granted, undo

FLOWS = {"child": [call("c")], "asking": [{"id": "deep", "flow": "questions"}], "questions": [ask("q")]}


def flow(step: str, name: str = "child", **envelope: object) -> Document:
    """Return a step that starts a run."""
    return {"id": step, "flow": name, **envelope}


def world_of(*steps: Document, **more: object) -> World:
    """Return a run with the definitions of those within it."""
    return World(*steps, flows=FLOWS, **more)  # type: ignore[arg-type]


def test_a_run_within_is_started_for_the_same_people() -> None:
    """With inputs over the scope of the step, under an id of the step's start."""
    world = world_of(flow("a", **{"with": {"v": "{{ vars.v }}"}}), vars={"v": 7})
    assert world.last[-1] == StartFlow(
        step="a", n=1, child="r.a.1", flow="child", inputs={"v": 7}, requester="ann", on_behalf_of="bea"
    )
    assert (world.states["a"], result(world.run, EVIDENCE).steps["a"].run) == ("running", "r.a.1")
    assert [r.releases for r in why(world.run)] == ["the end of r.a.1"]


def test_its_status_is_the_outcome() -> None:
    """Positive only when it is `completed`; its outputs are those of the step."""
    world = world_of(flow("a"), call("b")).ends("a", "completed", v=1)
    assert (world.step("a").outcome, world.step("a").outputs, world.states["b"]) == ("completed", {"v": 1}, "running")


@pytest.mark.parametrize("status", ["rejected", "expired", "withdrawn"])
def test_a_negative_status_is_treated_as_that_of_an_ask(status: str) -> None:
    """It ends the run, or what is named for it goes on."""
    assert world_of(flow("a"), call("b")).ends("a", status).run.status == status
    world = world_of(flow("a"), call("b", needs=[{"a": status}])).ends("a", status)
    assert world.states["b"] == "running"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_its_failure_is_one_of_the_step(status: str) -> None:
    """It parks, or does what is written for it."""
    world = world_of(flow("a")).ends("a", status)
    assert (world.states["a"], world.step("a").error) == ("parked", f"run r.a.1 has ended {status}: ")
    world = world_of(flow("a"), call("b", needs=[{"a": "failed"}])).ends("a", status)
    assert world.states == {"a": "failed", "b": "running"}


def test_outputs_that_have_no_text_are_a_failure() -> None:
    """Nothing that could not be kept is kept."""
    world = world_of(flow("a")).ends("a", "completed", v=float("nan"))
    assert world.states["a"] == "parked"
    assert world.step("a").error.startswith("its outputs are not JSON")


def test_a_stopped_run_within_is_cancelled_first() -> None:
    """Then the step becomes what it is to be; its failure meanwhile makes no difference."""
    for status in ("cancelled", "failed"):
        world = world_of(flow("a"), call("b"))
        world.operate("skip", "a")
        (stop,) = (e for e in world.last if isinstance(e, StopStep))
        assert (stop.child, stop.is_run, world.states["a"]) == ("r.a.1", True, "running")
        assert world.ends("a", status).states == {"a": "skipped", "b": "running"}


def test_work_that_a_run_within_has_completed_all_the_same_is_undone() -> None:
    """Although this run was ending; a rejection of it comes too late."""
    world = world_of(flow("a", undo=undo("a"), needs=[]))
    world.operate("cancel")
    assert world.ends("a", "completed").undos == ["a"]
    assert world.undone("a").run.status == "cancelled"
    world = world_of(flow("a", undo=undo("a"), needs=[]))
    world.operate("cancel")
    assert world.ends("a", "rejected").run.status == "cancelled"


def test_a_rejection_within_that_came_before_the_stop_counts() -> None:
    """As that of an ask does."""
    world = world_of(flow("a"), call("b"))
    world.operate("skip", "a")
    assert world.ends("a", "rejected").run.status == "rejected"


def test_an_id_that_is_taken_is_left_alone() -> None:
    """The run within is started under the next one."""
    world = world_of(flow("a", **{"with": {"v": 1}})).taken("a")
    assert [e.child for e in world.effects if isinstance(e, StartFlow)] == ["r.a.1", "r.a.2"]


def test_a_run_within_can_undo() -> None:
    """It has an id of its own at each try."""
    world = world_of(call("a", undo={"flow": "child", "with": {"v": "{{ self.outputs.v }}"}}), ask("b"))
    world.succeeds("a", v=1).answers("b", "rejected").undo_fails("a")
    world.operate("rerun", "a")
    undos = [(e.child, e.inputs) for e in world.effects if isinstance(e, StartFlow)]
    assert undos == [("r.a.1.undo", {"v": 1}), ("r.a.1.undo.2", {"v": 1})]
    assert world.undone("a").run.status == "rejected"


def test_a_command_can_undo() -> None:
    """What it runs is a fact."""
    world = World(call("a", undo={"run": {"command": "rm it"}}), ask("b")).succeeds("a").answers("b", "rejected")
    (effect,) = (e for e in world.last if isinstance(e, StartCall))
    assert (effect.key, effect.undo, effect.command is not None) == ("r.a.1.undo", True, True)


def test_a_flow_that_was_not_there_parks_the_step() -> None:
    """So does one that is too deep."""
    assert "there was no flow 'gone'" in world_of(flow("a", "gone")).step("a").error
    world = world_of(flow("a"), begun=False)
    world.run = world.run.but(depth=MAX_DEPTH - 1)
    world.feed(events.Begun(at=world.now))
    assert "21 deep, at most 20" in world.step("a").error


def test_passing_a_run_that_asks_people_is_an_override() -> None:
    """At whatever depth it asks; one that asks nobody is skipped by any operator."""
    assert world_of(flow("a")).operate("skip", "a", actor="gus").status == "done"
    receipt = world_of(flow("a", "asking")).operate("skip", "a", actor="gus")
    says = "passing the ask 'a' is an override and needs the role admin, which 'gus' does not have"
    assert (receipt.status, receipt.reason) == ("not_eligible", says)
    receipt = world_of(flow("a", "asking")).operate("skip", "a", actor="ann")
    assert receipt.reason == "'ann' may not pass the ask 'a': nobody decides their own request"
    assert world_of(flow("a", "asking")).operate("skip", "a").status == "done"


def test_a_finished_run_within_counts_as_completed() -> None:
    """Unless told otherwise."""
    world = world_of(flow("a"), call("b"))
    world.operate("finish", "a")
    assert world.ends("a", "cancelled").states == {"a": "succeeded", "b": "running"}
    assert world.step("a").outcome == "completed"


def test_a_flow_that_names_itself_asks_nobody_by_that() -> None:
    """Only by a question somewhere."""
    flows = {"loop": [flow("again", "loop"), call("c")]}
    assert World(flow("a", "loop"), flows=flows).operate("skip", "a", actor="gus").status == "done"


def test_a_definition_tells_which_flows_and_questions_it_may_need() -> None:
    """Those of undo, of more time and of repairs included."""
    more = {"max": 1, "ask": {"who": "user:bob"}}
    steps = [
        flow("a"),
        call("b", undo={"flow": "asking"}),
        granted("g", extend=more, on_failure={"ask": {"who": ["user:bob"]}}),
        ask("q"),
    ]
    plan = world_of(*steps).definition.plan
    assert (plan.flows, len(plan.asks)) == (("child", "asking"), 3)
