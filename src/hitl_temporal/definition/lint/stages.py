"""Where the stages of a flow's questions stand.

Must not know: problems.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hitl_temporal.definition.documents import At
from hitl_temporal.domain.approval.ask import Ask, Stage
from hitl_temporal.domain.flow.definition import Flow

__all__ = ["Placed", "stages_of"]


class Placed(NamedTuple):
    """A stage, the ask it belongs to, and its place."""

    at: At
    ask: Ask
    stage: Stage


def stages_of(flow: Flow) -> Iterator[Placed]:
    """Yield every stage of every ask, in order."""
    for step_index, step in enumerate(flow.steps):
        if step.ask is not None:
            for index, stage in enumerate(step.ask.stages):
                yield Placed(("steps", step_index, "ask", "stages", index), step.ask, stage)
