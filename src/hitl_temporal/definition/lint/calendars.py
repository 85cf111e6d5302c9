"""Calendars that a flow names but the site does not have, and business time without any calendar.

Must not know: how a calendar counts.
"""

from collections.abc import Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.duration import fixed
from hitl_temporal.domain.flow.definition import Flow

from .stages import asks_of, stages_of

__all__ = ["check_calendars"]


def check_calendars(flow: Flow, document: Document, site: Site) -> Iterator[Problem]:
    """Yield what is wrong with the calendars of a flow."""
    for at, name in _named(flow):
        known = site.calendars.by_name
        if name not in known:
            mend = resembling(name, known, f"add it to site.yaml, which has {', '.join(known) or 'no calendars'}")
            yield document.problem(at, f"unknown calendar {name!r}", mend)
    if site.calendars.default is None and flow.calendar is None:
        for at, duration in _counting_on_the_site(flow):
            message = f"`{at[-1]}: {duration}` counts business time, and no calendar says when that is"
            mend = "MON-FRI 09:00-17:00 UTC holds; name a `calendar`, or a `default` in site.yaml"
            yield document.problem(at, message, mend, "warning")


def _named(flow: Flow) -> Iterator[tuple[At, str]]:
    if flow.calendar is not None:
        yield ("calendar",), flow.calendar
    for at, ask in asks_of(flow):
        if ask.calendar is not None:
            yield (*at, "calendar"), ask.calendar
    for at, _, stage, _ in stages_of(flow):
        if stage.calendar is not None:
            yield (*at, "calendar"), stage.calendar


def _counting_on_the_site(flow: Flow) -> Iterator[tuple[At, str]]:
    """Yield the business durations for which nothing nearer than the site names a calendar."""
    for at, ask, stage, _ in stages_of(flow):
        if stage.calendar is None and ask.calendar is None:
            reminders = (stage.remind,) if isinstance(stage.remind, str) else stage.remind
            for key, duration in [*(("remind", r) for r in reminders), ("due", stage.due)]:
                if duration is not None and fixed(duration) is None:
                    yield (*at, key), duration
    for index, step in enumerate(flow.steps):
        for key, timed in (("wait", step.wait), ("grant", step.grant)):
            if timed is not None and "{{" not in timed.duration and fixed(timed.duration) is None:
                yield ("steps", index, key, "for"), timed.duration
