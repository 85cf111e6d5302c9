"""`hitl delegate`, `reassign`, `add-approver`, `claim`, `release-claim`: who decides."""

from typing import Annotated

import typer

from hitl_temporal.cli.addressing import ApprovalId, Key, Reason, say
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import UsageError
from hitl_temporal.cli.leaving import hand_over_all
from hitl_temporal.cli.session import Session

app = typer.Typer()

To = Annotated[str, typer.Option("--to", metavar="USER", help="Who gets the place.")]


@people(app)
def delegate(session: Session, approval_id: ApprovalId, *, to: To, reason: Reason = "", key: Key = None) -> int:
    """Let somebody else answer in your name."""
    return say(session, approval_id, lambda: session.client.delegate(approval_id, to, reason=reason, key=key))


@people(app)
def reassign(
    session: Session,
    approval_id: Annotated[str | None, typer.Argument(metavar="ID", help="The approval's id; not with --all.")] = None,
    *,
    to: To,
    reason: Reason,
    source: Annotated[
        str | None, typer.Option("--from", metavar="USER", help="Whose place; without it somebody is added.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every open approval in which --from has a place: they leave.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --all: list them, and change nothing.")] = False,
    key: Key = None,
) -> int:
    """Give somebody's place to another; for operators and admins. Whose place it was is told why."""
    if everything:
        if approval_id is not None or source is None or key is not None:
            raise UsageError("--all hands over all that --from has: name --from, and neither an ID nor a --key")
        return hand_over_all(session, source, to, reason, dry_run=dry_run)
    if approval_id is None or dry_run:
        raise UsageError("name one approval, or say --from USER --all; --dry-run goes with --all")
    return say(
        session,
        approval_id,
        lambda: session.client.reassign(approval_id, to, reason=reason, source=source, key=key),
    )


@people(app, "add-approver")
def add_approver(
    session: Session,
    approval_id: ApprovalId,
    to: Annotated[str, typer.Argument(metavar="USER", help="Who must agree, too.")],
    *,
    reason: Reason = "",
    key: Key = None,
) -> int:
    """Let one more person have to agree, beside those who are asked."""
    return say(session, approval_id, lambda: session.client.add_approver(approval_id, to, reason=reason, key=key))


@people(app)
def claim(session: Session, approval_id: ApprovalId, *, key: Key = None) -> int:
    """Take an approval on: the others wait until you release it, or your time for it is over."""
    return say(session, approval_id, lambda: session.client.claim(approval_id, key=key))


@people(app, "release-claim")
def release_claim(session: Session, approval_id: ApprovalId, *, key: Key = None) -> int:
    """Let the others decide again."""
    return say(session, approval_id, lambda: session.client.release_claim(approval_id, key=key))
