"""What a run wants of tickets, done in the ticket system that its document names.

Must not know: workflows, which systems there are.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from temporalio import activity

from hitl_temporal.domain.flow.effects import KeepTicket
from hitl_temporal.messages import KEEP_TICKET, TicketDone
from hitl_temporal.ports import PermanentError, Tickets


class Ticketing:
    """Holds the ticket systems; its method is an activity."""

    def __init__(
        self, systems: Sequence[Tickets], standing_in: Callable[[frozenset[str]], Awaitable[str | None]]
    ) -> None:
        """Take what is needed.

        Args:
            systems: Ticket systems; the first is used where a document names none.
            standing_in: Returns a run that stands in the ticket of these names, None when none does.
        """
        self._standing_in = standing_in
        self._systems: Mapping[str, Tickets] = {system.name: system for system in systems}
        self._default = systems[0].name

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.keep_ticket,)

    @activity.defn(name=KEEP_TICKET)
    async def keep_ticket(self, work: KeepTicket) -> TicketDone:
        """Open, comment or resolve; where a ticket was closed meanwhile, only opening does something.

        One in which another run stands is commented on and not resolved: the last of them resolves it.
        """
        system = self._systems.get(work.via or self._default)
        if system is None:
            known = ", ".join(self._systems)
            raise PermanentError(
                f"no ticket system is called {work.via!r} here; known: {known}. Set it up, or mend `via`"
            )
        found = await system.find(work.ticket)
        if found is None:
            opens = work.doing == "open"
            return TicketDone(ref=await system.open(work.ticket, work.title, work.text, work.fields) if opens else "")
        other = await self._standing_in(frozenset({work.ticket, found.ref})) if work.doing == "resolve" else None
        if other is not None:
            await system.comment(found.ref, f"{work.text}; run {other} can't go on yet", work.key)
        elif work.doing == "resolve":
            await system.resolve(found.ref, work.text, work.key)
        else:
            await system.comment(found.ref, work.text, work.key)
        return TicketDone(ref=found.ref, left_to=other)
