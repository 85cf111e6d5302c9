"""What a run tells the world beside its work: alerts, tickets; and what it asks of the past.

None of it ever holds up the run. What is under way when a run continues as new is done again under its key; what is
left when it ends is the outbox's.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.effects import KeepTicket, Notify
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.flow.watch import Statistics
    from hitl_temporal.messages import (
        ALERT,
        KEEP_TICKET,
        READ_STATISTICS,
        AlertTold,
        ReadStatistics,
        TicketDone,
        Unsent,
    )

from hitl_temporal.engine import options
from hitl_temporal.engine.renewal import Renewal
from hitl_temporal.engine.tasks import Tasks

MAX_UNDER_WAY = 50
"""How many alerts are on their way at once: a thousand items may park in one moment."""


class Bulletins:
    """Tells, each alert by itself and each ticket's work in order; puts what comes of it into `news`."""

    def __init__(
        self,
        news: list[events.Event],
        renewal: Renewal,
        alerts: tuple[Notify, ...] = (),
        tickets: tuple[KeepTicket, ...] = (),
    ) -> None:
        """Take what a run that continued as new has left."""
        self._news = news
        self._renewal = renewal
        self._alerts = {alert.key: alert for alert in alerts}
        self._tickets = {work.key: work for work in tickets}
        self._room = asyncio.Semaphore(MAX_UNDER_WAY)
        self.tasks = Tasks()

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way."""
        return len(self.tasks) > 0

    @property
    def alerts(self) -> tuple[Notify, ...]:
        """Those that nobody has been told of yet, in order."""
        return tuple(self._alerts.values())

    @property
    def tickets(self) -> tuple[KeepTicket, ...]:
        """What has not been done with tickets yet, in order."""
        return tuple(self._tickets.values())

    def resume(self) -> None:
        """Take up what was carried over."""
        for alert in self.alerts:
            self._begin_alert(alert)
        for ticket in dict.fromkeys(work.ticket for work in self.tickets):
            self._begin_ticket(ticket)

    def carry_out(self, effect: Notify | KeepTicket) -> None:
        """Begin to tell, or put work on a ticket behind what is wanted of it already."""
        if isinstance(effect, Notify):
            self._alerts[effect.key] = effect
            self._begin_alert(effect)
            return
        is_new = all(work.ticket != effect.ticket for work in self.tickets)
        self._tickets[effect.key] = effect
        if is_new:
            self._begin_ticket(effect.ticket)

    def look_back(self, run: Run) -> None:
        """Ask what past runs took, if anything is expected of this one and it is not known yet."""
        if run.definition.expectations and run.watch.statistics is None and run.status is None:
            self.tasks.start("statistics", self._read_statistics(run))

    def leave(self) -> Unsent:
        """Stop telling, and return what is left to be told."""
        for name in self.tasks.names():
            self.tasks.cancel(name)
        return Unsent(alerts=self.alerts, tickets=self.tickets)

    def _begin_alert(self, alert: Notify) -> None:
        self.tasks.start(alert.key, self._alert(alert))

    def _begin_ticket(self, ticket: str) -> None:
        self.tasks.start(f"ticket:{ticket}", self._keep(ticket))

    async def _alert(self, alert: Notify) -> None:
        async with self._room:
            told = await send_alert(alert)
        del self._alerts[alert.key]
        self._renewal.sample()
        self._news.append(
            events.AlertDelivered(at=workflow.now(), key=alert.key, people=told.people, reason=told.refused)
        )

    async def _keep(self, ticket: str) -> None:
        while work := next((w for w in self.tickets if w.ticket == ticket), None):
            event = await keep_ticket(work)
            del self._tickets[work.key]
            self._renewal.sample()
            self._news.append(event)

    async def _read_statistics(self, run: Run) -> None:
        asks = ((s.step.id, s.step.ask) for s in run.definition.plan.every)
        default = run.definition.calendar or "default"
        people = {step: ask.calendar or default for step, ask in asks if ask is not None}
        request = ReadStatistics(flow=run.definition.flow, people=people)
        try:
            found = await workflow.execute_activity(
                READ_STATISTICS, request, result_type=Statistics, summary="what past runs took", **options.LOOK_BACK
            )
        except ActivityError:  # nobody waits for it: then nothing is projected
            workflow.logger.warning("statistics.not_read", extra={"flow": run.definition.flow})
            found = Statistics()
        self._renewal.sample()
        self._news.append(events.StatisticsRead(at=workflow.now(), statistics=found))


async def send_alert(alert: Notify) -> AlertTold:
    """Tell people, for as long as it takes; what the channels refuse for good is in the answer."""
    try:
        return await workflow.execute_activity(
            ALERT,
            alert,
            result_type=AlertTold,
            summary=f"{alert.alert}: {', '.join(alert.to)}"[:200],
            **options.DELIVER,
        )
    except ActivityError as error:
        return AlertTold(refused=str(error.cause or error)[:500])


async def keep_ticket(work: KeepTicket) -> events.TicketKept | events.TicketRefused:
    """Do something with a ticket, for as long as it takes."""
    try:
        done = await workflow.execute_activity(
            KEEP_TICKET, work, result_type=TicketDone, summary=f"{work.doing} {work.ticket}"[:200], **options.DELIVER
        )
    except ActivityError as error:
        reason = str(error.cause or error)[:500]
        return events.TicketRefused(at=workflow.now(), ticket=work.ticket, key=work.key, reason=reason)
    return events.TicketKept(at=workflow.now(), ticket=work.ticket, key=work.key, ref=done.ref, left_to=done.left_to)
