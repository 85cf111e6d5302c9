"""The activity that says how busy people are, and whose turn it is: what `pick` needs to know.

Must not know: how anybody is chosen from it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from hitl_temporal.domain.people import Load
from hitl_temporal.domain.value import digest
from hitl_temporal.effects.visibility import literal
from hitl_temporal.messages import APPROVAL, READ_LOADS, ROTATION, LoadsRead, Picking, ReadLoads, Rotated
from hitl_temporal.ports import TemporaryError

MAX_WEIGHED = 50
"""Of more people than this the rest count as idle: whoever picks among hundreds does not need to be exact."""


class Loads:
    """Counts with a Temporal client; its method is an activity."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.read_loads,)

    @activity.defn(name=READ_LOADS)
    async def read_loads(self, request: ReadLoads) -> LoadsRead:
        """Count what waits for each person and what they have decided, and take the turns that are asked for."""
        weighed = [p for pick in request.picks if pick.policy in {"least_loaded", "experienced"} for p in pick.people]
        people = list(dict.fromkeys(weighed))[:MAX_WEIGHED]
        try:
            loads = await asyncio.gather(*(self._load(p, request.flow) for p in people))
            turning = [pick for pick in request.picks if pick.policy == "round_robin"]
            turns = await asyncio.gather(*(self._turn(pick, request.approval) for pick in turning))
        except RPCError as error:
            raise TemporaryError(f"the loads for {request.approval!r} can't be read: {error.message}") from error
        return LoadsRead(
            loads=dict(zip(people, loads, strict=True)),
            turns={pick.key: turn for pick, turn in zip(turning, turns, strict=True)},
        )

    async def _load(self, person: str, flow: str | None) -> Load:
        mine = f"WorkflowType = '{APPROVAL}'"
        waiting = f"{mine} AND ExecutionStatus = 'Running' AND HitlAssignees = {literal(person)}"
        done = f"{mine} AND HitlAssignees = {literal(f'acted:{person}')}" + (
            f" AND HitlFlow = {literal(flow)}" if flow else ""
        )
        first, second = await asyncio.gather(self._client.count_workflows(waiting), self._client.count_workflows(done))
        return Load(open=first.count, decided=second.count)

    async def _turn(self, pick: Picking, approval: str) -> int:
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            ROTATION,
            Rotated(),
            id=f"{ROTATION}:{digest(pick.key)[:32]}",
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=f"turns of {pick.key}",
        )
        number: int = await self._client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - untyped in the SDK
            "take_turn", f"{approval}:{pick.key}", start_workflow_operation=start, result_type=int
        )
        return number
