"""A figure: the median of many times, beside its spread and its ratio to a reference of the same run."""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import NamedTuple


class Figure(NamedTuple):
    """What was measured.

    Attributes:
        median: Seconds.
        p95: Seconds.
        runs: How many times it was measured.
        ratio: To the reference; None for a reference.
    """

    name: str
    median: float
    p95: float
    runs: int
    ratio: float | None


def figure(name: str, seconds: Sequence[float], reference: Figure | None = None) -> Figure:
    """Return the figure of these times."""
    middle = median(seconds)
    worst = quantiles(seconds, n=20)[-1]
    return Figure(name, middle, worst, len(seconds), middle / reference.median if reference else None)


def line(found: Figure) -> str:
    """Return a figure as a line of a table."""
    ratio = "" if found.ratio is None else f"{found.ratio:8.1f} x"
    return f"{found.name:<70} {_short(found.median):>10} {_short(found.p95):>10} {ratio:>10} {found.runs:>6}"


HEADER = f"{'':<70} {'median':>10} {'p95':>10} {'ratio':>10} {'runs':>6}"


def _short(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"
