"""Where asks, entries and stages stand.

Must not know: problems.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hitl_temporal.definition.documents import At
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routes import Routed, Table
from hitl_temporal.domain.approval.stage import Parallel, Stage
from hitl_temporal.domain.flow.definition import Flow

__all__ = [
    "Placed",
    "asks_of",
    "entries_of",
    "entries_of_table",
    "is_about_more_time",
    "stages_of",
    "stages_of_ask",
    "stages_of_table",
]


class Placed(NamedTuple):
    """A stage and its place.

    Attributes:
        ask: What it belongs to; None: a table of the site, which the asks of many flows may use.
    """

    at: At
    stage: Stage
    ask: Ask | None = None


def asks_of(flow: Flow) -> Iterator[tuple[At, Ask]]:
    """Yield every ask of a flow: those of its steps at any depth, about more time for grants, about failures."""
    for spot in flow.plan.every:
        for way, ask in spot.step.asks.items():
            yield (*spot.at, *way), ask


def is_about_more_time(at: At) -> bool:
    """Tell whether a place of a flow belongs to an ask about more time for a grant."""
    return at[:1] == ("steps",) and any(at[n : n + 3] == ("grant", "extend", "ask") for n in range(len(at)))


def stages_of(flow: Flow) -> Iterator[Placed]:
    """Yield every stage that a flow itself writes, in order; those of a route that it names stand in the site."""
    for at, ask in asks_of(flow):
        yield from stages_of_ask(at, ask)


def stages_of_ask(at: At, ask: Ask) -> Iterator[Placed]:
    """Yield every stage of an ask, those of the rows of a table that it has included."""
    for where, entry in entries_of(at, ask):
        yield from _stages(where, entry, ask)


def stages_of_table(at: At, table: Table) -> Iterator[Placed]:
    """Yield every stage of the rows of a table of the site."""
    for where, entry in entries_of_table(at, table):
        yield from _stages(where, entry, None)


def entries_of(at: At, ask: Ask) -> Iterator[tuple[At, Stage | Parallel]]:
    """Yield every entry of the stages of an ask, those of the rows of a table that it has included."""
    if not isinstance(ask.stages, Routed):
        yield from (((*at, "stages", index), entry) for index, entry in enumerate(ask.stages))
    elif isinstance(ask.stages.route, Table):
        yield from entries_of_table((*at, "stages", "route"), ask.stages.route)


def entries_of_table(at: At, table: Table) -> Iterator[tuple[At, Stage | Parallel]]:
    """Yield every entry of every row of a table."""
    for number, row in enumerate(table.rows):
        yield from (((*at, "rows", number, "stages", index), entry) for index, entry in enumerate(row.stages))


def _stages(at: At, entry: Stage | Parallel, ask: Ask | None) -> Iterator[Placed]:
    if isinstance(entry, Parallel):
        yield from (Placed((*at, "parallel", index), stage, ask) for index, stage in enumerate(entry.parallel))
    else:
        yield Placed(at, entry, ask)
