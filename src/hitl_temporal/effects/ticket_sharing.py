"""Who else stands in a ticket: several runs may share one, and it is over only once the last of them has recovered.

Must not know: ticket systems, what is done with a ticket.
"""

from datetime import timedelta

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.flow.views import Status
from hitl_temporal.effects.visibility import literal
from hitl_temporal.ports import TemporaryError

MAX_LOOKED_AT = 100
"""Runs that have parked at the same time: of more, the newest."""


ANSWER_WITHIN = timedelta(seconds=5)
_NO_ANSWER = frozenset({RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.NOT_FOUND})


class SharedTickets:
    """Asks the runs that have parked."""

    def __init__(self, client: Client, task_queue: str) -> None:
        """Take the client, and where our runs are."""
        self._client = client
        self._task_queue = task_queue

    async def standing_in(self, names: frozenset[str]) -> str | None:
        """Return a run that stands in a ticket, by its key or by what its system calls it; None: there is none.

        Raises:
            TemporaryError: Temporal does not answer.
        """
        query = f"HitlState = 'parked' AND ExecutionStatus = 'Running' AND TaskQueue = {literal(self._task_queue)}"
        try:
            async for row in self._client.list_workflows(query, page_size=MAX_LOOKED_AT, limit=MAX_LOOKED_AT):
                if await self._stands_in(row.id, names):
                    return row.id
        except RPCError as error:
            raise TemporaryError(f"it can't be told who else stands in a ticket: {error.message}") from error
        return None

    async def _stands_in(self, run: str, names: frozenset[str]) -> bool:
        handle = self._client.get_workflow_handle(run)
        try:
            found = await handle.query("status", result_type=Status | None, rpc_timeout=ANSWER_WITHIN)  # pyright: ignore[reportArgumentType, reportUnknownVariableType] - the SDK takes any type hint
        except WorkflowQueryFailedError:  # somebody else's workflow: it says nothing
            return False
        except RPCError as error:
            if error.status in _NO_ANSWER:  # one that can't go on for another reason must not keep tickets open
                return False
            raise
        return isinstance(found, Status) and any(step.ticket in names for step in found.steps.values())
