"""The connectors that ship, plugged: what a flow may `call` without a line of code.

Must not know: flows.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from temporalio.client import Client

from hitl_temporal.app.settings import Settings
from hitl_temporal.effects.connectors import as_activity
from hitl_temporal.effects.places import Folders
from hitl_temporal.effects.runs import TemporalRuns
from hitl_temporal.integrations import container, http, mail, runs, sql, ssh, transfer
from hitl_temporal.ports import Connector, Places, Runs

__all__ = ["CONNECTORS", "connector_activities", "connectors"]


CONNECTORS: Mapping[str, type[BaseModel]] = {
    "http.request": http.Request,
    "sql.query": sql.Query,
    "file.transfer": transfer.Transfer,
    "shell.ssh": ssh.Command,
    "container.run": container.Container,
    "runs.start": runs.Start,
    "runs.operate": runs.Operation,
    "email.send": mail.Mail,
}
"""What each takes, by the name that `call` writes."""


def connector_activities(client: Client, settings: Settings) -> tuple[Callable[..., Any], ...]:
    """Return the activities of all connectors, for a worker; sealed, they take secrets."""
    places = Folders(settings.project, settings.open_folders)
    found = connectors(places, TemporalRuns(client, settings.task_queue), mail_settings(settings))
    return tuple(map(as_activity, found))


def connectors(places: Places, started: Runs, server: mail.Settings | None) -> tuple[Connector[Any, Any], ...]:
    """Return every connector.

    Args:
        places: Which files flows may touch.
        started: Starts and operates runs.
        server: Where mail is handed over; None: `email.send` says what to set.
    """
    return (
        http.connector(),
        sql.connector(places),
        transfer.connector(places),
        ssh.connector(),
        container.connector(places),
        runs.starter(started),
        runs.operator(started),
        mail.connector(server, places),
    )


def mail_settings(settings: Settings) -> mail.Settings | None:
    """Return where mail is handed over, None when no server is set."""
    if settings.smtp_host is None:
        return None
    return mail.Settings(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        verify=settings.smtp_verify,
        username=settings.smtp_username,
        password=settings.smtp_password,
        sender=settings.smtp_from or f"hitl@{settings.smtp_host}",
        timeout=settings.smtp_timeout,
    )
