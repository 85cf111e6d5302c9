"""Secrets in the arguments of a call: the document names them, the history holds the name, the activity gets the value.

Only a document may name one. What people, events and systems give may not: else whoever fills in a form could have any
secret put into a call.

Must not know: where secrets are kept.
"""

from collections.abc import Mapping

from hitl_temporal.domain.expressions import ExpressionError, is_secret, render
from hitl_temporal.domain.value import Json

REFERENCE = "$secret"
"""The one key of an object that stands for a secret."""


def with_references(template: Json, scope: Mapping[str, Json]) -> Json:
    """Return a document's value rendered, each `{{secret('name')}}` as a reference that an activity resolves.

    Raises:
        ExpressionError: An expression fails, or gives something that would be taken for a secret.
    """
    match template:
        case str() if (name := is_secret(template)) is not None:
            return {REFERENCE: name}
        case str():
            return _harmless(template, render(template, scope))
        case list():
            return [with_references(item, scope) for item in template]
        case dict():
            return {key: with_references(item, scope) for key, item in template.items()}
        case _:
            return template


def harmless(given: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return arguments that somebody has given by hand.

    Raises:
        ValueError: They name a secret.
    """
    if _refers(dict(given)):
        raise ValueError(f"an object with the key {REFERENCE!r} stands for a secret, which only a document may name")
    return given


def _harmless(template: str, value: Json) -> Json:
    if _refers(value):
        raise ExpressionError(template, f"gives an object with the key {REFERENCE!r}, which only a document may write")
    return value


def _refers(value: Json) -> bool:
    match value:
        case dict():
            return REFERENCE in value or any(_refers(inner) for inner in value.values())
        case list():
            return any(_refers(inner) for inner in value)
        case _:
            return False
