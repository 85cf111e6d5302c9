"""The audit trail of one workflow: chains facts, and hands them to the exporter without ever holding up a decision.

Facts leave by an activity, never by a local one: Temporal schedules an activity only once it has kept the task that
wrote the facts. A local activity would tell them before; if the task were then lost, it would be done again at another
time, and its facts would contradict those that had been told (docs/decisions/0007).
"""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.audit import Evidence, Fact, Trail
    from hitl_temporal.domain.audit import record as chain
    from hitl_temporal.domain.effects import Record
    from hitl_temporal.messages import EXPORT_FACTS, Facts

from hitl_temporal.engine import options
from hitl_temporal.engine.clock import Clock
from hitl_temporal.engine.renewal import Renewal


class Recorder:
    """Holds the trail and the facts that have not been exported yet; at most one export is in flight."""

    def __init__(self, trail: Trail, renewal: Renewal, facts: tuple[Fact, ...] = ()) -> None:
        self.trail = trail
        self.has_news = False
        """Whether an export has ended since the main loop last looked: what came meanwhile needs its own time."""
        self._renewal = renewal
        self._waiting: tuple[Fact, ...] = facts
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
        self._waiting = (*self._waiting, fact)

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

    def flush(self) -> None:
        """Hand over what waits, in the background and for as long as it takes."""
        if self._waiting and not self.is_exporting:
            most = options.MAX_FACTS
            self._in_flight, self._waiting = self._waiting[:most], self._waiting[most:]
            self._export = asyncio.create_task(self._export_durably())

    def flush_if_due(self, clock: Clock) -> None:
        """Hand over what has waited long enough."""
        self.has_news = False
        if clock.has_come(self.due):
            self.flush()

    async def close(self) -> tuple[Fact, ...]:
        """Hand over everything, but wait no longer than the cap; return what is left for the outbox."""
        if self._export is not None and not self._export.done():
            self._export.cancel()
            await asyncio.gather(self._export, return_exceptions=True)
        left = self.unexported
        self._in_flight, self._waiting = (), ()
        while left:
            batch = Facts(facts=left[: options.MAX_FACTS])
            try:
                await workflow.execute_activity(
                    EXPORT_FACTS, batch, summary="export audit facts", **options.EXPORT_LAST
                )
            except ActivityError:
                break
            left = left[options.MAX_FACTS :]
        return left

    @property
    def is_exporting(self) -> bool:
        """Whether an export is in flight."""
        return self._export is not None and not self._export.done()

    async def _export_durably(self) -> None:
        await workflow.execute_activity(
            EXPORT_FACTS, Facts(facts=self._in_flight), summary="export audit facts", **options.EXPORT
        )
        self._renewal.sample()
        self._in_flight = ()
        self.has_news = True
