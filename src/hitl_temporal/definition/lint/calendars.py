"""Calendars that are named but the site does not have, and business time without any calendar.

Must not know: how a calendar counts.
"""

from collections.abc import Iterable, Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.duration import needs_calendar
from hitl_temporal.domain.flow.definition import Flow

from .levels import business_time_expected
from .stages import Placed, asks_of, stages_of

__all__ = ["business_time_in", "check_calendars", "check_stage_calendars"]

NO_CALENDAR = "MON-FRI 09:00-17:00 UTC holds; name a `calendar`, or a `default` in site.yaml"
"""The mend for business time that nothing defines."""


def check_calendars(flow: Flow, document: Document, site: Site) -> Iterator[Problem]:
    """Yield what is wrong with the calendars of a flow."""
    if flow.calendar is not None:
        yield from _unknown(("calendar",), flow.calendar, document, site)
    for at, ask in asks_of(flow):
        if ask.calendar is not None:
            yield from _unknown((*at, "calendar"), ask.calendar, document, site)
    yield from check_stage_calendars(stages_of(flow), document, site)
    if site.calendars.default is None and flow.calendar is None:
        for at, duration in _counting_on_the_site(flow):
            message = f"`{at[-1]}: {duration}` counts business time, and no calendar says when that is"
            yield document.problem(at, message, NO_CALENDAR, "warning")


def check_stage_calendars(stages: Iterable[Placed], document: Document, site: Site) -> Iterator[Problem]:
    """Yield the calendars that stages name and the site does not have."""
    for at, stage, _ in stages:
        if stage.calendar is not None:
            yield from _unknown((*at, "calendar"), stage.calendar, document, site)


def business_time_in(at: At, stage: Stage) -> Iterator[tuple[At, str]]:
    """Yield the durations of a stage, as they are written, for which it needs a calendar and names none."""
    if stage.calendar is not None:
        return
    reminders = (stage.remind,) if isinstance(stage.remind, str) else stage.remind
    durations = [((*at, "remind"), reminder) for reminder in reminders]
    durations += [((*at, "escalate", index, "after"), step.after) for index, step in enumerate(stage.escalate)]
    if stage.due is not None:
        durations.append(((*at, "due"), stage.due))
    if "lease" in stage.model_fields_set:
        durations.append(((*at, "lease"), stage.lease))
    yield from (found for found in durations if needs_calendar(found[1]))


def _unknown(at: At, name: str, document: Document, site: Site) -> Iterator[Problem]:
    known = site.calendars.by_name
    if name not in known:
        mend = resembling(name, known, f"add it to site.yaml, which has {', '.join(known) or 'no calendars'}")
        yield document.problem(at, f"unknown calendar {name!r}", mend)


def _counting_on_the_site(flow: Flow) -> Iterator[tuple[At, str]]:
    """Yield the business durations for which nothing nearer than the site names a calendar."""
    for at, stage, ask in stages_of(flow):
        if ask is not None and ask.calendar is None:
            yield from business_time_in(at, stage)
    for at, ask in asks_of(flow):
        if ask.calendar is None:
            yield from _business_time_of(at, ask)
    yield from business_time_expected(flow)
    for spot in flow.plan.every:
        for key, timed in (("wait", spot.step.wait), ("grant", spot.step.grant)):
            duration = None if timed is None else timed.duration
            if duration is not None and "{{" not in duration and needs_calendar(duration):
                yield (*spot.at, key, "for"), duration
        timeout = spot.step.timeout if spot.step.wait is not None else None
        if timeout is not None and needs_calendar(timeout):
            yield (*spot.at, "timeout"), timeout


def _business_time_of(at: At, ask: Ask) -> Iterator[tuple[At, str]]:
    """Yield the durations of an ask itself for which it needs a calendar."""
    if ask.cooling_off is not None and needs_calendar(ask.cooling_off):
        yield (*at, "cooling_off"), ask.cooling_off
    if ask.break_glass is not None and needs_calendar(ask.break_glass.review.due):
        yield (*at, "break_glass", "review", "due"), ask.break_glass.review.due
