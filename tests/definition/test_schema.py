"""The schemas for editors accept what the models accept, and refuse what they refuse."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hitl_temporal.definition.documents import parse, read
from hitl_temporal.definition.project import load_text
from hitl_temporal.definition.schema import SCHEMAS, flow_schema

WORKFLOWS = Path(__file__).parents[2] / "workflows"
STEP = """flow: x
inputs: {n: {type: integer}}
vars: {x: 1}
steps:
  - {id: a, call: b}
  - {id: c, call: d}
  - {id: q, ask: {title: Q, who: 'user:ann'}}
  - """


def schema_takes(text: str) -> bool:
    document, _ = parse(text, "flow.yaml")
    return document is not None and Draft202012Validator(flow_schema()).is_valid(document.data)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name: str) -> None:
    """What we hand to editors is JSON Schema itself."""
    Draft202012Validator.check_schema(SCHEMAS[name]())


@pytest.mark.parametrize(
    "path", [p for p in sorted(WORKFLOWS.rglob("*.yaml")) if p.name in SCHEMAS], ids=lambda p: p.parent.name + p.name
)
def test_the_shipped_documents_follow_the_schema(path: Path) -> None:
    """Our own documents have no red line in an editor."""
    document, _ = read(path)
    assert document is not None
    errors = [e.message for e in Draft202012Validator(SCHEMAS[path.name]()).iter_errors(document.data)]
    assert errors == []


@pytest.mark.parametrize(
    "step",
    [
        "{id: e, call: b, needs: [a, {c: failed}]}",
        "{id: e, call: b, needs: a}",
        "{id: e, call: b, needs: []}",
        "{id: e, call: b, needs: [{c: [failed, skipped]}]}",
        "{id: e, call: b, needs: [{any: [a, c], is: done}]}",
        "{id: e, call: b, needs: [{of: [a, c], count: 1}]}",
        "{id: e, call: b, if: 'true', with: {x: {if: [1, null]}}, undo: {call: f, with: {a: 1}}}",
        "{id: e, call: b, undo: {call: f}, grant: {for: 30d}}",
        "{id: e, call: b, undo: {call: f}, grant: {for: '{{inputs.n}}d', extend: {max: 2}}}",
        "{id: e, call: b, undo: {call: f}, grant: {for: 2bd, extend: {ask: {who: 'user:ann'}}}}",
        "{id: e, call: b, undo: {call: f}, grant: {for: 2bd, extend: {ask: {stages: [{who: ['user:ann']}]}}}}",
        "{id: e, wait: {for: 2h}}",
        "{id: e, wait: {for: '{{inputs.n}}d'}}",
        "{id: e, ask: {title: T, who: 'user:ann', not: 'user:bob', due: 2bd, remind: [1h, 2h]}}",
        "{id: e, ask: {title: T, who: ['user:ann'], approve: 2, reject: 60%}}",
        "{id: e, ask: {title: T, stages: [{who: ['user:ann'], due: 1d, via: slack}], comment: required}}",
        "{id: e, ask: {title: T, who: 'user:ann', weights: {'user:ann': 2}, quiet: true, pick: 2 by round_robin}}",
        "{id: e, ask: {title: T, who: 'user:ann', quiet: 'user:bob', material: ['inputs.n'], calendar: nl}}",
        "{id: e, ask: {title: T, pick: random, who: 'user:ann', approve: each}}",
        "{id: e, ask: {title: T, any_of: [{who: 'user:ann'}, {who: ['user:bob'], approve: all}], due: 1d}}",
        "{id: e, ask: {title: T, who: 'user:ann', any_of: []}}",
        "{id: e, ask: {title: T, stages: [{parallel: [{who: 'user:ann'}, {name: b, who: 'user:bob'}], when: 'true'}]}}",
        "{id: e, ask: {title: T, stages: [{who: 'user:ann', escalate: [{after: 1d, to: 'user:bob', how: notify}]}]}}",
        "{id: e, ask: {title: T, who: 'user:ann', escalate: [{after: 1d, how: decide, outcome: rejected}]}}",
        "{id: e, ask: {title: T, stages: {route: spend}}}",
        "{id: e, ask: {title: T, stages: {route: {hit: all, rows: [{stages: [{who: 'user:ann'}]}]}}}}",
        "{id: e, ask: {title: T, who: 'user:ann', auto: [{if: 'true', outcome: rejected}], shadow: true, sample: 5%}}",
        "{id: e, ask: {title: T, who: 'user:ann', shadow: false, sample: null}}",
        "{id: e, ask: {title: T, who: 'user:ann', outcomes: {later: {label: Later}}, rework: 2, edit: [vars.x]}}",
        "{id: e, call: b, demand: q}",
        "{id: e, run: {command: 'load {{inputs.n}}', env: {A: \"{{secret('a')}}\", B: null}, outputs: {rows: $.rows}}}",
        "{id: e, run: {script: bin/load.sh, args: '{{inputs.n}}', log_limit: 1MB, grace: 1m}, pool: linux}",
        "{id: e, run: {command: [load, 1, true, 2.5], args: [a], idempotent: true}, retry: {max: 2}, timeout: 1h}",
        "{id: e, do: [{id: f, call: b}, {id: g, do: [{id: h, call: b}]}]}",
        "{id: e, do: [{id: f, call: b}], repeat: {until: index > 1, max: 3}, undo: {call: f}}",
        "{id: e, first: true, do: [{id: f, call: b, needs: []}, {id: g, wait: {for: 1h}, needs: []}]}",
        "{id: e, each: '[1, 2]', do: [{id: f, call: b}], limit: 3, tolerate: 2%, enough: {count: 1, rest: continue}}",
        "{id: e, each: ['{{inputs.n}}', 2], do: [{id: f, call: b, with: {x: '{{item}}'}}], tolerate: 1}",
        "{id: e, choose: [{if: inputs.n > 1, do: [{id: f, call: b}]}, {else: [{id: g, call: b}]}]}",
        "{id: e, flow: x, if: inputs.n > 1, with: {n: 1}}",
        "{id: e, call: b, on_failure: {catch: [{id: f, call: b}]}}",
        "{id: e, call: b, on_failure: {ask: {who: 'user:ann', due: 1d}}}",
        "{id: e, call: b, on_failure: continue, uses: {sap-dialog: 2}, keep: true, priority: 1}",
        "{id: e, call: b, keep: false, undo: {run: {command: ls}, pool: linux}}",
        "{id: e, call: b, undo: {flow: x, with: {n: 1}}}",
        "{id: e, run: {command: ls}, undo: {call: f}, grant: {for: 1d}}",
        "{id: e, wait: {until: 2026-12-24T18:00:00+01:00}}",
        "{id: e, wait: {until: '{{inputs.n}}'}}",
        "{id: e, wait: {event: {type: a.b, subject: '{{inputs.n}}', if: event.data.ok}}, timeout: 2bd}",
        "{id: e, wait: {file: 'in/*.csv'}, pool: linux}",
        "{id: e, wait: {file: {path: a, is: changed, stable: 10s, every: 1m}}}",
        "{id: e, wait: {run: x-1}}",
        "{id: e, wait: {run: {id: x-1, status: [completed, failed]}}}",
    ],
)
def test_schema_and_models_accept_the_written_forms(step: str) -> None:
    """Every way to write a step is accepted by both."""
    text = STEP + step
    flow, problems = load_text(text, "flow.yaml")
    assert flow is not None, problems
    assert schema_takes(text)


@pytest.mark.parametrize(
    "step",
    [
        "{id: e}",
        "{id: e, call: b, ask: {title: T, who: 'user:ann'}}",
        "{id: E, call: b}",
        "{id: e, call: b, tittle: T}",
        "{id: e, call: b, grant: {for: 1d}}",
        "{id: e, wait: {for: 1d}, undo: {call: f}, grant: {for: 1d}}",
        "{id: e, call: b, undo: {call: f}, grant: {extend: {max: 2}}}",
        "{id: e, call: b, undo: {call: f}, grant: {for: 1d, extend: {max: 0}}}",
        "{id: e, call: b, undo: {call: f}, grant: {for: 1d, extend: {ask: {title: T}}}}",
        "{id: e, ask: {title: T}}",
        "{id: e, ask: {who: 'user:ann'}}",
        "{id: e, ask: {title: T, who: 'user:ann', stages: [{who: 'user:ann'}]}}",
        "{id: e, call: b, needs: [{any: [a], all: [c]}]}",
        "{id: e, call: b, timeout: soon}",
        "{id: e, ask: {title: T, who: []}}",
        "{id: e, ask: {title: T, who: secops}}",
        "{id: e, ask: {title: T, who: 'user:ann', approve: 0}}",
        "{id: e, ask: {title: T, who: 'user:ann', approve: most}}",
        "{id: e, ask: {title: T, who: 'user:ann', any_of: [{who: 'user:bob'}]}}",
        "{id: e, ask: {title: T, any_of: [{who: 'user:bob'}], approve: 1}}",
        "{id: e, ask: {title: T, any_of: []}}",
        "{id: e, ask: {title: T, stages: [{who: 'user:ann', pick: random, approve: each}]}}",
        "{id: e, ask: {title: T, stages: [{any_of: [{who: 'user:ann'}], pick: random}]}}",
        "{id: e, ask: {title: T, stages: [{parallel: []}]}}",
        "{id: e, ask: {title: T, stages: [{parallel: [{who: 'user:ann'}], due: 1d}]}}",
        "{id: e, ask: {title: T, stages: {route: Spend}}}",
        "{id: e, ask: {title: T, stages: {route: spend}, due: 1d}}",
        "{id: e, ask: {title: T, stages: {route: {rows: []}}}}",
        "{id: e, ask: {title: T, who: 'user:ann', quiet: 'yes'}}",
        "{id: e, ask: {title: T, who: 'user:ann', distinct: 1}}",
        "{id: e, ask: {title: T, who: 'user:ann', rework: '2'}}",
        "{id: e, ask: {title: T, who: 'user:ann', weights: {ann: 2}}}",
        "{id: e, ask: {title: T, who: 'user:ann', weights: {'user:ann': 0}}}",
        "{id: e, ask: {title: T, who: 'user:ann', pick: 0 by random}}",
        "{id: e, ask: {title: T, who: 'user:ann', remind: 0s}}",
        "{id: e, ask: {title: T, who: 'user:ann', due: 0d}}",
        "{id: e, ask: {title: T, who: 'user:ann', lease: 0bh}}",
        "{id: e, ask: {title: T, who: 'user:ann', cooling_off: 0h}}",
        "{id: e, ask: {title: T, who: 'user:ann', escalate: [{after: 0m, to: 'user:bob'}]}}",
        "{id: e, ask: {title: T, who: 'user:ann', break_glass: {who: 'user:bob', review: {who: 'user:ann', due: 0d}}}}",
        "{id: e, call: a.b, timeout: 0s}",
        "{id: e, call: a.b, retry: {budget: 0s}}",
        "{id: e, call: a.b, undo: {call: a.c}, grant: {for: 0d}}",
        "{id: e, call: a.b, undo: {call: a.c}, grant: {for: soon}}",
        "{id: e, ask: {title: T, who: 'user:ann', sample: 10%}}",
        "{id: e, ask: {title: T, who: 'user:ann', shadow: true, auto: []}}",
        "{id: e, ask: {title: T, who: 'user:ann', edit: ['a b']}}",
        "{id: e, ask: {title: T, who: 'user:ann', outcomes: {rework: {label: R}}}}",
        "{id: e, ask: {title: T, who: 'user:ann', outcomes: {Later: {label: L}}}}",
        "{id: e, ask: {title: T, who: 'user:ann', form: {A: {type: string}}}}",
        "{id: e, ask: {title: T, who: 'user:ann', escalate: [{after: 1d}]}}",
        "{id: e, ask: {title: T, who: 'user:ann', escalate: [{after: 1d, how: decide}]}}",
        "{id: e, ask: {title: T, who: 'user:ann', escalate: [{after: 1d, to: 'user:bob', outcome: rejected}]}}",
        "{id: e, ask: {title: T, who: 'user:ann', break_glass: {who: 'user:bob'}}}",
        "{id: e, ask: {title: T, who: 'user:ann', break_glass: {who: [], review: {who: 'user:bob'}}}}",
        "{id: e, run: {env: {A: b}}}",
        "{id: e, run: {command: ls, script: a.sh}}",
        "{id: e, run: {command: []}}",
        "{id: e, run: {command: ls, args: a b}}",
        "{id: e, run: {command: ls, env: {HITL_X: a}}}",
        "{id: e, run: {command: ls}, with: {a: 1}}",
        "{id: e, do: []}",
        "{id: e, each: [1]}",
        "{id: e, each: {a: 1}, do: [{id: f, call: b}]}",
        "{id: e, each: [1], do: [{id: f, call: b}], first: true}",
        "{id: e, each: [1], do: [{id: f, call: b}], tolerate: -1}",
        "{id: e, each: [1], do: [{id: f, call: b}], tolerate: 101%}",
        "{id: e, each: [1], do: [{id: f, call: b}], enough: {}}",
        "{id: e, do: [{id: f, call: b}], limit: 2}",
        "{id: e, do: [{id: f, call: b}], call: b}",
        "{id: e, do: [{id: f, call: b}], repeat: {until: index > 1}, first: true}",
        "{id: e, do: [{id: f, call: b}], repeat: {max: 2}}",
        "{id: e, do: [{id: f, cal: b}]}",
        "{id: e, do: [{id: f, call: b}], retry: {max: 2}}",
        "{id: e, choose: []}",
        "{id: e, choose: [{if: 'true'}]}",
        "{id: e, choose: [{else: []}]}",
        "{id: e, choose: [{else: [{id: f, call: b}], if: 'true'}]}",
        "{id: e, flow: X}",
        "{id: e, flow: x, retry: {max: 2}}",
        "{id: e, call: b, repeat: {until: index > 1}}",
        "{id: e, call: b, keep: true}",
        "{id: e, call: b, uses: {sap: 0}}",
        "{id: e, call: b, uses: {SAP: 1}}",
        "{id: e, call: b, priority: 6}",
        "{id: e, call: b, on_failure: catch}",
        "{id: e, call: b, on_failure: 3}",
        "{id: e, call: b, on_failure: {}}",
        "{id: e, call: b, on_failure: {catch: []}}",
        "{id: e, call: b, on_failure: {ask: {title: T}}}",
        "{id: e, call: b, on_failure: {catch: [{id: f, call: b}], ask: {who: 'user:ann'}}}",
        "{id: e, call: b, undo: {}}",
        "{id: e, call: b, undo: {call: b, flow: x}}",
        "{id: e, call: b, undo: {run: {command: ls}, with: {a: 1}}}",
        "{id: e, wait: {for: 1d}, undo: {call: b}}",
        "{id: e, wait: {}}",
        "{id: e, wait: {for: 1d, until: inputs.n}}",
        "{id: e, wait: {for: soon}}",
        "{id: e, wait: {event: {subject: a}}}",
        "{id: e, wait: {event: a.b}}",
        "{id: e, wait: {file: {is: present}}}",
        "{id: e, wait: {file: {path: a, is: there}}}",
        "{id: e, wait: {run: {status: failed}}}",
    ],
)
def test_schema_and_models_refuse_the_same(step: str) -> None:
    """What validation refuses has a red line in an editor already."""
    flow, _ = load_text(STEP + step, "flow.yaml")
    assert flow is None
    assert not schema_takes(STEP + step)
