"""`hitl up`, `worker`, `serve`: processes that run until they are stopped.

They end by `os._exit`: the Temporal SDK's threads now and then crash the interpreter as it shuts down
("PyGILState_Release", sdk-python#300, open with 1.35), which would turn a clean stop into a crash.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from hitl_temporal.cli.command import process
from hitl_temporal.cli.errors import CommandError, UsageError
from hitl_temporal.cli.session import Session

app = typer.Typer()


@process(app)
def up(
    session: Session,
    *,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing: all state goes when it stops.")] = False,
) -> NoReturn:
    """Run everything here: an embedded Temporal server, a worker, the HTTP service."""
    from hitl_temporal.hosting.processes import StartError
    from hitl_temporal.hosting.up import run_up

    settings = session.settings
    try:
        code = run_up(settings, ephemeral=ephemeral)
    except StartError as error:
        raise CommandError(str(error)) from error
    leave(code)


@process(app)
def worker(
    session: Session,
    *,
    pool: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Be an agent of this pool: run its commands on this host, and no workflows."),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="How much an agent does at once (default: HITL_WORKER_SLOTS, else 20)."),
    ] = None,
) -> NoReturn:
    """Run one worker, or an agent of a pool, against the Temporal that the environment names."""
    from hitl_temporal.domain.flow.job import is_pool
    from hitl_temporal.hosting.processes import StartError, run_agent, run_worker

    if pool is None and slots is not None:
        raise UsageError("--slots is for an agent; say --pool NAME as well")
    if pool is not None and not is_pool(pool):
        raise UsageError(f"{pool!r} is no name of a pool; write small letters, digits and -")
    settings = session.settings
    try:
        code = run_worker(settings) if pool is None else run_agent(settings, pool=pool, slots=slots)
    except StartError as error:
        raise CommandError(str(error)) from error
    leave(code)


@process(app)
def serve(session: Session) -> NoReturn:
    """Run the HTTP service against the Temporal that the environment names."""
    from hitl_temporal.hosting.processes import StartError, run_serve

    settings = session.settings
    try:
        code = run_serve(settings)
    except StartError as error:
        raise CommandError(str(error)) from error
    leave(code)


def leave(code: int) -> NoReturn:
    """End the process now; whatever had to be exported was exported by whoever ran it."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
