"""The rows of an inbox, and what one person has to do, in a few numbers and the most urgent rows.

Must not know: how rows are found, who is told them, clocks.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo

from pydantic import AwareDatetime

from hitl_temporal.domain.value import Value

MOST_ITEMS = 50
"""More than anybody does in a day; whoever wants them all looks into the inbox."""

BY_ITSELF = "Approval"
"""What a question counts under that no flow has asked: its workflow type, which no flow may have as its name."""


class Item(Value):
    """One row of an inbox.

    Attributes:
        digest: Of what is shown: an answer from the row may be bound to it.
        stage: The first stage that is open; empty when none is.
        claimed_by: Who has taken it on; None: nobody has.
        waits_for: Who owes an answer first: they were asked for more, or it was sent back to them; None: nobody does.
    """

    id: str
    kind: str = "approval"
    title: str
    flow: str | None
    requester: str
    state: str
    due: AwareDatetime | None
    tally: str
    digest: str = ""
    stage: str = ""
    claimed_by: str | None = None
    waits_for: str | None = None

    @property
    def urgency(self) -> tuple[bool, float, str]:
        """What inboxes are sorted by: soonest due first, without a deadline last."""
        return self.due is None, self.due.timestamp() if self.due is not None else 0.0, self.id


class Digest(Value):
    """What one person may decide now.

    Attributes:
        zone: The time zone in which `due_today` counts.
        total: Of all rows; when `has_more`, of those that were looked at.
        overdue: Due before now, and still to be decided.
        due_today: Due later on this day.
        by_flow: Name of a flow to the number of its rows, most first.
        items: The most urgent ones, at most `MOST_ITEMS`, soonest due first.
        has_more: Whether there were too many to look at all of them.
    """

    person: str
    at: AwareDatetime
    zone: str
    total: int
    overdue: int
    due_today: int
    by_flow: dict[str, int]
    items: tuple[Item, ...]
    has_more: bool = False


def digest_of(person: str, rows: Iterable[Item], *, at: datetime, zone: tzinfo, has_more: bool = False) -> Digest:
    """Return the digest of the rows of somebody's inbox.

    Args:
        person: Whose inbox it is.
        rows: All of it, in any order.
        at: Now.
        zone: Where the person lives.
        has_more: Whether the inbox has more rows than these.
    """
    items = sorted(rows, key=lambda item: item.urgency)
    dues = [item.due for item in items if item.due is not None]
    later = [due for due in dues if due > at]
    today = at.astimezone(zone).date()
    return Digest(
        person=person,
        at=at,
        zone=str(zone),
        total=len(items),
        overdue=len(dues) - len(later),
        due_today=sum(due.astimezone(zone).date() == today for due in later),
        by_flow=dict(Counter(item.flow or BY_ITSELF for item in items).most_common()),
        items=tuple(items[:MOST_ITEMS]),
        has_more=has_more,
    )
