"""Whether a run of a flow may ever wait for an event: then it is told, and keeps it until it does.

Must not know: runs, how events come.
"""

from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.flow.definition import Flow

__all__ = ["may_hear"]


def may_hear(flow: Flow, event: CloudEvent) -> bool:
    """Tell whether some step waits for an event like this one; what an expression gives may be anything."""
    return any(
        _may_mean(spot.step.wait.event.type, event.type)
        and _may_mean(spot.step.wait.event.source, event.source)
        and _may_mean(spot.step.wait.event.subject, event.subject)
        for spot in flow.plan.every
        if spot.step.wait is not None and spot.step.wait.event is not None
    )


def _may_mean(wanted: str | None, given: str | None) -> bool:
    return wanted is None or wanted == given or "{{" in wanted
