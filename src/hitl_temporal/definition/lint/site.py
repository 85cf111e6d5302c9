"""Names in site.yaml that nothing bears.

Must not know: flows.
"""

from collections.abc import Iterator
from zoneinfo import available_timezones

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site

__all__ = ["lint_site"]


def lint_site(site: Site, document: Document) -> tuple[Problem, ...]:
    """Return what is wrong with a site whose form is right."""
    return (*_check_default(site, document), *_check_zones(site, document))


def _check_default(site: Site, document: Document) -> Iterator[Problem]:
    known, default = site.calendars.by_name, site.calendars.default
    if default is not None and default not in known:
        mend = resembling(default, known, f"known: {', '.join(known)}" if known else "add it below `calendars`")
        yield document.problem(("calendars", "default"), f"unknown calendar {default!r}", mend)


def _check_zones(site: Site, document: Document) -> Iterator[Problem]:
    zones = available_timezones()
    for name, calendar in site.calendars.by_name.items():
        if calendar.tz not in zones:
            mend = resembling(calendar.tz, zones, "write a name such as Europe/Amsterdam")
            yield document.problem(("calendars", name, "tz"), f"unknown time zone {calendar.tz!r}", mend)
