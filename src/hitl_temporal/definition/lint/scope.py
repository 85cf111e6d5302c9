"""Expressions that name what is not there, or not there yet.

Must not know: what an expression gives.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple, get_args

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, Severity, resembling
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.expressions import ExpressionError, expressions_in, references
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import Spot
from hitl_temporal.domain.flow.state import StepState
from hitl_temporal.domain.flow.step import CATCH, Step
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.words import found

from .order import Here, Order
from .written import written

__all__ = ["check_row_scope", "check_scope"]

_ROOTS = ("inputs", "steps", "vars", "run", "requester", "attempt")
_RUN = ("id", "flow", "version", "started")
_STEP = ("outputs", "outcome", "state", "by", "approval", "token", "digest")
_EXTENSION = ("step", "by", "until", "reason")
_FAILURE = ("step", "error", "attempts")
_LOGS = ("stdout", "stderr")
"""What a command gives beside what its document says: the end of each."""
_EVENT = ("type", "source", "id", "subject", "time", "data")


class _Read(NamedTuple):
    """One path that an expression reads, and where the expression stands."""

    at: At
    path: str
    expression: str


def check_scope(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the names that the expressions of a flow use."""
    order = Order(flow)
    for read in _reads(document.data, (), order):
        wrong = _wrong(flow, order.here(read.at), read, order)
        if wrong is not None:
            message, mend, severity = wrong
            yield document.problem(read.at, f"`{read.path}`: {message}", mend, severity)


def check_row_scope(flow: Flow, document: Document, at: At, name: str, table: Table) -> Iterator[Problem]:
    """Yield what is wrong, in this flow, with the names that the rows of a table of the site use.

    Args:
        flow: Goes by the table.
        document: Where the flow is written: another flow may have what this one has not.
        at: Where it names the table.
        name: The table's.
        table: Itself.
    """
    order = Order(flow)
    here = order.here(at)
    for number, row in enumerate(table.rows, 1):
        written = row.model_dump(mode="json", by_alias=True)
        reads = (read._replace(at=()) for read in _reads(written, (), order))
        for read in dict.fromkeys(reads):
            wrong = _wrong(flow, here, read, order)
            if wrong is not None:
                message, mend, severity = wrong
                yield document.problem(at, f"row {number} of route {name!r}: `{read.path}`: {message}", mend, severity)


_Wrong = tuple[str, str, Severity] | None


def _wrong(flow: Flow, here: Here, read: _Read, order: Order) -> _Wrong:
    match read.path.split("."):
        case ["inputs", name, *_]:
            return _unknown("input", name, flow.inputs)
        case ["vars", name, *_] if here.spot is None and here.way[0] == "vars":
            return "a variable sees no other variable", f"write what {name!r} holds", "error"
        case ["vars", name, *_]:
            return _unknown("variable", name, flow.vars)
        case ["run", name, *_]:
            return _unknown("property of a run", name, _RUN)
        case ["steps", name, *rest]:
            return (
                _wrong_with_step(here, name, rest, order)
                or _never_so(name, read.expression, order)
                or _perhaps_left_out(here, name, read, order)
            )
        case [root, *rest]:
            return _wrong_with_root(here, root, rest) or _wrong_with_item(here, root, rest, read, order)
        case _:
            return None


def _wrong_with_root(here: Here, root: str, rest: list[str]) -> _Wrong:
    """Return what is wrong with a name that is known in some places only."""
    local = _LOCAL.get(root)
    if local is None:
        return _unknown("name", root, _ROOTS)
    if not local.is_known(here):
        return local.elsewhere, local.mend, "error"
    return _unknown(f"property of {local.noun}", rest[0], local.properties) if rest and local.properties else None


def _wrong_with_item(here: Here, root: str, rest: list[str], read: _Read, order: Order) -> _Wrong:
    """Return that no item has what is read of it, where the items stand in the document."""
    if root != "item" or not rest or here.spot is None:
        return None
    items = order.plan.spots[here.spot.each[-1]].step.each
    if not isinstance(items, list | tuple) or not items or any(expressions_in(item) for item in items):
        return None
    fields = [item.keys() if isinstance(item, dict) else {*()} for item in items]
    if not any(isinstance(item, dict) for item in items):
        return f"the items have no fields: the first is {found(items[0])}", "write `item`", "error"
    if not any(rest[0] in names for names in fields):
        return _unknown("field of an item", rest[0], dict.fromkeys(name for names in fields for name in names))
    lacking = next((n for n, names in enumerate(fields) if rest[0] not in names), None)
    if lacking is not None and not _GUARD.search(read.expression):
        return f"item {lacking} has no {rest[0]!r}", f"look first: `has({read.path}) ? {read.path} : ...`", "warning"
    return None


class _Local(NamedTuple):
    """A name that is known in some places only.

    Attributes:
        is_known: Tells whether it is, at a place.
        elsewhere: What it is, for somebody who uses it at another place.
        mend: What to do there.
        noun: What its properties are of.
        properties: Those that it has; empty: any.
    """

    is_known: Callable[[Here], bool]
    elsewhere: str
    mend: str
    noun: str = ""
    properties: tuple[str, ...] = ()


def _below(*way: str) -> Callable[[Here], bool]:
    return lambda here: here.spot is not None and here.way[: len(way)] == way


def _has_event(here: Here) -> bool:
    return here.way[:3] == ("wait", "event", "if") or (here.spot is None and here.way[:1] == ("triggers",))


def _in_incident(here: Here) -> bool:
    return here.way[:1] == ("incident",)


def _has_item(here: Here) -> bool:
    return here.spot is not None and here.spot.each != ()


def _has_index(here: Here) -> bool:
    is_in_a_turn = here.spot is not None and (here.spot.turning != () or here.way[:2] == ("repeat", "until"))
    return is_in_a_turn or _has_item(here)


_LOCAL: Mapping[str, _Local] = {
    "self": _Local(
        _below("undo"),
        "`self` is the step that an `undo` reverses",
        "name the step: `steps.<id>`",
        "a step",
        _STEP,
    ),
    "extension": _Local(
        _below("grant", "extend", "ask"),
        "`extension` is what the ask in `grant.extend` is about",
        "use it there alone",
        "an extension",
        _EXTENSION,
    ),
    "failure": _Local(
        _below("on_failure", "ask"),
        "`failure` is what the ask in `on_failure` is about",
        "use it there alone",
        "a failure",
        _FAILURE,
    ),
    "flow": _Local(
        _in_incident,
        "`flow` is the name of the flow in an `incident` alone",
        "write `run.flow`",
    ),
    "step": _Local(
        _in_incident,
        "`step` is the id of the step in an `incident` alone",
        "write it out",
    ),
    "event": _Local(
        _has_event,
        "`event` is what the `if` of a `wait` for an event judges",
        "afterwards it is what the step gave: `steps.<id>.outputs.data`",
        "an event",
        _EVENT,
    ),
    "item": _Local(
        _has_item,
        "`item` is what an `each` is at, and this is not in the `do` of one",
        "use it in the steps of an `each` alone",
    ),
    "index": _Local(
        _has_index,
        "`index` counts the items of an `each` or the turns of a `repeat`, and this is in neither",
        "use it in the steps of one alone",
    ),
}


def _unknown(kind: str, name: str, known: Iterable[str]) -> _Wrong:
    known = tuple(known)
    if name in known:
        return None
    otherwise = f"known: {', '.join(known)}" if known else "there is none"
    return f"unknown {kind} {name!r}", resembling(name, known, otherwise), "error"


# --- Steps ------------------------------------------------------------------------------------------------------------


def _wrong_with_step(here: Here, name: str, rest: list[str], order: Order) -> _Wrong:
    spots = order.plan.spots
    own = here.spot.each if here.spot is not None else ()
    if name not in spots:
        return _unknown("step", name, (n for n, s in spots.items() if s.each == own[: len(s.each)]))
    if (each := _hidden_in(spots[name], own)) is not None:
        message = f"step {name!r} is seen only in the items of {each!r}, in which it lies"
        return message, f"here, use `steps.{each}.outputs.items`, which has what each item gave", "error"
    wrong = _unknown("property of a step", rest[0], _STEP) if rest else None
    return wrong or _wrong_with_output(spots[name].step, rest) or _too_early(here, name, order)


def _never_so(name: str, expression: str, order: Order) -> _Wrong:
    """Return that a step never is in the state, or has the outcome, with which an expression compares it."""
    step = order.plan.spots[name].step if name in order.plan.spots else None
    for match in _COMPARED.finditer(expression):
        _, compared, kind, _, value = match.groups()
        known = get_args(StepState) if kind == "state" else () if step is None else step.outcomes
        if compared == name and known and value not in known:
            mend = resembling(value, known, f"write one of {', '.join(known)}")
            return f"the {kind} of {name!r} is never {value!r}", mend, "warning"
    return None


_COMPARED = re.compile(r"""(\bsteps\.([a-z][a-z0-9_]*)\.(state|outcome))\s*[=!]=\s*(["'])([^"']*)\4""")


def _hidden_in(spot: Spot, own: tuple[str, ...]) -> str | None:
    """Return the outermost `each` that hides a step from what lies in these items; None: it is seen."""
    return next((e for n, e in enumerate(spot.each) if spot.each[: n + 1] != own[: n + 1]), None)


def _wrong_with_output(step: Step, rest: list[str]) -> _Wrong:
    """Return what is wrong with an output of a step of which it is known what it gives."""
    match rest:
        case ["outputs", name, *_] if step.each is not None:
            return _unknown("output of an `each`", name, ("items", "failed"))
        case ["outputs", name, *_] if step.wait is not None and step.wait.event is not None:
            return _unknown("output of a `wait` for an event", name, _EVENT)
        case ["outputs", name, *_] if step.run is not None:
            return _unknown("output of a command", name, (*step.run.outputs, *_LOGS))
        case ["outputs", name, *_] if step.ask is not None:
            return _unknown("field of the form", name, step.ask.form)
        case _:
            return None


def _too_early(here: Here, name: str, order: Order) -> _Wrong:
    if here.spot is None:
        if here.way[0] in {"outputs", "incident"}:
            return None
        return f"step {name!r} has not run when this is evaluated", "use `inputs`, or move it to a step", "warning"
    step = here.spot.step.id
    if order.is_before(name, step) or _is_known_there(here, here.spot, name, order):
        return None
    if name == step:
        return "the step refers to itself", "it has no outputs yet", "warning"
    if name in order.plan.inside[step]:
        return f"step {name!r} lies within {step!r} and has not run when this is evaluated", _LATER, "warning"
    if step in order.plan.inside[name]:
        return f"step {name!r}, in which this one lies, is still under way", "it has no outputs yet", "warning"
    if (holder := _chosen_instead(name, step, order)) is not None:
        message = f"step {name!r} lies in another branch of {holder!r}, and only one of them is done"
        return message, "name a step of the same branch, or move this one behind the `choose`", "warning"
    message = f"step {name!r} may not have run when {step!r} starts"
    beside = order.plan.lists[here.spot.list]
    if name in beside:
        return message, f"add {name!r} to its `needs`", "warning"
    return message, "let what it lies in come before, by `needs`", "warning"


_LATER = "use what has run before"


def _is_known_there(here: Here, spot: Spot, name: str, order: Order) -> bool:
    """Tell whether a step has given something by the time at which a part of another one is evaluated."""
    step, inside = spot.step.id, order.plan.inside
    comes_late = here.way[:1] in {("undo",), ("incident",)} or here.way[:3] == ("grant", "extend", "ask")
    if comes_late or here.way[:2] in {("on_failure", "ask"), ("repeat", "until")}:
        return name in inside[step] or (name == step and here.way[0] != "repeat")
    # Of a block that repeats, a step is seen as it was in the turn before.
    return any(name in inside[block] for block in spot.turning)


def _chosen_instead(name: str, step: str, order: Order) -> str | None:
    """Return the `choose` of which two steps lie in different branches, None when there is none."""
    branches = dict(order.lists_around(step))
    for holder, branch in order.lists_around(name):
        if holder is not None and branches.get(holder, branch) != branch and CATCH not in {branch, branches[holder]}:
            return holder
    return None


def _perhaps_left_out(here: Here, name: str, read: _Read, order: Order) -> _Wrong:
    """Return that a step which is done now and then may not have given what is read, where nothing looks first."""
    if here.spot is None or not read.path.startswith(f"steps.{name}.outputs.") or _GUARD.search(read.expression):
        return None
    step = here.spot.step
    found = order.branch(name, step.id)
    if found is None or (step.condition is not None and here.way != ("if",)) or name in order.plan.inside[step.id]:
        return None
    holder, branch = found
    if any(holder in need.of and need.results != ("succeeded",) for need in order.plan.needs[step.id]):
        return None
    where = f"mends a failure of {holder!r}" if branch == CATCH else f"lies in one branch of {holder!r}"
    message = f"step {name!r} {where}, and may have been left out"
    return message, f"look first: `has({read.path}) ? {read.path} : ...`", "warning"


_GUARD = re.compile(r"\?|\bhas\s*\(|&&|\|\|")
"""What an expression has that looks before it reads."""


def _reads(value: Json, at: At, order: Order) -> Iterator[_Read]:
    """Yield each path that an expression of a flow's document reads, with the expression's place, in reading order."""
    for place, there in groupby(written(value, at, order), key=lambda one: one.at):
        yield from _reads_at(place, [one.text for one in there])


def _reads_at(at: At, expressions: list[str]) -> Iterator[_Read]:
    try:
        found = [(path, e) for e in expressions for path in references(e)]
    except ExpressionError:
        # Where expressions may stand the models have refused it already; elsewhere braces are just text.
        return
    for path, expression in sorted(dict(reversed(found)).items()):
        yield _Read(at, path, expression)
