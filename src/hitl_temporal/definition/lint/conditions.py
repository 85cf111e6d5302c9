"""Expressions that fail whatever is given, conditions that are no conditions, comparisons that never hold.

What is known of a value is its type, so an expression is tried with a few values of that type. Told is only what goes
wrong with each of them: an expression that looks first, such as `has(inputs.x) && inputs.x > 3`, goes well with one.

Must not know: which names there are (`scope` tells).
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice, product
from typing import Final, NamedTuple

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.expressions import ExpressionError, evaluate, references
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.rules import Rules
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import TYPES, said, violations
from hitl_temporal.domain.words import found

from .kinds import kind_of, rules_of, samples
from .order import Order
from .written import Written, written

__all__ = ["check_conditions"]

_MOST_TRIES: Final = 400

_OTHER_TYPE: Final = re.compile(r"No such overload|Unsupported operation|Undefined variable or function")
"""What the library says of a value of a wrong type; whatever else it says depends on the value."""


def check_conditions(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the expressions of a flow, as far as the types of what they read are known."""
    for one in written(document.data, (), Order(flow)):
        try:
            paths = references(one.text)
        except ExpressionError:
            continue  # told where the document was read
        if paths:
            wrong = _always_wrong(flow, one, paths) or _never_equal(flow, one.text)
        else:
            wrong = _constant(one) if one.is_condition else None
        if wrong is not None:
            yield document.problem(one.at, wrong.message, wrong.mend, "error" if wrong.is_error else "warning")


class _Wrong(NamedTuple):
    message: str
    mend: str
    is_error: bool = True


# --- Types ------------------------------------------------------------------------------------------------------------


def _always_wrong(flow: Flow, one: Written, paths: frozenset[str]) -> _Wrong | None:
    known: dict[str, Rules] = {}
    for path in paths:
        rules = rules_of(flow, path)
        if rules is None:
            return None
        known[rules[0]] = rules[1]
    reasons = [_why_wrong(one, scope) for scope in _scopes(known)]
    if not reasons or None in reasons:
        return None
    # The last that is the fault of a type: of numbers, it is no whole one. Where there is none, the value may matter.
    return next((wrong for wrong in reversed(reasons) if wrong is not None and wrong.message), None)


def _scopes(known: Mapping[str, Rules]) -> Iterator[dict[str, Json]]:
    """Yield scopes with every combination of samples, none when there are too many."""
    choices = [list(samples(rules)) for rules in known.values()]
    combined = list(islice(product(*choices), _MOST_TRIES + 1))
    for values in () if len(combined) > _MOST_TRIES else combined:
        scope: dict[str, Json] = {}
        for path, value in sorted(zip(known, values, strict=True)):
            _put(scope, path.split("."), value)
        yield scope


def _put(scope: dict[str, Json], path: list[str], value: Json) -> None:
    *around, last = path
    for name in around:
        inner = scope.get(name)
        scope[name] = inner = {**inner} if isinstance(inner, dict) else {}
        scope = inner
    scope[last] = value


_NOT_SURE: Final = _Wrong("", "")
"""It goes wrong, and perhaps only with this value."""


def _why_wrong(one: Written, scope: Mapping[str, Json]) -> _Wrong | None:
    """Return what is wrong with an expression, None when nothing is with these values."""
    try:
        value = evaluate(one.text, scope)
    except ExpressionError as error:
        if not _OTHER_TYPE.search(str(error.__cause__)):
            return _NOT_SURE
        message = f"`{one.text}` fails whatever is given: a value in it is of another type than it is used for"
        return _Wrong(message, f"mind the types: {_types(scope)}; convert with int(), double() or string()")
    if not one.is_condition or isinstance(value, bool):
        return None
    if (kind := kind_of(value)) is None:
        return _NOT_SURE
    return _Wrong(f"a condition is true or false, and `{one.text}` is {TYPES[kind]}", _mend(one.text, value))


def _mend(text: str, value: Json) -> str:
    match value:
        case str():
            return f'compare it with something, such as `{text} != ""`'
        case list() | dict():
            return f"compare it with something, such as `size({text}) > 0`"
        case _:
            return f"compare it with something, such as `{text} > 0`"


def _types(scope: Mapping[str, Json]) -> str:
    return ", ".join(f"`{path}` is {TYPES[kind]}" for path, value in _leaves(scope, ()) if (kind := kind_of(value)))


def _leaves(value: Json | Mapping[str, Json], path: tuple[str, ...]) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    else:
        yield ".".join(path), dict(value) if isinstance(value, Mapping) else value


def _constant(one: Written) -> _Wrong | None:
    try:
        value = evaluate(one.text, {})
    except ExpressionError as error:
        return _Wrong(f"`{one.text}` fails: {error.reason}", "write what it depends on")
    if isinstance(value, bool):
        return (
            None  # said of a branch and of `until`, for which it matters; elsewhere it is how one switches a step off
        )
    return _Wrong(f"a condition is true or false, and this is {found(value)}", "write what it depends on")


# --- Comparisons ------------------------------------------------------------------------------------------------------

_COMPARED: Final = re.compile(
    r"""\b((?:inputs|steps)(?:\.[A-Za-z_]\w*)+)\s*[=!]=\s*"""
    r"""("[^"\\]*"|'[^'\\]*'|-?\d+(?:\.\d+)?|true\b|false\b)(?!\s*[\w.+*/%(\[-])"""
)
"""A path that is compared with a value that stands there, and with nothing else."""
_BEFORE: Final = ("", "(", "!", "?", ":", "&", "|", ",", "[")
"""What may stand before one: elsewhere it is a part of something."""


def _never_equal(flow: Flow, text: str) -> _Wrong | None:
    """Return that a path is compared with a value that it never has."""
    for match in _COMPARED.finditer(text):
        path, literal = match.groups()
        rules, value = rules_of(flow, path), _literal(literal)
        if rules is None or rules[0] != path or text[: match.start()].rstrip()[-1:] not in _BEFORE:
            continue
        broken = next((v for v in violations(rules[1], value) if v.keyword in _SURE), None)
        if broken is not None:
            message = f"`{path}` is never {literal}: {said(broken, is_sensitive=False)}"
            return _Wrong(message, "compare it with a value that it may have", is_error=False)
    return None


_SURE: Final = frozenset({"type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength"})


@lru_cache(maxsize=1024)
def _literal(text: str) -> Json:
    return evaluate(text, {})
