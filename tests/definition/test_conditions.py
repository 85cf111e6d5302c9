"""What looks wrong in an expression and may be right is not told."""

import json

import pytest

from hitl_temporal.definition.project import load_text

INPUTS = {
    "n": {"type": "integer", "minimum": 1},
    "x": {"type": "number", "optional": True},
    "s": {"type": "string", "enum": ["a", "b"]},
    "t": {"type": "string"},
    "b": {"type": "boolean"},
    "rows": {"type": "array", "items": {"type": "object"}},
    "o": {"type": "object", "properties": {"n": {"type": "integer"}, "any": {"title": "Whatever"}}},
    "open": {"type": "object"},
}


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.b",
        "!inputs.b || inputs.n == 3",
        "inputs.n > 3 && inputs.x < 1.5",
        "inputs.n == 1.0",
        "inputs.x != null && inputs.x + 1 > 2",
        "inputs.x + 0.5 > 2.0",
        "inputs.s == 'a' ? inputs.b : inputs.n > 2",
        "inputs.n + 1 == 1",
        "inputs.n == 0 + inputs.o.n",
        "2 * inputs.n == 0",
        "inputs.n == 2 ? true : false",
        "inputs.t == '3'",
        "inputs.t > 'a'",
        "int(inputs.t) > 3",
        "timestamp(inputs.t) < timestamp('2030-01-01T00:00:00Z')",
        "inputs.t.matches('^[a-z]+$') && inputs.t.startsWith(inputs.s)",
        "inputs.rows[0].done",
        "inputs.rows.exists(row, row.n > 3)",
        "size(inputs.rows) > 0",
        "inputs.rows == []",
        "'a' in inputs.open",
        "inputs.open.deep.flag",
        "inputs.open.flag == 'x'",
        "inputs.o.n > 3",
        "inputs.o.any",
        "has(inputs.o.n) && inputs.o.n == 3",
        "inputs['n'] == 3",
        "steps.a.outputs.flag",
        "steps.a.outcome == 'approved' || inputs.b",
        "steps.a.state != 'failed'",
        "vars.flag",
        "vars.made",
        "vars.nothing",
        "run.started < '2030'",
        "requester == 'ann'",
        "true",
        "false",
    ],
)
def test_what_may_hold_is_not_told(condition: str) -> None:
    """None of these conditions gives a problem, not even a warning."""
    flow = {
        "flow": "x",
        "inputs": INPUTS,
        "vars": {"flag": True, "made": "{{inputs.b}}", "nothing": None},
        "steps": [
            {"id": "a", "ask": {"title": "T", "who": "user:ann", "due": "2h", "form": {"flag": {"type": "boolean"}}}},
            {"id": "b", "needs": [{"a": "done"}], "if": condition, "call": "some.thing"},
        ],
    }
    loaded, problems = load_text(json.dumps(flow), "flow.yaml")
    assert [str(p) for p in problems] == []
    assert loaded is not None


def test_an_expression_of_many_inputs_is_left_alone() -> None:
    """Not every combination of what they may be is tried."""
    inputs = {f"t{n}": {"type": "string"} for n in range(12)}
    condition = " + ".join(f"inputs.{name}" for name in inputs)
    flow = {"flow": "x", "inputs": inputs, "steps": [{"id": "b", "if": condition, "call": "some.thing"}]}
    loaded, problems = load_text(json.dumps(flow), "flow.yaml")
    assert (loaded is not None, problems) == (True, ())
