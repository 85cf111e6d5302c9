"""The activities for requests about the same: older ones are withdrawn, and one may learn that there is a newer.

Must not know: who asks, what about.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.people import SUBJECT
from hitl_temporal.effects.visibility import literal
from hitl_temporal.messages import APPROVAL, NEWER_ABOUT, SUPERSEDE, AboutSubject, Newer
from hitl_temporal.ports import TemporaryError


class Subjects:
    """Finds approvals by what they are about; its methods are activities."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.supersede, self.newer_about)

    @activity.defn(name=SUPERSEDE)
    async def supersede(self, about: AboutSubject) -> int:
        """Withdraw the older open approvals about the same; return how many were told."""
        told = 0
        try:
            async for row in self._rivals(about):
                if _order(row) < (about.started_at, about.approval):
                    told += await self._withdraw(row.id, about.approval)
        except RPCError as error:
            raise TemporaryError(f"rivals of {about.approval!r} can't be found: {error.message}") from error
        return told

    @activity.defn(name=NEWER_ABOUT)
    async def newer_about(self, about: AboutSubject) -> Newer:
        """Return the newest open approval about the same, if it is newer than the one that asks."""
        try:
            rows = [row async for row in self._rivals(about)]
        except RPCError as error:
            raise TemporaryError(f"rivals of {about.approval!r} can't be found: {error.message}") from error
        newest = max(rows, key=_order, default=None)
        is_newer = newest is not None and _order(newest) > (about.started_at, about.approval)
        return Newer(approval=newest.id if newest is not None and is_newer else None)

    async def _rivals(self, about: AboutSubject) -> AsyncIterator[WorkflowExecution]:
        query = f"WorkflowType = '{APPROVAL}' AND ExecutionStatus = 'Running' AND HitlWaiting = {literal(about.mark)}"
        async for row in self._client.list_workflows(query):
            if row.id != about.approval:
                yield row

    async def _withdraw(self, approval: str, by: str) -> bool:
        command = {"actor": SUBJECT, "reason": f"superseded by {by}", "key": f"superseded-by-{by}"[:200]}
        try:
            await self._client.get_workflow_handle(approval).signal("withdraw", command)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # it has ended meanwhile
                return False
            raise
        return True


def _order(row: WorkflowExecution) -> tuple[object, ...]:
    return (row.start_time, row.id)
