"""What an approval is between two events: one serializable value.

Must not know: how it changes (machine.py), Temporal.
"""

from typing import Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.ask import Ask, Stage
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.value import Json, Value, digest

SEMANTICS = 1
"""What `advance` does for an event sequence may change only behind a higher number (docs/decisions/0006)."""

MAX_REFUSALS_BY_ACTOR = 20
MAX_REFUSALS = 100
MAX_REMINDERS = 100
"""How many delivered reminders are kept: an approval may wait for years and must stay small."""


class Origin(Value):
    """Which step of which run asks; None for an approval that a client started by itself."""

    run: str
    step: str
    attempt: int
    flow: str


class Shown(Value):
    """What people see, rendered; the digest is taken over it."""

    title: str
    body: str = ""
    show: dict[str, Json] = Field(default_factory=dict)
    material: dict[str, Json] = Field(default_factory=dict)
    """Path to the value it had when people were asked."""

    @property
    def digest(self) -> str:
        """The digest that decisions are bound to."""
        return digest(self.model_dump(mode="json"))


class Decision(Value):
    """One counted answer."""

    key: str
    actor: str
    on_behalf_of: str | None = None
    stage: str
    outcome: str
    comment: str = ""
    form: dict[str, Json] = Field(default_factory=dict)
    via: str | None = None
    assurance: str = "low"
    at: AwareDatetime
    """When the server had it, which may be a little before it was judged."""
    digest: str
    tally: str = ""
    """The count in words just after it: what its receipt says, every time it is asked for."""


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


Occasion = Literal["asked", "reminded", "settled"]


def delivery_id(occasion: Occasion, stage: str, person: str, number: int | None = None) -> str:
    """Return the id of the one message to a person on an occasion; reminders have a number."""
    return ":".join([occasion, stage, person, *([] if number is None else [str(number)])])


class Delivery(Value):
    """One message to one person: `sending` until the channel has answered."""

    id: str
    person: str
    occasion: Occasion
    stage: str
    state: Literal["sending", "delivered", "failed"] = "sending"
    reason: str = ""
    channel: str | None = None


class StageRun(Value):
    """One stage as it stands.

    Attributes:
        state: `pending`, `open`, `parked`, `skipped`, or the outcome it ended with.
        who: The rendered selectors that may act, those of `fallback` when `who` named nobody.
        asked: The eligible people at the opening, in order; thresholds are taken of them.
        remind_at: The next reminder, None when there is none left.
        reminded: How many reminders have been due.
    """

    document: Stage
    state: str = "pending"
    reason: str = ""
    who: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    approve: int = 0
    reject: int = 0
    opened_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    remind_at: AwareDatetime | None = None
    reminded: int = 0

    @property
    def name(self) -> str:
        """The stage's name, unique in its approval."""
        return self.document.name

    @property
    def is_live(self) -> bool:
        """Whether the stage has begun and not ended."""
        return self.state in {"open", "parked"}


class Approval(Value):
    """One question to people, whole: carried over continue-as-new as it is.

    Attributes:
        outcome: None while open.
        decisions: Counted ones, in order.
        refusals: The first ones, at most `MAX_REFUSALS_BY_ACTOR` of each actor and `MAX_REFUSALS` in all.
        unrecorded: How many further refusals there were.
        roster: The people as last read while it was open.
        is_closed: Whether the last fact has been written: nothing is recorded any more.
    """

    semantics: int = SEMANTICS
    id: str
    ask: Ask
    requester: str
    on_behalf_of: str | None = None
    context: dict[str, Json] = Field(default_factory=dict)
    origin: Origin | None = None
    shown: Shown
    barred: tuple[str, ...]
    """Requester, the person they act for, beneficiary and author."""
    stages: tuple[StageRun, ...]
    is_open: bool = False
    """False until people have been resolved."""
    outcome: str | None = None
    reason: str = ""
    withdrawal: Withdrawal | None = None
    ended_at: AwareDatetime | None = None
    decisions: tuple[Decision, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unrecorded: int = 0
    deliveries: tuple[Delivery, ...] = ()
    roster: Roster = Roster()
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    started_at: AwareDatetime
    now: AwareDatetime
    """The time of the last event; it never goes back."""
    is_closed: bool = False

    @property
    def live_stage(self) -> StageRun | None:
        """The stage that is open or parked, None before the opening and after the end."""
        return next((s for s in self.stages if s.is_live), None)

    @property
    def state(self) -> str:
        """What `HitlState` shows: `open`, `parked`, or the outcome."""
        if self.outcome is not None:
            return self.outcome
        stage = self.live_stage
        return "parked" if self.is_open and (stage is None or stage.state == "parked") else "open"

    @property
    def total_refused(self) -> int:
        """How many attempts were refused, those that were not kept included."""
        return len(self.refusals) + self.unrecorded

    def is_flooded_by(self, actor: str) -> bool:
        """Tell whether one more refusal of this actor is only counted, not kept."""
        by_actor = sum(refusal.actor == actor for refusal in self.refusals)
        return by_actor >= MAX_REFUSALS_BY_ACTOR or len(self.refusals) >= MAX_REFUSALS
