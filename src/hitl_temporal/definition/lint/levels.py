"""Service levels, alert routes and tickets: names that nothing bears, and what can't be told or never happens.

Must not know: who is told.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.duration import fixed, needs_calendar
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.expect import Expect, local_time, of_past
from hitl_temporal.domain.people import People

from .selectors import why_nobody

__all__ = ["business_time_expected", "check_alert_routes", "check_levels"]


def check_levels(flow: Flow, document: Document, site: Site | None) -> Iterator[Problem]:
    """Yield what is wrong with what a flow expects, and with whom it tells.

    Args:
        flow: As it is written.
        document: Where.
        site: None: the names of its routes are not checked.
    """
    for at, expect in _expectations(flow):
        if site is not None and expect.route is not None:
            yield from _unknown((*at, "route"), expect.route, document, site)
        if expect.route is None and flow.owner is None:
            mend = "name a `route`, or give the flow an `owner`"
            yield document.problem(at, "nobody is told when this is not kept", mend, "warning")
        yield from _check_order(at, expect, document)
    if site is not None and flow.on_parked is not None:
        yield from _unknown(("on_parked",), flow.on_parked, document, site)


def _expectations(flow: Flow) -> Iterator[tuple[At, Expect]]:
    if flow.expect is not None:
        yield ("expect",), flow.expect
    yield from (((*s.at, "expect"), s.step.expect) for s in flow.plan.every if s.step.expect is not None)


def _check_order(at: At, expect: Expect, document: Document) -> Iterator[Problem]:
    """Yield that something should end before it should have begun, where both are lengths of time."""
    starts, ends = _length(expect.start_by), _length(expect.finish_by)
    if starts is not None and ends is not None and ends <= starts:
        message = f"`finish_by: {expect.finish_by}` is not after `start_by: {expect.start_by}`"
        yield document.problem((*at, "finish_by"), message, "both count from the start of the run")


def _length(text: str | None) -> timedelta | None:
    return None if text is None or local_time(text) is not None else fixed(text)


def _unknown(at: At, name: str, document: Document, site: Site) -> Iterator[Problem]:
    if name not in site.notify:
        known = ", ".join(site.notify) or "no alert routes"
        mend = resembling(name, site.notify, f"add it to `notify` of site.yaml, which has {known}")
        yield document.problem(at, f"unknown alert route {name!r}", mend)


def business_time_expected(flow: Flow) -> Iterator[tuple[At, str]]:
    """Yield what is expected in business time: it needs a calendar."""
    for at, expect in _expectations(flow):
        for key, text in (("start_by", expect.start_by), ("finish_by", expect.finish_by), ("longest", expect.longest)):
            if text is not None and _is_business(text):
                yield (*at, key), text


def _is_business(text: str) -> bool:
    clock = local_time(text)
    if clock is not None:
        return clock.is_business
    return of_past(text) is None and needs_calendar(text)


def check_alert_routes(site: Site, document: Document, people: People | None) -> Iterator[Problem]:
    """Yield what is wrong with the alert routes of a site."""
    for name, entries in site.notify.items():
        for index, entry in enumerate(entries):
            at = ("notify", name, index)
            yield from _check_after(at, entries[:index], entry, document)
            for place, selector in enumerate(entry.to) if people is not None else ():
                assert people is not None, "there is nothing to go through else"
                wrong = why_nobody(selector, people)
                if wrong is not None:
                    yield document.problem((*at, "to", place), *wrong)


def _check_after(at: At, before: Iterable[AlertEntry], entry: AlertEntry, document: Document) -> Iterator[Problem]:
    """Yield that an entry is told before one that stands above it."""
    after = fixed(entry.after or "0s")
    lengths = [length for e in before if (length := fixed(e.after or "0s")) is not None]
    if after is not None and lengths and after < max(lengths):
        message = f"this entry is told before one above it (after {entry.after or 'no time'})"
        yield document.problem(at, message, "`after` counts from when the alert began; write them in order", "warning")
