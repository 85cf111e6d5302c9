"""People say what to do about a failure."""

from typing import Any

import pytest

from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.effects import StartAsk
from hitl_temporal.domain.flow.views import result, waiting_reasons, why
from tests.domain.flow.world import EVIDENCE, Document, World, answered, call, do, undo


def test_people_say_what_to_do_about_a_failure() -> None:
    """They let it be done again with other arguments."""
    world = World(call("a", **{"with": {"v": 1, "w": 2}}, on_failure={"ask": {"who": ["user:bob"]}})).fails("a")
    assert world.states["a"] == "parked"
    assert world.last[-1].approval == "r.a.1.repair"  # type: ignore[union-attr]
    world.repaired("a", "edit", **{"with": {"v": 7}})
    assert world.last[-1].arguments == {"v": 7, "w": 2}  # type: ignore[union-attr]
    assert world.succeeds("a").run.status == "completed"


ASKS = {"on_failure": {"ask": {"who": ["user:bob"]}}}


def failed(*more: Document, **envelope: Any) -> World:
    """Return a run in which people are asked about a failure of `a`."""
    return World(call("a", **(ASKS | envelope)), *(more or [call("after")])).fails("a")


def test_the_step_is_parked_while_people_are_asked() -> None:
    """The run says whom."""
    world = failed()
    question = world.last[-1]
    assert isinstance(question, StartAsk)
    assert (question.approval, question.is_repair, world.run.state) == ("r.a.1.repair", True, "parked")
    assert [r.by for r in why(world.run) if r.step == "a"] == [("r.a.1.repair",)]
    assert result(world.run, EVIDENCE).steps["a"].approval == "r.a.1.repair"


def test_ask_alone_asks_the_owner() -> None:
    """Where there is none nobody is asked, and the step says so."""
    world = World(call("a", on_failure="ask"), owner="group:erp").fails("a")
    (asked,) = (e for e in world.last if isinstance(e, StartAsk))
    assert asked.ask.stages[0].who == ("group:erp",)
    world = World(call("a", on_failure="ask")).fails("a", "gone")
    assert world.step("a").error == "gone; nobody was asked what to do: the flow has no owner"


@pytest.mark.parametrize(
    ("outcome", "state", "after"), [("retry", "running", "waiting"), ("skip", "skipped", "running")]
)
def test_people_let_it_be_done_again_or_left_out(outcome: str, state: str, after: str) -> None:
    """A retry is another start."""
    world = failed().repaired("a", outcome)
    assert (world.states["a"], world.states["after"]) == (state, after)
    assert world.step("a").n == (2 if outcome == "retry" else 1)


@pytest.mark.parametrize(("outcome", "undos"), [("undo", ["before"]), ("abort", [])])
def test_people_end_the_run(outcome: str, undos: list[str]) -> None:
    """With what was done undone, or as it is; it has failed in both cases."""
    world = World(call("before", undo=undo("before")), call("a", **ASKS)).succeeds("before").fails("a")
    world.repaired("a", outcome)
    assert world.undos == undos
    if undos:
        world.undone("before")
    assert (world.run.status, world.run.reason) == ("failed", f"step 'a': out of order ({outcome} by bob)")


@pytest.mark.parametrize("outcome", ["expired", "withdrawn"])
def test_a_question_that_nobody_answers_leaves_it_parked(outcome: str) -> None:
    """For an operator."""
    world = failed().repaired("a", outcome)
    assert (world.states["a"], world.step("a").error) == ("parked", f"out of order; asked what to do: {outcome}")
    assert world.step("a").repair is None


def test_a_question_that_is_lost_leaves_it_parked() -> None:
    """And says so."""
    world = failed().repair_fails("a", "no such group")
    assert world.step("a").error == "out of order; the question what to do was lost: no such group"


def test_a_question_that_can_not_be_put_leaves_it_parked() -> None:
    """Nobody was asked."""
    world = World(call("a", on_failure={"ask": {"title": "{{ vars.gone }}", "who": ["user:bob"]}})).fails("a")
    assert world.step("a").error.startswith("out of order; nobody was asked what to do: ")
    assert world.step("a").repair is None


@pytest.mark.parametrize("action", ["rerun", "skip", "finish", "cancel_step", "cancel"])
def test_whoever_acts_first_withdraws_the_question(action: str) -> None:
    """What people answer all the same is recorded and changes nothing."""
    world = failed()
    step = None if action == "cancel" else "a"
    world.operate(action, step)
    assert world.stopping == ["a"]
    before = world.states
    assert any(r.step == "a" and r.by for r in why(world.run))
    world.repaired("a", "skip")
    assert world.states == before
    assert [f.name for f in world.facts][-1] in {"step.repair_answered", "run.ended"}


def test_a_cancelled_run_ends_when_the_question_is_withdrawn() -> None:
    """Not before: its trail is a part of the run's."""
    world = failed()
    world.operate("cancel")
    assert (world.run.status, waiting_reasons(world.run)) == (None, ("answer",))
    assert world.repaired("a", "withdrawn").run.status == "cancelled"


def test_a_block_that_ends_withdraws_the_questions_within() -> None:
    """Also the one about itself."""
    world = World(do("b", call("a", **ASKS)), call("after", needs=[{"b": "done"}])).fails("a")
    world.operate("cancel_step", "b")
    assert (world.stopping, world.states["after"]) == (["a"], "running")
    block = do("r", call("x"), repeat={"until": "false", "max": 1}, **ASKS)
    world = World(block, call("end", needs=[])).succeeds("x")
    assert world.states["r"] == "parked"
    world.operate("cancel")
    world.stops("end")
    assert world.stopping == ["end", "r"]
    assert world.repaired("r", "withdrawn").run.status == "cancelled"


def test_every_question_has_an_id_of_its_own() -> None:
    """Also after a retry that fails again."""
    world = failed().repaired("a", "retry").fails("a")
    assert [e.approval for e in world.effects if isinstance(e, StartAsk)] == ["r.a.1.repair", "r.a.2.repair.2"]


def test_a_step_within_that_is_done_again_withdraws_the_question_about_the_block() -> None:
    """It goes on where it was."""
    block = do("b", call("x"), repeat={"until": "steps.x.outputs.ok", "max": 1}, **ASKS)
    world = World(block, call("after")).succeeds("x", ok=False)
    world.operate("rerun", "x")
    assert (world.stopping, world.states["b"]) == (["b"], "running")
    assert world.succeeds("x", ok=True).states["after"] == "running"


def test_what_people_give_must_have_a_text() -> None:
    """Else the step is done again as it was."""
    world = failed(**{"with": {"v": 1}}).repaired("a", "edit", **{"with": {"v": float("nan")}})
    assert world.last[-1].arguments == {"v": 1}  # type: ignore[union-attr]


def test_people_change_what_a_command_is_given_and_not_what_it_does() -> None:
    """Who may answer a question may not run any command on the machine of an agent."""
    job = {"id": "a", "run": {"command": "load"}, **ASKS}
    world = World(job).fails("a").repaired("a", "edit", **{"with": {"command": ["sh", "-c", "anything"]}})
    assert (world.states["a"], world.started) == ("parked", ["a", "a"])
    assert world.step("a").error.endswith("edit by bob: of a command only args and env can be changed, not 'command'")
    world = World(job).fails("a").repaired("a", "edit", **{"with": {"args": ["--slow"]}})
    assert (world.states["a"], world.last[-1].command.args) == ("running", ("--slow",))  # type: ignore[union-attr]


def test_an_answer_to_an_older_question_changes_nothing() -> None:
    """Another one is out."""
    world = failed()
    old = next(e.approval for e in world.effects if isinstance(e, StartAsk))
    world.operate("rerun", "a")
    world.fails("a")
    before = world.run
    told = events.RepairAnswered(at=world.now, step="a", approval=old, result=answered("skip", positive=True))
    world.feed(told)
    assert world.run == before
