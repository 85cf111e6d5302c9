"""The effect that both machines have: a fact for the audit trail.

Must not know: chains, spans, sinks.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.value import Json, Value


class Record(Value):
    """Write down that something happened.

    Attributes:
        name: Dotted, past tense: `approval.decided`.
        key: Unique within the workflow: the span's id derives from it.
        began: The start of what has now ended, None for a moment.
    """

    name: str
    key: str
    at: AwareDatetime
    began: AwareDatetime | None = None
    attributes: dict[str, Json] = Field(default_factory=dict)
