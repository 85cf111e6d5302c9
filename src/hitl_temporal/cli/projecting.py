"""When a run is projected to end, and what decides it: a few lines, and a timeline of its steps.

Must not know: where it is from.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hitl_temporal.cli import output

if TYPE_CHECKING:
    from hitl_temporal.client import Run
    from hitl_temporal.domain.audit import Fact
    from hitl_temporal.domain.flow.timeline import Bar

MOST = 500
"""Rows: more than anybody looks at."""

WIDTH = 50
"""Characters of the bar: beside an id and two moments it fits into a line of a terminal."""


def projected(run: "Run") -> Iterator[tuple[str, str]]:
    """Yield when a run is projected to end, over which steps, and what is not known."""
    if run.projection is None:
        return
    yield "projected", output.moment(run.projection.finish)
    yield "critical path", " > ".join(step.step for step in run.projection.critical_path)
    yield "not projected", ", ".join(run.projection.unknown)


def timeline_of(run: "Run", facts: "Sequence[Fact]") -> "tuple[Bar, ...]":
    """Return when each step was under way, and is projected to be."""
    from hitl_temporal.domain.flow.timeline import timeline

    projection = run.projection
    spans = () if projection is None else projection.steps
    return timeline(
        run.id,
        facts,
        datetime.now(UTC),
        projected=[(s.step, s.start, s.end) for s in spans if s.state in {"waiting", "running", "parked"}],
        critical=() if projection is None else [s.step for s in projection.critical_path],
    )


def show_timeline(bars: "Sequence[Bar]") -> None:
    """Print a row for each bar: `=` was or is under way, `~` parked, `-` is projected, `*` marks the critical path."""
    if not bars:
        output.note("nothing has been told of any step yet; look again in a minute")
        return
    first, last = bars[0].start, max(bar.end for bar in bars)
    rows = [
        ("*" if b.is_critical else "", b.step, _drawn(b, first, last), b.state, *map(output.moment, (b.start, b.end)))
        for b in bars[:MOST]
    ]
    output.table(("", "STEP", "", "STATE", "FROM", "TO"), rows)
    if len(bars) > MOST:
        output.note(f"these are the first {MOST} of {len(bars)}; --json has them all")


def _drawn(bar: "Bar", first: datetime, last: datetime) -> str:
    whole = (last - first).total_seconds() or 1.0
    begin = int((bar.start - first).total_seconds() / whole * (WIDTH - 1))
    end = int((bar.end - first).total_seconds() / whole * (WIDTH - 1))
    return " " * begin + _MARKS.get(bar.state, "=") * (end - begin + 1)


_MARKS = {"projected": "-", "parked": "~"}
