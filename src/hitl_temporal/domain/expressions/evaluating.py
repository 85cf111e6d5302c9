"""What an expression gives over a scope, or why it gives nothing.

Must not know: the document in which the expression stands.
"""

from collections.abc import Mapping
from typing import cast

import cel

from hitl_temporal.domain.expressions.errors import ExpressionError, glimpse, short
from hitl_temporal.domain.expressions.guarding import Hooks, as_json, part_of, why_unfit
from hitl_temporal.domain.expressions.reading import TYPES, Compiled, Path, compiled
from hitl_temporal.domain.expressions.sealing import seal
from hitl_temporal.domain.value import Json


def evaluate(text: str, scope: Mapping[str, Json]) -> Json:
    """Return what an expression gives over `scope`; maps in it are sorted by key.

    Raises:
        ExpressionError: It is refused by `check`, touches too much, fails, or its result is not JSON.
    """
    expression = compiled(text)
    part = part_of(scope, expression.tree)
    if unfit := why_unfit(part):
        raise ExpressionError(text, unfit, _known(expression, scope))
    seen, sealed = seal(part)
    if refusal := sealed.refusal(expression.calls):
        raise ExpressionError(text, refusal, _known(expression, scope))
    hooks = Hooks()
    # `reading` wrote calls of the first three around the macros; the library asks for the last by itself.
    named = {"_items": hooks.items, "_chunks": hooks.chunks, "_joined": hooks.joined, "string": hooks.string}
    try:
        result = as_json(expression.program.execute(cel.Context(seen, named)), sealed.kept)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExpressionError(
            text, hooks.refusal or sealed.explained(_reason(error)), _known(expression, scope)
        ) from error
    # In CEL `true || failing` is true, so a refusal may not have come through as an error.
    if hooks.refusal:
        raise ExpressionError(text, hooks.refusal, _known(expression, scope))
    return result


def is_true(text: str, scope: Mapping[str, Json]) -> bool:
    """Return whether a condition holds.

    Raises:
        ExpressionError: As for `evaluate`, and when the result is anything but true or false.
    """
    result = evaluate(text, scope)
    if isinstance(result, bool):
        return result
    reason = f"gives {glimpse(result)}, not true or false; compare it with something"
    raise ExpressionError(text, reason, _known(compiled(text), scope))


def _known(expression: Compiled, scope: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Return each path that was read and a glimpse of its value."""
    read = sorted(path for path in expression.paths if path[0] in scope or path[0] not in TYPES)
    return tuple((".".join(path), _look_up(path, scope)) for path in read)


def _look_up(path: Path, scope: Mapping[str, Json]) -> str:
    value: object = scope
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return "missing"
        value = cast("Mapping[str, object]", value)[name]
    return glimpse(value)


def _reason(error: Exception) -> str:
    """Return the first sentence of the library's message, with what to do where it is too long to follow."""
    sentence = short(str(error).split("\n", 1)[0].split(". ", 1)[0], 160)
    match error:
        case KeyError(args=[key, *_]):
            return f"found no key {short(str(key), 60)!r}; ask has() first if it may be missing"
        case TypeError():
            return f"{sentence}; CEL mixes no types, convert with int(), double() or string()"
        case _:
            return sentence
