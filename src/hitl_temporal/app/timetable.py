"""The project's documents as a timetable: which schedules there are, in which zones, calendars and blackouts."""

import asyncio
import functools
from datetime import date, datetime
from pathlib import Path

from hitl_temporal.app.documents import SITE_FILE, Documents
from hitl_temporal.definition.project import Project
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.calendar import Calendar, CalendarDocument
from hitl_temporal.domain.schedules import Window, Zone, schedules_of, window
from hitl_temporal.effects import calendars
from hitl_temporal.ports import PermanentError
from hitl_temporal.service.timetable import Around, Plan, Plans

__all__ = ["DocumentTimetable"]


class DocumentTimetable:
    """`Timetable` over one project folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def plans(self) -> Plans:
        """Return every schedule that a sound flow has, and why a flow is left out."""
        project = await self._documents.project()
        plans = [
            Plan(
                flow=name,
                name=schedule_name,
                schedule=schedule,
                calendar=flow.calendar,
                blackouts=flow.blackouts,
            )
            for name, flow in sorted(project.flows.items())
            for schedule_name, schedule in schedules_of(flow.triggers).items()
        ]
        broken = {name: "; ".join(str(p) for p in wrong[:3]) for name, wrong in project.left_out.items()}
        return Plans(tuple(plans), broken)

    async def around(self, plan: Plan, start: datetime, until: datetime) -> Around:
        """Return the zone, the calendar and the blackouts of a plan as the site has them now."""
        project = await self._documents.project()
        if not project.has_site:
            raise PermanentError(f"{SITE_FILE} has errors: {_errors_of_site(project)}")
        return await asyncio.to_thread(_around, plan, project.site, start.date(), until.date())


def _around(plan: Plan, site: Site, start: date, until: date) -> Around:
    calendar = _calendar(plan, site, start, until)
    tz = plan.schedule.tz or (calendar.tz if calendar is not None else "UTC")
    windows: list[Window] = []
    for name in plan.blackouts:
        if name not in site.blackouts:
            known = ", ".join(site.blackouts) or "none"
            raise PermanentError(f"flow {plan.flow!r} names the unknown blackout {name!r}; {SITE_FILE} has {known}")
        for blackout in site.blackouts[name]:
            zone = _zone(blackout.tz or _default_zone(site), start.year, until.year)
            windows.append(window(name, blackout, zone))
    return Around(_zone(tz, start.year, until.year), calendar, tuple(sorted(windows)))


def _calendar(plan: Plan, site: Site, start: date, until: date) -> Calendar | None:
    """Return whose days are worked on: the schedule's, the flow's, the site's default; None: the domain's own."""
    if not plan.schedule.uses_calendar:
        return None
    name = plan.schedule.calendar or plan.calendar or "default"
    real = site.calendars.default if name == "default" else name
    if real is None:
        return None
    document = site.calendars.by_name.get(real)
    if document is None:
        known = ", ".join(site.calendars.by_name) or "none"
        raise PermanentError(f"flow {plan.flow!r} names the unknown calendar {real!r}; {SITE_FILE} has {known}")
    return _built(real, document.model_dump_json(), start.year, until.year)


def _default_zone(site: Site) -> str:
    document = site.calendars.by_name.get(site.calendars.default or "")
    return "UTC" if document is None else document.tz


def _errors_of_site(project: Project) -> str:
    wrong = [str(p) for p in project.problems if p.severity == "error" and Path(p.path).name == SITE_FILE]
    return "; ".join(wrong[:3])


@functools.lru_cache(maxsize=64)
def _built(name: str, document: str, first: int, last: int) -> Calendar:
    """Return a calendar that knows these years and one more at both ends."""
    return calendars.build(
        name, CalendarDocument.model_validate_json(document), date(first, 1, 1), years=last - first + 1
    )


@functools.lru_cache(maxsize=64)
def _zone(tz: str, first: int, last: int) -> Zone:
    return calendars.build_zone(tz, date(first, 1, 1), date(last, 1, 1))
