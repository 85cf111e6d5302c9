"""What an approval is between two events: one serializable value.

Must not know: how it changes (machine.py), Temporal.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.ask import Ask, BreakGlass
from hitl_temporal.domain.approval.commands import Reference
from hitl_temporal.domain.approval.records import (
    Amendment,
    Claim,
    Cooling,
    Decision,
    Delivery,
    Handover,
    InfoWanted,
    Intent,
    Move,
    Refusal,
    Remark,
    Shadowed,
    Voided,
    Withdrawal,
)
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.inputs import Input, is_sensitive
from hitl_temporal.domain.memo import Memo
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.value import Json, Value, digest

SEMANTICS = 2
"""What `advance` does for an event sequence may change only behind a higher number (docs/decisions/0006)."""

MAX_REFUSALS_BY_ACTOR = 20
MAX_REFUSALS = 100
MAX_INTENTS_BY_ACTOR = 20
"""How often in a row an answer below the needed assurance may take the place of the one before it."""
MAX_UNPROVEN = 100
"""How many receipts of such answers are kept: whoever got only `recorded` asks for them within minutes."""
MAX_PASSING = 100
"""How many delivered reminders and notices are kept: an approval may wait for years and must stay small."""
MAX_CLICKS = 10
"""How many clicks of one answer are known: who clicks more often looks for the receipts of the last ones."""

MAX_SPENT = 300
"""How many keys of verbs other than `decide` are kept; a repeat comes within minutes, not after 300 others."""


class Origin(Value):
    """Which step of which run asks; None for an approval that a client started by itself.

    Attributes:
        owner: The selector of who answers for the flow.
    """

    run: str
    step: str
    attempt: int
    flow: str
    owner: str | None = None


class Shown(Value):
    """What people see, rendered; the digest is taken over it."""

    title: str
    body: str = ""
    show: dict[str, Json] = Field(default_factory=dict)
    form: dict[str, Json] = Field(default_factory=dict)
    """The JSON Schema of each field."""
    attachments: tuple[Reference, ...] = ()
    material: dict[str, Json] = Field(default_factory=dict)
    """Path to the value it had when people were asked."""

    @property
    def digest(self) -> str:
        """The digest that decisions are bound to."""
        return _DIGESTS.of((self,), lambda: digest(self.model_dump(mode="json")))


_DIGESTS: Memo[str] = Memo(32)


class Cast(Value):
    """Whom a stage means: its selectors, rendered. Unlike those of its document, any of them may name nobody.

    Attributes:
        ways: The selectors of each alternative.
        escalate: Those of each escalation's `to`.
    """

    ways: tuple[tuple[str, ...], ...] = ()
    barred: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    weights: dict[str, int] = Field(default_factory=dict)
    escalate: tuple[tuple[str, ...], ...] = ()

    @property
    def who(self) -> tuple[str, ...]:
        """Everybody the alternatives name."""
        return tuple(dict.fromkeys(s for way in self.ways for s in way))

    @property
    def everybody(self) -> tuple[str, ...]:
        """All selectors, wherever they stand: whom the directory must be asked for."""
        escalations = (s for to in self.escalate for s in to)
        return (*self.who, *self.barred, *self.fallback, *escalations, *self.quiet, *self.weights)


class Way(Value):
    """One way through a stage, as it stands.

    Attributes:
        entries: The entries of `who`; under `each`, one vote is needed of each of them.
        needed: How many votes; of weights their sum.
    """

    entries: tuple[tuple[str, ...], ...]
    needed: int = 0
    each: bool = False

    @property
    def who(self) -> tuple[str, ...]:
        """All selectors of this way."""
        return tuple(s for entry in self.entries for s in entry)


class StageRun(Value):
    """One stage as it stands.

    Attributes:
        document: As written, completed by what the ask says for all.
        cast: Whom it means, over the present context.
        bound: What its decisions are bound to: material path to the value it had when people were asked.
        block: Its place among the entries of `stages`; those of one block are open at the same time.
        state: `pending`, `open`, `parked`, `skipped`, or the outcome it ended with.
        who: The selectors that may act now, all ways together.
        ways: The ways to its positive end.
        asked: The places of the eligible people at the opening, in order; thresholds are taken of them.
        reject: How many votes against it end it.
        round: How often it has been asked, from 1; a change of what is material asks again.
        is_added: Whether somebody has added it in flight: what is amended neither removes it nor lets it decide alone.
        is_surplus: Whether it was passed and is not needed any more: it says nothing about the outcome.
        openings: How often it has been opened: facts of each opening have keys of their own.
        parkings: How often it has been parked.
        claims: How often it has been claimed.
        handed: How often a place of it has changed hands.
        let_in: Selectors of those whom an escalation has brought in where the stage named nobody.
        held_since: Since when it waits for an earlier stage that is asked again; its votes stay.
        remind_at: The next reminder, None when there is none left.
        reminded: How many reminders have been due.
        escalations: When each escalation is due, in the order of the document.
        escalated: How many of them have been done, in the order of time.
        handovers: Places that have gone to others, in order.
        moves: What has moved its deadline, in order.
        by_silence: Whether time has ended it.
        is_untimed: Whether no calendar could tell its times at its opening: they are planned when one can.
    """

    document: Stage
    cast: Cast = Cast()
    bound: dict[str, Json] = Field(default_factory=dict)
    block: int = 0
    state: str = "pending"
    reason: str = ""
    who: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    asked: tuple[str, ...] = ()
    reject: int = 0
    round: int = 1
    is_added: bool = False
    is_surplus: bool = False
    openings: int = 0
    parkings: int = 0
    claims: int = 0
    handed: int = 0
    let_in: tuple[str, ...] = ()
    held_since: AwareDatetime | None = None
    opened_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    remind_at: AwareDatetime | None = None
    reminded: int = 0
    escalations: tuple[AwareDatetime, ...] = ()
    escalated: tuple[int, ...] = ()
    handovers: tuple[Handover, ...] = ()
    claim: Claim | None = None
    moves: tuple[Move, ...] = ()
    by_silence: bool = False
    is_untimed: bool = False

    @property
    def name(self) -> str:
        """The stage's name, unique in its approval."""
        return self.document.name

    @property
    def again(self) -> str:
        """What makes the key of a fact differ from that of the same fact of an earlier opening."""
        return f":{self.openings}" if self.openings > 1 else ""

    @property
    def is_live(self) -> bool:
        """Whether the stage has begun and not ended."""
        return self.state in {"open", "parked"}


class Approval(Value):
    """One question to people, whole: carried over continue-as-new as it is.

    Attributes:
        seed: What chance is drawn from: a text that nobody could choose.
        context: What expressions see, as amended.
        fields: What the values of the context that may be amended must be like, by path.
        amended: Path to its value now, for everything that has been changed.
        outcome: None while open.
        decisions: Counted ones, in order.
        voided: Those that were counted and are no more.
        refusals: The first ones, at most `MAX_REFUSALS_BY_ACTOR` of each actor and `MAX_REFUSALS` in all.
        intended: How many answers below the needed assurance have been kept.
        unproven: The last answers below the needed assurance, whatever became of them.
        unrecorded: How many further refusals, and answers below the needed assurance, there were.
        spent: Digests of the keys of commands other than `decide`, each with its verb, a blank, and the tally after.
        rounds: How often the request has been sent back.
        roster: The people as last read while it was open.
        is_closed: Whether the last fact has been written: nothing is recorded any more.
    """

    semantics: int = SEMANTICS
    id: str
    seed: str = ""
    ask: Ask
    requester: str
    on_behalf_of: str | None = None
    context: dict[str, Json] = Field(default_factory=dict)
    fields: dict[str, Input] = Field(default_factory=dict)
    origin: Origin | None = None
    shown: Shown
    subject: str | None = None
    break_glass: BreakGlass | None = None
    """As the ask says, its selectors rendered."""
    barred: tuple[str, ...]
    """Requester, the person they act for, beneficiary and author."""
    stages: tuple[StageRun, ...]
    is_open: bool = False
    """False until people have been resolved."""
    is_unread: bool = False
    """Whether a change names people who have not been read yet: they are asked when the directory has been."""
    outcome: str | None = None
    reason: str = ""
    withdrawal: Withdrawal | None = None
    ended_at: AwareDatetime | None = None
    decisions: tuple[Decision, ...] = ()
    voided: tuple[Voided, ...] = ()
    intents: tuple[Intent, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    intended: int = 0
    unproven: tuple[Refusal, ...] = ()
    unrecorded: int = 0
    spent: dict[str, str] = Field(default_factory=dict)
    conversation: tuple[Remark, ...] = ()
    info: InfoWanted | None = None
    rounds: int = 0
    amendments: tuple[Amendment, ...] = ()
    amended: dict[str, Json] = Field(default_factory=dict)
    cooling: Cooling | None = None
    shadowed: Shadowed | None = None
    deliveries: tuple[Delivery, ...] = ()
    told: tuple[str, ...] = ()
    """Whom messages have told that are forgotten."""
    notices: int = 0
    """How many notices there have been."""
    replanned: int = 0
    """How often calendars have changed."""
    looked_at: AwareDatetime | None = None
    """When it was last looked who is there: absences that begin or end after that are still to be noticed."""
    roster: Roster = Roster()
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    started_at: AwareDatetime
    now: AwareDatetime
    """The time of the last event; it never goes back."""
    is_closed: bool = False

    @property
    def live_stages(self) -> tuple[StageRun, ...]:
        """The stages that are open or parked, in document order; none before the opening and after the end."""
        return tuple([s for s in self.stages if s.is_live])

    @property
    def flow(self) -> str | None:
        """The flow that asks, None for a question of its own."""
        return self.origin.flow if self.origin else None

    @property
    def is_decided(self) -> bool:
        """Whether there is an outcome, which may still cool off: then no stage goes on."""
        return self.outcome is not None or self.cooling is not None

    @property
    def state(self) -> str:
        """What `HitlState` shows: `open`, `parked`, `info`, `cooling`, or the outcome."""
        if self.outcome is not None:
            return self.outcome
        if self.cooling is not None:
            return "cooling"
        live = self.live_stages
        if self.is_open and not live and not self.is_unread:
            return "parked"  # whatever was asked: there is no stage that could go on with the answer
        if self.info is not None:
            return "info"
        return "parked" if any(s.state == "parked" for s in live) else "open"

    def stage(self, name: str) -> StageRun:
        """Return a stage by its name."""
        return next(s for s in self.stages if s.name == name)

    def hides(self, expression: str) -> bool:
        """Tell whether an expression reads a sensitive input of the run."""
        return is_sensitive(self.fields, expression)

    @property
    def total_refused(self) -> int:
        """How many attempts were refused, those that were not kept included."""
        return len(self.refusals) + self.unrecorded

    def is_flooded_by(self, actor: str) -> bool:
        """Tell whether one more refusal of this actor is only counted, not kept."""
        by_actor = sum(refusal.actor == actor for refusal in self.refusals)
        return by_actor >= MAX_REFUSALS_BY_ACTOR or len(self.refusals) >= MAX_REFUSALS

    def has_enough_intents_of(self, actor: str) -> bool:
        """Tell whether one more intent of this actor is only counted: the last one that was kept waits."""
        return any(i.actor == actor and i.number >= MAX_INTENTS_BY_ACTOR for i in self.intents)
