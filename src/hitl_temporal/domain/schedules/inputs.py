"""The inputs of a flow that starts by itself: templates over the event that started it.

Must not know: how they reached the flow.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from hitl_temporal.domain.expressions import render
from hitl_temporal.domain.value import Json

__all__ = ["render_inputs", "time_event"]


def time_event(scheduled: datetime) -> dict[str, Json]:
    """Return the `event` of a schedule: `event.time` is the scheduled time, not the time at which it was started."""
    return {"time": scheduled.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def render_inputs(inputs: Json, event: Mapping[str, Json]) -> Json:
    """Return the inputs of a trigger with its templates filled in.

    Raises:
        ExpressionError: One of them fails on this event.
    """
    return render(inputs, {"event": dict(event)})
