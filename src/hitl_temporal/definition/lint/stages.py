"""Where a flow's questions and their stages stand.

Must not know: problems.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hitl_temporal.definition.documents import At
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routes import Routed, Table
from hitl_temporal.domain.approval.stage import Parallel, Stage
from hitl_temporal.domain.flow.definition import Flow

__all__ = ["Placed", "asks_of", "stages_of"]


class Placed(NamedTuple):
    """A stage, the ask it belongs to, and its place.

    Attributes:
        is_bounded: Whether the question is taken back at some time, answered or not.
    """

    at: At
    ask: Ask
    stage: Stage
    is_bounded: bool


def asks_of(flow: Flow) -> Iterator[tuple[At, Ask]]:
    """Yield every question of a flow, in order: those of steps, and those about more time for a grant."""
    for index, step in enumerate(flow.steps):
        if step.ask is not None:
            yield ("steps", index, "ask"), step.ask
        if step.grant is not None and step.grant.extend is not None and step.grant.extend.ask is not None:
            yield ("steps", index, "grant", "extend", "ask"), step.grant.extend.ask


def stages_of(flow: Flow) -> Iterator[Placed]:
    """Yield every stage of every ask, in order."""
    for at, ask in asks_of(flow):
        for place, stage in places_of(ask):
            yield Placed((*at, *place), ask, stage, is_bounded="grant" in at)


def places_of(ask: Ask) -> Iterator[tuple[At, Stage]]:
    """Yield every stage of an ask with its place, those of the rows of a table included."""
    if not isinstance(ask.stages, Routed):
        yield from _places(ask.stages, ("stages",))
        return
    table = ask.stages.route
    for index, row in enumerate(table.rows if isinstance(table, Table) else ()):
        yield from _places(row.stages, ("stages", "route", "rows", index, "stages"))


def _places(entries: tuple[Stage | Parallel, ...], before: At) -> Iterator[tuple[At, Stage]]:
    for index, entry in enumerate(entries):
        if isinstance(entry, Parallel):
            for place, stage in enumerate(entry.parallel):
                yield (*before, index, "parallel", place), stage
        else:
            yield (*before, index), entry
