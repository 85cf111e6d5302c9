"""What time it is by the server's clock, for a workflow to which the SDK may show an older one.

A worker that takes over and is queried before its first task goes on with the time of the task before
(docs/measured.md): days, if there was silence. Then an answer would count that came after the deadline.

Must not know: who asks, what for.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from hitl_temporal.ports import TemporaryError

DOUBT = timedelta(milliseconds=250)
"""A workflow's time that lies so far back, by this machine's clock, is looked up: that costs a call to the server."""

LOOKS, PAUSE = 100, timedelta(milliseconds=20)
"""How often it is looked whether a task has begun: together as long as a task may last that is not told of again."""


class ServerClock:
    """Reads the time of workflow tasks through a Temporal client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def time(self, shown: datetime | None) -> datetime | None:
        """Return when the workflow task began from which a local activity was called.

        Args:
            shown: What the SDK says; None, of a worker of an older release, stays so.

        Raises:
            TemporaryError: It is in doubt, and the server does not answer, or knows of no task that has begun.
        """
        if shown is None or datetime.now(UTC) - shown < DOUBT:
            return shown
        for _ in range(LOOKS):
            begun = await self._begun()
            if begun is not None:
                return max(shown, begun)
            # Asked for the sake of a query that came before the task (measured): the worker is about to get that.
            await asyncio.sleep(PAUSE.total_seconds())
        raise TemporaryError(f"the task of {activity.info().workflow_id!r} that wants to know the time has not begun")

    async def _begun(self) -> datetime | None:
        """Return when the present workflow task began, None if none has."""
        info = activity.info()
        assert info.workflow_id is not None, "asked by a workflow"
        try:
            found = await self._client.get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id).describe()
        except RPCError as error:
            raise TemporaryError(f"the time of {info.workflow_id!r} can't be read: {error.message}") from error
        task = found.raw_description.pending_workflow_task
        return task.started_time.ToDatetime(UTC) if task.HasField("started_time") else None
