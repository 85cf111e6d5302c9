"""A runner of workflows that refuses what the SDK hands over before its time.

After an outage of workers a query may reach a new worker before the workflow task does. temporalio 1.35 then goes
through events that no task has seen yet, at the time of the task before (docs/measured.md): what the code does is in
another order, and at another time, than in every replay, and the workflow freezes. Such an activation is failed: the
worker forgets what it knew of the workflow, and the task that follows begins with the history.

Source of the fault in other words: https://github.com/temporalio/sdk-go/issues/755 (read 2026-12-01).

Must not know: what workflows do.
"""

from typing import Any, cast

import structlog
from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from hitl_temporal.messages import EARLY

log = structlog.get_logger(__name__)

_OF_A_NEW_TASK = frozenset({"signal_workflow", "fire_timer", "cancel_workflow"})
"""Jobs that only events bring which a workflow task has made known; each task has a later time than the one before."""


class GuardedRunner(SandboxedWorkflowRunner):
    """The sandbox, with each workflow behind a guard."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Return a guarded workflow."""
        return cast("WorkflowInstance", _Guarded(super().create_instance(det), det.info.workflow_id))


class _Guarded:
    """One workflow; all but its activations goes to it as it is."""

    def __init__(self, workflow: WorkflowInstance, workflow_id: str) -> None:
        self._workflow = workflow
        self._workflow_id = workflow_id
        self._last: tuple[int, int] | None = None

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Activate it, unless that is too early."""
        begun = (act.timestamp.seconds, act.timestamp.nanos)
        if begun == self._last and not act.is_replaying and any(map(_is_new, act.jobs)):
            log.warning("task.early", workflow_id=self._workflow_id)
            refused = WorkflowActivationCompletion()
            refused.failed.failure.message = EARLY
            return refused
        self._last = begun
        return self._workflow.activate(act)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workflow, name)


def _is_new(job: WorkflowActivationJob) -> bool:
    return job.WhichOneof("variant") in _OF_A_NEW_TASK
