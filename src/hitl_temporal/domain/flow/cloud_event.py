"""An event from outside, as CloudEvents writes it.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, read 2026-12-01.

Must not know: how it came, who waits for it.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from hitl_temporal.domain.value import Json, digest, weigh

MAX_EVENTS = 500
MAX_EVENTS_BYTES = 128 * 1024
"""Kept of one run that nobody waits for yet, so many and so much as JSON; then the oldest is forgotten."""

MAX_DATA_BYTES = 64 * 1024
"""Of one event, as JSON. Source: CloudEvents asks that 64 KB be forwarded, and no more can be relied on."""


def _not_too_large(data: Json) -> Json:
    if (size := weigh(data)) > MAX_DATA_BYTES:
        raise ValueError(f"has {size:,} bytes, at most {MAX_DATA_BYTES:,} are taken; give a reference to what is large")
    return data


_Name = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class CloudEvent(BaseModel):
    """What an event says; attributes that we do not know are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: _Name
    source: _Name
    id: _Name
    subject: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    time: Annotated[str, StringConstraints(max_length=100)] | None = None
    data: Annotated[Json, AfterValidator(_not_too_large)] = None

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


def newest(events: tuple[CloudEvent, ...]) -> tuple[CloudEvent, ...]:
    """Return the newest of these that a run keeps: so many, and so much."""
    events, size = events[-MAX_EVENTS:], 0
    for place in range(len(events) - 1, -1, -1):
        size += weigh(events[place].data)
        if size > MAX_EVENTS_BYTES:
            return events[place + 1 :]
    return events
