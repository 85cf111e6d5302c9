"""What looks wrong in steps within steps and isn't: nothing is said where it can't be known."""

import json

import pytest

from hitl_temporal.definition.lint import Surroundings
from hitl_temporal.definition.project import load_text
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json
from tests.docs.pages import yaml

PURCHASE: Json = {
    "flow": "purchase",
    "inputs": {
        "amount": {"type": "number"},
        "parts": {"type": "array", "default": []},
        "note": {"type": "string", "optional": True},
    },
    "steps": [{"id": "pay", "call": "x.y"}],
}
AROUND = Surroundings(flows={"purchase": Flow.model_validate(PURCHASE), "broken": None}, resources={"sap": 2})


@pytest.mark.parametrize(
    "steps",
    [
        "{id: a, each: inputs.list, do: [{id: b, call: x.y}], tolerate: 99%, enough: {count: 500}}",
        "{id: a, each: inputs.any.rows, do: [{id: b, call: x.y}]}",
        "{id: a, each: 'inputs.n > 1 ? [1] : []', do: [{id: b, call: x.y}], tolerate: 3}",
        "{id: a, each: '[1, 2]', do: [{id: b, call: x.y}], tolerate: 1, enough: {count: 2}}",
        "{id: a, choose: [{if: inputs.n > 1, do: [{id: b, call: x.y}]}, {if: 'true', do: [{id: c, call: x.y}]}]}",
        "{id: a, choose: [{if: run.flow == 'x', do: [{id: b, call: x.y}]}, {else: [{id: c, call: x.y}]}]}",
        "{id: a, do: [{id: b, call: x.y}], repeat: {until: vars.ready}}",
        "{id: a, do: [{id: b, call: x.y}], repeat: {until: 'steps[\"b\"].outputs.ok'}}",
        "{id: a, repeat: {until: inputs.n > 1}, do: [{id: b, ask: {title: T, who: 'user:a', due: 1d}}]}",
        "{id: a, first: true, do: [{id: b, call: x.y, needs: []}, {id: c, call: x.y, needs: []}, {id: d, call: x.y}]}",
        "{id: a, first: true, do: [{id: b, call: x}, {id: c, call: x}, {id: d, call: x, needs: [{any: [b, c]}]}]}",
        "{id: a, wait: {event: {type: a}}, timeout: 1d}",
        "{id: a, wait: {file: a}, pool: linux, timeout: 1d}",
        "{id: a, wait: {run: {id: b, status: [completed, failed]}}}",
        "{id: a, call: x.y, on_failure: ask}",
        "{id: a, call: x.y, on_failure: {ask: {who: 'user:a', due: 1d, outcomes: {retry: {label: R}}}}}",
        "{id: a, flow: purchase, with: {amount: 3}}",
        "{id: a, flow: purchase, with: {amount: '{{inputs.any.a}}', parts: ['{{inputs.n}}'], note: 'N {{inputs.n}}'}}",
        "{id: a, flow: purchase, with: {amount: 3, note: null}}",
        "{id: a, flow: broken, with: {what: ever}}",
        "{id: a, if: inputs.n > 1, flow: x, with: {list: [], any: {}, n: 1}}",
        "{id: a, each: inputs.list, do: [{id: b, flow: x, with: {list: [], any: {}, n: 1}}]}",
        "{id: a, uses: {sap: 2}, do: [{id: b, call: x.y}, {id: c, ask: {title: T, who: 'user:a', due: 1d}}]}",
        "{id: a, uses: {sap: 1}, keep: true, ask: {title: T, who: 'user:a', due: 1d}}",
    ],
)
def test_what_may_be_meant_is_not_told(steps: str) -> None:
    """None of these gives a problem, not even a warning."""
    assert problems_of(yaml(steps)) == []


@pytest.mark.parametrize(
    "needs",
    [
        "[{a: failed}, {b: failed}]",
        "[{any: [a, b], is: failed}]",
        "[{a: [failed, succeeded]}]",
        "[{a: done}, {c: failed}]",
        "[{q: approved}, {q: done}]",
        "[{q: [approved, later]}, {q: [later, rejected]}]",
        "[{r: '0-3'}]",
    ],
)
def test_what_may_happen_is_not_told(needs: str) -> None:
    """A step that some result leads to is not one that is never done."""
    steps: list[Json] = [
        {"id": "a", "call": "x.y"},
        {"id": "b", "call": "x.y", "on_failure": "continue"},
        {"id": "c", "call": "x.y", "needs": []},
        {"id": "r", "run": {"command": "ls"}, "on_failure": "park"},
        yaml("{id: q, ask: {title: T, who: 'user:a', due: 1d, outcomes: {later: {label: L}}}}"),
        {"id": "z", "call": "x.y", "needs": yaml(needs)},
    ]
    assert problems_of(*steps) == []


def problems_of(*steps: Json) -> list[str]:
    """Return everything that is wrong with a flow of these steps."""
    inputs = {"n": {"type": "integer"}, "list": {"type": "array"}, "any": {"type": "object"}}
    flow = {"flow": "x", "owner": "user:a", "inputs": inputs, "vars": {"ready": False}, "steps": [*steps]}
    return [str(problem) for problem in load_text(json.dumps(flow), "x", AROUND)[1]]


def test_a_wait_may_time_out_in_business_time() -> None:
    """Its clock is the flow's, unlike a machine's; without a calendar that is told, as of everything else."""
    step: Json = {"id": "a", "wait": {"event": {"type": "b"}}, "timeout": "2bd"}
    assert problems_of(step) == []
    flow = {"flow": "x", "steps": [{"id": "b", "do": [step]}]}
    (problem,) = load_text(json.dumps(flow), "x", Surroundings(site=Site()))[1]
    assert problem.message.startswith("`timeout: 2bd` counts business time, and no calendar says")
