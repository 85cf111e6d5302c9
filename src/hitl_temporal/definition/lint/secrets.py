"""Secrets that are named where nobody puts in their value.

Must not know: where secrets are kept.
"""

from collections.abc import Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.expressions import is_secret
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json

from .order import Here, Order

__all__ = ["check_secrets", "named_secrets"]

_TOLD_ELSEWHERE = frozenset({"triggers", "description", "category"})


def check_secrets(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield the secrets outside of what a `call` or a command is given: there, the name would be taken for a text."""
    order = Order(flow)
    for at, name in named_secrets(document.data):
        here = order.here(at)
        if here.spot is None and at[0] in _TOLD_ELSEWHERE:
            continue
        if not _is_resolved(here):
            message = f"nobody puts in the secret {name!r} here"
            mend = "use it in `with` of a `call`, or in `env` of a `run`: the activity gets its value"
            yield document.problem(at, message, mend)


def named_secrets(value: Json, at: At = ()) -> Iterator[tuple[At, str]]:
    """Yield every secret that a value names, by an expression or written out, with its place."""
    match value:
        case str():
            if name := is_secret(value.strip()):
                yield at, name
        case list():
            for index, item in enumerate(value):
                yield from named_secrets(item, (*at, index))
        case {"$secret": str(name)} if len(value) == 1:
            yield at, name
        case dict():
            for key, inner in value.items():
                yield from named_secrets(inner, (*at, key))
        case _:
            pass


def _is_resolved(here: Here) -> bool:
    spot, way = here
    if spot is None:
        return False
    undo = spot.step.undo
    if way[:1] == ("with",) or way[:2] == ("run", "env"):
        return spot.step.flow is None
    return way[:3] == ("undo", "run", "env") or (way[:2] == ("undo", "with") and undo is not None and undo.flow is None)
