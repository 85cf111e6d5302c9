"""What a run is between two events: one serializable value.

Must not know: how it changes (machine.py), Temporal.
"""

from functools import cache
from typing import Literal

from pydantic import AwareDatetime, Field, SerializerFunctionWrapHandler, model_serializer

from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.watch import Watch
from hitl_temporal.domain.value import Json, Value

SEMANTICS = 1
"""What `advance` does for an event sequence may change only behind a higher number (docs/decisions/0006)."""

StepState = Literal["waiting", "running", "parked", "succeeded", "failed", "skipped", "cancelled"]
FINAL = frozenset({"succeeded", "failed", "skipped", "cancelled"})
RunStatus = Literal["completed", "rejected", "expired", "withdrawn", "failed", "cancelled"]


class Instead(Value):
    """What a step becomes once what it does has stopped: the word of an operator, or of an ending run or block.

    It yields to what the step did before the stop got through: a call that has succeeded has succeeded.

    Attributes:
        outputs: Of a step that an operator finishes.
        outcome: As `outputs`.
        by: Who stands for the answer of an ask that was passed.
    """

    state: Literal["succeeded", "failed", "skipped", "cancelled"]
    reason: str
    outputs: dict[str, Json] = Field(default_factory=dict)
    outcome: str | None = None
    by: tuple[str, ...] = ()


class Done(Value):
    """A success of a step that has an `undo`: what is reversed when the run, or what the step lies in, ends early.

    Of a step that is done again only the last success is kept; of one in a block that repeats that of every turn.

    Attributes:
        step: Its address.
        turn: Which turn of the blocks around it that repeat, the outermost first: `b#2/`.
        seen: The `item` and `index` that it saw, if its `undo` names them.
    """

    step: str
    n: int
    turn: str = ""
    seen: dict[str, Json] = Field(default_factory=dict)
    outputs: dict[str, Json]
    outcome: str | None


class Closing(Value):
    """A block, or an item of an `each`, that is coming to its end before all of it is done.

    Attributes:
        becomes: What the block becomes once nothing of it goes on.
        undo: Whether what was done in it is undone.
        keep: The ids of the steps whose work stays all the same.
    """

    becomes: Instead
    undo: bool = False
    keep: tuple[str, ...] = ()


class Each(Value):
    """What an `each` goes through, and how far it is.

    Attributes:
        values: The items.
        started: How many have been begun, in order.
        open: The items under way; what closes each, None while nothing does.
        given: What the steps of each item that has succeeded gave, by the item's index and the step's id.
        failed: The indexes of the items that have failed, in the order of failing.
        cut: The indexes of the items that were cut off when it ended early, and that are to be begun again.
        before: The most starts that a step of an item had when it was gone through before: later ones count on from
            there.
        most: As `before`, with the items that have ended this time.
    """

    values: tuple[Json, ...]
    before: int = 0
    most: int = 0
    started: int = 0
    open: dict[int, Closing | None] = Field(default_factory=dict)
    given: dict[int, dict[str, Json]] = Field(default_factory=dict)
    failed: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()

    @property
    def unfinished(self) -> tuple[int, ...]:
        """The indexes of the items that were begun, and have neither succeeded nor failed nor are under way."""
        known = {*self.open, *self.given, *self.failed}
        return tuple(index for index in range(self.started) if index not in known)

    @property
    def outputs(self) -> dict[str, Json]:
        """What it gives: one entry per item, in order, null where it has not succeeded; and which have failed."""
        items: list[Json] = [self.given.get(index) for index in range(len(self.values))]
        return {"items": items, "failed": [*sorted(self.failed)]}


class Block(Value):
    """The steps within a step that is under way.

    Attributes:
        branch: The list that is being done; `catch` is the one that mends a failure.
        index: Of a block that repeats, the turn, from 0.
        each: Of an `each`.
        closing: What brings it to its end early.
    """

    branch: str
    index: int = 0
    each: Each | None = None
    closing: Closing | None = None


class Decided(Value):
    """What an ask was decided about: a step that demands it may do that, and nothing else.

    Attributes:
        token: The decision token: binds the outcome and its votes to the digest of what was shown.
        digest: Of what was shown.
        by: Whose decision it rests on: those who agreed, a rule or whoever decided alone; nobody when it was silence.
        material: What the decision is bound to: path to value.
    """

    approval: str
    token: str
    digest: str
    by: tuple[str, ...] = ()
    material: dict[str, Json] = Field(default_factory=dict)


class GrantRun(Value):
    """The grant of one start of a step, from before its call on.

    Attributes:
        state: `pending` until the call has succeeded, `active`, then `ended`: only the `undo` is left to do.
        until: When it ends; while pending, when it would end if the call had succeeded at once.
        since: When the call had succeeded; None before.
        reason: Why it has ended.
    """

    duration: str
    until: AwareDatetime
    state: Literal["pending", "active", "ended"] = "pending"
    since: AwareDatetime | None = None
    reason: str = ""


class Extension(Value):
    """One wish that a grant end later.

    Attributes:
        n: The start of the step whose grant it is about.
        k: Which question of that start it is, from 1; 0: nobody was asked.
        by: Who wants it.
        state: `withdrawing` once the grant has ended before the answer; `late` when that answer was a yes.
        approval: The id of the question, None: nobody was asked.
    """

    n: int
    k: int = 0
    by: str
    duration: str
    reason: str = ""
    state: Literal["asked", "withdrawing", "granted", "refused", "withdrawn", "late", "failed"]
    approval: str | None = None

    @property
    def is_out(self) -> bool:
        """Whether people are still being asked."""
        return self.state in {"asked", "withdrawing"}


class Asking(Value):
    """A question what to do about a failure.

    Attributes:
        is_over: It is being withdrawn: somebody has acted without it.
    """

    approval: str
    is_over: bool = False


class Hold(Value):
    """Who lets nothing begin, since when."""

    by: str
    since: AwareDatetime


class StepRun(Value):
    """One step as it stands.

    Attributes:
        n: Which start of it this is: 0 before the first, one more at each rerun; retries keep it.
        started_at: When this start began; None while it has not.
        until: When a `wait` ends.
        passes_on: Skipped because a need can't be met any more, so its followers are skipped too.
        opened: How often this start was opened again, for a step within to be done again.
        held: An operator wants it not to start.
        hold: Who that is; None: nobody is.
        freed: An operator wants it to start although the run is held.
        again: An operator wants it done again: it asks for its needs no more.
        instead: It is being stopped, and then becomes this.
        awaits: Of a `wait`: for what beside time, such as `event:com.example.done`.
        watch: Of a `wait` for which a worker looks: what it was told.
        edited: Arguments that somebody has given in place of the document's, for this start and later ones, but not for
            other turns of what repeats.
        by: Who decided an ask, in order.
        decided: What an ask was decided about; None while it has not been, or when an operator has passed it.
        block: What is under way within it; kept of a block that has ended, for its turn.
        caught: It has failed, and the steps of its `catch` have mended that.
        repair: The question what to do about its failure, while it is out.
        repairs: How many such questions there were.
        undo: How far its compensation is; `skipped` by an operator after it had parked.
        undos: How often the compensation has been started.
        undoing: The start of the step that it reverses; None before it has been started.
        grant: Of a step whose document has one, once it has begun.
        extensions: Of the present start, in order, and those of earlier ones whose question is still out.
    """

    state: StepState = "waiting"
    n: int = 0
    outcome: str | None = None
    positive: bool | None = None
    outputs: dict[str, Json] = Field(default_factory=dict)
    error: str = ""
    since: AwareDatetime
    started_at: AwareDatetime | None = None
    until: AwareDatetime | None = None
    passes_on: bool = False
    opened: int = 0
    held: bool = False
    hold: Hold | None = None
    freed: bool = False
    again: bool = False
    instead: Instead | None = None
    awaits: str = ""
    watch: dict[str, Json] | None = None
    edited: dict[str, Json] | None = None
    by: tuple[str, ...] = ()
    decided: Decided | None = None
    block: Block | None = None
    caught: bool = False
    repair: Asking | None = None
    repairs: int = 0
    undo: Literal["none", "running", "done", "parked", "skipped"] = "none"
    undos: int = 0
    undoing: int | None = None
    grant: GrantRun | None = None
    extensions: tuple[Extension, ...] = ()

    @model_serializer(mode="wrap")
    def _in_short(self, dump: SerializerFunctionWrapHandler) -> dict[str, Json]:
        """Leave out what is as it was at first: a run of a thousand steps travels in one message."""
        whole: dict[str, Json] = dump(self)
        first = _as_at_first()
        return {key: value for key, value in whole.items() if key not in first or getattr(self, key) != first[key]}

    @property
    def watched(self) -> bool:
        """Whether a worker looks if what it waits for is there."""
        return self.watch is not None

    @property
    def granted(self) -> GrantRun | None:
        """The grant as which it runs, None while what it gave is not in use."""
        return self.grant if self.grant is not None and self.grant.state == "active" else None

    @property
    def has_given(self) -> bool:
        """Whether its call is over and its grant keeps it from ending: it runs as one, or until its undo has run."""
        return self.is_begun and self.grant is not None and self.grant.state != "pending"

    @property
    def mark(self) -> str:
        """What tells this start, as often as it was opened again, from every other: for the keys of its facts."""
        return f"{self.n}.{self.opened}" if self.opened else f"{self.n}"

    @property
    def starts(self) -> int:
        """The most starts that it, or a step of its items, has had."""
        return self.n if self.block is None or self.block.each is None else max(self.n, self.block.each.most)

    @property
    def closing(self) -> Closing | None:
        """What brings the block of this step to its end early."""
        return None if self.block is None else self.block.closing

    @property
    def goes_on(self) -> bool:
        """Whether items are still under way of an `each` that has ended, since enough had succeeded."""
        return self.is_final and self.block is not None and self.block.each is not None and bool(self.block.each.open)

    @property
    def is_final(self) -> bool:
        """Whether the step has ended."""
        return self.state in FINAL

    @property
    def is_begun(self) -> bool:
        """Whether it is under way: a job, a question, a wait, or parked in the middle of it."""
        return self.state == "parked" or (self.started_at is not None and not self.is_final)


@cache
def _as_at_first() -> dict[str, object]:
    """Return what each field of a step is when nothing is said about it."""
    fields = StepRun.model_fields.items()
    return {k: field.get_default(call_default_factory=True) for k, field in fields if not field.is_required()}


class Holding(Value):
    """Units that a step, or the run itself, has taken or asked for.

    Attributes:
        claim: Names the wish.
        since: When it was made.
        got: The resources whose units are held.
        asked: The resource that is asked for now.
        is_complete: Whether all are held, or an operator has said that none are needed.
    """

    claim: str
    since: AwareDatetime
    got: tuple[str, ...] = ()
    asked: str | None = None
    is_complete: bool = False


class Concurrency(Value):
    """How many runs of a flow may have jobs under way at a time: the pool that counts them, and its size."""

    pool: str
    units: int

    @property
    def uses(self) -> dict[str, int]:
        """What a run takes."""
        return {self.pool: 1}


class Ending(Value):
    """The run is ending early: how it will be called, why, and whether done work is undone.

    Attributes:
        left: Where nothing is undone: by whose word what was granted stays, and why.
    """

    status: RunStatus
    reason: str
    undo: bool = True
    left: str = ""


class Proposal(Value):
    """An action that people are asked about before it is done.

    Attributes:
        command: As it was sent.
        wanted: What it asks for, whoever sent it.
        key: Its idempotency key.
        is_over: The question is being withdrawn: nothing can be done any more.
    """

    approval: str
    action: str
    command: dict[str, Json]
    wanted: dict[str, Json]
    key: str
    since: AwareDatetime
    is_over: bool = False


class Seeded(Value):
    """Which run that has ended this one does again, and who wanted it.

    Attributes:
        run: Its id.
        first_run_id: The first execution run id of it.
        scope: What is done again: as of a `rerun`.
        kept: The steps of the outermost list whose results it began with.
    """

    run: str
    first_run_id: str
    scope: str
    step: str | None = None
    actor: str
    reason: str = ""
    kept: tuple[str, ...] = ()


class Run(Value):
    """One run of a flow, whole: carried over continue-as-new as it is.

    Attributes:
        held: An operator wants nothing to start; `hold` is who.
        begun: Whether the event `Begun` has come; nothing starts before.
        status: None while open.
        steps: One entry per step of the definition that lies in no item, in its order, and of those in the items of
            an `each` that are under way, by address.
        done: What may have to be undone, in the order of completion.
        flows: The definitions that its `flow` steps start, and those that these start, pinned with its own.
        depth: How many runs it lies within.
        concurrency: What it takes before its jobs begin.
        holdings: Units by the address of the step that takes them; empty: the run itself.
        claims: How many wishes for units there were.
        events: Those that no step has waited for yet, the oldest first.
        heard: The digests of source and id of every event that was taken.
        operations: How many commands of operators have been carried out.
        seed: The run that it does again, None when it does none.
        proposals: Actions about which people are being asked, in order.
        proposed: How many such questions there were.
        receipts: What the last of them were answered, by action, actor and key, the oldest first; bounded.
        watch: Alerts, what is expected, tickets.
        kept: How many bytes of what it was given it keeps, at most (`keeping`).
    """

    semantics: int = SEMANTICS
    id: str
    definition: Flow
    requester: str
    on_behalf_of: str | None = None
    inputs: dict[str, Json]
    vars: dict[str, Json] = Field(default_factory=dict)
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    started_at: AwareDatetime
    now: AwareDatetime
    steps: dict[str, StepRun]
    done: tuple[Done, ...] = ()
    flows: dict[str, Flow] = Field(default_factory=dict)
    depth: int = 0
    concurrency: Concurrency | None = None
    holdings: dict[str, Holding] = Field(default_factory=dict)
    claims: int = 0
    events: tuple[CloudEvent, ...] = ()
    heard: dict[str, None] = Field(default_factory=dict)
    begun: bool = False
    held: bool = False
    hold: Hold | None = None
    ending: Ending | None = None
    status: RunStatus | None = None
    reason: str = ""
    outputs: dict[str, Json] = Field(default_factory=dict)
    operations: int = 0
    seed: Seeded | None = None
    proposals: tuple[Proposal, ...] = ()
    proposed: int = 0
    receipts: dict[str, Receipt] = Field(default_factory=dict)
    watch: Watch = Watch()
    kept: int = 0

    def holds(self, step: StepRun) -> bool:
        """Tell whether an operator keeps a step from starting: this one, or all of them."""
        return step.held or (self.held and not step.freed)

    @property
    def state(self) -> str:
        """What `HitlState` shows; a block under way is as what lies within it: people may be all that it waits for."""
        if self.status is not None:
            return self.status
        if any(s.undo == "parked" for s in self.steps.values()):
            return "parked"
        if self.ending is not None:
            return "undoing"
        states = {s.state for s in self.steps.values() if s.block is None or s.state == "parked"}
        is_undoing = any(s.undo == "running" for s in self.steps.values())
        return "parked" if "parked" in states else "running" if "running" in states or is_undoing else "waiting"
