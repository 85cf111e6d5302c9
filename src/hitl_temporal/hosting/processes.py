"""One process each: a worker, an HTTP service. Against the Temporal that the environment names."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Generator
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
import uvicorn
from typing_extensions import override

from hitl_temporal.api import create_app
from hitl_temporal.app.documents import Documents
from hitl_temporal.app.project import ProjectError, load_code
from hitl_temporal.app.services import make_services
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.sockets import SocketError, bind
from hitl_temporal.app.telemetry import set_up_logs
from hitl_temporal.app.temporal import TemporalUnreachableError, connect, memory_of
from hitl_temporal.app.timetable import DocumentTimetable
from hitl_temporal.app.worker import AGENT_LEAVES_WITHIN as COMMANDS_LEAVE_WITHIN
from hitl_temporal.app.worker import make_agent, make_worker, pool_queue
from hitl_temporal.hosting.checks import StartError, check_documents, check_state
from hitl_temporal.hosting.scheduling import keep_synced
from hitl_temporal.hosting.watching import Appeared, Folder, keep_watching
from hitl_temporal.service.events import Events
from hitl_temporal.service.schedules import Schedules

__all__ = [
    "QuietServer",
    "StartError",
    "http_server",
    "run_agent",
    "run_serve",
    "run_worker",
    "serve_until",
    "until_signalled",
]

log = structlog.get_logger(__name__)

LEAVE_WITHIN = timedelta(seconds=8)
"""Activities have five seconds to end (`app/worker.py`); `hitl up` kills who has not left after ten."""
AGENT_LEAVES_WITHIN = COMMANDS_LEAVE_WITHIN + timedelta(seconds=10)
"""Of an agent, which nobody kills but who has stopped it."""


def run_worker(settings: Settings) -> int:
    """Run a worker until SIGINT or SIGTERM; return the exit code.

    Raises:
        StartError: Temporal is not there, the project is broken, or the state folder can't be written.
    """
    set_up_logs()
    return asyncio.run(_work(settings))


def run_agent(settings: Settings, pool: str, slots: int | None = None) -> int:
    """Run an agent of a pool until SIGINT or SIGTERM; return the exit code.

    Args:
        settings: Where things are.
        pool: The pool.
        slots: How much it does at once; None: what the settings say.

    Raises:
        StartError: Temporal is not there, or the project is broken.
    """
    set_up_logs()
    return asyncio.run(_serve_pool(settings, pool, slots))


def run_serve(settings: Settings) -> int:
    """Run the HTTP service until SIGINT or SIGTERM; return the exit code.

    Raises:
        StartError: Temporal is not there, the port is taken, or the state folder can't be written.
    """
    set_up_logs()
    return asyncio.run(_serve(settings))


class QuietServer(uvicorn.Server):
    """Uvicorn without signal handlers of its own: who starts it decides when it ends."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield


def http_server(app: Any) -> QuietServer:
    """Return an HTTP server for an application; `serve(sockets=[...])` runs it."""
    # No proxy headers: the development identity must see what really called.
    return QuietServer(uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, lifespan="off"))


def until_signalled() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _work(settings: Settings) -> int:
    stop = until_signalled()
    try:
        code = load_code(settings.project)
        check_documents(settings, code.signatures)
        await check_state(settings)
        client = await connect(patience=settings.temporal_patience)
    except (ProjectError, TemporalUnreachableError) as error:
        raise StartError(str(error)) from error
    documents = Documents(settings.project, code.signatures)
    schedules = Schedules(client, DocumentTimetable(documents), settings.task_queue)
    async with make_worker(client, settings, code):
        await log.ainfo("worker.started", task_queue=settings.task_queue, activities=sorted(code.activity_names))
        files = Folder(settings.project, await memory_of(client))
        events = Events(client, documents, settings.task_queue)
        keeping = (
            asyncio.create_task(keep_synced(schedules.sync, documents.project)),
            asyncio.create_task(keep_watching(files, documents.every_flow, partial(_file_appeared, events), time.time)),
        )
        await stop.wait()
        _leave_within(LEAVE_WITHIN)
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
    await log.ainfo("worker.stopped")
    return 0


async def _file_appeared(events: Events, one: Appeared) -> None:
    await events.trigger(one.event, "file", only=frozenset({one.place}))


async def _serve_pool(settings: Settings, pool: str, slots: int | None) -> int:
    stop = until_signalled()
    try:
        code = load_code(settings.project)
        client = await connect(patience=settings.temporal_patience)
    except (ProjectError, TemporalUnreachableError) as error:
        raise StartError(str(error)) from error
    async with make_agent(client, settings, code, pool, slots=slots):
        await log.ainfo("agent.started", pool=pool, task_queue=pool_queue(settings.task_queue, pool))
        await stop.wait()
        _leave_within(AGENT_LEAVES_WITHIN)
    await log.ainfo("agent.stopped", pool=pool)
    return 0


def _leave_within(limit: timedelta) -> None:
    """End the process if it has not ended by then.

    A workflow that can't be evicted, because its code swallows cancellation or it was interrupted as deadlocked on a
    starved machine, holds up the SDK's shutdown for ever (sdk-python#806, open with 1.35). Temporal gives what is
    open here to another worker.
    """

    def leave() -> None:
        log.warning("worker.abandoned", waited_seconds=limit.total_seconds(), reason="a workflow can't be evicted")
        os._exit(1)

    timer = threading.Timer(limit.total_seconds(), leave)
    timer.daemon = True  # a clean end does not wait for it
    timer.start()


async def _serve(settings: Settings) -> int:
    stop = until_signalled()
    try:
        listening = bind(settings.http_host, settings.http_port, "HITL_HTTP_PORT")
        await check_state(settings)
        client = await connect(patience=settings.temporal_patience)
    except (SocketError, TemporalUnreachableError) as error:
        raise StartError(str(error)) from error
    server = http_server(create_app(make_services(client, settings)))
    await serve_until(server, listening, stop)
    return 0


async def serve_until(server: QuietServer, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve on a socket until told to stop; open requests are finished first."""
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
