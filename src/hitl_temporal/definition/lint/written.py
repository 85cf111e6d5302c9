"""Every expression of a document, with the place where it stands.

Must not know: what an expression names, what it gives.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hitl_temporal.definition.documents import At
from hitl_temporal.domain.expressions import ExpressionError, expressions_in
from hitl_temporal.domain.flow.verbs import as_moment
from hitl_temporal.domain.value import Json

from .order import Here, Order

__all__ = ["Written", "written"]

_BARE = frozenset({"if", "when"})
"""Keys whose value is an expression without braces."""
_BARE_OF_A_STEP: tuple[At, ...] = (("each",), ("repeat", "until"))
"""The ways from a step to others of that kind."""

_NAMED_BY_THE_AUTHOR = frozenset({"env", "fields", "outputs", "show", "vars", "with"})
"""Keys below which a key is a name that the author made up, even if it is `if`."""

_NO_EXPRESSIONS: frozenset[At] = frozenset({("inputs",), ("description",), ("category",), ("triggers",)})

_TOLD_IN_AN_ASK: tuple[At, ...] = (("form",), ("outcomes",))

_ASKS: tuple[At, ...] = (("ask",), ("grant", "extend", "ask"), ("on_failure", "ask"))
"""The ways from a step to what it asks."""
_RULES: tuple[At, ...] = (("needs",), ("run", "outputs"), ("undo", "run", "outputs"))
"""The ways from a step to what has other notations: results of steps, and what is read out of a log."""


class Written(NamedTuple):
    """One expression, and where it stands.

    Attributes:
        at: The place of the text that it is, or is a part of.
        text: The expression.
        is_condition: Whether it has to give true or false.
    """

    at: At
    text: str
    is_condition: bool


def written(value: Json, at: At, order: Order) -> Iterator[Written]:
    """Yield each expression of a flow's document, or of a part of it, in reading order."""
    match value:
        case str():
            yield from _in_text(value, at, is_bare=_is_bare(at, order.here(at).way, value))
        case list():
            for index, item in enumerate(value):
                yield from written(item, (*at, index), order)
        case dict():
            for key, inner in value.items():
                if _is_weight(at):
                    yield from _in_text(key, (*at, key), is_bare=False)
                if _may_hold_expressions(order.here((*at, key))):
                    yield from written(inner, (*at, key), order)
        case _:
            pass


def _may_hold_expressions(here: Here) -> bool:
    way = here.way
    if here.spot is None:
        return way not in _NO_EXPRESSIONS
    is_told = any(way[: len(ask)] == ask and way[len(ask) :] in _TOLD_IN_AN_ASK for ask in _ASKS)
    return not is_told and way not in _RULES


def _is_bare(at: At, way: At, text: str) -> bool:
    """Tell whether a text at this place is an expression without braces."""
    if _is_named_by_the_author(at):
        return False
    if way == ("wait", "until"):
        return "{{" not in text and as_moment(text) is None
    return way in _BARE_OF_A_STEP or at[-1] in _BARE or at[-2:-1] == ("material",)


def _is_weight(at: At) -> bool:
    """Tell whether the keys of a mapping at this place are selectors."""
    return at[-1:] == ("weights",) and not _is_named_by_the_author(at)


def _is_named_by_the_author(at: At) -> bool:
    return any(part in _NAMED_BY_THE_AUTHOR for part in at)


def _in_text(text: str, at: At, *, is_bare: bool) -> Iterator[Written]:
    try:
        expressions = [text] if is_bare else expressions_in(text)
    except ExpressionError:
        # Where expressions may stand the models have refused it already; elsewhere braces are just text.
        return
    is_condition = is_bare and (at[-1] in _BARE or at[-2:] == ("repeat", "until"))
    for expression in dict.fromkeys(expressions):
        yield Written(at, expression, is_condition)
