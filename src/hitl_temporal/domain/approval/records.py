"""What an approval remembers of what has happened to it: each a small value with its author and its time.

Must not know: how it came about.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.commands import Receipt, Reference
from hitl_temporal.domain.approval.stage import Assurance
from hitl_temporal.domain.duration import Duration
from hitl_temporal.domain.value import Json, Value

INTENT_HOLDS = timedelta(minutes=15)
"""How long an answer below the needed assurance waits to be confirmed."""


class Change(Value):
    """One value before and after."""

    before: Json = None
    after: Json = None


Kind = Literal["vote", "auto", "override", "break_glass"]
"""What stands behind a decision: people asked, a rule, an administrator, an emergency. It is never lost again."""


class Decision(Value):
    """One counted answer.

    Attributes:
        on_behalf_of: Whose place the actor has taken; None: their own.
        named: Whom the stage names for that place.
        counts_for: Which of the stage's selectors named them then, where that matters: who changes teams afterwards
            takes the vote to no other entry.
        at: When the server had it, which may be a little before it was judged.
        edited: What the actor has changed with it, by path.
        tally: The count in words just after it: what its receipt says, every time it is asked for.
        clicks: What doors knew it by that sent it without a key, the last few.
    """

    key: str
    actor: str
    on_behalf_of: str | None = None
    stage: str
    outcome: str
    comment: str = ""
    form: dict[str, Json] = Field(default_factory=dict)
    edited: dict[str, Change] = Field(default_factory=dict)
    via: str | None = None
    assurance: Assurance = "low"
    kind: Kind = "vote"
    at: AwareDatetime
    digest: str
    tally: str = ""
    named: str = ""
    counts_for: tuple[str, ...] = ()
    clicks: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """In whose name it counts."""
        return self.on_behalf_of or self.actor


Why = Literal["retracted", "changed", "sent_back", "replaced"]


class Voided(Value):
    """An answer that counts no more: taken back, or what it was about has changed."""

    decision: Decision
    why: Why
    at: AwareDatetime


def times_voided(voided: Iterable[Voided], stage: str, actor: str) -> int:
    """Return how many answers of somebody in a stage count no more."""
    return sum(v.decision.stage == stage and v.decision.actor == actor for v in voided)


class Withdrawal(Value):
    """The request was taken back; `tally` as in a decision."""

    key: str
    actor: str
    at: AwareDatetime
    tally: str = ""


class Refusal(Value):
    """One attempt that did not count, kept so that the person can be told later."""

    actor: str
    at: AwareDatetime
    receipt: Receipt


class Intent(Value):
    """An answer that waits for its author to prove who they are.

    Attributes:
        digest: Of what was shown: a confirmation is about the same.
        number: How many intents of this actor there have been.
    """

    actor: str
    stage: str
    outcome: str
    comment: str = ""
    form: dict[str, Json] = Field(default_factory=dict)
    edit: dict[str, Json] = Field(default_factory=dict)
    on_behalf_of: str | None = None
    at: AwareDatetime
    digest: str
    number: int = 1

    @property
    def until(self) -> datetime:
        """The last moment at which it can be confirmed."""
        return self.at + INTENT_HOLDS

    def holds(self, at: datetime, digest: str) -> bool:
        """Tell whether it can be confirmed now: in time, and while what was shown is what is shown."""
        return at <= self.until and self.digest == digest


RemarkKind = Literal["comment", "info_requested", "info_provided", "sent_back", "resubmitted"]


class Remark(Value):
    """One contribution to the conversation."""

    number: int
    kind: RemarkKind
    actor: str
    at: AwareDatetime
    text: str
    to: str | None = None
    attachments: tuple[Reference, ...] = ()


class InfoWanted(Value):
    """The clocks stand still, because somebody must say something first.

    Attributes:
        by: Who wants to know it, or has sent the request back.
        to: Who is asked.
        rework: Whether the whole request was sent back: nobody may decide before it comes again.
    """

    by: str
    to: str
    since: AwareDatetime
    rework: bool = False


class Amendment(Value):
    """What is asked has been changed.

    Attributes:
        digest: Of what was shown before.
    """

    kind: Literal["amend", "edit"]
    actor: str
    at: AwareDatetime
    changes: dict[str, Change]
    reason: str = ""
    digest: str


class Cooling(Value):
    """The outcome is there, and may be taken back until then."""

    outcome: str
    reason: str
    stage: str
    since: AwareDatetime
    until: AwareDatetime


class Shadowed(Value):
    """What a rule would have decided, while people decide.

    Attributes:
        agrees: Whether people came to the same; None while they have not answered, or have not been needed.
    """

    outcome: str
    rule: str
    because: Literal["shadow", "sample"]
    agrees: bool | None = None


class Handover(Value):
    """A place in a stage that has gone from one person to another, or a person who was added."""

    kind: Literal["delegate", "reassign"]
    giver: str | None
    taker: str
    by: str
    at: AwareDatetime


class Claim(Value):
    """One person has taken it on; the others wait."""

    holder: str
    since: AwareDatetime
    until: AwareDatetime


class Move(Value):
    """A deadline that has been moved, and why.

    Attributes:
        since: With `until`: the time in which the clock stood still.
        by: By how much an operator has extended it.
    """

    at: AwareDatetime
    why: str
    before: AwareDatetime | None
    after: AwareDatetime | None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    by: Duration | None = None


Occasion = Literal["asked", "reminded", "escalated", "notice", "settled"]


class Delivery(Value):
    """One message to one person: `sending` until the channel has answered.

    Attributes:
        text: What a notice says.
        on_behalf_of: In whose place this person is asked.
        settles: The id of the delivery that this one brings up to date.
        is_bare: Whether it goes to somebody who takes no part: it tells nothing of what is asked, and gives no part.
    """

    id: str
    person: str
    occasion: Occasion
    stage: str
    state: Literal["sending", "delivered", "failed"] = "sending"
    reason: str = ""
    channel: str | None = None
    text: str = ""
    on_behalf_of: str | None = None
    settles: str | None = None
    round: int = 1
    is_bare: bool = False
