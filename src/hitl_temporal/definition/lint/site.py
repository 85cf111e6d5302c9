"""Names in site.yaml that nothing bears, tables that can't be followed, and policies that can't be kept.

Must not know: flows.
"""

from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import available_timezones

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.people import People

from .levels import check_alert_routes
from .policies import lint_policies
from .routes import lint_table

__all__ = ["SiteProblems", "lint_site"]


class SiteProblems(NamedTuple):
    """What is wrong with a site whose form is right.

    Attributes:
        general: What concerns all of it.
        routes: What concerns one decision table, by its name; empty where nothing does.
    """

    general: tuple[Problem, ...]
    routes: dict[str, tuple[Problem, ...]]


def lint_site(site: Site, document: Document, people: People | None = None) -> SiteProblems:
    """Return what is wrong with a site whose form is right.

    Args:
        site: What it says.
        document: Where it says it.
        people: The directory; None: selectors are not checked against it.
    """
    general = (
        *_check_default(site, document),
        *_check_zones(site, document),
        *lint_policies(site, document, people),
        *check_alert_routes(site, document, people),
    )
    tables = {name: sorted(lint_table(name, site, document, people), key=_place) for name in site.routes}
    return SiteProblems(general, {name: tuple(problems) for name, problems in tables.items()})


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column


def _check_default(site: Site, document: Document) -> Iterator[Problem]:
    known, default = site.calendars.by_name, site.calendars.default
    if default is not None and default not in known:
        mend = resembling(default, known, f"known: {', '.join(known)}" if known else "add it below `calendars`")
        yield document.problem(("calendars", "default"), f"unknown calendar {default!r}", mend)


def _check_zones(site: Site, document: Document) -> Iterator[Problem]:
    zones = available_timezones()
    for at, tz in _zones_in(site):
        if tz not in zones:
            mend = resembling(tz, zones, "write a name such as Europe/Amsterdam")
            yield document.problem((*at, "tz"), f"unknown time zone {tz!r}", mend)


def _zones_in(site: Site) -> Iterator[tuple[At, str]]:
    for name, calendar in site.calendars.by_name.items():
        yield ("calendars", name), calendar.tz
    for name, times in site.blackouts.items():
        yield from ((("blackouts", name, index), time.tz) for index, time in enumerate(times) if time.tz is not None)
