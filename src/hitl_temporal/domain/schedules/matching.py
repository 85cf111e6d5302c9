"""Which runs an event starts: the triggers that mean it, and the inputs that they give.

One event starts a run of a flow once for each trigger, however often it is told: the run's id follows from both.

Must not know: how an event came, who may send one, how a run is started.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, assert_never

from hitl_temporal.domain.expressions import ExpressionError, is_true
from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.people import EVENT
from hitl_temporal.domain.value import Json, Value, digest
from hitl_temporal.domain.words import moment

from .document import EventTrigger, FileTrigger, RunTrigger, Schedule, Trigger, WebhookTrigger
from .inputs import render_inputs

__all__ = ["Door", "Due", "Unclear", "due", "file_event", "run_event", "triggered_id", "webhook_event"]

Door = Literal["event", "webhook", "file", "run"]
"""How an event came: only triggers of this kind mean it, so that nobody who may send events can feign a webhook."""


class Due(Value):
    """A run that an event starts.

    Attributes:
        trigger: The number of the trigger in the flow, from 0.
    """

    flow: str
    trigger: int
    run_id: str
    inputs: dict[str, Json]
    requester: str


class Unclear(Value):
    """A trigger of which it can't be told whether, or with which inputs, it starts a run."""

    flow: str
    trigger: int
    reason: str


def due(flow: str, triggers: tuple[Trigger, ...], event: CloudEvent, door: Door) -> tuple[Due | Unclear, ...]:
    """Return the runs of a flow that an event starts, in the order of the triggers."""
    return tuple(_due(flow, triggers, event, door))


def _due(flow: str, triggers: tuple[Trigger, ...], event: CloudEvent, door: Door) -> Iterator[Due | Unclear]:
    for number, trigger in enumerate(triggers):
        one = trigger.one
        if trigger.kind != door or isinstance(one, Schedule):
            continue
        try:
            if _means(one, event):
                inputs = render_inputs(dict(one.inputs), event.outputs())
                assert isinstance(inputs, dict), "a mapping was rendered"
                yield Due(
                    flow=flow,
                    trigger=number,
                    run_id=triggered_id(flow, triggers, number, event),
                    inputs=inputs,
                    requester=one.requester or EVENT,
                )
        except ExpressionError as error:  # whether it was meant can't be told: never taken for a yes
            yield Unclear(flow=flow, trigger=number, reason=str(error))


def _means(trigger: EventTrigger | WebhookTrigger | FileTrigger | RunTrigger, event: CloudEvent) -> bool:
    """Tell whether a trigger means an event that came through its door.

    Raises:
        ExpressionError: Its `if` fails.
    """
    match trigger:
        case EventTrigger():
            named = ((trigger.source, event.source), (trigger.subject, event.subject))
            if trigger.type != event.type or any(wanted not in {None, given} for wanted, given in named):
                return False
            return _holds(trigger.condition, event)
        case WebhookTrigger():
            return _webhook_source(trigger.source) == event.source and _holds(trigger.condition, event)
        case FileTrigger():
            return isinstance(event.data, dict) and event.data.get("pattern") == trigger.path
        case RunTrigger():
            ended = event.data if isinstance(event.data, dict) else {}
            return ended.get("flow") == trigger.flow and ended.get("status") in trigger.status
        case _:
            assert_never(trigger)


def _holds(condition: str | None, event: CloudEvent) -> bool:
    return condition is None or is_true(condition, {"event": event.outputs()})


def triggered_id(flow: str, triggers: Sequence[Trigger], number: int, event: CloudEvent) -> str:
    """Return the id of the run that an event starts by a trigger: the same for the same event, told again.

    It does not hang on the place of the trigger in the document: with one more above it, every file that is there would
    start another run. Of triggers that mean the same, the first is told from the second.
    """
    means = [_meaning(trigger) for trigger in triggers]
    own = means[number]
    return f"{flow}.{triggers[number].kind}-{digest([*own, means[:number].count(own), event.mark])[:24]}"


def _meaning(trigger: Trigger) -> tuple[Json, ...]:
    """Return which events a trigger means; its condition may be mended without starting anew what was started."""
    one = trigger.one
    match one:
        case EventTrigger():
            return "event", one.type, one.source, one.subject
        case WebhookTrigger():
            return "webhook", one.source, one.secret
        case FileTrigger():
            return "file", one.path
        case RunTrigger():
            return "run", one.flow
        case Schedule():
            return ("schedule",)
        case _:
            assert_never(one)


def _webhook_source(name: str) -> str:
    return f"/webhooks/{name}"


def webhook_event(source: str, message: str, at: datetime, data: Json) -> CloudEvent:
    """Return the event that a signed message is; its id tells it from every other of its source."""
    return CloudEvent(type=f"webhook.{source}", source=_webhook_source(source), id=message, time=moment(at), data=data)


def file_event(pattern: str, path: str, *, size_bytes: int, changed_ns: int) -> CloudEvent:
    """Return the event that a file is there; another content at another time is another event.

    Args:
        pattern: By which it was found.
        path: As people read it.
        size_bytes: Of the file.
        changed_ns: When it was written last, in nanoseconds since 1970.
    """
    at = moment(datetime.fromtimestamp(changed_ns / 1e9, UTC))
    name = path.rpartition("/")[2]
    data: dict[str, Json] = {"path": path, "name": name, "size_bytes": size_bytes, "modified": at, "pattern": pattern}
    name = digest([path, changed_ns, size_bytes])
    return CloudEvent(type="file.appeared", source="/files", id=name, subject=path[:1_000], time=at, data=data)


def run_event(run: str, first_run_id: str, flow: str, status: str, outputs: Mapping[str, Json]) -> CloudEvent:
    """Return the event that a run has ended; another run under the same id is another event."""
    data: dict[str, Json] = {"id": run, "flow": flow, "status": status, "outputs": dict(outputs)}
    return CloudEvent(type="run.ended", source=f"/flows/{flow}", id=digest([run, first_run_id]), subject=run, data=data)
