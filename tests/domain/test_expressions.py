"""Expressions: what they may be, what they give, and how they fail."""

import json
import pickle
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_temporal.domain.expressions import (
    ExpressionError,
    check,
    evaluate,
    expressions_in,
    guarding,
    is_secret,
    is_true,
    references,
    render,
    secrets_in,
)
from hitl_temporal.domain.value import Json

SCOPE: dict[str, Json] = {
    "inputs": {
        "port": 443,
        "amount": 1000.0,
        "source": "10.0.0.0/24",
        "note": None,
        "urgent": True,
        "tags": ["a", "b"],
    },
    "steps": {"risk": {"outputs": {"score": 0.8}, "outcome": None, "state": "succeeded"}},
    "item": {"name": "ann", "roles": ["operator"]},
    "requester": "ann",
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4),
    max_leaves=12,
)


def failure(text: str, scope: dict[str, Json] | None = None) -> ExpressionError:
    """Return the error that evaluating a text gives."""
    with pytest.raises(ExpressionError) as refusal:
        evaluate(text, SCOPE if scope is None else scope)
    return refusal.value


# --- Evaluating -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("inputs.port", 443),
        ("steps.risk.outputs.score >= 0.5 && inputs.port != 23", True),
        ("inputs.port < 443.5", True),
        ("inputs['port'] + 1", 444),
        ("inputs.note == null ? 'none' : inputs.note", "none"),
        ("has(inputs.missing)", False),
        ("inputs.tags.map(tag, tag + '!').filter(tag, tag != 'a!')", ["b!"]),
        ("inputs.tags.exists(tag, item.roles.all(role, role != tag))", True),
        ("{'b': 1, 'a': [inputs.port]}", {"a": [443], "b": 1}),
        ("'port ' + string(inputs.port) + ' ' + string(inputs.urgent)", "port 443 true"),
        ("timestamp('2026-03-02T09:00:00+01:00') < timestamp('2026-03-02T09:00:00Z')", True),
        ("[timestamp('2026-03-02T09:00:00Z')].map(at, string(at))", ["2026-03-02T09:00:00+00:00"]),
        ("inputs // the whole\n.port", 443),
        ("'a.b(' + r'\\{{' + '''}}'''", "a.b(\\{{}}"),
    ],
)
def test_an_expression_is_cel_over_the_scope(text: str, result: Json) -> None:
    """Operators, macros, conversions and literals do what CEL says."""
    assert evaluate(text, SCOPE) == result


def test_a_context_may_use_the_names_of_types() -> None:
    """A direct client chooses its own top-level names; `list` and `map` are types only where they are not given."""
    assert evaluate("list.size() + map.size", {"list": [1], "map": {"size": 2}}) == 3
    assert evaluate("type(1) == int", {"x": 1})


@given(JSON)
def test_a_value_passes_through_unchanged(value: Json) -> None:
    """What the scope holds comes back as it is, with its types."""
    result = evaluate("x.y", {"x": {"y": value, "z": 2**70}})
    assert result == value
    assert json.dumps(result, sort_keys=True) == json.dumps(value, sort_keys=True)


@given(st.dictionaries(st.text(), st.integers(0, 9), min_size=2))
def test_maps_are_walked_in_the_order_of_their_keys(entries: dict[str, Json]) -> None:
    """The library's order is random, and a replay must see the same: macros and results sort by key."""
    scope: dict[str, Json] = {"entries": entries}
    assert evaluate("entries.map(key, key)", scope) == sorted(entries)
    assert json.dumps(evaluate("entries", scope)) == json.dumps(entries, sort_keys=True)


@given(st.lists(st.integers(-5, 5), max_size=60))
def test_lists_come_out_of_macros_as_cel_says(items: list[Json]) -> None:
    """Going through a list in chunks is not seen in any result."""
    scope: dict[str, Json] = {"x": items}
    assert evaluate("x.map(i, i * 2)", scope) == [i * 2 for i in items]
    assert evaluate("x.filter(i, i > 0).map(i, x.filter(j, j == i).size())", scope) == [
        items.count(i) for i in items if i > 0
    ]
    assert evaluate("x.map(i, i > 0, [i])", scope) == [[i] for i in items if i > 0]
    assert evaluate("x.exists_one(i, i == 3)", scope) == (items.count(3) == 1)


def test_a_large_list_does_not_stall() -> None:
    """Ten times as many maps take about ten times as long to filter; by the library alone it was their square."""

    def effort(count: int) -> float:
        people: list[Json] = [{"name": f"p{index}", "active": index % 2 == 0} for index in range(count)]
        begun = time.process_time()
        assert evaluate("people.filter(p, p.active).size()", {"people": people}) == count / 2
        return time.process_time() - begun

    assert effort(10_000) / min(effort(1_000) for _ in range(3)) < 50


# --- Conditions -----------------------------------------------------------------------------------------------------


def test_a_condition_is_true_or_false() -> None:
    """A condition that holds is true, one that does not is false."""
    assert is_true("inputs.urgent", SCOPE)
    assert not is_true("inputs.port == 22", SCOPE)


@pytest.mark.parametrize(
    "text", ["inputs.note", "inputs.port", "inputs.source", "inputs.tags", "inputs.missing", "1/0 == 1"]
)
def test_a_condition_that_is_neither_is_an_error(text: str) -> None:
    """Null, zero, a text and a failure are never false."""
    with pytest.raises(ExpressionError):
        is_true(text, SCOPE)


# --- Refusing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("inputs.port +", "line 1, column 14"),
        ("'open", "not CEL"),
        ("x" * 1_001, "1,001 characters"),
        ("+".join("1" * 20_000), "characters"),
        ("(" * 33 + "1" + ")" * 33, "brackets more than 32"),
        ("[" * 900, "brackets more than 32"),
        ("x.all(a, x.all(b, x.all(c, true)))", "macros .* more than 2"),
        ("x . map ( a , x\n.filter(b, x.exists_one (c, true)))", "macros .* more than 2"),
        ("launch(1)", "unknown function 'launch'"),
        ("inputs.port.launch()", "unknown function 'launch'"),
        ("now()", "unknown function 'now'"),
        ("x._chunks()", "unknown function '_chunks'"),
        ("secret('token')", "whole value in `with` or `env`"),
        ("x.map(1)", "list.map"),
    ],
)
def test_what_can_never_work_is_refused_by_its_text(text: str, reason: str) -> None:
    """`check` finds it without any values."""
    with pytest.raises(ExpressionError, match=reason):
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        "+".join("1" * 500),
        "(" * 32 + "1" + ")" * 32,
        "x.all(a, x.all(b, true)) && x.all(a, x.all(b, true))",
        "x.filter(a, true).map(a, a).all(a, true)",
        "'x.all(a, x.all(b, x.all(c, (' + '((((((((((((((((((((((((((((((((((('",
        "x" + " " * 999,
    ],
)
def test_bounds_leave_room_for_real_expressions(text: str) -> None:
    """What is within them is accepted, chained macros and texts with brackets too."""
    check(text)


def test_the_longest_chains_survive_a_small_stack() -> None:
    """The bounds keep the library from overflowing even a thread with 512 KB of stack, which would kill the worker."""
    script = """
import threading
from hitl_temporal.domain.expressions import ExpressionError, evaluate
texts = ["+".join("1" * 500), "a" + ".a" * 499, "1" + "<1" * 499, "!" * 999 + "b", "b?1:" * 249 + "1",
         *(open * 32 + "1" + close * 32 for open, close in ("()", "[]", ("{1:", "}"), ("!(", ")"), ("size(", ")")))]
def run():
    for text in texts:
        try: evaluate(text, {"a": {}, "b": True})
        except ExpressionError: pass
    print("survived", end="")
threading.stack_size(512 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "survived"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("inputs.missing", "no key 'missing'"),
        ("inputs.port + inputs.amount", "convert with int"),
        ("nowhere.x", "'nowhere'"),
        ("1 / 0", "division by zero"),
        ("1.0 / 0.0", "not finite"),
        ("9223372036854775807 + inputs.port", "overflow"),
        ("inputs.tags[7]", "out of bounds"),
        ("int(inputs.source)", "int"),
        ("inputs.source.matches('(')", "matches"),
        ("timestamp('2026-03-02T09:00:00Z')", r"convert it with string\(\)"),
        ("[duration('1h')]", r"convert it with string\(\)"),
        ("b'abc'", r"convert it with string\(\)"),
        ("{1: 2}", "keys that are not strings"),
        ("string(inputs.tags)", r"string\(\) on a list"),
    ],
)
def test_a_failure_says_why(text: str, reason: str) -> None:
    """Whatever the library raises, or gives that JSON cannot hold, is an ExpressionError with a reason."""
    with pytest.raises(ExpressionError, match=reason):
        evaluate(text, SCOPE)


def test_a_failure_carries_its_text_and_values() -> None:
    """The person who repairs it sees what was read."""
    error = failure("inputs.port + steps.risk.outputs.score + inputs.nothing")
    assert error.expression == "inputs.port + steps.risk.outputs.score + inputs.nothing"
    assert dict(error.values) == {"inputs.port": "443", "steps.risk.outputs.score": "0.8", "inputs.nothing": "missing"}
    assert "inputs.port = 443" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_failure_stays_short() -> None:
    """The message is bounded, however large the values are."""
    scope: dict[str, Json] = {f"v{index}": "long " * 10_000 for index in range(50)}
    assert len(str(failure(" + ".join(scope) + " + 1", scope))) < 900


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        ({"x": list(range(10_001))}, "list of 10,001 items"),
        ({"x": {"y": [[0] * 10_001]}}, "list of 10,001 items"),
        ({"x": 2**63}, "does not fit 64 bits"),
        ({"x": json.loads("[" * 200 + "]" * 200)}, "nested more than 100"),
    ],
)
def test_values_beyond_bounds_are_refused_where_they_are_read(scope: dict[str, Json], reason: str) -> None:
    """Too much is refused if the expression reads it, and no matter if it does not."""
    assert reason in str(failure("x == x", scope))
    assert evaluate("y", {**scope, "y": 1}) == 1


def test_a_list_of_10_000_is_allowed() -> None:
    """The bound itself is within bounds."""
    assert evaluate("x.map(i, i + 1).size()", {"x": list(range(10_000))}) == 10_000


@pytest.mark.parametrize("text", ["x.map(a, x.map(b, b)) == []", "x.all(a, x.all(b, x.size() > 0)) || true"])
def test_too_much_work_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested macros over large lists would stall the workflow task; a refusal is not lost in `|| true`."""
    monkeypatch.setattr(guarding, "_MAX_WORK", 100_000)
    assert "too long" in str(failure(text, {"x": list(range(100))}))
    assert evaluate("x.size()", {"x": list(range(100))}) == 100


@settings(deadline=None)
@given(st.text(alphabet="xyab.()[]{}'\"\\/+-!?:,=<&|1 0\n", max_size=40) | st.text(max_size=20))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    """No text makes anything but a value or an ExpressionError."""
    with suppress(ExpressionError):
        json.dumps(evaluate(text, {"x": {"y": [1, "a"]}, "a": 1}), allow_nan=False)


# --- References -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("inputs.port > 1 && steps.risk.outputs.score < 0.2", {"inputs.port", "steps.risk.outputs.score"}),
        ("steps['risk'].outcome in [vars.x, 'steps.other']", {"steps.risk.outcome", "vars.x"}),
        ("inputs.tags.exists(tag, tag == item.name && tag.size() > 1)", {"inputs.tags", "item.name"}),
        ("inputs.tags[index].name", {"inputs.tags", "index"}),
        ("{'inputs.a': inputs.b}.size() + size(inputs.c)", {"inputs.b", "inputs.c"}),
        ("has(self.outputs.rule) // inputs.commented", {"self.outputs.rule"}),
        ("type(event) == map && true && null == 1.5e3", {"event"}),
        ("tag == 1 || [1].all(tag, tag == 1)", {"tag"}),
    ],
)
def test_references_are_the_paths_that_are_read(text: str, paths: set[str]) -> None:
    """Texts, comments, calls and names that macros bind are no references."""
    assert references(text) == paths


# --- Rendering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("{{inputs.port}}", 443),
        ("{{ inputs.tags }}", ["a", "b"]),
        ("{{inputs.note}}", None),
        ("Open {{inputs.port}} from {{ inputs.source }}", "Open 443 from 10.0.0.0/24"),
        ("Risk {{steps.risk.outputs.score}}, EUR {{inputs.amount}}", "Risk 0.8, EUR 1000"),
        ("{{inputs.amount}}d", "1000d"),
        ("<{{inputs.note}}> {{inputs.urgent}} {{inputs.tags}}", '<> true ["a","b"]'),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{{'a': {'b': 1}}}}", {"a": {"b": 1}}),
        ("{{ '}}' }}{{ \"{{\" }}", "}}{{"),
        ("no braces } }} {", "no braces } }} {"),
        ({"{{key}}": ["{{requester}}", 1, None, True]}, {"{{key}}": ["ann", 1, None, True]}),
        ("{{secret('api-token')}}", "{{secret('api-token')}}"),
    ],
)
def test_rendering_replaces_expressions_in_values(value: Json, result: Json) -> None:
    """A value that is one expression keeps its type; within text it is written; keys and secrets stay."""
    assert render(value, SCOPE) == result


@given(st.text())
def test_what_an_expression_gives_is_not_rendered_again(text: str) -> None:
    """A requester cannot smuggle an expression in through an input."""
    smuggled = "{{steps.risk}}" + text
    assert render("{{x}}", {"x": smuggled}) == smuggled
    assert render("a {{x}}", {"x": smuggled}) == "a " + smuggled


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Open {{inputs.port", "not closed"),
        ("{{ {'a': 1} }", "not closed"),
        ("{{}}", "empty"),
        ("Bearer {{secret('api-token')}}", "whole value"),
        ("{{ 'a' + secret('api-token') }}", "whole value"),
        ({"deep": ["{{inputs.missing}}"]}, "no key 'missing'"),
    ],
)
def test_a_document_that_cannot_be_rendered_is_an_error(value: Json, reason: str) -> None:
    """Nothing is left out in silence."""
    with pytest.raises(ExpressionError, match=reason):
        render(value, SCOPE)


def test_a_document_tells_its_expressions_and_secrets() -> None:
    """Lint reads them without any scope, in reading order, keys left out."""
    document: Json = {
        "with": {"title": "{{ a }} and {{b}}", "token": "{{ secret('api-token') }}", "{{k}}": 1},
        "list": ["{{ {'c': '}}'} }}", 2, None],
    }
    assert expressions_in(document) == ("a", "b", "{'c': '}}'}")
    assert secrets_in(document) == ("api-token",)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{secret('db')}}", "db"),
        ('{{ secret( "a.b/c" ) }}', "a.b/c"),
        ("x{{secret('db')}}", None),
        ("{{secret(inputs.name)}}", None),
        ("{{secret('a') + secret('b')}}", None),
        ("secret('db')", None),
    ],
)
def test_a_secret_is_a_whole_value(text: str, name: str | None) -> None:
    """Only a value that is wholly one `secret` with a plain name is one."""
    assert is_secret(text) == name


# --- Corners ----------------------------------------------------------------------------------------------------------


def test_a_macro_over_what_is_no_list_is_an_error() -> None:
    """As CEL says, with the value."""
    for expression in ("x.all(i, i > 0)", "x.map(i, i)"):
        assert "with x = 3" in str(failure(expression, {"x": 3}))


def test_a_macro_over_a_list_that_the_expression_has_made_too_long_is_refused() -> None:
    """What is read is within bounds, what is made of it is not."""
    items: list[Json] = list(range(1, 10_001))
    assert "touches a list of 20,000 items" in str(failure("(x + x).all(i, i > 0)", {"x": items}))


def test_a_value_that_is_read_whole_and_in_part_is_read_once() -> None:
    """The part is in the whole."""
    assert evaluate("x.y == 1 && x == {'y': 1, 'z': {}}", {"x": {"y": 1, "z": {}}}) is True
    assert evaluate("x.y.z == 1 || x.y == 2", {"x": {"y": {"z": 1}}}) is True
