"""`hitl approve`, `reject`, `decide`, `withdraw`: what people say to an approval."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hitl_temporal.cli import values
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import CommandError
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.words import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from hitl_temporal.client import Client, Receipt
    from hitl_temporal.domain.value import Json

app = typer.Typer()

ApprovalId = Annotated[str, typer.Argument(metavar="ID", help="The approval's id, as `hitl inbox` shows it.")]
Comment = Annotated[str, typer.Option("-m", "--message", metavar="TEXT", help="Why; kept with the decision.")]
Digest = Annotated[
    str | None,
    typer.Option("--digest", metavar="DIGEST", help="Of what you have seen; refused if it has changed since."),
]
OnBehalfOf = Annotated[str | None, typer.Option("--on-behalf-of", metavar="USER", help="For whom you decide.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Sent again with the same key, it counts once.")]
Fields = Annotated[
    list[str] | None, typer.Option("-f", metavar="NAME=VALUE", help="One field of the form; as often as needed.")
]


@people(app)
def approve(
    session: Session,
    approval_id: ApprovalId,
    *,
    message: Comment = "",
    fields: Fields = None,
    digest: Digest = None,
    on_behalf_of: OnBehalfOf = None,
    key: Key = None,
) -> int:
    """Say yes to an approval; prints the receipt."""
    return _decide(session, approval_id, _Said("approved", message, fields, digest, on_behalf_of, key))


@people(app)
def reject(
    session: Session,
    approval_id: ApprovalId,
    *,
    message: Comment = "",
    fields: Fields = None,
    digest: Digest = None,
    on_behalf_of: OnBehalfOf = None,
    key: Key = None,
) -> int:
    """Say no to an approval; prints the receipt."""
    return _decide(session, approval_id, _Said("rejected", message, fields, digest, on_behalf_of, key))


@people(app)
def decide(
    session: Session,
    approval_id: ApprovalId,
    outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="One of those that `hitl show ID` lists.")],
    *,
    message: Comment = "",
    fields: Fields = None,
    digest: Digest = None,
    on_behalf_of: OnBehalfOf = None,
    key: Key = None,
) -> int:
    """Answer an approval with any of its outcomes; prints the receipt."""
    return _decide(session, approval_id, _Said(outcome, message, fields, digest, on_behalf_of, key))


@people(app)
def withdraw(
    session: Session,
    approval_id: ApprovalId,
    *,
    reason: Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; kept in the audit trail.")] = "",
    key: Key = None,
) -> int:
    """Take back what you have asked for; prints the receipt."""
    client = session.client

    def send() -> "Receipt":
        return client.withdraw(approval_id, reason=reason, key=key)

    return tell(session, approval_id, _to_approval(client, approval_id, send))


class _Said(NamedTuple):
    """What somebody answers."""

    outcome: str
    message: str
    fields: list[str] | None
    digest: str | None
    on_behalf_of: str | None
    key: str | None


def _decide(session: Session, approval_id: str, said: _Said) -> int:
    texts = values.pairs("-f", said.fields or ())
    client = session.client

    def send() -> "Receipt":
        return client.decide(
            approval_id,
            said.outcome,
            comment=said.message,
            form=values.typed(texts, _form(client, approval_id)) if texts else None,
            digest=said.digest,
            on_behalf_of=said.on_behalf_of,
            key=said.key,
        )

    return tell(session, approval_id, _to_approval(client, approval_id, send))


def _to_approval(client: "Client", approval_id: str, send: "Callable[[], Receipt]") -> "Receipt":
    """Send something to an approval; whoever names the run instead is told which approvals it waits for.

    Nothing is chosen for people: what a run asks next may be another question than the one they have read.
    """
    from hitl_temporal.client import NotFoundError

    try:
        return send()
    except NotFoundError:
        try:
            run = client.run(approval_id)
        except NotFoundError:
            run = None
        if run is None:
            raise
        waiting = ", ".join(run.open_approvals)
        what = f"its open approvals: {waiting}" if waiting else f"it has no open approval (it is {run.status})"
        raise CommandError(f"{approval_id!r} is a run, not an approval; {what}") from None


def _form(client: "Client", approval_id: str) -> "dict[str, Json]":
    """Return the schema of an approval's form; empty when the server shows none."""
    form = client.approval(approval_id).document().get("form")
    return dict(form) if isinstance(form, dict) else {}
