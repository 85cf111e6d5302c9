"""What a flow's document must be, and what it says when it is not."""

from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.inputs import Input
from tests.domain.flow.world import Document, ask, call, granted, undo, wait


def problem(*steps: Document, **flow: Any) -> str:
    """Return the first problem of a document that must have one."""
    with pytest.raises(ValidationError) as caught:
        Flow.model_validate({"flow": "sample", "steps": list(steps), **flow})
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"id": "a"}, "step 'a' does nothing; write one verb of run, call, ask, wait, do, each, choose, flow"),
        ({**call("a"), **wait("a")}, "step 'a' has call and wait; write exactly one verb"),
        (ask("a", timeout="5m"), "`timeout` belongs to `run`, `call` and `wait`, not to `ask`; write `due` in the ask"),
        (ask("a", pool="sap"), "`pool` belongs to `run`, `call` and `wait`, not to `ask`; remove it"),
        (wait("a", **{"with": {"x": 1}}), "`with` belongs to `call` and `flow`, not to `wait`; remove it"),
        (
            wait("a", undo=undo("a")),
            "`undo` belongs to `run`, `call`, `ask`, `do`, `each`, `choose` and `flow`, not to",
        ),
        (wait("a", retry={"max": 2}), "`retry` belongs to `run` and `call`, not to `wait`; remove it"),
        (wait("a", "soon"), "not a duration"),
        (ask("a", grant={"for": "1d"}), "`grant` belongs to `run` and `call`, not to `ask`; remove it"),
        (wait("a", grant={"for": "1d"}), "`grant` belongs to `run` and `call`, not to `wait`; remove it"),
        (call("a", grant={"for": "1d"}), "`grant` without `undo`: nothing would take back what was given"),
        (granted("a", "soon"), "not a duration"),
        (granted("a", extend={"max": 0}), "greater than or equal to 1"),
        (granted("a", extend={"max": True}), "valid integer"),
        (granted("a", extend={"ask": {"title": "More?"}}), "Field required"),
        (granted("a", extend={"ask": "group:secops"}), "valid dictionary"),
        ({**call("a"), "run": {"command": "ls"}}, "step 'a' has run and call; write exactly one verb"),
        ({**call("a"), "if": "1 +"}, "is not CEL"),
        (call("A"), "should match pattern"),
    ],
)
def test_a_step_has_one_verb_and_the_keys_that_go_with_it(step: Document, says: str) -> None:
    """Everything else is refused with what is wrong and how to mend it."""
    assert says in problem(step)


@pytest.mark.parametrize(
    ("needs", "says"),
    [
        (["x"], "step 'b' needs 'x', which is no step here; steps: a, b, c"),
        ([{"a": "rejected"}], "step 'b' needs 'a' to be 'rejected', which it never is"),
        ([{"c": "aproved"}], "write one of succeeded, failed, done, skipped, cancelled, approved, expired, rejected"),
        ([{"any": ["a", "c"], "is": "approved"}], "step 'b' needs 'a' to be 'approved'"),
        ([{"of": ["a", "c"], "count": 3}], "`count: 3` of 2 steps can never be met"),
        ([{"of": ["a"], "count": "2"}], "`count: 2` of 1 steps can never be met"),
        ([{"of": ["a"], "count": 0}], "greater than or equal to 1"),
        ([{"of": ["a", "a"], "count": 2}], "a step stands twice in a, a"),
        ([{"of": []}], "at least 1 item"),
        ([{"a": []}], "at least 1 item"),
        ([{"a": "failed", "c": "done"}], "is no need; write a step id"),
        ([{"any": ["a"], "count": 1}], "is no need; write a step id"),
        ([3], "'3' is no need; write a step id"),
        (["b"], "steps need each other in a circle: b"),
    ],
)
def test_needs_that_can_not_be_met_are_refused(needs: list[Any], says: str) -> None:
    """A need names steps here and results that they can have."""
    assert says in problem(call("a"), call("b", needs=needs), ask("c", needs=["a"]))


def test_a_circle_names_its_steps_alone() -> None:
    """Steps before and behind a circle are not in it."""
    steps = [call("a"), call("b", needs=["a", "d"]), call("c", needs=["b"]), call("d", needs=["c"]), call("e")]
    assert problem(*steps) == "steps need each other in a circle: b, c, d; remove one of their `needs`"


def test_ids_differ() -> None:
    """A step id stands once."""
    assert problem(call("a"), call("a")) == "the step id 'a' stands twice; ids must differ"


def test_a_flow_has_a_step() -> None:
    """An empty flow is refused."""
    assert "at least 1 item" in problem()


def test_the_same_document_has_the_same_digest_after_a_journey() -> None:
    """A definition read back from a history is the same to the letter, whatever is written."""
    needs: list[Any] = ["a", {"b": "failed"}, {"any": ["a", "b"], "is": "done"}, {"of": ["a", "b"], "count": 2}]
    steps = [call("a"), call("b", needs="a"), call("c", needs=needs), ask("d", needs=[{"c": "done"}])]
    steps.append(granted("e", extend={"max": 2, "ask": {"who": "user:bob"}}))
    flow = Flow.model_validate({"flow": "sample", "steps": steps})
    again = Flow.model_validate_json(flow.model_dump_json(by_alias=True))
    assert again == flow
    assert again.digest == flow.digest
    assert Flow.model_validate({"flow": "sample", "steps": list(flow.steps)}).digest == flow.digest


def test_needs_are_read_again_from_their_own_values() -> None:
    """A step may be built from the values of another."""
    step = Flow.model_validate({"flow": "sample", "steps": [call("a"), call("b", needs=["a"])]}).steps[1]
    assert type(step).model_validate({"id": "z", "call": "x", "needs": list(step.needs or ())}).needs == step.needs
    assert type(step).model_validate({"id": "z", "call": "x", "needs": None}).needs is None


def test_an_unknown_step_is_a_key_error() -> None:
    """Asking for a step that is not there is a mistake of the caller."""
    with pytest.raises(KeyError):
        Flow.model_validate({"flow": "sample", "steps": [call("a")]}).step("b")


def test_an_input_is_required_unless_it_says_otherwise() -> None:
    """A default, even null, or `optional: true` makes it optional."""
    written = [{}, {"default": None}, {"optional": True}]
    assert [Input.model_validate({"type": "string", **w}).is_required for w in written] == [True, False, False]


def test_an_input_is_json_schema_without_our_keys() -> None:
    """The schema holds what was written, and the default."""
    found = Input.model_validate({"type": "string", "minLength": 2, "default": "ab", "sensitive": True}).json_schema()
    assert found == {"type": "string", "minLength": 2, "default": "ab"}
    assert Input.model_validate({"type": "integer"}).json_schema() == {"type": "integer"}
