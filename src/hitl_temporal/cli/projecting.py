"""When a run is projected to end, and what decides it: a few lines, and a timeline of its steps.

Must not know: where it is from.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from hitl_temporal.cli import output

if TYPE_CHECKING:
    from hitl_temporal.client import Run
    from hitl_temporal.client.answers import PathStep

WIDTH = 50
"""Characters of the bar: beside an id and two moments it fits into a line of a terminal."""


def projected(run: "Run") -> Iterator[tuple[str, str]]:
    """Yield when a run is projected to end, over which steps, and what is not known."""
    if run.projection is None:
        return
    yield "projected", output.moment(run.projection.finish)
    yield "critical path", " > ".join(step.step for step in run.projection.critical_path)
    yield "not projected", ", ".join(run.projection.unknown)


def show_timeline(run: "Run") -> None:
    """Print a bar for each step: `=` is over or under way, `-` is projected, `*` marks the critical path."""
    projection = run.projection
    if projection is None or not projection.steps:
        output.note("nothing is projected: no past run of this flow tells how long its steps take")
        return
    first, last = min(s.start for s in projection.steps), max(projection.finish, *(s.end for s in projection.steps))
    critical = {step.step for step in projection.critical_path}
    rows = [
        ("*" if s.step in critical else "", s.step, _bar(s, first, last), output.moment(s.start), output.moment(s.end))
        for s in projection.steps
    ]
    output.table(("", "STEP", "", "FROM", "TO"), rows)


def _bar(step: "PathStep", first: datetime, last: datetime) -> str:
    whole = (last - first).total_seconds() or 1.0
    begin = int((step.start - first).total_seconds() / whole * (WIDTH - 1))
    end = int((step.end - first).total_seconds() / whole * (WIDTH - 1))
    mark = "-" if step.state == "waiting" else "="
    return " " * begin + mark * (end - begin + 1)
