"""The activities for requests about the same: all but the newest are withdrawn, and one may learn of a newer one.

Must not know: who asks, what about.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.people import SUBJECT
from hitl_temporal.effects.visibility import literal
from hitl_temporal.messages import APPROVAL, NEWER_ABOUT, SUPERSEDE, AboutSubject, Newer
from hitl_temporal.ports import TemporaryError

LOOKS, PAUSE = 20, timedelta(milliseconds=500)
"""Temporal lists a workflow a moment after it has begun; on a busy server that may be some seconds."""


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
        """Withdraw all open approvals about the same but the newest, which need not be this one; return how many.

        Of several that are started at once each sees those that are listed already. So it looks when it is listed
        itself: whichever looks last sees them all.
        """
        rivals = await self._listed(about)
        if about.approval not in rivals:  # withdrawn with its start, or so: it takes nobody's place
            return 0
        rivals[about.approval] = about.started_at
        newest = max(rivals, key=lambda approval: (rivals[approval], approval))
        return sum([await self._withdraw(approval, newest) for approval in rivals if approval != newest])

    @activity.defn(name=NEWER_ABOUT)
    async def newer_about(self, about: AboutSubject) -> Newer:
        """Return the newest open approval about the same, if it is newer than the one that asks."""
        mine = (about.started_at, about.approval)
        others = ((at, a) for a, at in (await self._rivals(about)).items() if a != about.approval)
        newest = max(others, default=mine)
        return Newer(approval=newest[1] if newest > mine else None)

    async def _listed(self, about: AboutSubject) -> dict[str, datetime]:
        """Return the open approvals about the same once this one is among them, or after a while as they are."""
        for _ in range(LOOKS):
            rivals = await self._rivals(about)
            if about.approval in rivals:
                return rivals
            await asyncio.sleep(PAUSE.total_seconds())
        return await self._rivals(about)

    async def _rivals(self, about: AboutSubject) -> dict[str, datetime]:
        """Return the open approvals about the same, each with when it was put."""
        query = (
            f"WorkflowType = '{APPROVAL}' AND ExecutionStatus = 'Running' AND HitlWaiting = {literal(about.mark)} "
            "AND HitlState != 'withdrawn'"
        )
        try:
            return {row.id: await _started(row) async for row in self._client.list_workflows(query)}
        except RPCError as error:
            raise TemporaryError(f"rivals of {about.approval!r} can't be found: {error.message}") from error

    async def _withdraw(self, approval: str, by: str) -> bool:
        command = {"actor": SUBJECT, "reason": f"superseded by {by}", "key": f"superseded-by-{by}"[:200]}
        try:
            await self._client.get_workflow_handle(approval).signal("withdraw", command)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # it has ended meanwhile
                return False
            raise TemporaryError(f"{approval!r} can't be withdrawn: {error.message}") from error
        return True


async def _started(row: WorkflowExecution) -> datetime:
    """Return when a request was put; a row has the time of its last continue-as-new."""
    written = (await row.memo()).get("started")
    return datetime.fromisoformat(written) if isinstance(written, str) else row.start_time
