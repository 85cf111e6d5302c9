"""When flows start by themselves: schedules and the other triggers as documents write them, and their explicit times.

Temporal's own schedules know neither working days nor shifts, and skip a local time that a clock change skips. So a
schedule is compiled: from the document, the zone's offsets, a calendar and blackouts to moments in UTC, each with the
reason why it runs or is left out.

Must not know: clocks, `zoneinfo`, Temporal.
"""

from .blackout import Blackout, Window, covering, window
from .compiling import Occurrence, occurrences
from .document import (
    KINDS,
    EventTrigger,
    FileTrigger,
    RunTrigger,
    Schedule,
    Trigger,
    TriggerName,
    WebhookTrigger,
    schedules_of,
)
from .inputs import render_inputs, time_event
from .matching import Door, Due, Unclear, due, file_event, run_event, triggered_id, webhook_event
from .packing import Block, pack, spans, unpack
from .zone import Placed, Zone

__all__ = [
    "KINDS",
    "Blackout",
    "Block",
    "Door",
    "Due",
    "EventTrigger",
    "FileTrigger",
    "Occurrence",
    "Placed",
    "RunTrigger",
    "Schedule",
    "Trigger",
    "TriggerName",
    "Unclear",
    "WebhookTrigger",
    "Window",
    "Zone",
    "covering",
    "due",
    "file_event",
    "occurrences",
    "pack",
    "render_inputs",
    "run_event",
    "schedules_of",
    "spans",
    "time_event",
    "triggered_id",
    "unpack",
    "webhook_event",
    "window",
]
