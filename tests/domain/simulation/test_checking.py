"""What is expected is compared with what is; only what is written is looked at."""

from typing import Any

import pytest

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.simulation.checking import Difference
from hitl_temporal.domain.simulation.scenario import Scenario
from tests.domain.simulation.stage import Document, ask, call, different, flow, holds, played

ITEMS = flow(
    {"id": "post", "each": "[1, 2]", "do": [call("book", undo={"call": "job.back"}), call("sign")]}, call("end")
)


def told(definition: Flow, *when: Document, **more: Any) -> dict[str, str]:
    return different(played(definition, *when, **more))


def test_a_status_is_told_with_its_reason() -> None:
    """Of a run that has ended, or of what it waits for."""
    failing = flow(call("a", on_failure="fail"))
    said = told(failing, jobs={"a": {"fail": "out of order"}}, then={"status": "completed"})
    assert said == {"then.status": "status: expected completed, found failed (step 'a': out of order)"}
    assert "a: answer" in told(flow(ask("a")), then={"status": "completed"})["then.status"]


def test_a_state_and_an_outcome_are_told_with_their_reason() -> None:
    """Of the first item where it is otherwise."""
    jobs = {"post[1].book": {"fail": "full"}}
    said = told(ITEMS, jobs=jobs, then={"steps": {"book": "succeeded"}, "outcomes": {"end": "done"}})
    assert said["then.steps.book"] == "steps of `book`: expected succeeded, found parked (full)"
    assert said["then.outcomes.end"] == "outcomes of `end`: expected done, found null"


def test_a_step_that_is_not_there_is_told() -> None:
    """With those that are."""
    said = told(
        ITEMS,
        then={
            "steps": {"bok": "failed", "post[7].book": "failed"},
            "asked": {"x": []},
            "outputs": {"y": 1},
            "order": ["z"],
        },
    )
    assert "there is no step 'bok'; steps: end, post" in said["then.steps.bok"]
    assert "it is in no item that was begun" in said["then.steps.post[7].book"]
    assert "there is no step 'x'" in said["then.asked.x"]
    assert said["then.outputs.y"].endswith("; outputs of the flow: none")
    assert "there is no step 'z'" in said["then.order"]


def test_outputs_are_told_one_by_one() -> None:
    """Those of the flow whole; of a step, those that are named."""
    one = flow(call("a"), outputs={"x": "{{steps.a.outputs.x}}"})
    jobs = {"a": {"outputs": {"x": 1, "y": [True, {"z": 1}]}}}
    said = told(one, jobs=jobs, then={"outputs": {"x": 2, "a": {"x": True, "y": [1, {"z": 1}], "w": None}}})
    assert said == {
        "then.outputs.x": "outputs of `x`: expected 2, found 1",
        "then.outputs.a.x": "outputs of `a` of `x`: expected true, found 1",
        "then.outputs.a.y": 'outputs of `a` of `y`: expected [1,{"z":1}], found [true,{"z":1}]',
        "then.outputs.a.w": "outputs of `a` of `w`: expected null, found null",
    }
    holds(one, jobs=jobs, then={"outputs": {"a": {"y": [True, {"z": 1.0}]}}})
    assert "then.outputs.a" in told(one, jobs=jobs, then={"outputs": {"a": 1}})


def test_a_step_that_does_not_wait_has_no_reason() -> None:
    """`null` says so."""
    holds(flow(call("a")), then={"waiting": {"a": None}})
    said = told(flow(call("a"), ask("b"), call("c")), then={"waiting": {"a": "answer", "b": "time", "c": "hold"}})
    assert said["then.waiting.a"] == "waiting of `a`: expected answer, found null (it is succeeded)"
    assert "found answer (an answer to" in said["then.waiting.b"]
    assert "found predecessor" in said["then.waiting.c"]


def test_occasions_are_counted() -> None:
    """Not messages."""
    said = told(flow(ask("a", "group:secops")), then={"sent": {"asked": 2, "notices": 0}})
    assert said == {"then.sent.asked": "sent of `asked`: expected 2, found 1"}


def test_an_order_is_that_of_the_steps_named() -> None:
    """By address, or by the bare id for all items."""
    holds(ITEMS, then={"order": ["book", "book", "end"]})
    holds(ITEMS, then={"order": ["post[0].book", "post[1].book", "post"]})
    said = told(ITEMS, then={"order": ["end", "post"]})
    assert said == {"then.order": 'order: expected ["end","post"], found ["post","end"]'}


def test_a_step_that_has_not_ended_is_missing_in_the_order() -> None:
    """Though it is there."""
    assert told(flow(ask("a")), then={"order": ["a"]}) == {"then.order": 'order: expected ["a"], found []'}


def test_all_that_was_undone_is_named() -> None:
    """One that is not expected is told."""
    failing = {"status": "failed"}
    one = flow(
        {"id": "post", "each": "[1, 2]", "do": [call("book", undo={"call": "job.back"})]},
        call("end", on_failure="fail"),
    )
    jobs = {"end": {"fail": "no"}}
    holds(one, jobs=jobs, then={**failing, "undone": ["book", "book"]})
    said = told(one, jobs=jobs, then={**failing, "undone": ["post[0].book"]})
    assert said == {"then.undone": 'undone: expected ["post[0].book"], found ["post[1].book","post[0].book"]'}


def test_a_turn_that_is_over_is_compared_as_it_ended() -> None:
    """By its address with the turn."""
    again = flow(
        {
            "id": "b",
            "do": [ask("a", asked={"outcomes": {"more": {"label": "More", "positive": True}}})],
            "repeat": {"until": "steps.a.outcome == 'approved'"},
        }
    )
    more = {"decide": {"step": "a", "actor": "bob", "outcome": "more"}}
    then = {
        "steps": {"b#0.a": "succeeded", "b#1.a": "waiting"},
        "outcomes": {"b#0.a": "more"},
        "asked": {"b#0.a": [], "b#1.a": ["bob"]},
    }
    holds(again, more, then=then)
    said = told(again, more, then={"steps": {"b#0.a": "failed", "b#7.a": "succeeded"}, "outputs": {"b#0.a": {"x": 1}}})
    assert set(said) == {"then.steps.b#0.a", "then.steps.b#7.a", "then.outputs.b#0.a.x"}


def test_an_item_in_a_turn_has_its_own_address() -> None:
    """An `each` in a block that repeats, and a block that repeats in an `each`."""
    inner = {"id": "b", "do": [call("x")], "repeat": {"until": "index == 1", "max": 3}}
    holds(
        flow({"id": "post", "each": "[1, 2]", "do": [inner]}),
        then={"order": ["post[1].b#0.x", "post[1].b#1.x"], "steps": {"post[0].b#1.x": "succeeded"}},
    )
    outer = {
        "id": "b",
        "do": [{"id": "post", "each": "[1, 2]", "do": [call("x")]}],
        "repeat": {"until": "index == 1", "max": 3},
    }
    holds(flow(outer), then={"order": ["x"] * 4})


WRONG = {
    "nothing": ({}, "this is nothing; write one of decide"),
    "two": ({"pass": "1h", "claim": {"step": "a"}}, "this is claim and passes"),
    "verb key": ({"decide": {"step": "a", "outcom": "x"}}, "takes no 'outcom'; known keys: actor"),
    "answer key": ({"answer": {"step": "a", "actor": "b", "outcome": "x", "form": {}}}, "`answer` takes no 'form'"),
    "action": ({"operate": {"action": "jump"}}, "there is no action 'jump'; write one of hold"),
    "action key": ({"operate": {"action": "hold", "acter": "x"}}, "`operate` takes no 'acter'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_entry_that_is_wrong_is_refused(name: str) -> None:
    """Every slip of the pen, before anything is played."""
    entry, message = WRONG[name]
    with pytest.raises(ValueError, match="validation error") as refused:
        Scenario.model_validate({"scenario": "x", "when": [entry]})
    assert message in str(refused.value)


def test_what_is_no_mapping_is_left_to_the_model() -> None:
    """Which says what it must be."""
    for given in (7, {"people": 7}, {"people": {"ann": 7}}, {"people": {"people": 7}}, {"absences": [7]}):
        with pytest.raises(ValueError, match="valid"):
            Scenario.model_validate({"scenario": "x", "given": given})


def test_a_difference_says_where() -> None:
    """By the way to it in the document."""
    outcome = played(flow(ask("a")), {"expect": {"status": "completed"}})
    (difference,) = outcome.differences
    assert isinstance(difference, Difference)
    assert difference.at == ("when", 0, "expect", "status")
