"""To which approval something is said, and the options that every verb of an approval has.

Must not know: what is said.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli.errors import CommandError
from hitl_temporal.cli.words import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from hitl_temporal.cli.session import Session
    from hitl_temporal.client import Receipt

ApprovalId = Annotated[str, typer.Argument(metavar="ID", help="The approval's id, as `hitl inbox` shows it.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Sent again with the same key, it counts once.")]
Reason = Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; kept in the audit trail.")]


def say(session: "Session", approval_id: str, send: "Callable[[], Receipt]", *, is_kept: bool = True) -> int:
    """Send something to an approval, print its receipt and return the exit code.

    Whoever names the run instead is told which approvals it waits for. Nothing is chosen for people: what a run asks
    next may be another question than the one they have read.
    """
    from hitl_temporal.client import NotFoundError

    client = session.client
    try:
        receipt = send()
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
    return tell(session, approval_id, receipt, is_kept=is_kept)
