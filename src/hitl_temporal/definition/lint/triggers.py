"""Triggers that would start nothing, or a run that is refused at once: names nobody bears, inputs that do not fit.

Must not know: clocks, how anything is started.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import available_timezones

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.inputs import check_value
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.calendar import DEFAULT, Calendar, CalendarDocument, week_of
from hitl_temporal.domain.expressions import expressions_in, references, secrets_in
from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import SYSTEM, People
from hitl_temporal.domain.schedules import (
    EventTrigger,
    FileTrigger,
    RunTrigger,
    Schedule,
    WebhookTrigger,
    Zone,
    occurrences,
)
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import TYPES

__all__ = ["check_started_flows", "check_trigger_people", "check_trigger_times", "check_triggers"]

_Trigger: TypeAlias = Schedule | EventTrigger | WebhookTrigger | FileTrigger | RunTrigger

_EVENT: Final = tuple(CloudEvent.model_fields)
_ONE: Final = re.compile(r"\{\{(.*)\}\}", re.DOTALL)

_YEARS: Final = range(2024, 2052)
"""In 28 years every date has fallen on every day of the week."""


def check_triggers(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the triggers of a flow in itself: zones, inputs, expressions, circles."""
    zones = available_timezones()
    for at, trigger in _triggers(flow):
        if isinstance(trigger, Schedule) and trigger.tz is not None and trigger.tz not in zones:
            mend = resembling(trigger.tz, zones, "write a name such as Europe/Amsterdam")
            yield document.problem((*at, "tz"), f"unknown time zone {trigger.tz!r}", mend)
        yield from _check_inputs(flow, at, trigger.inputs, document)
        yield from _check_expressions(at, trigger, document)
    for index, trigger in enumerate(flow.triggers):
        if trigger in flow.triggers[:index]:
            yield document.problem(("triggers", index), "this trigger stands twice", "remove one of them")
        if trigger.run is not None and trigger.run.flow == flow.flow:
            message, mend = "the end of a run would start the next, for ever", "use `repeat` in a block, or a schedule"
            yield document.problem(("triggers", index, "run", "flow"), message, mend)
    if flow.blackouts and not any(trigger.schedule for trigger in flow.triggers):
        message = "`blackouts` has no effect: the flow has no schedule"
        yield document.problem(("blackouts",), message, "remove it, or write a schedule below `triggers`", "warning")


def check_trigger_times(flow: Flow, document: Document, site: Site) -> Iterator[Problem]:
    """Yield the calendars and blackouts that the site does not have, and the schedules that never run."""
    calendars = site.calendars.by_name
    for index, name in enumerate(flow.blackouts):
        if name not in site.blackouts:
            known = ", ".join(site.blackouts) or "no blackouts"
            mend = resembling(name, site.blackouts, f"add it to site.yaml, which has {known}")
            at = ("blackouts", index) if isinstance(_written(document, "blackouts"), list) else ("blackouts",)
            yield document.problem(at, f"unknown blackout {name!r}", mend)
    for at, trigger in _triggers(flow):
        if not isinstance(trigger, Schedule):
            continue
        if trigger.calendar is not None and trigger.calendar not in calendars:
            mend = resembling(
                trigger.calendar, calendars, f"add it to site.yaml, which has {', '.join(calendars) or 'no calendars'}"
            )
            yield document.problem((*at, "calendar"), f"unknown calendar {trigger.calendar!r}", mend)
        elif not _ever_runs(trigger, _calendar(flow, trigger, site)):
            message, mend = "this schedule never runs", "`hitl schedule next` says why; mend the rule or the calendar"
            yield document.problem((*at, "cron" if trigger.cron is not None else "day"), message, mend)


def check_trigger_people(flow: Flow, document: Document, people: People) -> Iterator[Problem]:
    """Yield the requesters that the directory does not have, or that are not active."""
    for at, trigger in _triggers(flow):
        name = trigger.requester
        if name is None or name.startswith(SYSTEM):
            continue
        person = people.people.get(name)
        if person is None:
            mend = resembling(name, people.people, "name a person of people.yaml")
            yield document.problem((*at, "requester"), f"unknown requester {name!r}", mend)
        elif not person.active:
            mend = "name somebody else: who has left starts nothing"
            yield document.problem((*at, "requester"), f"{name!r} is not active", mend, "warning")


def check_started_flows(flow: Flow, document: Document, flows: Mapping[str, Flow | None]) -> Iterator[Problem]:
    """Yield the flows that are waited for and do not exist, and those whose runs start each other for ever."""
    for index, trigger in enumerate(flow.triggers):
        if trigger.run is not None and trigger.run.flow not in flows:
            mend = resembling(trigger.run.flow, flows, "name a flow of this project")
            yield document.problem(("triggers", index, "run", "flow"), f"unknown flow {trigger.run.flow!r}", mend)
        elif trigger.run is not None and (way := _way_round(flow, trigger.run.flow, flows)) is not None:
            message = f"runs of {', '.join(map(repr, way))} and {flow.flow!r} may start each other for ever"
            mend = "let one of them be started by something else, or by another `status`"
            yield document.problem(("triggers", index, "run", "flow"), message, mend, "warning")


def _way_round(home: Flow, name: str, flows: Mapping[str, Flow | None]) -> tuple[str, ...] | None:
    """Return the flows by which the end of a run leads back to its own start, from the last one; None: none does."""
    ways: dict[str, tuple[str, ...]] = {name: (name,)}
    pending = [] if name == home.flow else [name]  # of itself it is told already
    while pending:
        here = pending.pop()
        flow = flows.get(here)
        for before in () if flow is None else (t.run.flow for t in flow.triggers if t.run is not None):
            if before == home.flow:
                return ways[here]
            if before not in ways:
                ways[before] = (*ways[here], before)
                pending.append(before)
    return None


def _triggers(flow: Flow) -> Iterator[tuple[At, _Trigger]]:
    for index, trigger in enumerate(flow.triggers):
        yield ("triggers", index, trigger.kind), trigger.one


# --- Inputs -----------------------------------------------------------------------------------------------------------


def _check_inputs(flow: Flow, at: At, inputs: Mapping[str, Json], document: Document) -> Iterator[Problem]:
    known = f"this flow has {', '.join(flow.inputs)}" if flow.inputs else "this flow has no inputs"
    for name, value in inputs.items():
        declared = flow.inputs.get(name)
        if declared is None:
            mend = resembling(name, flow.inputs, known)
            yield document.problem((*at, "inputs", name), f"unknown input {name!r}", mend)
        elif secrets_in(value):
            message = "secret() is of no use here: an input is shown to people"
            yield document.problem((*at, "inputs", name), message, "use it in `with` of the step that needs it")
        elif (wrong := _wrong_with(name, declared, value, is_schedule=at[-1] == "schedule")) is not None:
            yield document.problem((*at, "inputs", name), *wrong)
    for name, declared in flow.inputs.items():
        if declared.is_required and name not in inputs:
            place = (*at, "inputs") if inputs else at
            mend = f"write it below `inputs`: it is {TYPES[declared.type]}"
            yield document.problem(place, f"the trigger gives no input {name!r}, which is required", mend)


def _wrong_with(name: str, declared: Input, value: Json, *, is_schedule: bool) -> tuple[str, str] | None:
    """Return what is wrong with a value as far as it is known before the event; None: nothing is."""
    if value is None and not declared.is_required:
        return None
    expressions = expressions_in(value)
    if not expressions:
        problems = check_value(name, declared, value)
        return (problems[0].message, "a trigger gives what a person would have to give") if problems else None
    is_text = isinstance(value, str) and (_ONE.fullmatch(value.strip()) is None or len(expressions) > 1)
    is_time = is_schedule and expressions == ("event.time",)
    if declared.type != "string" and isinstance(value, str) and (is_text or is_time):
        mend = "write one expression, which keeps its type" if is_text else "make the input a string"
        return f"input {name!r} is {TYPES[declared.type]}, and this gives a text", mend
    return None


# --- Expressions ------------------------------------------------------------------------------------------------------


def _check_expressions(at: At, trigger: _Trigger, document: Document) -> Iterator[Problem]:
    found: list[tuple[At, str]] = [
        ((*at, "inputs", name), e) for name, value in trigger.inputs.items() for e in expressions_in(value)
    ]
    if isinstance(trigger, EventTrigger | WebhookTrigger) and trigger.condition is not None:
        found.insert(0, ((*at, "if"), trigger.condition))
    known = ("time",) if isinstance(trigger, Schedule) else _EVENT
    noun = "the event of a schedule" if isinstance(trigger, Schedule) else "an event"
    for place, expression in found:
        for path in sorted(references(expression)):
            match path.split("."):
                case ["event"]:
                    pass
                case ["event", name, *_]:
                    if name not in known:
                        message = f"`{path}`: unknown property of {noun} {name!r}"
                        mend = resembling(name, known, f"known: {', '.join(known)}")
                        yield document.problem(place, message, mend)
                case _:
                    message = f"`{path}`: there is no run yet; a trigger knows its `event` alone"
                    yield document.problem(place, message, f"use {', '.join(f'event.{name}' for name in known)}")


# --- Time -------------------------------------------------------------------------------------------------------------


def _calendar(flow: Flow, schedule: Schedule, site: Site) -> CalendarDocument | None:
    name = schedule.calendar or flow.calendar or site.calendars.default
    return site.calendars.by_name.get(name or "") if schedule.uses_calendar else None


def _ever_runs(schedule: Schedule, calendar: CalendarDocument | None) -> bool:
    """Tell whether a rule names a day at all, by the week of its calendar: holidays are no reason never to run."""
    days = schedule.but(
        cron=None if schedule.cron is None else f"0 0 {' '.join(schedule.cron.split()[2:])}",
        at=None if schedule.at is None else ("00:00",),
    )
    text = days.model_dump_json(include={"cron", "day", "at", "calendar", "shift"})
    return _runs(text, None if calendar is None else calendar.model_dump_json())


@lru_cache(maxsize=256)
def _runs(schedule: str, calendar: str | None) -> bool:
    rule, counting = Schedule.model_validate_json(schedule), DEFAULT if calendar is None else _by_week(calendar)
    zone = Zone(name="UTC", offsets=DEFAULT.offsets)
    starts = (datetime(year, 1, 1, tzinfo=UTC) for year in _YEARS)
    return any(
        one.runs
        for start in starts
        for one in occurrences(rule, zone=zone, calendar=counting, start=start, end=start.replace(year=start.year + 1))
    )


def _by_week(calendar: str) -> Calendar:
    document = CalendarDocument.model_validate_json(calendar)
    return DEFAULT.but(week=week_of(document.hours), open=tuple(sorted(document.open)))


def _written(document: Document, key: str) -> Json:
    return document.data.get(key) if isinstance(document.data, dict) else None
