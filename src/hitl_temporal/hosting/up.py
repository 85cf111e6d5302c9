"""`hitl up`: the embedded Temporal server, a worker and the HTTP service, kept running for a person.

Server and worker are processes of their own and are started again when they die: a run goes on where it was.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from hitl_temporal.api import create_app
from hitl_temporal.app import embedded
from hitl_temporal.app.children import Child, PidFile, keep, spawn
from hitl_temporal.app.project import ProjectError, load_code
from hitl_temporal.app.services import make_services
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.sockets import SocketError, bind
from hitl_temporal.app.state import StateError, prepare
from hitl_temporal.app.telemetry import set_up_logs
from hitl_temporal.app.temporal import TemporalUnreachableError, connect
from hitl_temporal.hosting.checks import StartError, check_documents, check_ports, check_state
from hitl_temporal.hosting.processes import http_server, serve_until, until_signalled

log = structlog.get_logger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def run_up(settings: Settings, *, ephemeral: bool = False) -> int:
    """Keep everything running until SIGINT or SIGTERM; return the exit code.

    Args:
        settings: Where things are.
        ephemeral: Whether all state lies in a temporary folder that is removed at the end.

    Raises:
        StartError: A port is taken, another `hitl up` runs here, the state folder can't be written, the project is
            broken, or the server's binary is missing.
    """
    set_up_logs()
    if not ephemeral:
        return asyncio.run(_up(settings))
    with tempfile.TemporaryDirectory(prefix="hitl-") as folder:
        return asyncio.run(_up(settings.model_copy(update={"state": Path(folder)})))


async def _up(settings: Settings) -> int:
    stop = until_signalled()
    check_ports(settings)
    state = settings.state.absolute()
    settings = settings.model_copy(update={"state": state})
    pids = await _claim(state)
    address = f"{embedded.HOST}:{settings.temporal_port}"

    async def start_server() -> Child:
        ports = (settings.temporal_port, settings.temporal_ui_port)
        return await embedded.start(*ports, state / "temporal.db", state / "temporal.log", pids.add)

    async def start_worker() -> Child:
        command = [sys.executable, "-m", "hitl_temporal", "worker"]
        environment = {"TEMPORAL_ADDRESS": address, "HITL_STATE": str(state)}
        worker = await spawn("worker", command, log=state / "worker.log", environment=environment)
        try:
            pids.add(worker)
        except StateError:
            await worker.stop()  # one that nobody knows of would work beside the next
            raise
        return worker

    async with AsyncExitStack() as stack:  # left in reverse: a server ends after those that need it
        stack.callback(pids.remove)
        try:
            await check_state(settings)
            code = load_code(settings.project)  # a broken project is said here, not in the worker's log
            check_documents(settings, code.signatures)
            listening = bind(settings.http_host, settings.http_port, "HITL_HTTP_PORT")
            stack.callback(listening.close)
            await _run(stack, await start_server(), start_server, state / "temporal.log")
            client = await connect(address=address)
            await _run(stack, await start_worker(), start_worker, state / "worker.log")
        except _CAUSES as error:
            raise StartError(str(error)) from error
        is_development = settings.http_host in LOOPBACK
        app = create_app(make_services(client, settings), is_development=is_development)
        _announce(settings, state)
        await serve_until(http_server(app), listening, stop)
    return 0


_CAUSES = (
    ProjectError,
    SocketError,
    StateError,
    TemporalUnreachableError,
    embedded.DeadServerError,
    embedded.MissingServerError,
)
"""Why it can't start; their messages are for the person who starts it."""


async def _claim(state: Path) -> PidFile:
    """Take the state folder for this process, and end what a killed one has left in it."""
    pids = PidFile(state / "up.json")
    try:
        prepare(state, state / "temporal.db", state / "temporal.log", state / "worker.log")
        if (owner := pids.owner()) is not None:
            raise StartError(
                f"`hitl up` already runs here with pid {owner}; stop it, or set HITL_STATE to another folder"
            )
        if orphans := pids.end_orphans():
            await log.awarning("up.orphans_ended", processes=list(orphans))
        pids.claim()
    except StateError as error:
        raise StartError(str(error)) from error
    return pids


async def _run(stack: AsyncExitStack, child: Child, again: Callable[[], Awaitable[Child]], log_file: Path) -> None:
    """Keep a process running until the stack is left."""
    keeper = asyncio.create_task(keep(child, again, log_file, _CAUSES))

    async def end() -> None:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)

    stack.push_async_callback(end)
    await asyncio.sleep(0)  # a task that was cancelled before its first step would not stop the process


def _announce(settings: Settings, state: Path) -> None:
    """Tell a person where everything is."""
    base = settings.base_url
    rows = [
        ("Inbox", f"{base}/"),
        ("API docs", f"{base}/docs"),
        ("Temporal UI", f"http://{embedded.HOST}:{settings.temporal_ui_port}"),
        ("Temporal", f"{embedded.HOST}:{settings.temporal_port}"),
        ("State and logs", str(state)),
    ]
    text = "\n".join(f"  {name:<15} {where}" for name, where in rows)
    sys.stdout.write(f"hitl is up; Ctrl-C stops it.\n{text}\n")
    sys.stdout.flush()
