"""A run that has ended is done again: a new one is started under the next free id, seeded with the old one's results.

Must not know: HTTP, terminals, how the new run begins (the workflow reads and judges the old one itself).
"""

import asyncio
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from hitl_temporal.definition.inputs import InputError, check_inputs
from hitl_temporal.domain.flow import seeding
from hitl_temporal.domain.flow.commands import Receipt, Rerun
from hitl_temporal.domain.flow.events import Operated
from hitl_temporal.domain.flow.policies import governing
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.ids import OUR_ID
from hitl_temporal.domain.value import digest
from hitl_temporal.engine.attributes import FLOW, REQUESTER, STATE
from hitl_temporal.messages import SEED, Seed, StartedBy
from hitl_temporal.ports import Catalogue, Directory
from hitl_temporal.service.errors import NotFoundError, UnansweredError
from hitl_temporal.service.reading import answer_of, describe, memo_of

START_WITHIN_SECONDS = 10.0
MOST_RERUNS = 1_000
"""Of one run; each looks for the first free number."""

_LOST = frozenset({WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT})
"""How a run ended of which nothing more is undone, and which can't be done again."""


class Rerunning:
    """Starts runs that do others again."""

    def __init__(self, client: Client, catalogue: Catalogue, directory: Directory, task_queue: str) -> None:
        self._client = client
        self._catalogue = catalogue
        self._directory = directory
        self._task_queue = task_queue

    async def again(self, description: WorkflowExecutionDescription, command: Rerun) -> Receipt:
        """Start a run that does a closed one again, once per actor and key; return the receipt.

        Raises:
            NotFoundError: It was refused at its start, or is no run of a flow.
            UnavailableError: No worker answers for it.
            UnansweredError: Temporal does not answer, and may have started it.
        """
        key = command.key or ""
        old = await answer_of(self._client.get_workflow_handle(description.id), SEED, Run)
        receipt = await self._judged(old, command)
        if receipt.status != "done":
            return receipt.but(key=key)
        found = await self._started(description, old, command, digest([command.actor, key]))
        if isinstance(found, Receipt):
            return found.but(key=key)
        changes = seeding.told(found, old, command)
        return receipt.but(changes=changes[1:] if command.dry_run else changes, key=key)

    async def _judged(self, old: Run, command: Rerun) -> Receipt:
        """Return what the new run will judge, too: whoever may not, or wishes what can't be, is told at once."""
        policy = governing(await self._catalogue.policies(), old.definition.flow, "rerun")
        roster = await self._directory.read(() if policy is None else policy.who_may(old.requester), [command.actor])
        wish = Operated(
            at=old.now, action="rerun", command=command, roster=roster, policies=() if policy is None else (policy,)
        )
        receipt = seeding.judged(old, wish)
        if receipt.status != "done":
            return receipt
        try:
            check_inputs(old.definition, seeding.inputs_of(old, command))
        except InputError as error:
            return Receipt(status="invalid", reason=f"with: {error}")
        return receipt

    async def _started(
        self, description: WorkflowExecutionDescription, old: Run, command: Rerun, mine: str
    ) -> str | Receipt:
        """Return the id of the run that was started, now or by the same key before; or the receipt of why none was."""
        first = description.raw_description.workflow_execution_info.first_run_id
        said = command.model_dump(mode="json", by_alias=True, exclude_none=True)
        seed = Seed(workflow_id=old.id, first_run_id=first, command=said)
        started_by = StartedBy(requester=old.requester, on_behalf_of=old.on_behalf_of, key=command.key, seed=seed)
        for k in range(1, MOST_RERUNS + 1):
            run_id = f"{old.id}.r{k}"
            if not OUR_ID.fullmatch(run_id):
                break
            used_by = await self._key_of(run_id)
            if used_by is None and (command.dry_run or await self._start(run_id, description, old, started_by, mine)):
                return run_id
            if used_by == mine or (used_by is None and await self._key_of(run_id) == mine):
                return run_id
            if both := await self._kept_by_both(run_id, old, command):
                reason = f"{run_id!r} does it again already, and keeps {', '.join(both)}: do that one again, or `all`"
                return Receipt(status="closed", reason=reason)
        return Receipt(status="closed", reason=f"{old.id!r} was done again {MOST_RERUNS} times")

    async def _kept_by_both(self, run_id: str, old: Run, command: Rerun) -> tuple[str, ...]:
        """Return the steps that another run has kept; none of one that was refused at its start, or was terminated."""
        if (await describe(self._client, run_id)).status in _LOST:
            return ()
        try:
            other = await answer_of(self._client.get_workflow_handle(run_id), SEED, Run)
        except NotFoundError:
            return ()
        return seeding.kept_by_both(other, old, command)

    async def _key_of(self, run_id: str) -> str | None:
        """Return by which key a run was started; empty: by none that is ours; None: there is no such run."""
        try:
            request: dict[str, Any] = (await memo_of(await describe(self._client, run_id))).get("request") or {}
        except NotFoundError:
            return None
        return str(request.get("key") or "")

    async def _start(
        self, run_id: str, description: WorkflowExecutionDescription, old: Run, started_by: StartedBy, mine: str
    ) -> bool:
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                await self._client.start_workflow(
                    description.workflow_type,
                    args=[{}, started_by],
                    id=run_id,
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    memo={"request": {"key": mine}, "on_behalf_of": old.on_behalf_of, "rerun_of": old.id},
                    search_attributes=TypedSearchAttributes(
                        [
                            SearchAttributePair(STATE, "running"),
                            SearchAttributePair(FLOW, description.workflow_type),
                            SearchAttributePair(REQUESTER, old.requester),
                        ]
                    ),
                    static_summary=f"{description.workflow_type} again, after {old.id}"[:200],
                )
        except WorkflowAlreadyStartedError:
            return False
        except (RPCError, TimeoutError) as error:
            said = f"Temporal did not answer in time: it is not known whether {run_id!r} was started"
            raise UnansweredError(f"{said}; send the same again with its key", started_by.key or "") from error
        return True
