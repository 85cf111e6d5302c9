"""When a run, and each of its steps, will have ended: over the critical path, with what past runs took.

A step that is under way ends when it has taken as long as usual, or now if it takes longer; one that people do takes
open hours. What was never done before counts as no time and is named: the projection is then too early, never too late.

Must not know: what is done about it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import AwareDatetime

from hitl_temporal.domain.calendar import DEFAULT, Calendar, CalendarError, after_open
from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.needs import Need
from hitl_temporal.domain.flow.plan import ROOT, Key
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.step import Step
from hitl_temporal.domain.flow.watch import Measure
from hitl_temporal.domain.value import Value

__all__ = ["Forecast", "PathStep", "critical_path", "forecast", "later", "usual_end"]


class PathStep(Value):
    """One step on the way, from when to when; of one that has ended it is what happened."""

    step: str
    state: str
    start: AwareDatetime
    end: AwareDatetime


class Forecast(Value):
    """What is projected.

    Attributes:
        finish: When the run will have ended.
        critical_path: The steps that decide it, in the order of time.
        steps: Every step that lies in no item, in the order of the document; of a step in a branch that is not under
            way nothing is said.
        unknown: The ids of open steps that count as no time, since no past run has done them.
    """

    finish: AwareDatetime
    critical_path: tuple[PathStep, ...]
    steps: tuple[PathStep, ...]
    unknown: tuple[str, ...] = ()


def critical_path(run: Run, at: datetime) -> tuple[PathStep, ...]:
    """Return the steps that decide when a run will have ended, as it is projected now."""
    found = forecast(run, at)
    return () if found is None else found.critical_path


def forecast(run: Run, at: datetime) -> Forecast | None:
    """Return what is projected at a moment; None: no past run tells anything, or there is nothing to come."""
    statistics = run.watch.statistics
    if statistics is None or not statistics.steps or run.status is not None:
        return None
    spans = _Spans(run, at)
    ends = spans.of_list(ROOT, run.started_at)
    last = max(ends, key=lambda name: spans.found[name].end)
    on_path = [*spans.before(last)]
    return Forecast(
        finish=max(at, spans.found[last].end),
        critical_path=tuple(_shown(run, name, spans.found[name]) for name in on_path),
        steps=tuple(_shown(run, name, spans.found[name]) for name in run.definition.plan.spots if name in spans.found),
        unknown=tuple(name for name in run.definition.plan.spots if name in spans.unknown),
    )


def _shown(run: Run, name: str, span: "_Span") -> PathStep:
    return PathStep(step=name, state=run.steps[name].state, start=span.start, end=span.end)


class _Span(NamedTuple):
    """From when to when, and what it has waited for; None: the start of what it lies in."""

    start: datetime
    end: datetime
    after: str | None
    inner: str | None = None
    """The last of the steps within, which decides the end."""


class _Spans:
    """Goes through the steps in the order in which they can be done; items and branches count as their step does."""

    def __init__(self, run: Run, at: datetime) -> None:
        self._run, self._at = run, at
        self.found: dict[str, _Span] = {}
        self.unknown: dict[str, None] = {}

    def of_list(self, key: Key, start: datetime) -> Sequence[str]:
        """Work out the steps of a list that begins at a moment; return their ids."""
        plan = self._run.definition.plan
        names = plan.lists[key]
        for name in plan.in_order[key]:
            begins, after = self._begins(plan.needs[name], start)
            self.found[name] = self._span(name, begins, after)
        return names

    def _begins(self, needs: tuple[Need, ...], start: datetime) -> tuple[datetime, str | None]:
        """Return when the needs of a step are met, and which step decides it."""
        latest: tuple[datetime, str | None] = (start, None)
        for need in needs:
            ends = sorted((self.found[name].end, name) for name in need.of)
            met = ends[need.needed - 1]
            latest = max(met, latest, key=lambda found: found[0])
        return latest

    def _span(self, name: str, begins: datetime, after: str | None) -> _Span:
        step, document = self._run.steps[name], self._run.definition.step(name)
        started = step.started_at if step.is_begun or step.is_final else None
        if step.is_final:
            return _Span(started or step.since, step.since, after)
        start = started or max(begins, self._at)
        if _is_plain_block(document) and step.state != "parked" and (step.block is None or step.block.branch == "0"):
            inner = self.of_list((name, "0"), start)
            last = max(inner, key=lambda n: self.found[n].end)
            return _Span(start, max(self.found[last].end, self._at), after, last)
        return _Span(start, max(self._end(name, step, start), self._at), after)

    def _end(self, name: str, step: StepRun, start: datetime) -> datetime:
        if step.until is not None and step.is_begun:
            return step.until
        if step.granted is not None:
            return step.granted.until
        # What has parked must be done again, from now on at the earliest.
        end = usual_end(self._run, name, self._at if step.state == "parked" else start)
        if end is None:
            self.unknown[name] = None
            return start
        return end

    def before(self, name: str) -> Sequence[str]:
        """Return the steps that decide when one ends, that one last."""
        way: list[str] = []
        here: str | None = name
        while here is not None:
            span = self.found[here]
            way[:0] = [here] if span.inner is None else [here, *self.before(span.inner)]
            here = span.after
        return way


def _is_plain_block(document: Step) -> bool:
    """Tell whether all steps of a block are done once: then it takes what they take."""
    return document.verb == "do" and document.repeat is None and not document.first


def usual_end(run: Run, step: str, start: datetime | None = None) -> datetime | None:
    """Return when a step that begins now, or then, will have taken as long as usual; None: no past run tells."""
    statistics = run.watch.statistics
    measured = None if statistics is None else statistics.steps.get(step)
    return None if measured is None else later(run, step, measured, start or run.now)


def later(run: Run, step: str, measured: Measure, start: datetime, *, p95: bool = False, factor: float = 1) -> datetime:
    """Return the moment at which a step that began then will have taken as long as it did in past runs.

    Args:
        run: Whose step it is; what people do counts in the ask's calendar, else the flow's, else the site's.
        step: Its id.
        measured: What it took.
        start: When it begins.
        p95: Whether as long as the slow ones, else as in the middle.
        factor: So many times that.
    """
    opened = measured.open_p95 if p95 else measured.open_median
    if opened is not None:
        try:
            return after_open(start, opened * factor, _people_calendar(run, step))
        except CalendarError:  # too far for the calendar: then by the clock on the wall
            pass
    return start + (measured.p95 if p95 else measured.median) * factor


def _people_calendar(run: Run, step: str) -> Calendar:
    """Return the calendar in which people work at a step."""
    ask = run.definition.step(place(step).step).ask
    name = (None if ask is None else ask.calendar) or run.definition.calendar or "default"
    return run.calendars.get(name, DEFAULT)
