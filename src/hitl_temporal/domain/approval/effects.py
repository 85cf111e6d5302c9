"""What an approval wants done in the world.

Must not know: who does it.
"""

from pydantic import AwareDatetime

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.state import Delivery
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.value import Value


class Deliver(Value):
    """Send one message, or bring the one sent earlier up to date (`settled`)."""

    delivery: Delivery
    via: tuple[str, ...]
    due: AwareDatetime | None = None


class Reply(Value):
    """Answer the command that this event carried."""

    receipt: Receipt


Effect = Deliver | Reply | Record
