"""Steps that are never done, since what they need never happens.

Only the first of a row is told: those that follow it are not done either.

Must not know: expressions.
"""

import json
from collections.abc import Iterator
from itertools import combinations

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.flow import exit_codes
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.needs import RESULTS, Need
from hitl_temporal.domain.flow.plan import Plan, Spot
from hitl_temporal.domain.flow.step import Catch, Step

__all__ = ["check_reach"]


def check_reach(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield the steps of a flow whose needs can't be met, or are met when nobody would think so."""
    for spot in flow.plan.every:
        for index, need in enumerate(spot.step.needs or ()):
            yield from _check_need(flow.plan, spot, index, need, document)
        yield from _check_contradiction(spot, document)


def _check_need(plan: Plan, spot: Spot, index: int, need: Need, document: Document) -> Iterator[Problem]:
    at, step = (*spot.at, "needs", index), spot.step
    never = [name for name in need.of if _never_ends_so(plan.spots[name].step, need)]
    if len(need.of) - len(never) < need.needed:
        named = plan.spots[never[0]].step
        message = f"step {step.id!r} is never done: with {_written(named)}, {named.id!r} is never failed here"
        yield document.problem(at, message, f"remove the `on_failure` of {named.id!r}, or write `continue`", "warning")
    for name in need.of:
        if isinstance(plan.spots[name].step.on_failure, Catch) and need.results == ("failed",):
            message = f"step {step.id!r} is done when the `catch` of {name!r} has mended its failure, and only then"
            yield document.problem(at, message, f"remove the `catch`, or put {step.id!r} into it", "warning")


def _never_ends_so(step: Step, need: Need) -> bool:
    """Tell whether a step ends with none of these results, since its failure parks it or ends the run."""
    if step.on_failure is None or step.on_failure == "continue" or isinstance(step.on_failure, Catch):
        return False
    return all(result == "failed" or _is_failing_exit(step, result) for result in need.results)


def _is_failing_exit(step: Step, result: str) -> bool:
    return step.run is not None and exit_codes.parse(result) is not None and not exit_codes.matches(result, 0)


def _written(step: Step) -> str:
    return f"`on_failure: {step.on_failure}`" if isinstance(step.on_failure, str) else "a question about its failure"


def _check_contradiction(spot: Spot, document: Document) -> Iterator[Problem]:
    """Yield what needs two outcomes of one step: it has only one."""
    needs = [(index, need) for index, need in enumerate(spot.step.needs or ()) if len(need.of) == 1]
    for (_, one), (index, other) in combinations(needs, 2):
        both = (*one.results, *other.results)
        if one.of == other.of and not {*one.results} & {*other.results} and not {*RESULTS} & {*both}:
            message = f"step {spot.step.id!r} is never done: {one.of[0]!r} has one outcome only"
            mend = f"write {{{one.of[0]}: {json.dumps(both)}}} if either will do"
            yield document.problem((*spot.at, "needs", index), message, mend, "warning")
            return
