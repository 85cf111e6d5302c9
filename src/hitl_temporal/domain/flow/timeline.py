"""When each step of a run was under way, out of its trail: a bar for each start, parking and compensation.

The trail has what the run's state has not any more: steps of items that are over, earlier starts, runs that have ended.

Must not know: how bars are drawn, where facts are kept.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from pydantic import AwareDatetime

from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.value import Value

__all__ = ["Bar", "timeline"]

_ENDS = {
    "step.succeeded": "succeeded",
    "step.answered": "succeeded",
    "step.failed": "failed",
    "step.caught": "failed",
    "step.cancelled": "cancelled",
    "step.skipped": "skipped",
    "step.parked": "failed",
    "step.undone": "undone",
    "step.undo_parked": "failed",
}
_BEGINS = {"step.started": "running", "step.undo_started": "undoing"}
_PARKS = frozenset({"step.parked", "step.undo_parked"})


class Bar(Value):
    """One time in which a step was under way.

    Attributes:
        step: Its address; of a run within, the start of the step that has begun it stands before: `pay.1/book`.
        state: What became of it: `succeeded`, `failed`, `cancelled`, `skipped`, `undone`; `running`, `parked` and
            `undoing` go on; `projected` is yet to come.
        is_critical: Whether it decides when the run will have ended.
    """

    step: str
    state: str
    start: AwareDatetime
    end: AwareDatetime
    is_critical: bool = False


def timeline(
    run: str,
    facts: Iterable[Fact],
    at: datetime,
    *,
    projected: Iterable[tuple[str, datetime, datetime]] = (),
    critical: Collection[str] = (),
) -> tuple[Bar, ...]:
    """Return the bars of a run and of the runs within it, by their beginning.

    Args:
        run: Its id.
        facts: Of its trace, in any order.
        at: Until when what goes on is drawn.
        projected: The steps to come, or under way, each from when to when.
        critical: Those of them that decide the end.
    """
    ordered = sorted(facts, key=lambda fact: (fact.at, fact.workflow_id, fact.seq))
    found = [*_bars(run, ordered, at)]
    ahead = [
        Bar(step=step, state="projected", start=max(start, at), end=end, is_critical=step in critical)
        for step, start, end in projected
        if end > at
    ]
    marked = (bar.but(is_critical=bar.step in critical) for bar in found)
    return tuple(sorted([*marked, *ahead], key=lambda bar: (bar.start, bar.end)))


def _bars(run: str, facts: Iterable[Fact], at: datetime) -> Iterator[Bar]:
    going: dict[tuple[str, str], tuple[str, datetime]] = {}
    over: dict[str, datetime] = {}
    for fact in facts:
        within = _within(run, fact.workflow_id)
        if within is None:
            continue
        if fact.name == "run.ended":
            over[within] = fact.at
        state = _ENDS.get(fact.name) or _BEGINS.get(fact.name)
        if state is None:
            continue
        key = (within, str(fact.attributes.get("hitl.step")))
        if key in going:
            before, since = going.pop(key)
            yield Bar(step="".join(key), state="parked" if before == "parked" else state, start=since, end=fact.at)
        if fact.name in _BEGINS:
            going[key] = (state, fact.at)
        elif fact.name in _PARKS:
            going[key] = ("parked", fact.at)
    for key, (state, since) in going.items():
        yield Bar(step="".join(key), state=state, start=since, end=max(since, over.get(key[0], at)))


def _within(run: str, workflow: str) -> str | None:
    """Return what stands before the steps of a workflow: nothing for the run itself; None: it is no part of it."""
    if workflow == run:
        return ""
    return f"{workflow.removeprefix(f'{run}.')}/" if workflow.startswith(f"{run}.") else None
