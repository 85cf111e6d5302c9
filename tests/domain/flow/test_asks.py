"""The meaning of a flow, *Asks*: what an answer does to the run."""

import pytest

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow.effects import StartAsk
from hitl_temporal.domain.flow.scope import MAX_CARRIED
from tests.domain.flow.world import World, ask, call

LATER = {"outcomes": {"later": {"label": "Later"}, "sooner": {"label": "Sooner", "positive": True}}}


def test_a_positive_outcome_starts_the_followers() -> None:
    """An approved ask is `succeeded` with that outcome, and the step below it starts."""
    world = World(ask("a"), call("b")).answers("a", note="fine")
    assert (world.step("a").state, world.step("a").outcome, world.step("a").outputs) == (
        "succeeded",
        "approved",
        {"note": "fine"},
    )
    assert world.started == ["a", "b"]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("rejected", "rejected"), ("expired", "expired"), ("withdrawn", "withdrawn"), ("later", "rejected")],
)
def test_an_unnamed_negative_outcome_ends_the_run(outcome: str, status: str) -> None:
    """The ask is `succeeded`, the run ends with that status (a custom outcome's is `rejected`), the rest is skipped."""
    world = World(ask("a", asked=LATER), call("b")).answers("a", outcome)
    assert (world.run.status, world.states) == (status, {"a": "succeeded", "b": "skipped"})
    assert world.run.reason == f"step 'a': {outcome}"


def test_a_question_knows_who_owns_its_flow() -> None:
    """They are alarmed when somebody breaks its glass."""
    question = next(e for e in World(ask("a"), owner="group:net").effects if isinstance(e, StartAsk))
    assert question.origin.owner == "group:net"


@pytest.mark.parametrize("needs", [[{"a": "rejected"}], [{"a": ["later", "rejected"]}], [{"a": "done"}]])
def test_a_named_negative_outcome_sets_no_status(needs: list[object]) -> None:
    """An outcome that some `needs` lists, in a list, or as `done`, starts that step; the run may end `completed`."""
    world = World(ask("a", asked=LATER), call("b", needs=["a"]), call("c", needs=needs)).answers("a", "rejected")
    assert world.states == {"a": "succeeded", "b": "skipped", "c": "running"}
    assert world.succeeds("c").run.status == "completed"


def test_an_if_does_not_name_an_outcome() -> None:
    """A condition on an outcome does not keep the rejection from ending the run."""
    world = World(ask("a"), call("b", needs=[], **{"if": "steps.a.outcome == 'rejected'"})).answers("a", "rejected")
    assert world.run.status == "rejected"


def test_a_custom_positive_outcome_is_as_good_as_approved() -> None:
    """Followers by default run after any positive outcome."""
    assert World(ask("a", asked=LATER), call("b")).answers("a", "sooner", positive=True).started == ["a", "b"]


def test_the_question_has_its_own_id_and_scope() -> None:
    """The approval is `<run>.<step>.<attempt>` and sees the run's scope."""
    world = World(ask("a"), inputs={"port": 22})
    effect = next(e for e in world.effects if isinstance(e, StartAsk))
    assert (effect.approval, effect.requester, effect.on_behalf_of) == ("r.a.1", "ann", "bea")
    assert effect.origin.owner is None
    assert effect.context["inputs"] == {"port": 22}


BOTH = {"a", "b"}


@pytest.mark.parametrize(
    ("body", "carried"),
    [
        ("{{steps.a.outputs.x}}", {"a"}),
        ("{{ steps .\n a.outputs.x }}", {"a"}),
        ("none of it", set()),
        ("{{steps['b'].outputs.x + steps['a'].outputs.x}}", BOTH),
        ("{{(steps)[inputs.which].outputs.x}}", BOTH),
        ("{{[steps].map(s, s.a.outputs.x)[0]}}", BOTH),
        ("{{has(steps.a.outputs.y)}} and {{steps}}", BOTH),
    ],
)
def test_of_a_large_scope_a_question_carries_the_outputs_that_it_names(body: str, carried: set[str]) -> None:
    """It is carried for as long as people take; where it can't be told which are meant, all are carried."""
    world = World(call("a"), call("b"), ask("q", asked={"show": {"it": [1, body]}}), inputs={"which": "a"})
    world.succeeds("a", x=1, large="x" * MAX_CARRIED).succeeds("b", x=2)
    assert with_outputs(world) == carried
    state = asked_of(world).context["steps"]
    assert isinstance(state, dict)
    assert all(isinstance(step, dict) and step["state"] == "succeeded" for name, step in state.items() if name != "q")


def test_a_small_scope_is_carried_whole() -> None:
    """Absences and policies that are tried out later may ask for what the question does not name."""
    assert with_outputs(World(call("a"), call("b"), ask("q")).succeeds("a", x=1).succeeds("b", x=2)) == BOTH


def asked_of(world: World) -> StartAsk:
    return next(e for e in world.effects if isinstance(e, StartAsk))


def with_outputs(world: World) -> set[str]:
    steps = asked_of(world).context["steps"]
    assert isinstance(steps, dict)
    return {name for name, step in steps.items() if isinstance(step, dict) and step["outputs"]}


def test_the_flows_calendar_is_the_questions_unless_it_has_its_own() -> None:
    """An ask without a calendar counts in that of its flow."""
    world = World(ask("a"), ask("b", asked={"calendar": "nl"}, needs=[]), calendar="be")
    assert [e.ask.calendar for e in world.effects if isinstance(e, StartAsk)] == ["be", "nl"]


def test_a_taken_id_asks_again_under_the_next_attempt() -> None:
    """When somebody else has the id, people are asked under the next free one."""
    world = World(ask("a")).taken("a")
    assert [e.approval for e in world.effects if isinstance(e, StartAsk)] == ["r.a.1", "r.a.2"]
    assert world.answers("a", n=1).run.status is None
    assert world.answers("a", n=2).run.status == "completed"


def test_a_question_that_can_not_be_rendered_parks() -> None:
    """An ask with a failing expression asks nobody; the step parks with the key and the text."""
    world = World(ask("a", asked={"title": "{{ steps.a.outputs.gone }}"}))
    assert (world.step("a").state, world.started) == ("parked", [])
    assert "title" in world.step("a").error


def test_a_question_that_could_not_be_put_parks() -> None:
    """An approval that fails does not count as an answer."""
    assert World(ask("a")).fails("a").step("a").state == "parked"


def test_a_question_may_continue_without_having_been_put() -> None:
    """`on_failure` stands for an ask as for any step."""
    world = World(ask("a", on_failure="continue"), call("b")).fails("a")
    assert world.states == {"a": "failed", "b": "running"}


def test_an_answer_vouches_for_the_trail_of_its_approval() -> None:
    """The fact of an answer holds the approval's id, count and digest, and who decided."""
    world = World(ask("a")).answers("a", by=("bob", "cai"))
    fact = next(f for f in world.facts if f.name == "step.answered")
    assert fact.attributes["hitl.child.workflow_id"] == "r.a.1"
    assert fact.attributes["hitl.child.events"] == 3
    assert fact.attributes["hitl.by"] == ["bob", "cai"]


def test_a_form_that_is_not_json_parks() -> None:
    """A form with NaN is refused with the reason, it does not break the run."""
    world = World(ask("a")).answers("a", amount=float("nan"))
    assert "its form is not JSON" in world.step("a").error


def test_only_an_ask_is_answered_and_only_a_call_succeeds() -> None:
    """News of the wrong kind change nothing."""
    world = World(ask("a"), call("b", needs=[]))
    before = world.run
    assert world.succeeds("a").run == before
    assert world.answers("b").run == before
    assert not [e for e in world.last if isinstance(e, Record)]
