"""Large outputs: which of them leave the history, and what may be done with the reference that stays."""

from typing import Any

import pytest

from hitl_temporal.domain import blobs
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import AskError, begin
from hitl_temporal.domain.blobs import (
    BlobError,
    as_outputs,
    digests_in,
    is_reference,
    reference,
    reference_in,
    too_large,
)
from hitl_temporal.domain.expressions import ExpressionError, evaluate, is_true, render
from hitl_temporal.domain.flow.effects import StartCall
from hitl_temporal.domain.flow.job import Job, prepare
from hitl_temporal.domain.value import Json, canonical
from tests.domain.flow.world import START, World, call, each

HALF = blobs.INLINE_BYTES // 2
ONE = reference("sha256:" + "a" * 64, 300_000)
OTHER = reference("sha256:" + "b" * 64, 400_000)
SCOPE: dict[str, Json] = {
    "steps": {
        "load": {"outputs": {"rows": ONE, "n": 3}},
        "post": {"outputs": {"items": [{"file": OTHER, "n": 1}, {"file": None, "n": 2}, {"file": ONE, "n": 3}]}},
    }
}
KEPT = "steps.load.outputs.rows has 300,000 bytes and is kept in the blob store"


# --- What leaves the history ------------------------------------------------------------------------------------------


def test_what_the_history_has_room_for_stays() -> None:
    """However it is divided among the outputs."""
    assert too_large({}) == too_large({"a": "x" * HALF, "b": ["y" * (HALF - 100)]}) == {}


def test_the_largest_leave_and_as_few_as_do() -> None:
    """What is kept is the value's canonical JSON; the rest, with the references, fits."""
    outputs: dict[str, Json] = {"a": "x" * (HALF + 9), "b": {"z": ["é" * HALF], "a": 1}, "c": "x" * (HALF - 999)}
    kept = too_large(outputs)
    assert list(kept) == ["b"]
    assert kept["b"] == canonical(outputs["b"]).encode()
    left = {**outputs, **{name: reference("sha256:" + 64 * "0", len(content)) for name, content in kept.items()}}
    assert len(canonical(left).encode()) <= blobs.INLINE_BYTES


def test_of_two_of_one_size_the_first_by_name_leaves() -> None:
    """So that the same outputs are always divided alike."""
    outputs: dict[str, Json] = {"b": "x" * HALF, "a": "y" * HALF}
    assert list(too_large(outputs)) == list(too_large(dict(reversed(outputs.items())))) == ["a"]


def test_what_is_too_large_for_the_store_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever puts or gets it holds it in memory."""
    monkeypatch.setattr(blobs, "MAX_BYTES", 300_000)
    assert list(too_large({"a": "x" * 299_998})) == ["a"]
    with pytest.raises(BlobError, match="'a' has 300,001 bytes, at most 300,000 are kept"):
        too_large({"a": "x" * 299_999})


def test_many_small_ones_are_no_blobs() -> None:
    """A reference would be as large as what it stands for."""
    with pytest.raises(BlobError, match="there are 10,000 of them, too many to keep each apart"):
        too_large({f"key{n}": "x" * 50 for n in range(10_000)})


@pytest.mark.parametrize("value", [float("nan"), "\ud800"])
def test_what_is_no_json_is_refused(value: Json) -> None:
    """As everywhere."""
    with pytest.raises(ValueError, match=r"\w"):
        too_large({"a": value})


# --- What is a reference ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"$blob": ONE["$blob"]},
        {**ONE, "more": 1},
        {**ONE, "$blob": "sha256:abc"},
        {**ONE, "$blob": 5},
        {"blob": 1, "size": 2, "type": "x"},
        [ONE["$blob"]],
    ],
)
def test_only_what_looks_wholly_like_one_is_a_reference(value: Json) -> None:
    """Anything else is somebody's data."""
    assert is_reference(ONE)
    assert not is_reference(value)
    assert reference_in(value) is None
    assert evaluate("x", {"x": value}) == value


def test_a_reference_is_found_wherever_it_lies() -> None:
    """In lists and in maps."""
    assert reference_in({"a": [1, {"b": ONE}]}) == ONE
    assert reference_in([ONE, OTHER]) == ONE
    assert digests_in({"a": [ONE, {"b": OTHER}], "c": ONE, "d": 1}) == {ONE["$blob"], OTHER["$blob"]}


def test_an_object_is_outputs_and_anything_else_is_one() -> None:
    """A reference stands for a value, so it is one, too."""
    assert as_outputs({"a": 1}) == {"a": 1}
    assert as_outputs([1]) == {"result": [1]}
    assert as_outputs(None) == {"result": None}
    assert as_outputs(ONE) == {"result": ONE}


def test_a_reference_without_a_size_is_told_of_all_the_same() -> None:
    """Somebody may have written it by hand."""
    with pytest.raises(ExpressionError, match="x is large and is kept in the blob store"):
        evaluate("x.a", {"x": {**ONE, "size": "much"}})


# --- Expressions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("steps.load.outputs.rows", ONE),
        ("steps.load.outputs", {"rows": ONE, "n": 3}),
        ("[steps.load.outputs.rows, 1]", [ONE, 1]),
        ("{'a': steps.load.outputs.rows}", {"a": ONE}),
        ("steps.load.outputs.n > 2 ? steps.load.outputs.rows : null", ONE),
        ("steps.post.outputs.items.map(i, i.file)", [OTHER, None, ONE]),
        ("steps.post.outputs.items.filter(i, i.file != null).map(i, i.n)", [1, 3]),
        ("size(steps.post.outputs.items)", 3),
        ("steps.load.outputs.rows == steps.post.outputs.items[2].file", True),
        ("steps.load.outputs.rows == steps.post.outputs.items[0].file", False),
        ("steps.load.outputs.rows == null", False),
        ("steps.load.outputs.n + 1", 4),
        ("string(steps.load.outputs.n)", "3"),
    ],
)
def test_an_expression_passes_a_reference_on(text: str, given: Json) -> None:
    """Whole, and as often as it likes; what lies beside it is seen as always."""
    assert evaluate(text, SCOPE) == given


@pytest.mark.parametrize(
    "text",
    [
        "steps.load.outputs.rows.size",
        "steps.load.outputs.rows['$blob']",
        "steps.load.outputs.rows[0]",
        "has(steps.load.outputs.rows.total)",
        "size(steps.load.outputs.rows)",
        "steps.load.outputs.rows.size() > 0",
        "'a' in steps.load.outputs.rows",
        "steps.load.outputs.rows.map(r, r.id)",
        "steps.load.outputs.rows.filter(r, true)",
        "steps.load.outputs.rows.exists(r, r == 1)",
        "steps.load.outputs.rows.all(r, true)",
        "steps.load.outputs.rows + steps.load.outputs.rows",
        "steps.load.outputs.rows + 'a'",
        "steps.load.outputs.rows ? 1 : 2",
        "steps.load.outputs.rows.contains('a')",
        "int(steps.load.outputs.rows)",
        "string(steps.load.outputs.rows)",
        "steps.load.outputs.rows.getHours()",
        "type(steps.load.outputs.rows) == list",
        "steps.load.outputs.map(k, size(k)).size() > 0 && size(steps.load.outputs.rows) > 0",
    ],
)
def test_an_expression_never_looks_into_a_reference(text: str) -> None:
    """It fails and says why: it would see the keys of the reference, and be right with little data alone."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, SCOPE)
    assert KEPT in caught.value.reason
    assert "pass it whole to an activity" in caught.value.reason


def test_a_condition_on_a_reference_fails() -> None:
    """It is no truth value."""
    with pytest.raises(ExpressionError, match="not true or false"):
        is_true("steps.load.outputs.rows", SCOPE)


def test_an_expression_may_still_compute_with_lengths_of_time() -> None:
    """Where no reference is about."""
    assert evaluate("duration('2h').getHours()", {}) == 2
    with pytest.raises(ExpressionError, match="JSON cannot hold"):
        evaluate("duration('2h')", SCOPE)


@pytest.mark.parametrize("text", ["rows: {{steps.load.outputs.rows}}", "{{steps.load.outputs}}!"])
def test_a_text_holds_no_reference(text: str) -> None:
    """It would be read as the value."""
    with pytest.raises(ExpressionError, match="what it gives has 300,000 bytes and is kept"):
        render(text, SCOPE)


@pytest.mark.parametrize(
    "job",
    [
        {"command": ["load", "{{steps.load.outputs.rows}}"]},
        {"command": "load", "args": "{{[steps.load.outputs.rows]}}"},
        {"command": "load", "env": {"ROWS": "{{steps.load.outputs}}"}},
    ],
)
def test_a_command_is_given_no_reference(job: dict[str, Any]) -> None:
    """Nothing on its way puts the value in."""
    with pytest.raises(ExpressionError, match="is kept in the blob store"):
        prepare(Job.model_validate(job), SCOPE)


def test_a_question_shows_a_reference_and_has_no_text_of_it() -> None:
    """What people read as a text is a text."""
    shown = Ask.model_validate({"title": "Sure?", "who": ["user:bob"], "show": {"rows": "{{steps.load.outputs.rows}}"}})
    assert begin("a", shown, requester="ann", on_behalf_of=None, context=SCOPE, at=START).shown.show == {"rows": ONE}
    titled = shown.but(title="{{steps.load.outputs.rows}}")
    with pytest.raises(AskError, match=r"title: .* is kept in the blob store"):
        begin("a", titled, requester="ann", on_behalf_of=None, context=SCOPE, at=START)


# --- A run ------------------------------------------------------------------------------------------------------------


def test_a_run_passes_a_reference_to_the_next_call_and_does_not_go_through_it() -> None:
    """The call is given the reference, which its worker opens; an `each` parks and says why."""
    world = World(
        call("load"),
        call("post", **{"with": {"rows": "{{steps.load.outputs.rows}}"}}),
        each("e", "steps.load.outputs.rows", call("x"), needs=["load"]),
    )
    world.succeeds("load", rows=ONE)
    assert [e.arguments for e in world.effects if isinstance(e, StartCall)] == [{}, {"rows": ONE}]
    assert world.states["e"] == "parked"
    assert KEPT in str(world.step("e").error)
