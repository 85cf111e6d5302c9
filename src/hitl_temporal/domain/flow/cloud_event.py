"""An event from outside, as CloudEvents writes it.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, read 2026-12-01.

Must not know: how it came, who waits for it.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from hitl_temporal.domain.value import Json, digest

MAX_EVENTS = 500
"""Kept of one run that nobody waits for yet; then the oldest is forgotten."""

_Name = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class CloudEvent(BaseModel):
    """What an event says; attributes that we do not know are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: _Name
    source: _Name
    id: _Name
    subject: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    time: Annotated[str, StringConstraints(max_length=100)] | None = None
    data: Json = None

    @property
    def mark(self) -> str:
        """What tells it from every other: source and id together."""
        return digest([self.source, self.id])[:32]

    def outputs(self) -> dict[str, Json]:
        """Return what a step that waited for it gives."""
        return {
            "type": self.type,
            "source": self.source,
            "id": self.id,
            "subject": self.subject,
            "time": self.time,
            "data": self.data,
        }
