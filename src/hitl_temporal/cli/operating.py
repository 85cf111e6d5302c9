"""`hitl hold`, `release`, `skip`, `finish`, `rerun`, `cancel`, `set`, `revoke`, `extend-grant`: acting on a run."""

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import values
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import UsageError
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.words import tell

if TYPE_CHECKING:
    from hitl_temporal.domain.value import Json

app = typer.Typer()

RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's id.")]
Step = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.")]
StepOrRun = Annotated[str | None, typer.Argument(metavar="STEP", help="The step's id; without it, the whole run.")]
Granted = Annotated[
    str | None, typer.Argument(metavar="STEP", help="The step's id; without it, the one that can be meant.")
]
Reason = Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; kept in the audit trail.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


@people(app)
def hold(
    session: Session, run_id: RunId, step: StepOrRun = None, *, reason: Reason = "", dry_run: DryRun = False
) -> int:
    """Let nothing new start, in a run or of a step; what runs goes on."""
    return _operate(session, run_id, "hold", step, reason=reason, dry_run=dry_run)


@people(app)
def release(
    session: Session, run_id: RunId, step: StepOrRun = None, *, reason: Reason = "", dry_run: DryRun = False
) -> int:
    """End a hold."""
    return _operate(session, run_id, "release", step, reason=reason, dry_run=dry_run)


@people(app)
def skip(session: Session, run_id: RunId, step: Step, *, reason: Reason = "", dry_run: DryRun = False) -> int:
    """Pass a step without doing it; its followers go on as if it had succeeded."""
    return _operate(session, run_id, "skip", step, reason=reason, dry_run=dry_run)


@people(app)
def finish(
    session: Session,
    run_id: RunId,
    step: Step,
    *,
    outputs: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="NAME=VALUE", help="One output, as JSON or text; as often as needed."),
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="OUTCOME", help="The outcome it ends with.")
    ] = None,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> int:
    """End a step with these outputs and this outcome, without doing it."""
    arguments: dict[str, Json] = {"outputs": values.loose(values.pairs("-o", outputs or ())), "as": outcome}
    return _operate(session, run_id, "finish", step, reason=reason, dry_run=dry_run, arguments=arguments)


@people(app)
def rerun(session: Session, run_id: RunId, step: Step, *, reason: Reason = "", dry_run: DryRun = False) -> int:
    """Do a step again that is parked or has ended, in a run that is open."""
    return _operate(session, run_id, "rerun", step, reason=reason, dry_run=dry_run)


@people(app)
def cancel(
    session: Session,
    run_id: RunId,
    step: StepOrRun = None,
    *,
    no_undo: Annotated[bool, typer.Option("--no-undo", help="Leave what was done as it is.")] = False,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> int:
    """End a run and undo what it did, or cancel one step."""
    if step is not None and no_undo:
        raise UsageError("--no-undo is for whole runs: cancelling one step undoes nothing; leave one of them out")
    if step is not None:
        return _operate(session, run_id, "cancel_step", step, reason=reason, dry_run=dry_run)
    return _operate(session, run_id, "cancel", None, reason=reason, dry_run=dry_run, arguments={"no_undo": no_undo})


@people(app, "set")
def set_value(
    session: Session,
    run_id: RunId,
    variables: Annotated[list[str], typer.Argument(metavar="NAME=VALUE", help="Variables, as JSON or text.")],
    *,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> int:
    """Change variables of a run; steps that start later see them."""
    changed = values.loose(values.pairs("set", variables))
    return _operate(session, run_id, "set_value", None, reason=reason, dry_run=dry_run, arguments={"with": changed})


@people(app)
def revoke(
    session: Session, run_id: RunId, step: Granted = None, *, reason: Reason = "", dry_run: DryRun = False
) -> int:
    """Give back now what a step has granted: its undo runs, and the run goes on."""
    return _operate(session, run_id, "revoke", step, reason=reason, dry_run=dry_run)


@people(app, "extend-grant")
def extend_grant(
    session: Session,
    run_id: RunId,
    step: Granted = None,
    *,
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How much more time, such as 2d; 4bh and 1bd count too.")
    ],
    reason: Reason = "",
    dry_run: DryRun = False,
) -> int:
    """Let what a step has granted end later, or ask people whether it may."""
    arguments: dict[str, Json] = {"with": {"for": duration}}
    return _operate(session, run_id, "extend_grant", step, reason=reason, dry_run=dry_run, arguments=arguments)


def _operate(
    session: Session,
    run_id: str,
    action: str,
    step: str | None,
    *,
    reason: str,
    dry_run: bool,
    arguments: "dict[str, Json] | None" = None,
) -> int:
    receipt = session.client.operate(run_id, action, step=step, reason=reason, dry_run=dry_run, arguments=arguments)
    return tell(session, f"{run_id} {step}" if step else run_id, receipt)
