"""Expressions that name what is not there, or not there yet.

Must not know: what an expression gives.
"""

from collections.abc import Iterator, Mapping

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, Severity, resembling
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.expressions import ExpressionError, expressions_in, references
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json

from .stages import is_about_more_time

__all__ = ["check_row_scope", "check_scope"]

_BARE = frozenset({"if", "when"})
"""Keys whose value is an expression without braces."""

_NAMED_BY_THE_AUTHOR = frozenset({"outputs", "show", "vars", "with"})
"""Keys below which a key is a name that the author made up, even if it is `if`."""

_NO_EXPRESSIONS: frozenset[At] = frozenset({("inputs",), ("description",), ("category",)})

_NO_EXPRESSIONS_IN_AN_ASK = frozenset({"form", "outcomes"})

_ROOTS = ("inputs", "steps", "vars", "run", "requester", "attempt")
_NOT_YET = ("item", "index", "event")
_RUN = ("id", "flow", "version", "started")
_STEP = ("outputs", "outcome", "state", "by", "approval", "token", "digest")
_EXTENSION = ("step", "by", "until", "reason")


def check_scope(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the names that the expressions of a flow use."""
    before = _steps_before(flow)
    for at, path in _paths(document.data, ()):
        wrong = _wrong(flow, at, path.split("."), before)
        if wrong is not None:
            message, mend, severity = wrong
            yield document.problem(at, f"`{path}`: {message}", mend, severity)


def check_row_scope(flow: Flow, document: Document, at: At, name: str, table: Table) -> Iterator[Problem]:
    """Yield what is wrong, in this flow, with the names that the rows of a table of the site use.

    Args:
        flow: Goes by the table.
        document: Where the flow is written: another flow may have what this one has not.
        at: Where it names the table.
        name: The table's.
        table: Itself.
    """
    before = _steps_before(flow)
    for number, row in enumerate(table.rows, 1):
        written = row.model_dump(mode="json", by_alias=True)
        for path in dict.fromkeys(path for _, path in _paths(written, ())):
            wrong = _wrong(flow, at, path.split("."), before)
            if wrong is not None:
                message, mend, severity = wrong
                yield document.problem(at, f"row {number} of route {name!r}: `{path}`: {message}", mend, severity)


_Wrong = tuple[str, str, Severity] | None


def _wrong(flow: Flow, at: At, path: list[str], before: Mapping[str, frozenset[str]]) -> _Wrong:
    match path:
        case ["inputs", name, *_]:
            return _unknown("input", name, flow.inputs)
        case ["vars", name, *_] if at[0] == "vars":
            return "a variable sees no other variable", f"write what {name!r} holds", "error"
        case ["vars", name, *_]:
            return _unknown("variable", name, flow.vars)
        case ["run", name, *_]:
            return _unknown("property of a run", name, _RUN)
        case ["steps", name, *rest]:
            ids = [step.id for step in flow.steps]
            wrong = _unknown("step", name, ids) or (_unknown("property of a step", rest[0], _STEP) if rest else None)
            return wrong or _too_early(flow, at, name, before)
        case ["self", *rest] if "undo" in at:
            return _unknown("property of a step", rest[0], _STEP) if rest else None
        case ["extension", *rest] if is_about_more_time(at):
            return _unknown("property of an extension", rest[0], _EXTENSION) if rest else None
        case _:
            return _unknown_root(path[0])


def _unknown_root(name: str) -> _Wrong:
    if name == "self":
        return "`self` is the step that an `undo` reverses", "name the step: `steps.<id>`", "error"
    if name == "extension":
        return "`extension` is what the ask in `grant.extend` is about", "use it there alone", "error"
    if name in _NOT_YET:
        return f"`{name}` is not supported by this version", "remove it", "error"
    return _unknown("name", name, _ROOTS)


def _unknown(kind: str, name: str, known: Mapping[str, object] | tuple[str, ...] | list[str]) -> _Wrong:
    if name in known:
        return None
    otherwise = f"known: {', '.join(known)}" if known else "there is none"
    return f"unknown {kind} {name!r}", resembling(name, known, otherwise), "error"


def _too_early(flow: Flow, at: At, name: str, before: Mapping[str, frozenset[str]]) -> _Wrong:
    match at:
        case ("steps", int(index), *rest):
            step = flow.steps[index].id
            if name in before[step] or (name == step and ("undo" in rest or is_about_more_time(at))):
                return None
            if name == step:
                return "the step refers to itself", "it has no outputs yet", "warning"
            return f"step {name!r} may not have run when {step!r} starts", f"add {name!r} to its `needs`", "warning"
        case ("outputs", *_):
            return None
        case _:
            return f"step {name!r} has not run when this is evaluated", "use `inputs`, or move it to a step", "warning"


def _steps_before(flow: Flow) -> dict[str, frozenset[str]]:
    """Return for each step those that have ended, one way or another, before it starts."""
    needs = {step: {name for need in entries for name in need.of} for step, entries in flow.all_needs.items()}
    before: dict[str, frozenset[str]] = {}

    def collect(step: str) -> frozenset[str]:
        if step not in before:
            before[step] = frozenset(needs[step]).union(*(collect(name) for name in needs[step]))
        return before[step]

    for step in needs:
        collect(step)
    return before


def _paths(value: Json, at: At) -> Iterator[tuple[At, str]]:
    """Yield each path that an expression of a flow's document reads, with the expression's place, in reading order."""
    match value:
        case str():
            for path in _paths_in(value, is_bare=_is_bare(at)):
                yield at, path
        case list():
            for index, item in enumerate(value):
                yield from _paths(item, (*at, index))
        case dict():
            for key, inner in value.items():
                if _is_weight(at):
                    yield from (((*at, key), path) for path in _paths_in(key, is_bare=False))
                if _may_hold_expressions((*at, key)):
                    yield from _paths(inner, (*at, key))
        case _:
            pass


def _may_hold_expressions(at: At) -> bool:
    match at:
        case ("steps", int(), "ask", str(key)) | ("steps", int(), "grant", "extend", "ask", str(key)):
            return key not in _NO_EXPRESSIONS_IN_AN_ASK
        case _:
            return at not in _NO_EXPRESSIONS


def _is_bare(at: At) -> bool:
    """Tell whether a text at this place is an expression without braces."""
    return not _is_named_by_the_author(at) and (at[-1] in _BARE or at[-2:-1] == ("material",))


def _is_weight(at: At) -> bool:
    """Tell whether the keys of a mapping at this place are selectors."""
    return at[-1:] == ("weights",) and not _is_named_by_the_author(at)


def _is_named_by_the_author(at: At) -> bool:
    return any(part in _NAMED_BY_THE_AUTHOR for part in at)


def _paths_in(text: str, *, is_bare: bool) -> list[str]:
    try:
        expressions = [text] if is_bare else expressions_in(text)
        return sorted(path for expression in dict.fromkeys(expressions) for path in references(expression))
    except ExpressionError:
        # Where expressions may stand the models have refused it already; elsewhere braces are just text.
        return []
