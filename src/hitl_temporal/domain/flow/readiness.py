"""May a step start? Its needs, met or not, or impossible for ever.

Must not know: what starting means.
"""

from typing import Literal

from hitl_temporal.domain.flow import exit_codes
from hitl_temporal.domain.flow.address import index_of, place
from hitl_temporal.domain.flow.needs import Need
from hitl_temporal.domain.flow.state import Block, Run, StepRun
from hitl_temporal.domain.flow.step import Step

Met = Literal["met", "pending", "impossible"]


def readiness(run: Run, address: str) -> Met:
    """Return whether all needs of a step are met, may still be, or can't be any more."""
    before, name = place(address)
    met: Met = "met"
    for need in run.definition.plan.needs[name]:
        found = _one(run, before, need)
        if found == "impossible":
            return found
        met = found if found == "pending" else met
    return met


def missing(run: Run, address: str) -> tuple[str, ...]:
    """Return the addresses of the steps that are still being waited for, in order."""
    before, name = place(address)
    open_needs = [n for n in run.definition.plan.needs[name] if _one(run, before, n) == "pending"]
    names = dict.fromkeys(before + s for n in open_needs for s in n.of)
    return tuple(s for s in names if not run.steps[s].is_final)


def is_reached(run: Run, address: str) -> bool:
    """Tell whether what a step lies in is under way and goes on, so that it may begin."""
    plan, here = run.definition.plan, address
    branch = plan.spots[place(address).step].list[1]
    while (around := plan.parent(here)) is not None:
        block = run.steps[around].block
        if block is None or block.closing is not None or block.branch != branch:
            return False
        if not _goes_on(run.steps[around], block, here, around):
            return False
        here, branch = around, plan.spots[place(around).step].list[1]
    return True


def _goes_on(around: StepRun, block: Block, here: str, address: str) -> bool:
    """Tell whether a block takes more of its steps: an `each` that has enough may, of the items under way."""
    if block.each is None or place(here).before == place(address).before:
        return around.is_begun
    index = index_of(here)
    return index in block.each.open and block.each.open[index] is None


def succeeded(definition: Step, step: StepRun) -> bool:
    """Tell whether a step counts as `succeeded` for those who follow it.

    A step skipped by its own `if` or by an operator does; so does a failed one that continues; an answered ask only
    with a positive outcome.
    """
    match step.state:
        case "succeeded":
            return step.positive is not False
        case "skipped":
            return not step.passes_on
        case "failed":
            return definition.on_failure == "continue" or step.caught
        case _:
            return False


def _one(run: Run, before: str, need: Need) -> Met:
    met = still_open = 0
    for name in need.of:
        step = run.steps[before + name]
        if step.is_final:
            met += any(_is(run, name, step, result) for result in need.results)
        else:
            still_open += 1
    if met >= need.needed:
        return "met"
    return "pending" if met + still_open >= need.needed else "impossible"


def _is(run: Run, name: str, step: StepRun, result: str) -> bool:
    match result:
        case "done":
            return True
        case "succeeded":
            return succeeded(run.definition.step(name), step)
        case "failed" | "skipped" | "cancelled":
            return step.state == result
        case outcome if run.definition.step(name).run is not None:
            return exit_codes.matches(outcome, exit_codes.code_of(step.outcome))
        case outcome:
            return step.outcome == outcome and step.state in {"succeeded", "failed"}
