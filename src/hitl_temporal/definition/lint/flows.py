"""Flows within flows: names that no flow bears, inputs that don't fit, flows that do themselves again for ever.

Must not know: files, how a run within is done.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.inputs import check_value
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.expressions import ExpressionError, expressions_in, pieces, references
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import Spot
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.rules import Kind
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import TYPES

from .kinds import rules_of
from .order import Order
from .written import written

__all__ = ["Done", "check_flows", "check_sound", "flows_done_by"]


class Done(NamedTuple):
    """A place where a flow does another one.

    Attributes:
        at: The place of what does it: a step, or an `undo`.
        name: The other flow's.
        arguments: What it is given.
        spot: The step.
    """

    at: At
    name: str
    arguments: Mapping[str, Json]
    spot: Spot


def flows_done_by(flow: Flow) -> Iterator[Done]:
    """Yield where a flow does another one, or itself, in document order."""
    for spot in flow.plan.every:
        step, undo = spot.step, spot.step.undo
        if step.flow is not None:
            yield Done(spot.at, step.flow, step.arguments, spot)
        if undo is not None and undo.flow is not None:
            yield Done((*spot.at, "undo"), undo.flow, undo.arguments, spot)


def check_flows(flow: Flow, document: Document, flows: Mapping[str, Flow | None]) -> Iterator[Problem]:
    """Yield what is wrong with the flows that a flow does.

    Args:
        flow: Does them.
        document: Where it is written.
        flows: Those of the project by name; None: its document is not right.
    """
    known = {**flows, flow.flow: flow}
    for done in flows_done_by(flow):
        if done.name not in known:
            mend = resembling(done.name, known, f"add workflows/{done.name}/flow.yaml")
            yield document.problem((*done.at, "flow"), f"no flow is named {done.name!r}", mend)
        elif (other := known[done.name]) is not None:
            yield from _check_arguments(flow, done, other.inputs, document)
    yield from _check_outputs(flow, document, known)
    yield from _check_circle(flow, document, known)


def check_sound(flow: Flow, document: Document, unsound: frozenset[str]) -> Iterator[Problem]:
    """Yield the flows that a flow can't do, since they have errors of their own."""
    for done in flows_done_by(flow):
        if done.name in unsound and done.name != flow.flow:
            message = f"flow {done.name!r} can't be done: it has errors of its own"
            yield document.problem((*done.at, "flow"), message, f"mend workflows/{done.name}/flow.yaml")


def _check_arguments(flow: Flow, done: Done, inputs: Mapping[str, Input], document: Document) -> Iterator[Problem]:
    for name, value in done.arguments.items():
        at = (*done.at, "with", name)
        if name not in inputs:
            mend = resembling(name, inputs, f"it has {', '.join(inputs)}" if inputs else "it has no inputs")
            yield document.problem(at, f"flow {done.name!r} has no input {name!r}", mend)
        elif (wrong := _misfit(flow, name, inputs[name], value)) is not None:
            yield document.problem(at, f"flow {done.name!r}: {wrong}", "write a value that fits, or an expression")
    for name, declared in inputs.items():
        if declared.is_required and name not in done.arguments:
            message = f"flow {done.name!r} needs the input {name!r}, which is not given"
            yield document.problem((*done.at, "flow"), message, f"add it to `with`; it is {TYPES[declared.type]}")


def _check_outputs(flow: Flow, document: Document, known: Mapping[str, Flow | None]) -> Iterator[Problem]:
    """Yield the outputs that are read of a flow within and that it does not give."""
    for one in written(document.data, (), Order(flow)):
        for path in sorted(_paths(one.text)):
            match path.split("."):
                case ["steps", step, "outputs", name, *_] if step in flow.plan.spots:
                    other = known.get(flow.plan.spots[step].step.flow or "")
                    if other is not None and name not in other.outputs:
                        gives = f"it gives {', '.join(other.outputs)}" if other.outputs else "it has no `outputs`"
                        message = f"`{path}`: flow {other.flow!r} gives no output {name!r}"
                        yield document.problem(one.at, message, resembling(name, other.outputs, gives))
                case _:
                    pass


def _paths(expression: str) -> frozenset[str]:
    try:
        return references(expression)
    except ExpressionError:
        return frozenset()  # told where the document was read


def _misfit(flow: Flow, name: str, declared: Input, value: Json) -> str | None:
    """Return what is wrong with a value, as far as it is written out; what an expression gives nobody knows."""
    if value is None and not declared.is_required:
        return None
    if expressions_in(value):
        is_text = isinstance(value, str) and not _is_one_expression(value)
        if is_text and declared.type != "string":
            return f"input {name!r} must be {TYPES[declared.type]}, and text around an expression gives a text"
        given = None if is_text or not isinstance(value, str) else rules_of(flow, expressions_in(value)[0].strip())
        kind = None if given is None or given[0] != expressions_in(value)[0].strip() else given[1].type
        if kind is not None and not _fits(kind, declared.type):
            return f"input {name!r} must be {TYPES[declared.type]}, and `{expressions_in(value)[0]}` is {TYPES[kind]}"
        return None
    return next((problem.message for problem in check_value(name, declared, value)), None)


def _fits(given: Kind, wanted: Kind) -> bool:
    """Tell whether a value of one type may be one of another: a number may be a whole one."""
    return given == wanted or {given, wanted} == {"integer", "number"}


def _is_one_expression(text: str) -> bool:
    return sum(piece != "" for piece, _ in pieces(text)) == 1


def _check_circle(flow: Flow, document: Document, known: Mapping[str, Flow | None]) -> Iterator[Problem]:
    """Yield where a flow does itself again whatever happens, at once or through others."""
    for done in flows_done_by(flow):
        if done.spot.step.flow != done.name or not _is_always_done(flow, done.spot):
            continue
        way = _way_back(flow.flow, done.name, known)
        if way is None:
            continue
        through = f", through {', '.join(way)}" if way else ""
        message = f"every run of {flow.flow!r} does another one{through}, until the depth of 20 stops it"
        yield document.problem(
            (*done.at, "flow"), message, "put it into a branch of a `choose`, or add an `if`", "warning"
        )


def _way_back(home: str, name: str, known: Mapping[str, Flow | None]) -> tuple[str, ...] | None:
    """Return the flows by which one comes back to where it began whatever happens; None when it need not."""
    ways: dict[str, tuple[str, ...]] = {name: ()}
    found = [name]
    while found:
        here = found.pop()
        if here == home:
            return ways[here]
        flow = known.get(here)
        for done in () if flow is None else flows_done_by(flow):
            if flow is not None and done.name not in ways and _is_always_done(flow, done.spot):
                ways[done.name] = (*ways[here], here)
                found.append(done.name)
    return None


def _is_always_done(flow: Flow, spot: Spot) -> bool:
    """Tell whether nothing in the document keeps a step from being done: no condition, no choice, no people."""
    plan, here = flow.plan, spot
    while True:
        step = here.step
        asked = (n for need in plan.needs[step.id] for n in need.of if plan.spots[n].step.ask is not None)
        if step.condition is not None or any(asked):
            return False
        if any(need.results != ("succeeded",) for need in plan.needs[step.id]):
            return False
        parent, branch = here.list
        if parent is None:
            return True
        here = plan.spots[parent]
        if branch != "0" or here.step.do is None or here.step.each is not None:
            return False
