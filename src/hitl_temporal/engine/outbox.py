"""The workflow `Outbox`: what an ended workflow could not send in time, sent for as long as it takes.

So neither a chat system nor a collector that is down delays a business result, and nothing is lost.
"""

import asyncio
from collections.abc import Iterator, Sequence

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.message import Message
    from hitl_temporal.domain.flow.effects import KeepTicket, Notify
    from hitl_temporal.domain.flow.events import TicketRefused
    from hitl_temporal.messages import DELIVER, EXPORT_FACTS, OUTBOX, TELL_ENDED, Delivered, Facts, RunEnded, Unsent

from hitl_temporal.engine import options
from hitl_temporal.engine.bulletins import keep_ticket, send_alert


@workflow.defn(name=OUTBOX)
class Outbox:
    """Sends everything it was given; ends when all has been taken or refused for good."""

    @workflow.run
    async def run(self, unsent: Unsent) -> int:
        """Return how many things were sent."""
        sends = [self._send(m) for m in unsent.messages]
        sends += [self._alert(alert) for alert in unsent.alerts]
        sends += [
            self._keep([w for w in unsent.tickets if w.ticket == t]) for t in {w.ticket: 0 for w in unsent.tickets}
        ]
        if unsent.facts:
            sends.append(self._export(unsent))
        if unsent.ended is not None:
            sends.append(self._tell_ended(unsent.ended))
        return sum(await asyncio.gather(*sends))

    async def _send(self, message: Message) -> int:
        try:
            await workflow.execute_activity(
                DELIVER,
                message,
                result_type=Delivered,
                summary=f"{message.occasion} {message.person}",
                **options.DELIVER,
            )
        except ActivityError:  # only what the channel refuses for good ends here: everything else is retried
            workflow.logger.warning("delivery.refused", extra={"key": message.key})
            return 0
        return 1

    async def _alert(self, alert: Notify) -> int:
        told = await send_alert(alert)
        if told.refused:
            workflow.logger.warning("alert.refused", extra={"key": alert.key, "reason": told.refused})
        return int(bool(told.people))

    async def _keep(self, works: Sequence[KeepTicket]) -> int:
        """Do what is wanted of one ticket, one after the other."""
        done = 0
        for work in works:
            ended = await keep_ticket(work)
            if isinstance(ended, TicketRefused):
                workflow.logger.warning("ticket.refused", extra={"key": work.key, "reason": ended.reason})
            else:
                done += 1
        return done

    async def _export(self, unsent: Unsent) -> int:
        await workflow.execute_activity(
            EXPORT_FACTS, Facts(facts=unsent.facts), summary="export audit facts", **options.EXPORT
        )
        return 1

    async def _tell_ended(self, ended: RunEnded) -> int:
        """Let the flows start that this end triggers; one that can't be told fails the outbox, which shows why."""
        return await workflow.execute_activity(
            TELL_ENDED, ended, result_type=int, summary=f"{ended.id} has ended {ended.status}", **options.REACH
        )


async def hand_over(unsent: Unsent) -> None:
    """Give what is left to outboxes of its own; waits only until they have been started."""
    for part in _parts(unsent):
        await workflow.start_child_workflow(
            OUTBOX,
            part,
            id=f"{workflow.info().workflow_id}.outbox.{workflow.uuid4().hex[:8]}",
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"unsent of {workflow.info().workflow_id}",
        )


def _parts(unsent: Unsent) -> Iterator[Unsent]:
    """Yield what fits into one payload at a time."""
    if unsent.ended is not None:
        yield Unsent(ended=unsent.ended)
    facts, messages, most = unsent.facts, unsent.messages, options.MAX_MESSAGES
    alerts, tickets = unsent.alerts, unsent.tickets
    while facts or messages or alerts:
        yield Unsent(messages=messages[:most], facts=facts[: options.MAX_FACTS], alerts=alerts[:most])
        facts, messages, alerts = facts[options.MAX_FACTS :], messages[most:], alerts[most:]
    for ticket in dict.fromkeys(work.ticket for work in tickets):  # in one piece: its work has an order
        yield Unsent(tickets=tuple(work for work in tickets if work.ticket == ticket)[-most:])
