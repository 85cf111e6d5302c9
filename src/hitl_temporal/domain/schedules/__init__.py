"""When flows start by themselves: schedules and the other triggers as documents write them, and their explicit times.

Temporal's own schedules know neither working days nor shifts, and skip a local time that a clock change skips. So a
schedule is compiled: from the document, the zone's offsets, a calendar and blackouts to moments in UTC, each with the
reason why it runs or is left out.

Must not know: clocks, `zoneinfo`, Temporal.
"""

from .document import EventTrigger, FileTrigger, RunTrigger, Schedule, Trigger, TriggerName, WebhookTrigger

__all__ = [
    "EventTrigger",
    "FileTrigger",
    "RunTrigger",
    "Schedule",
    "Trigger",
    "TriggerName",
    "WebhookTrigger",
]
