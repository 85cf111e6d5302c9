"""What is asked before a process starts, so that a mistake is one line with its mend and not a stack trace.

Must not know: what the processes do.
"""

from collections import defaultdict

import structlog

from hitl_temporal.app.settings import Settings
from hitl_temporal.app.sinks import audit_store
from hitl_temporal.app.state import StateError, prepare
from hitl_temporal.definition.lint import Signatures
from hitl_temporal.definition.project import load_project
from hitl_temporal.ports import PermanentError, TemporaryError

log = structlog.get_logger(__name__)


class StartError(Exception):
    """A process can't start; the message is for the person who started it."""


def check_ports(settings: Settings) -> None:
    """Refuse one port for two of those that `hitl up` listens on.

    Raises:
        StartError: Two settings name the same port.
    """
    names: defaultdict[int, list[str]] = defaultdict(list)
    names[settings.http_port].append("HITL_HTTP_PORT")
    names[settings.temporal_port].append("HITL_TEMPORAL_PORT")
    names[settings.temporal_ui_port].append("HITL_TEMPORAL_UI_PORT")
    for port, sharing in names.items():
        if len(sharing) > 1:
            raise StartError(f"{' and '.join(sharing)} are the same port, {port}; give each a port of its own")


async def check_state(settings: Settings) -> None:
    """Make the state folder, and open the audit store in it once.

    Raises:
        StartError: One of them can't be written, or is not what it should be.
    """
    try:
        prepare(settings.state, settings.audit_file, settings.messages_file)
    except StateError as error:
        raise StartError(str(error)) from error
    store = audit_store(settings)
    try:
        await store.of_workflow("")  # nobody's: what counts is that the store was opened
    except (TemporaryError, PermanentError) as error:
        raise StartError(f"{error}; mend it, or set HITL_STATE to another folder") from error
    finally:
        store.close()


def check_documents(settings: Settings, activities: Signatures) -> None:
    """Refuse a project whose people or calendars can't be read; a flow with errors is left out, and logged.

    Without its people.yaml nobody could answer, and without its site.yaml every deadline would be another one.

    Raises:
        StartError: people.yaml or site.yaml has errors.
    """
    folder = settings.project / "workflows"
    shared = {str(folder / name) for name in ("people.yaml", "site.yaml")}
    wrong = [p for p in load_project(settings.project, activities).problems if p.severity == "error"]
    for problem in wrong:
        if problem.path in shared:
            raise StartError(str(problem))
    for problem in wrong:
        log.warning("project.problem", problem=str(problem))
