"""The ticket that is kept about a step that can't go on, as documents write it.

Must not know: ticket systems, runs.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from hitl_temporal.domain.approval.notation import Template, TextTemplate
from hitl_temporal.domain.value import Document

__all__ = ["TICKET_CLOSED", "TICKET_SYSTEM", "Incident", "Occurrence"]

TICKET_SYSTEM = "system:ticket"
"""Who acts when the closing of a ticket does something."""
TICKET_CLOSED = "hitl.ticket.closed"
"""The type of the event that says so; its subject is the ticket's key."""

Occurrence = Literal["parked", "failed"]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_ONE = {"type": "string", "enum": ["parked", "failed"]}
Occurrences = Annotated[
    tuple[Occurrence, ...],
    Field(min_length=1),
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]}),
]


class Incident(Document):
    """One ticket for each key: opened when a step can't go on, commented when it is done again, resolved in the end.

    Attributes:
        via: The ticket system; None: the first that is set up.
        key: What tickets are told apart by; `flow` and `step` are names in it.
        open_on: What opens it: the step has parked, or failed without parking.
        resolve_on: `recovery`: once the step has succeeded or was passed; `end`: when the run has ended, however.
        on_close: What closing the ticket does to a step that still can't go on; None: nothing.
        fields: Of the ticket, as its system calls them.
    """

    via: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    key: TextTemplate = "{{flow}}/{{step}}"
    open_on: Occurrences = ("parked",)
    resolve_on: Literal["recovery", "end"] = "recovery"
    on_close: Literal["rerun", "skip"] | None = None
    fields: dict[str, Template] = Field(default_factory=dict)
