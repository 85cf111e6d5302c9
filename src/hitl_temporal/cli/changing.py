"""`hitl withdraw`, `amend`, `extend`, `override`, `retract`, `refresh`: what is done to a question as a whole."""

from typing import Annotated

import typer

from hitl_temporal.cli import output, values
from hitl_temporal.cli.addressing import ApprovalId, Key, Reason, say
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import DONE, FAILED
from hitl_temporal.cli.session import Session

app = typer.Typer()


@people(app)
def withdraw(session: Session, approval_id: ApprovalId, *, reason: Reason = "", key: Key = None) -> int:
    """Take back what you have asked for; prints the receipt."""
    return say(session, approval_id, lambda: session.client.withdraw(approval_id, reason=reason, key=key))


@people(app)
def amend(
    session: Session,
    approval_id: ApprovalId,
    *,
    changes: Annotated[
        list[str],
        typer.Option("--set", metavar="PATH=VALUE", help="A new value, as JSON or text; as often as needed."),
    ],
    reason: Reason = "",
    key: Key = None,
) -> int:
    """Change what you have asked for; who decided on what it touches is asked again."""
    wanted = values.loose(values.pairs("--set", changes))
    return say(session, approval_id, lambda: session.client.amend(approval_id, wanted, reason=reason, key=key))


@people(app)
def extend(
    session: Session,
    approval_id: ApprovalId,
    *,
    by: Annotated[str, typer.Option("--by", metavar="DURATION", help="How much later, such as 4h or 2bd.")],
    reason: Reason,
    key: Key = None,
) -> int:
    """Move the deadline of what is open; for operators and admins."""
    return say(session, approval_id, lambda: session.client.extend(approval_id, by, reason=reason, key=key))


@people(app)
def override(
    session: Session,
    approval_id: ApprovalId,
    outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="One of those that `hitl show ID` lists.")],
    *,
    reason: Reason,
    key: Key = None,
) -> int:
    """Decide alone, over the heads of those who are asked; for admins, and in an emergency. It is marked for ever."""
    client = session.client
    return say(
        session, approval_id, lambda: client.override(approval_id, outcome, reason=reason, key=key), is_kept=False
    )


@people(app)
def retract(session: Session, approval_id: ApprovalId, *, reason: Reason = "", key: Key = None) -> int:
    """Take your deciding vote back, while it cools off."""
    return say(session, approval_id, lambda: session.client.retract(approval_id, reason=reason, key=key))


@people(app)
def refresh(
    session: Session,
    *,
    reason: Annotated[str, typer.Option("-m", "--reason", metavar="TEXT", help="What has changed.")],
    flow: Annotated[str | None, typer.Option("--flow", metavar="FLOW", help="Only the questions of this flow.")] = None,
) -> int:
    """Let open approvals look at people and calendars again, after a change that they can't see; for operators."""
    answer = session.client.refresh(reason, flow=flow)
    if session.as_json:
        output.as_json(answer.document())
    else:
        output.line(f"{answer.told} open approvals look again" + (f"; {answer.note}" if answer.note else ""))
    return FAILED if answer.note else DONE
