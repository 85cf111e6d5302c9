"""Receipts as people and exit codes: accepted on stdout, refused as one line on stderr.

Must not know: what was sent.
"""

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
    "needs_step_up": "log in again, and confirm it within 15 minutes",
    "recorded": "look again in a moment with `hitl show`",
    "unavailable": "send it again in a moment",
}
"""What to do about a receipt, where its reason does not say it."""


def tell(session: "Session", subject: str, receipt: "Receipt") -> int:
    """Print a receipt and return the exit code.

    Args:
        session: Says whether JSON is wanted.
        subject: The id of what it is about.
        receipt: Refused or not.
    """
    if session.as_json:
        output.as_json(receipt.document())
    elif receipt.is_accepted:
        output.line(in_words(subject, receipt))
    else:
        output.error(in_words(subject, receipt))
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


def in_words(subject: str, receipt: "Receipt") -> str:
    """Return a receipt as one line: what became of it, why, how it stands, what to do."""
    said = [receipt.reason, receipt.tally, ", ".join(receipt.changes), _HINTS.get(receipt.status, "")]
    return f"{subject}: {receipt.status.replace('_', ' ')}" + "".join(f"; {part}" for part in said if part)
