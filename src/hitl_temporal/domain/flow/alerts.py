"""An alert route as site.yaml writes it: who is told, and whom after them, until somebody looks at it.

Must not know: what they are told about, who a selector names.
"""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from hitl_temporal.domain.approval.notation import Texts
from hitl_temporal.domain.duration import Duration
from hitl_temporal.domain.people import SELECTOR, is_selector
from hitl_temporal.domain.value import Document

__all__ = ["ROUTE_NAME", "AlertEntry", "AlertRoute", "RouteName"]

ROUTE_NAME = r"^[a-z][a-z0-9_-]*$"


def _plain(selectors: tuple[str, ...]) -> tuple[str, ...]:
    for text in selectors:
        if not is_selector(text):
            raise ValueError(
                f"{text!r} is not a selector; write user:ID, group:ID, role:ID, owner:NAME or manager:requester"
                " (a route is the same for every flow: no {{ expression }})"
            )
    return selectors


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_ONE = {"type": "string", "pattern": rf"^(?:{SELECTOR.pattern})$", "examples": ["group:duty", "user:gus"]}

PlainSelectors = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    AfterValidator(_plain),
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]}),
]
"""At least one, and none by an expression."""

RouteName = Annotated[str, Field(pattern=ROUTE_NAME, max_length=100)]
"""The name of an entry of `notify`."""


class AlertEntry(Document):
    """Who is told, on which channels, and how long after the alert began.

    Attributes:
        via: Channels in order of preference; empty: those of each person, else the site's default.
        after: In the flow's calendar where it counts business time; None: at once.
    """

    to: PlainSelectors
    via: Texts = ()
    after: Duration | None = None


AlertRoute = Annotated[tuple[AlertEntry, ...], Field(min_length=1, max_length=50)]
