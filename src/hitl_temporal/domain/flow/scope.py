"""What expressions of a flow may see: one scope, the same for every step.

Must not know: which expression is asked for.
"""

import re
from collections.abc import Iterator

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.expressions import render
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.state import Done, Run, StepRun
from hitl_temporal.domain.value import Json, canonical


def scope(run: Run) -> dict[str, Json]:
    """Return the scope of a run as it is now."""
    return {
        "inputs": run.inputs,
        "vars": run.vars,
        "steps": {step: step_view(s) for step, s in run.steps.items()},
        "requester": run.requester,
        "run": {
            "id": run.id,
            "flow": run.definition.flow,
            "version": run.definition.version,
            "started": run.started_at.isoformat(),
        },
        "attempt": 1,
    }


MAX_CARRIED = 64_000
"""How many characters of a scope a question carries whatever it names."""

_STEP = re.compile(r"\bsteps\b(?:\s*\.\s*([a-z][a-z0-9_]*))?")


def scope_of(ask: Ask, now: dict[str, Json]) -> dict[str, Json]:
    """Return what a question carries of a scope: of a large one not the outputs of steps that it does not name.

    It carries it for as long as people take, and through every continue-as-new.
    """
    steps = now["steps"]
    if not isinstance(steps, dict) or len(canonical(now)) <= MAX_CARRIED:
        return now
    named = {found.group(1) for text in _texts(ask.model_dump(mode="json")) for found in _STEP.finditer(text)}
    if None in named:  # which steps are meant is worked out later
        return now
    kept: dict[str, Json] = {}
    for name, step in steps.items():
        kept[name] = step if name in named or not isinstance(step, dict) else {**step, "outputs": {}}
    return {**now, "steps": kept}


def _texts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from value
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            pass


def known_before(run: Run) -> dict[str, Json]:
    """Return what can be known of a scope before the run: not its id, and nothing of what its steps will have done.

    An expression that needs more fails, so nothing is guessed.
    """
    begun: dict[str, Json] = {
        "flow": run.definition.flow,
        "version": run.definition.version,
        "started": run.started_at.isoformat(),
    }
    return {**scope(run), "steps": {step: {} for step in run.steps}, "run": begun}


def step_view(step: StepRun) -> dict[str, Json]:
    """Return what an expression sees of one step."""
    seen: dict[str, Json] = {
        "state": step.state,
        "outcome": step.outcome,
        "outputs": step.outputs,
        "by": list(step.by),
    }
    if step.decided is not None:
        decided = step.decided
        seen |= {"approval": decided.approval, "token": decided.token, "digest": decided.digest}
    return seen


def self_view(step: StepRun, done: Done) -> dict[str, Json]:
    """Return what an `undo` sees as `self`: the step as it succeeded, whatever has become of it since."""
    return {"state": "succeeded", "outcome": done.outcome, "outputs": done.outputs, "by": list(step.by)}


def initial_vars(definition: Flow, scope_at_start: dict[str, Json]) -> dict[str, Json]:
    """Return the variables as evaluated at the start; each sees the inputs, none sees another.

    Raises:
        ExpressionError: An expression of `vars` fails over these inputs.
    """
    return {name: render(value, scope_at_start) for name, value in definition.vars.items()}
