"""The worker process: the two engines, the effects, and the project's own code; and the agent, which has no engine."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.worker import Interceptor, Worker

from hitl_temporal.app.connectors import connector_activities
from hitl_temporal.app.documents import Documents
from hitl_temporal.app.project import Code
from hitl_temporal.app.secrets import LocalSecrets
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.sinks import audit_sink, audit_store
from hitl_temporal.app.temporal import RUNNER
from hitl_temporal.effects.absences import TemporalAbsences
from hitl_temporal.effects.activities import Effects
from hitl_temporal.effects.arrivals import Arrivals
from hitl_temporal.effects.commands import Commands
from hitl_temporal.effects.conduct import Conduct
from hitl_temporal.effects.keeping import Keeping
from hitl_temporal.effects.loads import Loads
from hitl_temporal.effects.relatives import Relatives
from hitl_temporal.effects.resources import Resources
from hitl_temporal.effects.secrets import Unsealing, sealed
from hitl_temporal.effects.server_clock import ServerClock
from hitl_temporal.effects.statistics import PastRuns
from hitl_temporal.effects.subjects import Subjects
from hitl_temporal.effects.ticket_sharing import SharedTickets
from hitl_temporal.effects.ticketing import Ticketing
from hitl_temporal.effects.triggers import Triggers
from hitl_temporal.effects.watching import FileWatch, RunWatch
from hitl_temporal.engine.absences import Absences
from hitl_temporal.engine.approval import Approval
from hitl_temporal.engine.flow import Flow
from hitl_temporal.engine.outbox import Outbox
from hitl_temporal.engine.resource_pool import ResourcePool
from hitl_temporal.engine.rotation import Rotation
from hitl_temporal.integrations.file import FileBlobs, FileNotifier, FileTickets
from hitl_temporal.ports import AuditSink, Notifier, Tickets

LEAVE_WITHIN = timedelta(seconds=5)
"""What activities of a worker have to end in when it is asked to stop."""
AGENT_LEAVES_WITHIN = timedelta(seconds=30)
"""Of an agent: what runs there are commands, which have a grace of their own."""
_ALMOST = 0.8
"""The share of it that a command has: the rest is for its last report."""

WORKFLOWS: tuple[type, ...] = (Approval, Flow, Outbox, Rotation, Absences, ResourcePool)


def make_worker(
    client: Client,
    settings: Settings,
    code: Code,
    *,
    notifiers: Sequence[Notifier] | None = None,
    sink: AuditSink | None = None,
    tickets: Sequence[Tickets] | None = None,
) -> Worker:
    """Return the worker of one project, not started yet.

    Args:
        client: Connected.
        settings: Where things are.
        code: The project's activities and workflows.
        notifiers: Channels; None: the file channel.
        sink: Where facts go; None: what the settings say.
        tickets: Ticket systems; None: a file.
    """
    documents, clock = Documents(settings.project, code.signatures), ServerClock(client)
    effects = Effects(
        catalogue=documents,
        directory=documents,
        notifiers=notifiers or [FileNotifier(settings.messages_file)],
        sink=sink or audit_sink(settings),
        absences=TemporalAbsences(client),
        clock=clock,
    )
    shared = SharedTickets(client, settings.task_queue)
    ours: tuple[Callable[..., Any], ...] = (
        *effects.activities,
        *Relatives(client).activities,
        *Arrivals(client).activities,
        *Loads(client, settings.task_queue).activities,
        *Subjects(client).activities,
        *_commands(settings, LEAVE_WITHIN).activities,
        *FileWatch(settings.project).activities,
        *RunWatch(client).activities,
        *Resources(client, settings.task_queue, documents, clock).activities,
        *Triggers(client, settings.task_queue, documents).activities,
        *Ticketing(tickets or [FileTickets(settings.tickets_file)], shared.standing_in).activities,
        *PastRuns(client, audit_store(settings), documents, settings.task_queue).activities,
    )
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[*WORKFLOWS, *code.workflows],
        activities=[*ours, *map(sealed, [*connector_activities(client, settings), *code.activities])],
        interceptors=_interceptors(settings),
        workflow_runner=RUNNER,
        max_cached_workflows=settings.worker_cached_workflows,
        # After a killed worker the default makes the next click wait ten seconds (measured).
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        # A value that does not fit its model would otherwise fail the task again and again, for ever.
        workflow_failure_exception_types=[ValidationError],
        graceful_shutdown_timeout=LEAVE_WITHIN,
    )


def pool_queue(task_queue: str, pool: str) -> str:
    """Return what the agents of a pool poll."""
    return f"{task_queue}-pool-{pool}"


def make_agent(client: Client, settings: Settings, code: Code, pool: str, *, slots: int | None = None) -> Worker:
    """Return an agent, not started yet: it runs commands and the project's activities on its host, and no workflow.

    Args:
        client: Connected.
        settings: Where things are.
        code: The project's activities.
        pool: The pool that it belongs to.
        slots: How much it does at once; None: what the settings say.
    """
    return Worker(
        client,
        task_queue=pool_queue(settings.task_queue, pool),
        activities=[
            *_commands(settings, AGENT_LEAVES_WITHIN).activities,
            *FileWatch(settings.project).activities,
            *map(sealed, [*connector_activities(client, settings), *code.activities]),
        ],
        interceptors=_interceptors(settings),
        max_concurrent_activities=slots or settings.worker_slots,
        graceful_shutdown_timeout=AGENT_LEAVES_WITHIN,
    )


def _interceptors(settings: Settings) -> list[Interceptor]:
    """Return what stands around each activity, the outermost first."""
    blobs = FileBlobs(settings.blobs_folder)
    return [Conduct(), Keeping(blobs), Unsealing(LocalSecrets(settings.secrets), blobs)]


def _commands(settings: Settings, leave_within: timedelta) -> Commands:
    secrets, blobs = LocalSecrets(settings.secrets), FileBlobs(settings.blobs_folder)
    return Commands(settings.project, secrets, blobs, leave_within=leave_within * _ALMOST)
