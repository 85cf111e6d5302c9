"""Receipts as people and exit codes: accepted on stdout, refused as one line on stderr.

Must not know: what was sent.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from typing import TYPE_CHECKING

from hitl_temporal.cli import output
from hitl_temporal.cli.errors import DONE, FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hitl_temporal.cli.session import Session
    from hitl_temporal.client import Receipt

_HINTS = {
    "invalid": "mend it and send it again",
    "superseded": "what is asked has changed; look again with `hitl show`",
    "recorded": "look again in a moment with `hitl show`",
    "unavailable": "send it again in a moment",
}
"""What to do about a receipt, where its reason does not say it."""


def tell(session: "Session", subject: str, receipt: "Receipt", *, is_kept: bool = True) -> int:
    """Print a receipt and return the exit code.

    Args:
        session: Says whether JSON is wanted.
        subject: The id of what it is about.
        receipt: Refused or not.
        is_kept: Whether what needs a better proof waits for it; nothing is kept of an override.
    """
    if session.as_json:
        output.as_json(receipt.document())
    elif receipt.is_accepted:
        output.line(in_words(subject, receipt))
    else:
        output.error("; ".join([in_words(subject, receipt), *_elsewhere(session, subject, receipt, is_kept=is_kept)]))
    return DONE if receipt.is_accepted else FAILED


def tell_many(session: "Session", receipts: "Sequence[tuple[str, Receipt]]") -> int:
    """Print receipts, one a line in their order, and return the exit code: a failure if any was refused.

    Args:
        session: Says whether JSON is wanted: then they are one document.
        receipts: Each with the id of what it is about.
    """
    if session.as_json:
        output.as_json({"receipts": [{"id": subject, **receipt.document()} for subject, receipt in receipts]})
    else:
        for subject, receipt in receipts:
            tell(session, subject, receipt)
    return DONE if all(receipt.is_accepted for _, receipt in receipts) else FAILED


def _elsewhere(session: "Session", subject: str, receipt: "Receipt", *, is_kept: bool) -> tuple[str, ...]:
    """Return where a person logs in afresh, which no command can, and confirms what is kept."""
    if receipt.status != "needs_step_up":
        return ()
    from hitl_temporal.client.wire import part

    page = f"{session.settings.base_url}/approvals/{part(subject)}"
    said = "an answer is kept for 15 minutes" if is_kept else "nothing is kept of this one, so it is sent whole again"
    return (f"log in again at {page} and go on there: {said}",)


def in_words(subject: str, receipt: "Receipt") -> str:
    """Return a receipt as one line: what became of it, why, how it stands, what to do."""
    said = [receipt.reason, receipt.tally, ", ".join(receipt.changes), _HINTS.get(receipt.status, "")]
    return f"{subject}: {receipt.status.replace('_', ' ')}" + "".join(f"; {part}" for part in said if part)
