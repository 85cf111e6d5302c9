"""Keys of steps that do nothing, or something else than they seem to.

Must not know: people, calendars, what stands around the flow.
"""

from collections.abc import Iterator
from typing import get_args

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.expressions import ExpressionError, evaluate, references
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import Plan, Spot
from hitl_temporal.domain.flow.state import RunStatus
from hitl_temporal.domain.flow.step import BLOCKS, REPAIRS, Branch, Repair, Step
from hitl_temporal.domain.flow.verbs import is_too_many
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import TYPES
from hitl_temporal.domain.words import found

from .kinds import rules_of

__all__ = ["check_steps"]

_FINAL: tuple[str, ...] = get_args(RunStatus)


def check_steps(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the steps of a flow, each by itself."""
    for spot in flow.plan.every:
        yield from _check_choose(spot, document)
        yield from _check_repeat(flow.plan, spot, document)
        yield from _check_first(flow.plan, spot, document)
        yield from _check_items(flow, spot, document)
        yield from _check_wait(spot, document)
        yield from _check_failure(flow, spot, document)
        yield from _check_units(flow.plan, spot, document)


def _check_choose(spot: Spot, document: Document) -> Iterator[Problem]:
    branches = spot.step.choose or ()
    for index, branch in enumerate(branches):
        value = _constant(branch.condition) if isinstance(branch, Branch) else None
        at = (*spot.at, "choose", index, "if")
        if value is False:
            message = f"branch {index} is never taken: `{_condition(branch)}` is never true"
            yield document.problem(at, message, "remove it, or write what it depends on", "warning")
        if value is True and index < len(branches) - 1:
            message = f"branch {index} is always taken, so none after it ever is"
            yield document.problem(
                at, message, "write what it depends on, or make it the last one, as `else`", "warning"
            )
            return


def _condition(branch: object) -> str:
    return branch.condition if isinstance(branch, Branch) else ""


def _check_repeat(plan: Plan, spot: Spot, document: Document) -> Iterator[Problem]:
    repeat, at = spot.step.repeat, (*spot.at, "repeat", "until")
    if repeat is None:
        return
    if _constant(repeat.until) is True:
        yield document.problem(
            at, "`until` is always true, so the block is done once", "remove the `repeat`", "warning"
        )
    elif not _may_change(repeat.until, plan, spot):
        message = "nothing that the block does changes what `until` says, so it is done once or fails"
        yield document.problem(at, message, "read in it what a step of the block gives, or `index`", "warning")


def _may_change(expression: str, plan: Plan, spot: Spot) -> bool:
    """Tell whether an expression reads what a turn of a block may have changed: an ask may amend inputs, too."""
    inside = plan.inside[spot.step.id]
    is_amended = any(plan.spots[name].step.ask is not None for name in inside)
    for path in references(expression):
        match path.split("."):
            case ["index" | "vars", *_]:
                return True
            case ["inputs", *_] if is_amended:
                return True
            case ["steps", name, *_] if name in inside or name not in plan.spots:  # an unknown one is told already
                return True
            case ["steps"]:
                return True
            case _:
                pass
    return False


def _check_first(plan: Plan, spot: Spot, document: Document) -> Iterator[Problem]:
    if not spot.step.first:
        return
    inner = [step.id for step in spot.step.do or ()]
    ends = [name for name in inner if not plan.followers[name]]
    # Where not all have to arrive, those that come too late are what is stopped.
    is_partial = any(need.needed < len(need.of) for name in inner for need in plan.needs[name])
    if len(ends) == 1 and not is_partial:
        message = f"`first`, but all that the block does leads to {ends[0]!r}: nothing races with it"
        yield document.problem(
            (*spot.at, "first"), message, "let each branch begin by itself, with `needs: []`", "warning"
        )


def _check_items(flow: Flow, spot: Spot, document: Document) -> Iterator[Problem]:
    step = spot.step
    if isinstance(step.each, str):
        yield from _check_each(flow, spot, step.each, document)
    if step.tolerate == "100%":
        yield document.problem((*spot.at, "tolerate"), *_ALL_MAY_FAIL, "warning")
    items = _items(step)
    if items is None:
        return
    if not items:
        yield document.problem((*spot.at, "each"), "the list is empty: nothing is done", "write its items", "warning")
    elif isinstance(step.tolerate, int) and not is_too_many(len(items), len(items), step.tolerate):
        yield document.problem((*spot.at, "tolerate"), *_ALL_MAY_FAIL, "warning")
    if step.enough is not None and step.enough.count > len(items) > 0:
        message = f"`count: {step.enough.count}` is never reached: there are {len(items)} items"
        yield document.problem((*spot.at, "enough", "count"), message, "write a smaller number, or remove `enough`")


_ALL_MAY_FAIL = ("every item may fail, and the `each` has succeeded all the same", "write a smaller number")


def _items(step: Step) -> list[Json] | None:
    """Return what an `each` goes through where that stands in the document."""
    value = _constant(step.each) if isinstance(step.each, str) else step.each
    return value if isinstance(value, list) else None


def _check_each(flow: Flow, spot: Spot, expression: str, document: Document) -> Iterator[Problem]:
    at, mend = (*spot.at, "each"), "write an expression that gives a list, or a list"
    if (value := _constant(expression)) is not None and not isinstance(value, list):
        yield document.problem(at, f"`each` goes through a list, and this is {found(value)}", mend)
    path = expression.strip()
    known = rules_of(flow, path)
    if known is not None and known[0] == path and known[1].type not in {None, "array"}:
        of, _, name = path.partition(".")
        what = f"the input {name!r}" if of == "inputs" and name in flow.inputs else f"`{path}`"
        message = f"`each` goes through a list, and {what} is {TYPES[str(known[1].type)]}"
        yield document.problem(at, message, mend)


def _check_wait(spot: Spot, document: Document) -> Iterator[Problem]:
    step, wait = spot.step, spot.step.wait
    if wait is None:
        return
    if wait.is_timed and step.timeout is not None:
        message = "`timeout` does nothing here: the wait ends by its own time"
        yield document.problem((*spot.at, "timeout"), message, "remove it", "warning")
    if wait.file is None and step.pool is not None:
        message = "`pool` does nothing here: only a wait for a file is on a host"
        yield document.problem((*spot.at, "pool"), message, "remove it", "warning")
    for index, status in enumerate(() if wait.run is None else wait.run.status):
        if status not in _FINAL:
            mend = resembling(status, _FINAL, f"write one of {', '.join(_FINAL)}")
            yield document.problem((*spot.at, "wait", "run", "status", index), f"no run ends {status!r}", mend)


def _check_failure(flow: Flow, spot: Spot, document: Document) -> Iterator[Problem]:
    chosen, at = spot.step.on_failure, (*spot.at, "on_failure")
    if chosen == "ask" and flow.owner is None:
        mend = "add an `owner` to the flow, or say who is asked: {ask: {who: [...]}}"
        yield document.problem(at, "`on_failure: ask` asks the flow's owner, and it has none", mend)
    if isinstance(chosen, Repair):
        for name in chosen.ask.outcomes:
            if name not in REPAIRS:
                message = f"nothing follows from the answer {name!r}: the step stays parked"
                mend = resembling(name, REPAIRS, f"write {', '.join(REPAIRS)}")
                yield document.problem((*at, "ask", "outcomes", name), message, mend, "warning")


def _check_units(plan: Plan, spot: Spot, document: Document) -> Iterator[Problem]:
    """Yield units that are never held: they are given back while only people and the world are waited for."""
    step = spot.step
    verbs = {s.verb for s in (step, *(plan.spots[name].step for name in plan.inside[step.id]))} - BLOCKS
    if step.uses and not step.keep and verbs <= {"ask", "wait"}:
        message = "`uses` holds nothing here: units are given back while only people and the world are waited for"
        yield document.problem((*spot.at, "uses"), message, "add `keep: true`, or put it where the work is", "warning")
    for outer in plan.around(step.id):
        for name in step.uses.keys() & plan.spots[outer].step.uses.keys():
            message = f"step {outer!r}, in which it lies, has units of {name!r} already: it takes none beside them"
            mend = f"remove it, or write in {outer!r} how many all that lies in it may have"
            yield document.problem((*spot.at, "uses", name), message, mend, "warning")


def _constant(expression: str) -> Json:
    """Return what an expression gives whatever happens, None when that depends on something."""
    try:
        return None if references(expression) else evaluate(expression, {})
    except ExpressionError:
        return None
