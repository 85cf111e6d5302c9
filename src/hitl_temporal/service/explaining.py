"""Why a step does not move, as only Temporal and the pools know it: tries that failed, agents not there, units.

A run knows that a job is out, and that units are asked for; not that the job failed twice and is tried again, that no
agent has taken it, or who holds the units.

Must not know: who asks.
"""

from collections.abc import Mapping, Sequence

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from hitl_temporal.domain.flow.views import Reason
from hitl_temporal.domain.resources.views import PoolStatus
from hitl_temporal.domain.words import moment, shorten
from hitl_temporal.messages import pool_id
from hitl_temporal.service.errors import NotFoundError, UnavailableError
from hitl_temporal.service.jobs import Job, jobs_of
from hitl_temporal.service.reading import answer_of

MAX_NAMED = 5
"""Who hold units, by name."""


class Explaining:
    """Adds to the reasons of a run what Temporal says about them; what it does not say leaves them as they are."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def explained(
        self, reasons: Sequence[Reason], description: WorkflowExecutionDescription, *, names_runs: bool
    ) -> tuple[Reason, ...]:
        """Return the reasons with what is known beside.

        Args:
            reasons: Those that the run gives.
            description: Of its workflow.
            names_runs: Whether other runs may be named to who asks.
        """
        steps = [reason.step for reason in reasons]
        jobs = await jobs_of(description, steps, self._client.data_converter, with_output=False)
        out = {job.step: job for job in jobs}
        pools: dict[str, PoolStatus | None] = {}
        found: list[Reason] = []
        for reason in reasons:
            if reason.reason == "job" and reason.step:
                found.append(await self._of_job(reason, out))
            elif reason.reason == "resource" and names_runs:
                found.append(await self._of_units(reason, description.id, pools))
            else:
                found.append(reason)
        return tuple(found)

    async def _of_job(self, reason: Reason, out: Mapping[str, Job]) -> Reason:
        job = out.get(reason.step)
        if job is None:
            return reason
        if job.error and job.attempt > 1:
            return reason.but(releases=f"{reason.releases}; {_tried(job)}")
        if reason.pool is None or job.state != "queued":
            return reason
        there = await self._agents(reason.pool)
        who = f"none is there: hitl worker --pool {reason.pool}" if there == 0 else "all that are there are busy"
        releases = f"an agent of pool {reason.pool} that takes it" + ("" if there is None else f"; {who}")
        return reason.but(state="waiting", reason="pool", by=(*reason.by, f"pool:{reason.pool}"), releases=releases)

    async def _agents(self, pool: str) -> int | None:
        """Return how many agents look for work of a pool, None when it can't be told."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=f"{self._task_queue}-pool-{pool}"),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        try:
            return len((await self._client.workflow_service.describe_task_queue(request)).pollers)
        except RPCError:
            return None

    async def _of_units(self, reason: Reason, run: str, pools: dict[str, PoolStatus | None]) -> Reason:
        said: list[str] = []
        holders: dict[str, None] = {}
        for name in reason.by:
            if name not in pools:
                pools[name] = await self._pool(name)
            pool = pools[name]
            if pool is not None:
                here = dict.fromkeys(h.workflow_id for h in pool.holders if h.workflow_id != run)
                place = next((w.position for w in pool.queue if w.workflow_id == run), None)
                queued = "" if place is None else f"; place {place} of {pool.waiting}"
                said.append(f"{name}: {pool.held} of {pool.units} held{_by([*here])}{queued}")
                holders |= here
        if not said:
            return reason
        by = (*reason.by, *[*holders][:MAX_NAMED])
        return reason.but(by=by, releases=f"{reason.releases} ({'; '.join(said)})")

    async def _pool(self, name: str) -> PoolStatus | None:
        try:
            return await answer_of(self._client.get_workflow_handle(pool_id(name)), "status", PoolStatus)
        except (NotFoundError, UnavailableError):
            return None


def _by(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - MAX_NAMED} more" if len(runs) > MAX_NAMED else ""
    return f" by {', '.join(runs[:MAX_NAMED])}{more}" if runs else ""


def _tried(job: Job) -> str:
    """Return which try this is, when the next one is made, and why the last one failed."""
    of = "" if job.attempts is None else f" of {job.attempts}"
    when = "" if job.again is None else f" at {moment(job.again)}"
    return f"attempt {job.attempt}{of}{when}, since the last one failed: {shorten(job.error, 300)}"
