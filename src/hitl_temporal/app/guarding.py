"""A runner of workflows that refuses what the SDK hands over before its time.

After an outage of workers a query may reach a new worker before the workflow task does. temporalio 1.35 then goes
through events that no task has seen yet, at the time of the task before (docs/measured.md): what the code does is in
another order, and at another time, than in every replay, and the workflow freezes. Such an activation is failed: the
worker forgets what it knew of the workflow, and the task that follows begins with the history.

Source of the fault in other words: https://github.com/temporalio/sdk-go/issues/755 (read 2026-12-01).

Must not know: what workflows do.
"""

import time
from typing import Any, cast

import structlog
from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from hitl_temporal.effects import readings
from hitl_temporal.messages import EARLY

log = structlog.get_logger(__name__)

_READING_SECONDS = 1.0
"""How long a query is kept waiting for a local activity; the SDK takes a workflow for deadlocked after two seconds."""

_TASK_NANOSECONDS = 9_500_000_000
"""What follows the task before so much later is no second half of it: the task was lost, and timed out after 10 s."""

_HAND_OVER_SECONDS = 0.005
"""How long what a local activity has brought back is on its way to the SDK's core, at the most and a little more."""

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
        self._begun = 0
        """When the task before began, in nanoseconds."""
        self._wanted = 0
        """How many local activities will have ended in this process once all that it has begun have."""
        self._is_reading = False
        self._is_cut = False
        """Whether a query has ended the task while something was read, which had come back by then."""

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Activate it, unless that is too early."""
        before, self._begun = self._begun, act.timestamp.ToNanoseconds()
        if before == self._begun and not act.is_replaying and any(map(_is_new, act.jobs)):
            log.warning("task.early", workflow_id=self._workflow_id)
            refused = WorkflowActivationCompletion()
            refused.failed.failure.message = EARLY
            return refused
        if all(map(_is_query, act.jobs)):
            self._is_cut = self._is_cut or (self._is_reading and self._have_readings_ended(act.run_id))
            return self._workflow.activate(act)
        follows = self._begun - before < _TASK_NANOSECONDS
        is_put_together = self._is_cut and follows and not act.is_replaying
        self._is_cut = False
        done = self._one_after_the_other(act) if is_put_together else self._workflow.activate(act)
        self._look_for_readings(act, done)
        return done

    def _have_readings_ended(self, run_id: str) -> bool:
        """Keep a query waiting while a local activity runs: so its end belongs to this task, now and in replays."""
        have_ended = readings.wait_for(run_id, self._wanted, _READING_SECONDS)
        time.sleep(_HAND_OVER_SECONDS)
        return have_ended

    def _look_for_readings(self, act: WorkflowActivation, done: WorkflowActivationCompletion) -> None:
        if any(map(_is_read, act.jobs)):
            self._is_reading = False
        started = sum(map(_starts_reading, done.successful.commands))
        if started and not act.is_replaying:
            self._wanted = max(self._wanted, readings.ended(act.run_id)) + started
            self._is_reading = True

    def _one_after_the_other(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Hand over what local activities have read, and then what has come since."""
        if not any(map(_is_read, act.jobs)) or all(map(_is_read, act.jobs)):
            return self._workflow.activate(act)
        read = self._workflow.activate(_with_jobs(act, [job for job in act.jobs if _is_read(job)]))
        if not read.HasField("successful"):
            return read
        rest = self._workflow.activate(_with_jobs(act, [job for job in act.jobs if not _is_read(job)]))
        if rest.HasField("successful"):
            commands = [*read.successful.commands, *rest.successful.commands]
            flags = dict.fromkeys([*read.successful.used_internal_flags, *rest.successful.used_internal_flags])
            del rest.successful.commands[:], rest.successful.used_internal_flags[:]
            rest.successful.commands.extend(commands)
            rest.successful.used_internal_flags.extend(flags)
        return rest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workflow, name)


def _with_jobs(act: WorkflowActivation, jobs: list[WorkflowActivationJob]) -> WorkflowActivation:
    part = WorkflowActivation()
    part.CopyFrom(act)
    del part.jobs[:]
    part.jobs.extend(jobs)
    return part


def _is_read(job: WorkflowActivationJob) -> bool:
    """Tell whether this is what a local activity has brought back."""
    return job.WhichOneof("variant") == "resolve_activity" and job.resolve_activity.is_local


def _is_query(job: WorkflowActivationJob) -> bool:
    return job.WhichOneof("variant") == "query_workflow"


def _starts_reading(command: WorkflowCommand) -> bool:
    return command.WhichOneof("variant") == "schedule_local_activity"


def _is_new(job: WorkflowActivationJob) -> bool:
    return job.WhichOneof("variant") in _OF_A_NEW_TASK
