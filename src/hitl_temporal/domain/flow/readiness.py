"""May a step start? Its needs, met or not, or impossible for ever.

Must not know: what starting means.
"""

from typing import Literal

from hitl_temporal.domain.flow.definition import Step
from hitl_temporal.domain.flow.needs import Need
from hitl_temporal.domain.flow.state import Run, StepRun

Met = Literal["met", "pending", "impossible"]


def readiness(run: Run, needs: tuple[Need, ...]) -> Met:
    """Return whether all needs are met, may still be, or can't be any more."""
    found = {_one(run, need) for need in needs}
    if "impossible" in found:
        return "impossible"
    return "pending" if "pending" in found else "met"


def missing(run: Run, needs: tuple[Need, ...]) -> tuple[str, ...]:
    """Return the steps that are still being waited for, in order."""
    open_needs = [n for n in needs if _one(run, n) == "pending"]
    return tuple(dict.fromkeys(s for n in open_needs for s in n.of if not run.steps[s].is_final))


def succeeded(definition: Step, step: StepRun) -> bool:
    """Tell whether a step counts as `succeeded` for those who follow it.

    A step skipped by its own `if` or by an operator does; so does a failed one that continues; an answered ask only
    with a positive outcome.
    """
    match step.state:
        case "succeeded":
            return definition.ask is None or bool(step.positive)
        case "skipped":
            return not step.passes_on
        case "failed":
            return definition.on_failure == "continue"
        case _:
            return False


def _one(run: Run, need: Need) -> Met:
    met = sum(_meets(run, s, need) for s in need.of)
    if met >= need.needed:
        return "met"
    still_open = sum(not run.steps[s].is_final for s in need.of)
    return "pending" if met + still_open >= need.needed else "impossible"


def _meets(run: Run, step_id: str, need: Need) -> bool:
    step = run.steps[step_id]
    return step.is_final and any(_is(run, step_id, step, result) for result in need.results)


def _is(run: Run, step_id: str, step: StepRun, result: str) -> bool:
    match result:
        case "done":
            return True
        case "succeeded":
            return succeeded(run.definition.step(step_id), step)
        case "failed" | "skipped" | "cancelled":
            return step.state == result
        case outcome:
            return step.state == "succeeded" and step.outcome == outcome
