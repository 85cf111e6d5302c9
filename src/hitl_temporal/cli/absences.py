"""`hitl absence add`, `ls`, `rm`: out of office."""

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import As, AsJson, people
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.client import Absence, AbsenceChange

app = typer.Typer(no_args_is_help=True)


@app.callback()
def before(ctx: typer.Context, *, as_user: As = None, as_json: AsJson = False) -> None:
    """Out of office: add, list or remove absences."""
    ctx.ensure_object(Session).hear(as_user, is_json=as_json)


Person = Annotated[
    str | None, typer.Option("--person", metavar="PERSON", help="Somebody else; for operators and admins.")
]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Sent again with the same key, it is done once.")]

_MOMENT = "a date in the absent person's time zone, or a time with an offset."


@people(app)
def add(  # noqa: PLR0913 one parameter per option
    session: Session,
    *,
    since: Annotated[str, typer.Option("--from", metavar="WHEN", help=f"Its first moment: {_MOMENT}")],
    until: Annotated[str, typer.Option("--until", metavar="WHEN", help=f"The first moment after it: {_MOMENT}")],
    substitute: Annotated[
        str | None, typer.Option("--substitute", metavar="USER", help="Who stands in, under their own name.")
    ] = None,
    flow: Annotated[
        str | None, typer.Option("--flow", metavar="GLOB", help="Only from these flows, such as 'finance.*'.")
    ] = None,
    condition: Annotated[
        str | None, typer.Option("--if", metavar="CEL", help="Only from approvals for whose context this holds.")
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; shown to you and operators.")
    ] = "",
    person: Person = None,
    key: Key = None,
) -> None:
    """Say that you will be away; open approvals that ask you look again."""
    change = session.client.add_absence(
        since,
        until,
        substitute=substitute,
        flow=flow,
        condition=condition,
        reason=reason,
        person=person,
        key=key,
    )
    _tell(session, change, "added")


@people(app, "ls")
def list_absences(session: Session, *, person: Person = None) -> None:
    """List your absences, those that begin first in front."""
    found = session.client.absences(person=person)
    if session.as_json:
        output.as_json({"items": [absence.document() for absence in found]})
        return
    headings = ("ID", "PERSON", "FROM", "UNTIL", "SUBSTITUTE", "FLOW", "IF", "REASON")
    output.table(headings, map(_row, found))


@people(app, "rm")
def remove(
    session: Session,
    absence_id: Annotated[str, typer.Argument(metavar="ID", help="The absence's id, as `hitl absence ls` shows it.")],
    *,
    key: Key = None,
) -> None:
    """Remove an absence: it was a mistake, or is over early."""
    _tell(session, session.client.remove_absence(absence_id, key=key), "removed")


def _tell(session: Session, change: "AbsenceChange", done: str) -> None:
    if change.note:
        output.note(change.note)
    if session.as_json:
        output.as_json(change.document())
    elif change.absence is None:
        output.line(f"{change.status}: not {done} yet")
    else:
        output.line(f"{change.absence.id}: {done}; {_in_words(change.absence)}; {_refreshed(change.refreshed)}")


def _in_words(absence: "Absence") -> str:
    period = f"{output.moment(absence.since)} until {output.moment(absence.until)}"
    return f"{absence.person} from {period}, {absence.substitute or 'nobody'} stands in"


def _refreshed(number: int) -> str:
    return f"{number} open approval{'' if number == 1 else 's'} told"


def _row(absence: "Absence") -> tuple[str, ...]:
    return (
        absence.id,
        absence.person,
        output.moment(absence.since),
        output.moment(absence.until),
        absence.substitute or "",
        absence.flow or "",
        absence.condition or "",
        absence.reason,
    )
