"""What starts a flow by itself, as documents write it: a schedule, an event, a webhook, a file, another run.

Must not know: YAML, zones, clocks, how anything is started.
"""

import re
from collections.abc import Sequence
from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from hitl_temporal.domain.approval.notation import Expression, Template
from hitl_temporal.domain.duration import PositiveDuration, needs_calendar
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.ids import FlowNameText, PersonName
from hitl_temporal.domain.value import Document

from . import cron as crons
from .days import Day, counts_working_days

__all__ = [
    "KINDS",
    "EventTrigger",
    "FileTrigger",
    "RunTrigger",
    "Schedule",
    "Trigger",
    "TriggerName",
    "WebhookTrigger",
    "schedules_of",
]

KINDS = ("schedule", "event", "webhook", "file", "run")
_TIME = r"([01][0-9]|2[0-3]):([0-5][0-9])"

RunStatus = Literal["completed", "rejected", "expired", "withdrawn", "failed", "cancelled"]


def _cron(text: str) -> str:
    crons.parse(text)
    return text


def _local_time(text: str) -> str:
    if not re.fullmatch(_TIME, text):
        raise ValueError(f"{text[:30]!r} is no time of day; write it as 18:00, between 00:00 and 23:59")
    return text


def _wall_length(text: str) -> str:
    if needs_calendar(text):
        raise ValueError(f"{text!r} counts working time, and Temporal's clock does not; write it in s, m, h, d or w")
    return text


def _as_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_AT_SCHEMA = {"type": "string", "pattern": f"^{_TIME}$", "examples": ["18:00"]}

TriggerName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Inputs = dict[str, Template]
"""Of the flow that is started; `event` is in scope."""
_Times = Annotated[
    tuple[Annotated[str, AfterValidator(_local_time)], ...],
    Field(min_length=1),
    BeforeValidator(_as_many),
    WithJsonSchema({"anyOf": [_AT_SCHEMA, {"type": "array", "items": _AT_SCHEMA, "minItems": 1}]}),
]
_WallDuration = Annotated[PositiveDuration, AfterValidator(_wall_length)]


class Schedule(Document):
    """When a flow starts by the clock on a wall.

    Either `cron`, or `day` with `at`.
    """

    name: TriggerName | None = None
    """Tells the schedules of a flow apart; None: the number of the trigger, from 0."""
    cron: Annotated[str, AfterValidator(_cron)] | None = None
    day: Day | None = None
    at: _Times | None = None
    """Local times on these days."""
    tz: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """None: the zone of the calendar that counts, else UTC."""
    calendar: str | None = None
    """Whose days are worked on. None: the flow's, where a rule or a `shift` needs one."""
    shift: Literal["skip", "previous", "next"] | None = None
    """What becomes of a run on a day that is not worked on; None: it is skipped if a calendar is named here."""
    overlap: Literal["skip", "queue", "cancel", "all"] = "skip"
    """What happens while the run before is still open."""
    catchup: _WallDuration | None = None
    """How late a run that was missed, because Temporal was away, is still started. None: a year."""
    requester: PersonName | None = None
    """None: `system:schedule`, which has no manager."""
    inputs: Inputs = Field(default_factory=dict)
    paused: bool = False
    """Made paused; an operator resumes it."""

    @model_validator(mode="after")
    def _says_when(self) -> "Schedule":
        if self.cron is None and self.day is None:
            raise fault('a schedule says when it runs; write `cron: "0 18 * * MON-FRI"`, or `day` with `at`')
        if self.cron is not None and self.day is not None:
            raise fault("a schedule has `cron` or `day`, not both; write two schedules", "day")
        if self.cron is not None and self.at is not None:
            raise fault("`at` belongs to `day`; cron says its times itself", "at")
        if self.day is not None and self.at is None:
            raise fault('`day` needs a time; write `at: "18:00"` beside it', "day")
        return self

    @property
    def uses_calendar(self) -> bool:
        """Whether it matters which days are worked on."""
        return self.calendar is not None or self.shift is not None or counts_working_days(self.day)

    @property
    def times(self) -> tuple[time, ...]:
        """The local times of a day on which it runs, in order."""
        if self.cron is not None:
            return crons.parse(self.cron).times
        return tuple(sorted({time.fromisoformat(at) for at in self.at or ()}))


class EventTrigger(Document):
    """A CloudEvent that starts a flow."""

    type: Annotated[str, Field(min_length=1, max_length=200)]
    condition: Expression | None = Field(default=None, alias="if")
    source: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """None: from anywhere."""
    subject: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """None: about anything."""
    inputs: Inputs = Field(default_factory=dict)
    requester: PersonName | None = None
    """None: `system:event`."""


class WebhookTrigger(Document):
    """A signed message to `/webhooks/{source}` that starts a flow."""

    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
    secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=100)] | None = None
    """The name of the secret that messages are signed with; None: `webhook_` and the source."""
    condition: Expression | None = Field(default=None, alias="if")
    inputs: Inputs = Field(default_factory=dict)
    requester: PersonName | None = None
    """None: `system:event`."""


class FileTrigger(Document):
    """A file that appears and starts a flow."""

    path: Annotated[str, Field(min_length=1, max_length=1000)]
    """A glob."""
    stable: _WallDuration = "10s"
    """For so long it must not have changed: who writes it has finished."""
    inputs: Inputs = Field(default_factory=dict)
    requester: PersonName | None = None
    """None: `system:event`."""


def _statuses(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class RunTrigger(Document):
    """The end of a run of another flow, which starts this one."""

    flow: FlowNameText
    status: Annotated[tuple[RunStatus, ...], Field(min_length=1), BeforeValidator(_statuses)] = ("completed",)
    inputs: Inputs = Field(default_factory=dict)
    requester: PersonName | None = None
    """None: `system:event`."""


class Trigger(Document):
    """One thing that starts a flow: exactly one of its keys."""

    schedule: Schedule | None = None
    event: EventTrigger | None = None
    webhook: WebhookTrigger | None = None
    file: FileTrigger | None = None
    run: RunTrigger | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Trigger":
        written = [kind for kind in KINDS if getattr(self, kind) is not None]
        if not written:
            raise fault(f"a trigger starts nothing; write one of {', '.join(KINDS)}")
        if len(written) > 1:
            raise fault(f"a trigger has {' and '.join(written)}; write each as a trigger of its own", written[1])
        return self

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def one(self) -> "Schedule | EventTrigger | WebhookTrigger | FileTrigger | RunTrigger":
        """What its one key holds."""
        found = self.schedule or self.event or self.webhook or self.file or self.run
        assert found is not None, "checked when it was read"
        return found


def schedules_of(triggers: Sequence[Trigger]) -> dict[str, Schedule]:
    """Return the schedules of a flow by name, in the order of its `triggers`.

    Raises:
        PydanticCustomError: Two have one name; it points below the document that has `triggers`.
    """
    found: dict[str, Schedule] = {}
    for index, trigger in enumerate(triggers):
        if trigger.schedule is None:
            continue
        name = trigger.schedule.name or str(index)
        if name in found:
            message = f"two schedules are called {name!r}; give each its own `name`"
            raise fault(message, "triggers", index, "schedule", "name")
        found[name] = trigger.schedule
    return found
