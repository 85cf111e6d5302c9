"""`hitl audit`: the trail of a run, its proof, the evidence to hand on; `hitl audit ID` shows it.

The proof is made here, out of the facts alone: whoever asks need not believe the service.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from hitl_temporal.cli import output
from hitl_temporal.cli.command import As, AsJson, people
from hitl_temporal.cli.errors import DONE, FAILED, CommandError
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.audit import Report
    from hitl_temporal.client import Client
    from hitl_temporal.domain.audit import Evidence, Fact


_BEFORE = frozenset({"--as", "--json"})
"""The options that may stand before the command's name, and so before an id."""


class ShowByDefault(TyperGroup):
    """A group whose command `show` is meant when none is named."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # `Any`: typer's own class is not public
        """Name `show` where an id stands in the place of a command."""
        place = 0
        while place < len(args) and args[place].partition("=")[0] in _BEFORE:
            place += 2 if args[place] == "--as" else 1
        if place < len(args) and args[place] not in {*self.commands, *ctx.help_option_names}:
            args = [*args[:place], "show", *args[place:]]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=ShowByDefault, no_args_is_help=True)


@app.callback()
def before(ctx: typer.Context, *, as_user: As = None, as_json: AsJson = False) -> None:
    """Show, verify or export the audit trail of a run; `hitl audit ID` shows it."""
    ctx.ensure_object(Session).hear(as_user, is_json=as_json)


RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's id.")]


class Format(StrEnum):
    """How a trail is shown."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


@people(app)
def show(
    session: Session,
    run_id: RunId,
    *,
    form: Annotated[
        Format, typer.Option("--format", metavar="FORMAT", help="table, json, or html: one page by itself.")
    ] = Format.TABLE,
) -> None:
    """Show what happened in a run and in everything under it, in order of time."""
    from hitl_temporal.audit import as_json, html, table, verify

    facts = session.client.audit(run_id).facts
    if session.as_json or form is Format.JSON:
        output.as_json({"facts": as_json(facts), "report": verify(facts).model_dump(mode="json")})
    elif form is Format.HTML:
        output.block(html(facts, verify(facts)))
    else:
        output.block(table(facts))


@people(app)
def verify(
    session: Session,
    subject: Annotated[str, typer.Argument(metavar="ID|FILE", help="The run's id, or a file of `hitl audit export`.")],
) -> int:
    """Prove that a trail is complete and unchanged; exit 1 if it is not. What is open is complete so far."""
    from hitl_temporal.audit import verify_file

    if Path(subject).is_file():
        report = verify_file(Path(subject))
        return _tell(session, subject, report, is_open=_is_endless(report))
    return _verify_run(session, subject)


@people(app)
def export(
    session: Session,
    run_id: RunId,
    *,
    file: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is stdout.")],
) -> None:
    """Write a trail to a file, one fact a line, for `hitl audit verify FILE` anywhere."""
    from hitl_temporal.audit import export_lines

    facts = session.client.audit(run_id).facts
    text = "".join(export_lines(facts))
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    try:
        # Hashes are over bytes: no platform may change the ends of lines.
        file.write_bytes(text.encode())
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}; choose another file with -o") from error
    if session.as_json:
        output.as_json({"file": str(file), "facts": len(facts)})
    else:
        output.line(f"{file}: {len(facts)} facts; prove them with `hitl audit verify {file}`")


def _verify_run(session: Session, run_id: str) -> int:
    from hitl_temporal.audit import verify as prove

    facts = session.client.audit(run_id).facts
    evidence, is_open = _evidence(session.client, run_id, facts)
    report = prove(facts, evidence)
    return _tell(session, run_id, report, is_open=is_open or _is_endless(report) or _is_asked(session.client, report))


def _evidence(client: "Client", run_id: str, facts: "tuple[Fact, ...]") -> "tuple[Evidence | None, bool]":
    """Return what the run's own result says of its trail, None if it has none, and whether the run is open."""
    from hitl_temporal.client import NotFoundError, UnavailableError

    root = next((fact.workflow_id for fact in facts if fact.parent_span_id is None), None)
    try:
        run = client.run(run_id)
    except (NotFoundError, UnavailableError):
        return None, False  # an approval, or a run that Temporal keeps no longer: the facts must speak for themselves
    return (run.evidence if run.has_ended and root == run_id else None), not run.has_ended


def _is_endless(report: "Report") -> bool:
    """Tell whether nothing is missing but ends that never come: there is always a next change."""
    from hitl_temporal.domain.audit import ENDLESS

    return all(found.what == "open" and found.name.partition(".")[0] in ENDLESS for found in report.problems)


def _is_asked(client: "Client", report: "Report") -> bool:
    """Tell whether nothing is missing but the ends of approvals, such as a review, that people are still asked."""
    from hitl_temporal.client import ApiError

    if any(found.what != "open" or not found.workflow_id for found in report.problems):
        return False
    try:
        return all(client.approval(found.workflow_id).is_live for found in report.problems)
    except ApiError:
        return False  # a run, or one that can't be looked at: the facts must speak for themselves


def _tell(session: Session, subject: str, report: "Report", *, is_open: bool) -> int:
    """Print what was found; a trail that has no end yet is fine while its run is open."""
    is_fine = report.ok or (is_open and report.status == "incomplete")
    if session.as_json:
        output.as_json(report.model_dump(mode="json"))
    elif report.ok:
        output.line(f"{subject}: complete and unchanged; {_counted(report)}")
    elif is_fine:
        output.line(f"{subject}: open: complete and unchanged so far; {_counted(report)}")
    else:
        for found in report.problems:
            name = f" ({found.name})" if found.name else ""
            output.line(f"{found.what}: {found.workflow_id or subject}, fact {found.seq}{name}: {found.detail}")
        what = (
            "broken: it is not as it was written"
            if report.status == "broken"
            else ("incomplete: cut off, or its last facts are not delivered yet (within a minute; try again)")
        )
        output.error(f"the trail of {subject} is {what}; {_counted(report)}")
    return DONE if is_fine else FAILED


def _counted(report: "Report") -> str:
    left = f", {report.abandoned} of them left behind by a reset" if report.abandoned else ""
    return f"{report.events} facts of {report.workflows} workflows{left}"
