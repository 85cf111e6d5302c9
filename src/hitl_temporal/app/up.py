"""`hitl up`: the embedded Temporal server, a worker and the HTTP service, kept running for a person.

The worker is a process of its own and is started again when it dies: a run goes on where it was.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from hitl_temporal.api import create_app
from hitl_temporal.app import embedded
from hitl_temporal.app.children import Child, PidFile, spawn
from hitl_temporal.app.processes import StartError, http_server, serve_until, until_signalled
from hitl_temporal.app.project import ProjectError, load_code
from hitl_temporal.app.services import make_services
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.sockets import PortTakenError, bind
from hitl_temporal.app.telemetry import set_up_logs
from hitl_temporal.app.temporal import TemporalUnreachableError, connect

log = structlog.get_logger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST_PAUSE_SECONDS = 10.0


def run_up(settings: Settings, *, ephemeral: bool = False) -> int:
    """Keep everything running until SIGINT or SIGTERM; return the exit code.

    Args:
        settings: Where things are.
        ephemeral: Whether all state lies in a temporary folder that is removed at the end.

    Raises:
        StartError: A port is taken, another `hitl up` runs here, or the server's binary is missing.
    """
    set_up_logs()
    if not ephemeral:
        return asyncio.run(_up(settings, is_ephemeral=False))
    with tempfile.TemporaryDirectory(prefix="hitl-") as folder:
        return asyncio.run(_up(settings.model_copy(update={"state": Path(folder)}), is_ephemeral=True))


async def _up(settings: Settings, *, is_ephemeral: bool) -> int:
    stop = until_signalled()
    state = settings.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    pids = PidFile(state / "up.json")
    if (owner := pids.owner()) is not None:
        raise StartError(f"`hitl up` already runs here with pid {owner}; stop it, or set HITL_STATE to another folder")
    if orphans := pids.end_orphans():
        await log.awarning("up.orphans_ended", processes=list(orphans))
    async with AsyncExitStack() as stack:
        try:
            load_code(settings.project)  # a broken project is said here, not in the worker's log
            listening = bind(settings.http_host, settings.http_port, "HITL_HTTP_PORT")
            stack.callback(listening.close)
            database = None if is_ephemeral else state / "temporal.db"
            ports = (settings.temporal_port, settings.temporal_ui_port)
            server = await embedded.start(*ports, database, state / "temporal.log")
            stack.push_async_callback(server.stop)
            address = f"{embedded.HOST}:{settings.temporal_port}"
            client = await connect(address=address)
        except (PortTakenError, ProjectError, TemporalUnreachableError, embedded.MissingServerError) as error:
            raise StartError(
                f"{error} (log: {state / 'temporal.log'})" if "answer" in str(error) else str(error)
            ) from error
        stack.callback(pids.remove)
        environment = {"TEMPORAL_ADDRESS": address, "HITL_STATE": str(state)}
        keeper = asyncio.create_task(_keep_worker(environment, state / "worker.log", lambda w: pids.write([server, w])))
        stack.push_async_callback(_end, keeper)
        is_development = settings.http_host in LOOPBACK
        app = create_app(
            make_services(client, settings.model_copy(update={"state": state})), is_development=is_development
        )
        _announce(settings, state)
        await serve_until(http_server(app), listening, stop)
    return 0


async def _keep_worker(environment: dict[str, str], log_file: Path, started: Callable[[Child], None]) -> None:
    """Run a worker, and another one whenever it has died; with a growing pause if it dies at once."""
    pause = 0.2
    while True:
        worker = await spawn(
            "worker", [sys.executable, "-m", "hitl_temporal", "worker"], log=log_file, environment=environment
        )
        started(worker)
        born = asyncio.get_running_loop().time()
        try:
            code = await worker.wait()
        finally:
            await worker.stop()
        lived = asyncio.get_running_loop().time() - born
        pause = 0.2 if lived > LONGEST_PAUSE_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
        await log.awarning("worker.died", code=code, log=str(log_file), again_in_seconds=pause)
        await asyncio.sleep(pause)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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
