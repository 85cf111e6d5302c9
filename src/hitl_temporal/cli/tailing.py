"""`hitl tail`: what of a run is with workers now, and what a command writes while it runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import CommandError, UsageError
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.client import Job

app = typer.Typer()

_PAUSE_SECONDS = 1.0
"""A command tells what it has written with its heartbeats; more often there is nothing new."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The id of a run.")]
Step = Annotated[str | None, typer.Argument(metavar="STEP", help="A step that runs a command; none: list them all.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the command has ended.")]


@people(app)
def tail(session: Session, run: Id, step: Step = None, *, follow: Follow = False) -> None:
    """List what of a run is with workers now; of one STEP print the end of what its command has written.

    What commands write is for operators and for the owners of the flow.
    """
    if step is None:
        if follow:
            raise UsageError("--follow follows one step: write `hitl tail ID STEP -f`")
        _list(session, run)
        return
    if session.as_json and follow:
        raise UsageError("--follow prints text as it comes; leave --json out")
    job = _at(session, run, step)
    if job is None:
        said = f"no command of step {step!r} is with a worker now"
        raise CommandError(f"{said}; `hitl tail {run}` lists those that are, `hitl show {run}` how each step stands")
    if session.as_json:
        output.as_json(job.document())
        return
    _demand_output(job)
    _print(session, run, job, follow=follow)


def _list(session: Session, run: str) -> None:
    jobs = session.client.jobs(run)
    if session.as_json:
        output.as_json([job.document() for job in jobs])
        return
    if not jobs:
        output.note(f"nothing of {run} is with a worker; `hitl why {run}` says what it waits for")
    rows = [(j.step, j.call, j.state, _attempt(j), output.moment(j.again or j.since), j.worker, j.error) for j in jobs]
    if rows:
        output.table(("STEP", "CALL", "STATE", "ATTEMPT", "SINCE, OR AGAIN AT", "WORKER", "LAST ERROR"), rows)


def _attempt(job: "Job") -> str:
    return str(job.attempt) if job.attempts is None else f"{job.attempt} of {job.attempts}"


def _at(session: Session, run: str, step: str) -> "Job | None":
    return next((job for job in session.client.jobs(run) if job.step == step), None)


def _demand_output(job: "Job") -> None:
    if job.stdout is not None:
        return
    if job.call != "hitl.run_command":
        raise CommandError(f"step {job.step!r} calls {job.call}, which writes nothing that could be followed")
    state = "has not begun" if job.state == "queued" else "has written nothing yet, or it is not for you to see"
    raise CommandError(f"the command of step {job.step!r} {state}")


def _print(session: Session, run: str, job: "Job", *, follow: bool) -> None:
    """Print what a command has written: its stdout to ours, its stderr to ours."""
    told = ("", "")
    while True:
        now = (job.stdout or "", job.stderr or "")
        for text, err in ((fresh(told[0], now[0]), False), (fresh(told[1], now[1]), True)):
            if text:
                typer.echo("\n".join(map(output.printable, text.split("\n"))), nl=False, err=err)
        told = now
        if not follow:
            return
        session.world.sleep(_PAUSE_SECONDS)
        found = _at(session, run, job.step)
        if found is None or found.attempt != job.attempt:
            output.note(f"the command of step {job.step!r} has ended; `hitl show {run}` says how")
            return
        job = found


def fresh(before: str, now: str) -> str:
    """Return what has been written since, of two ends of the same text: the later one may have lost its beginning."""
    for length in range(min(len(before), len(now)), 0, -1):
        if before.endswith(now[:length]):
            return now[length:]
    return f"\n[...]\n{now}" if before and now else now
