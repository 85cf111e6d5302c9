"""The audit trail for people: all facts of a run's trace, and whether they are whole.

Must not know: HTTP, terminals, where facts are kept.
"""

from hitl_temporal.audit import Report, verify
from hitl_temporal.domain.audit import Fact, reviews
from hitl_temporal.domain.value import Value
from hitl_temporal.ports import AuditReader
from hitl_temporal.service.errors import NotFoundError
from hitl_temporal.service.identity import Identity


class Trail(Value):
    """The facts in order, and what their verification found."""

    facts: tuple[Fact, ...]
    report: Report


class Audit:
    """Reads back what workers have exported."""

    def __init__(self, reader: AuditReader) -> None:
        self._reader = reader

    async def show(self, me: Identity, workflow_id: str) -> Trail:
        """Return the trace that a run or an approval belongs to, as far as it has been exported.

        The reviews of what was decided in an emergency follow, which have traces of their own.

        Raises:
            NotFoundError: Nothing has been exported under this id, or I have no part in it.
        """
        trace = await self._reader.trace_of(workflow_id)
        facts = await self._reader.of_trace(trace) if trace else ()
        if not facts or not (me.is_operator or _takes_part(me, facts)):
            raise NotFoundError(f"there is no audit trail of {workflow_id!r} that you take part in")
        facts = (*facts, *await self._reviews(facts))
        return Trail(facts=facts, report=verify(facts))

    async def _reviews(self, facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        found: tuple[Fact, ...] = ()
        for review in reviews(facts):
            trace = await self._reader.trace_of(review)
            its_own = await self._reader.of_trace(trace) if trace else ()
            # A run may have been given the id before: that is no review, and none of the business of who looks here.
            if all(fact.workflow_id == review and fact.subject == "approval" for fact in its_own):
                found = (*found, *its_own)
        return found


def _takes_part(me: Identity, facts: tuple[Fact, ...]) -> bool:
    for fact in facts:
        # Trying is not taking part; and the trail of absences is everybody's, whoever has one in it.
        if fact.name == "approval.refused" or fact.subject == "absence":
            continue
        people = fact.attributes.get("hitl.people")
        named = [fact.attributes.get(n) for n in ("hitl.requester", "hitl.on_behalf_of", "hitl.actor")]
        if me.person in named or (isinstance(people, list) and me.person in people):
            return True
    return False
