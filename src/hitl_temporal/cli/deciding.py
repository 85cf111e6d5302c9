"""`hitl approve`, `reject`, `decide`: answers to one approval, and the same answer to many."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hitl_temporal.cli import values
from hitl_temporal.cli.addressing import ApprovalId, Key, say
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import UsageError
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.words import tell_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hitl_temporal.client import BatchReceipt, Client, Receipt
    from hitl_temporal.domain.value import Json

app = typer.Typer()

ApprovalIds = Annotated[
    list[str], typer.Argument(metavar="ID", help="Ids of approvals, as `hitl inbox` shows them; each has its receipt.")
]
Comment = Annotated[str, typer.Option("-m", "--message", metavar="TEXT", help="Why; kept with the decision.")]
Digest = Annotated[
    str | None,
    typer.Option("--digest", metavar="DIGEST", help="Of what you have seen; refused if it has changed since."),
]
OnBehalfOf = Annotated[str | None, typer.Option("--on-behalf-of", metavar="USER", help="For whom you decide.")]
Fields = Annotated[
    list[str] | None, typer.Option("-f", metavar="NAME=VALUE", help="One field of the form; as often as needed.")
]
Edits = Annotated[
    list[str] | None,
    typer.Option("--edit", metavar="PATH=VALUE", help="Change this with your answer, as JSON or text; where allowed."),
]


@people(app)
def approve(
    session: Session,
    approval_ids: ApprovalIds,
    *,
    message: Comment = "",
    fields: Fields = None,
    edits: Edits = None,
    digest: Digest = None,
    on_behalf_of: OnBehalfOf = None,
    key: Key = None,
) -> int:
    """Say yes to approvals; prints a receipt for each."""
    said = _Said("approved", message, fields, edits, digest, on_behalf_of, key)
    return _decide_each(session, approval_ids, said)


@people(app)
def reject(
    session: Session,
    approval_ids: ApprovalIds,
    *,
    message: Comment = "",
    fields: Fields = None,
    digest: Digest = None,
    on_behalf_of: OnBehalfOf = None,
    key: Key = None,
) -> int:
    """Say no to approvals; prints a receipt for each."""
    said = _Said("rejected", message, fields, None, digest, on_behalf_of, key)
    return _decide_each(session, approval_ids, said)


@people(app)
def decide(  # noqa: PLR0913 one parameter per option
    session: Session,
    approval_id: ApprovalId,
    outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="One of those that `hitl show ID` lists.")],
    *,
    message: Comment = "",
    fields: Fields = None,
    edits: Edits = None,
    digest: Digest = None,
    on_behalf_of: OnBehalfOf = None,
    key: Key = None,
) -> int:
    """Answer an approval with any of its outcomes; prints the receipt."""
    return _decide(session, approval_id, _Said(outcome, message, fields, edits, digest, on_behalf_of, key))


class _Said(NamedTuple):
    """What somebody answers."""

    outcome: str
    message: str
    fields: list[str] | None
    edits: list[str] | None
    digest: str | None
    on_behalf_of: str | None
    key: str | None

    def form(self, client: "Client", approval_id: str) -> "dict[str, Json]":
        """Return the fields in the types that the approval's form declares."""
        texts = values.pairs("-f", self.fields or ())
        if not texts:
            return {}
        declared: dict[str, Json] = {"properties": client.approval(approval_id).form}
        return values.typed(texts, declared)

    def fields_as_text(self) -> "dict[str, Json]":
        """Return the fields of a form that nobody could read."""
        return dict(values.pairs("-f", self.fields or ()))

    def changes(self) -> "dict[str, Json]":
        """Return what is to be changed, by path."""
        return values.loose(values.pairs("--edit", self.edits or ()))


def _decide(session: Session, approval_id: str, said: _Said) -> int:
    client = session.client

    def send() -> "Receipt":
        return client.decide(
            approval_id,
            said.outcome,
            comment=said.message,
            form=said.form(client, approval_id),
            edit=said.changes(),
            digest=said.digest,
            on_behalf_of=said.on_behalf_of,
            key=said.key,
        )

    return say(session, approval_id, send)


def _decide_each(session: Session, approval_ids: "Sequence[str]", said: _Said) -> int:
    """Give the same answer to each; one that is refused keeps no other from being counted."""
    if len(approval_ids) == 1:
        return _decide(session, approval_ids[0], said)
    if said.digest is not None:
        raise UsageError("--digest is that of one approval; leave it out, or decide one at a time")
    client = session.client
    ids = tuple(dict.fromkeys(approval_ids))
    answers = {approval_id: _answer(client, approval_id, said) for approval_id in ids}
    told = {approval_id: found for approval_id, found in answers.items() if not isinstance(found, dict)}
    judged = client.decide_many(found for found in answers.values() if isinstance(found, dict))
    told.update((receipt.id, receipt) for receipt in judged)
    return tell_many(session, [(approval_id, told[approval_id]) for approval_id in ids if approval_id in told])


def _answer(client: "Client", approval_id: str, said: _Said) -> "dict[str, Json] | BatchReceipt":
    """Return one answer of many, or why it is not sent: its form can't be read now.

    To what the caller may not see the fields go as they are: the service says what becomes of it.
    """
    from hitl_temporal.client import BatchReceipt, InvalidError, NotFoundError, StrangeAnswerError, UnavailableError

    try:
        form = said.form(client, approval_id)
    except (NotFoundError, InvalidError):
        form = said.fields_as_text()
    except (UnavailableError, StrangeAnswerError) as error:
        reason = f"its form can't be read, so nothing was sent: {error}"
        return BatchReceipt(id=approval_id, status="unavailable", reason=reason, key=said.key or "")
    return {
        "id": approval_id,
        "outcome": said.outcome,
        "comment": said.message,
        "form": form,
        "edit": said.changes(),
        "on_behalf_of": said.on_behalf_of,
        "key": said.key,
    }
