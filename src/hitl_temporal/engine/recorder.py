"""The audit trail of one workflow: chains facts, and hands them to the exporter without ever holding up a decision.

At most one export is in flight. The first try is a local activity in the present task; when the sink is slow or down,
a durable activity goes on trying, and what is left at the end goes to an `Outbox` that outlives the workflow.
"""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.audit import Evidence, Fact, Trail
    from hitl_temporal.domain.audit import record as chain
    from hitl_temporal.domain.effects import Record
    from hitl_temporal.messages import EXPORT_FACTS, Facts

from hitl_temporal.engine import options


class Recorder:
    """Holds the trail and the facts that have not been exported yet."""

    def __init__(self, trail: Trail, facts: tuple[Fact, ...] = ()) -> None:
        self.trail = trail
        self._waiting: list[Fact] = list(facts)
        self._in_flight: tuple[Fact, ...] = ()
        self._export: asyncio.Task[None] | None = None

    def write(self, record: Record) -> None:
        """Chain one fact to the trail."""
        self.trail, fact = chain(
            self.trail,
            name=record.name,
            key=record.key,
            at=record.at,
            began=record.began,
            attributes=record.attributes,
            run_id=workflow.info().run_id,
        )
        self._waiting.append(fact)

    @property
    def evidence(self) -> Evidence:
        """What a result says of its trail."""
        return self.trail.evidence()

    @property
    def unexported(self) -> tuple[Fact, ...]:
        """The facts that no sink has confirmed yet, in order."""
        return (*self._in_flight, *self._waiting)

    @property
    def due(self) -> datetime | None:
        """When waiting facts must be handed over, None when there is nothing to do."""
        if not self._waiting or self.is_exporting:
            return None
        return self._waiting[0].at + options.FACTS_WITHIN

    @property
    def is_exporting(self) -> bool:
        """Whether a durable export is in flight."""
        return self._export is not None and not self._export.done()

    async def flush(self) -> None:
        """Export what waits: at once if the sink can, else in the background."""
        if not self._waiting or self.is_exporting:
            return
        if await self._export_at_once():
            return
        self._in_flight, self._waiting = tuple(self._waiting), []
        self._export = asyncio.create_task(self._export_durably())

    async def close(self) -> tuple[Fact, ...]:
        """Export everything in one last try; return what is left for the outbox."""
        if self._export is not None and not self._export.done():
            self._export.cancel()
            await asyncio.gather(self._export, return_exceptions=True)
        self._waiting, self._in_flight = list(self.unexported), ()
        if self._waiting and not await self._export_at_once():
            return tuple(self._waiting)
        return ()

    async def _export_at_once(self) -> bool:
        facts = Facts(facts=tuple(self._waiting))
        try:
            await workflow.execute_local_activity(EXPORT_FACTS, facts, **options.EXPORT_AT_ONCE)
        except FailureError:  # a failed local activity raises bare ApplicationError, only its timeout ActivityError
            return False
        del self._waiting[: len(facts.facts)]
        return True

    async def _export_durably(self) -> None:
        await workflow.execute_activity(
            EXPORT_FACTS, Facts(facts=self._in_flight), summary="export audit facts", **options.EXPORT
        )
        self._in_flight = ()
