"""What an approval wants done in the world.

Must not know: who does it.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.records import Delivery
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.value import Json, Value


class Deliver(Value):
    """Send one message, or bring the one sent earlier up to date (`settled`)."""

    delivery: Delivery
    via: tuple[str, ...]
    due: AwareDatetime | None = None


class Reply(Value):
    """Answer the command that this event carried."""

    receipt: Receipt


class Supersede(Value):
    """Withdraw the older open requests about the same subject."""

    subject: str


class StartReview(Value):
    """Put the question whether what was done in an emergency was right: an approval of its own.

    Attributes:
        request: The input of that `Approval`.
    """

    approval: str
    request: dict[str, Json] = Field(default_factory=dict)


Effect = Deliver | Reply | Supersede | StartReview | Record
