"""What past runs of a flow took: the newest that have ended well, by the facts of their trails.

Must not know: what it is wanted for.
"""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity
from temporalio.client import Client

from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.calendar import DEFAULT
from hitl_temporal.domain.flow.statistics import MAX_RUNS, measure
from hitl_temporal.domain.flow.watch import Statistics
from hitl_temporal.effects.visibility import literal
from hitl_temporal.messages import READ_STATISTICS, ReadStatistics
from hitl_temporal.ports import AuditReader, Catalogue

MAX_FACTS = 50_000
"""After so many facts no further run is read: the newest say most. A fact takes a tenth of a millisecond (measured).

Fifty runs of five thousand items each would take longer than the activity may, at each start of such a flow.
"""


class PastRuns:
    """Looks for runs in Temporal's visibility, and for their facts in the audit store; its method is an activity."""

    def __init__(self, client: Client, reader: AuditReader, catalogue: Catalogue, task_queue: str) -> None:
        self._client = client
        self._reader = reader
        self._catalogue = catalogue
        self._task_queue = task_queue

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.read_statistics,)

    @activity.defn(name=READ_STATISTICS)
    async def read_statistics(self, request: ReadStatistics) -> Statistics:
        """Measure the newest runs that have completed."""
        calendars = await self._catalogue.calendars([*dict.fromkeys(request.people.values())])
        people = {step: calendars.get(name, DEFAULT) for step, name in request.people.items()}
        query = (
            f"WorkflowType = {literal(request.flow)} AND ExecutionStatus = 'Completed'"
            f" AND TaskQueue = {literal(self._task_queue)}"
        )
        found = self._client.list_workflows(query, page_size=MAX_RUNS, limit=MAX_RUNS)
        runs = list[Sequence[Fact]]()
        read = 0
        async for row in found:
            facts = await self._reader.of_workflow(row.id)
            runs.append([fact for fact in facts if fact.name in _WANTED])
            read += len(facts)
            if read >= MAX_FACTS:
                break
        return measure([facts for facts in runs if facts], people)


_WANTED = frozenset({"step.succeeded", "run.ended"})
