"""The use cases, plugged: one value that doors are given."""

from typing import NamedTuple

from temporalio.client import Client

from hitl_temporal.app.documents import Documents
from hitl_temporal.app.secrets import LocalSecrets
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.sinks import audit_store
from hitl_temporal.effects.absences import TemporalAbsences
from hitl_temporal.integrations.file import FileBlobs
from hitl_temporal.ports import Directory
from hitl_temporal.service.absences import Absences
from hitl_temporal.service.approvals import Approvals
from hitl_temporal.service.audit import Audit
from hitl_temporal.service.catalogue import FlowCatalogue
from hitl_temporal.service.events import Events
from hitl_temporal.service.outputs import Outputs
from hitl_temporal.service.policies import Policies
from hitl_temporal.service.previews import Previews
from hitl_temporal.service.runs import Runs
from hitl_temporal.service.webhooks import Webhooks


class Services(NamedTuple):
    """Everything a door may call."""

    client: Client
    directory: Directory
    catalogue: FlowCatalogue
    runs: Runs
    approvals: Approvals
    absences: Absences
    audit: Audit
    outputs: Outputs
    previews: Previews
    policies: Policies
    events: Events
    webhooks: Webhooks


def make_services(client: Client, settings: Settings) -> Services:
    """Return the use cases over one Temporal and one project."""
    documents, book = Documents(settings.project), TemporalAbsences(client)
    events = Events(client, documents, settings.task_queue)
    runs = Runs(client, documents, documents, settings.task_queue)
    return Services(
        client=client,
        directory=documents,
        catalogue=FlowCatalogue(documents),
        runs=runs,
        approvals=Approvals(client, documents, documents),
        absences=Absences(client, documents, settings.task_queue),
        audit=Audit(audit_store(settings)),
        outputs=Outputs(runs, FileBlobs(settings.blobs_folder)),
        previews=Previews(documents, documents, book),
        policies=Policies(client, documents, documents, book),
        events=events,
        webhooks=Webhooks(events, documents, LocalSecrets(settings.secrets)),
    )
