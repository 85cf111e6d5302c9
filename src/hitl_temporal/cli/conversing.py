"""`hitl comment`, `ask-info`, `give-info`: talking about what is asked."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli.addressing import ApprovalId, Key, say
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import UsageError
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.domain.value import Json

app = typer.Typer()

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What you say; everybody who takes part can read it.")]
Attached = Annotated[
    list[str] | None,
    typer.Option(
        "--attach", metavar="NAME=URL", help="A document by its URL; URL#SHA256 says which version; as often as needed."
    ),
]

_DIGEST = re.compile(r"#(?:sha256[:=-])?([0-9a-f]{64})")

_LIKE_A_DIGEST = re.compile(r"(?i:sha-?256.*|(?=[0-9]*[a-f])[0-9a-f]{3,}|[0-9a-f]{32,}|[0-9a-z]{60,68})")
"""A fragment that nobody gives a place in a document: a digest, mistyped."""


@people(app)
def comment(
    session: Session, approval_id: ApprovalId, text: Text, *, attached: Attached = None, key: Key = None
) -> int:
    """Say something about an approval; those who take part are told."""
    documents, client = _attachments(attached), session.client
    return say(session, approval_id, lambda: client.comment(approval_id, text, attachments=documents, key=key))


@people(app, "ask-info")
def ask_info(
    session: Session,
    approval_id: ApprovalId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="USER", help="Whom; default: the requester.")] = None,
    key: Key = None,
) -> int:
    """Ask for more before you decide; deadlines stand still until there is an answer."""
    return say(session, approval_id, lambda: session.client.request_info(approval_id, text, to=to, key=key))


@people(app, "give-info")
def give_info(
    session: Session, approval_id: ApprovalId, text: Text, *, attached: Attached = None, key: Key = None
) -> int:
    """Answer what was asked about your request; deadlines run again."""
    documents, client = _attachments(attached), session.client
    return say(session, approval_id, lambda: client.provide_info(approval_id, text, attachments=documents, key=key))


def _attachments(texts: list[str] | None) -> "list[dict[str, Json]]":
    return [_attachment(text) for text in texts or ()]


def _attachment(text: str) -> "dict[str, Json]":
    name, equals, url = text.partition("=")
    if not (equals and name.strip() and url.strip()):
        raise UsageError(
            f"--attach {text[:100]!r} is not NAME=URL; write for example `--attach plan=https://x.example/1`"
        )
    where, hash_, last = url.strip().rpartition("#")
    digest = _DIGEST.fullmatch(f"#{last}") if where else None
    if digest is None and hash_ and _LIKE_A_DIGEST.fullmatch(last):
        raise UsageError(
            f"--attach {name.strip()[:100]!r}: {last[:100]!r} is no SHA-256: write its 64 digits in lower case"
        )
    if digest is None:
        return {"name": name.strip(), "url": url.strip()}
    return {"name": name.strip(), "url": where, "digest": digest[1]}
