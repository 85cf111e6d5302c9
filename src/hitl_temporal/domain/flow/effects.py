"""What a run wants done in the world.

Must not know: who does it.
"""

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.job import Prepared
from hitl_temporal.domain.flow.watch import AlertKind
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.value import Json, Value


class StartCall(Value):
    """Call a system.

    Attributes:
        key: The idempotency key: the same for every retry of this start.
        attempts: How many tries in all.
        timeout: Bounds one try.
        budget: Bounds all tries; None: only `attempts` does.
        undo: Whether this call undoes the step instead of doing it.
        command: What to run, of a call of the activity that runs commands; then there are no `arguments`.
        is_idempotent: Whether it may be begun again when it is not known how far it came.
        spare_starts: How often it may be begun beyond its tries, because whoever did it was lost.
        is_watch: It only looks, for as long as it takes, and may be begun again at any time.
        priority: 1 goes first, 5 last, where a worker can't do all at once.
    """

    step: str
    n: int
    key: str
    activity: str
    arguments: dict[str, Json]
    summary: str
    attempts: int
    first_backoff: timedelta
    max_backoff: timedelta
    timeout: timedelta
    budget: timedelta | None
    pool: str | None = None
    undo: bool = False
    command: Prepared | None = None
    is_watch: bool = False
    priority: int = 3
    is_idempotent: bool = True
    spare_starts: int = 0


class StartFlow(Value):
    """Start a run within this one: a workflow of its own.

    Attributes:
        child: Its workflow id.
        undo: Whether it undoes the step instead of doing it.
    """

    step: str
    n: int
    child: str
    flow: str
    inputs: dict[str, Json]
    requester: str
    on_behalf_of: str | None
    undo: bool = False


class StartAsk(Value):
    """Ask people: a workflow `Approval` of its own.

    Attributes:
        fields: What the run's inputs must be like, by path: they may be amended while people are asked.
        is_extension: What is asked is more time for the step's grant; the step itself is a call.
        is_repair: What is asked is what to do about the step's failure.
        is_proposal: What is asked is whether an action may be done; the step may be empty.
    """

    step: str
    n: int
    approval: str
    ask: Ask
    requester: str
    on_behalf_of: str | None
    origin: Origin
    context: dict[str, Json] = Field(default_factory=dict)
    fields: dict[str, Input] = Field(default_factory=dict)
    is_extension: bool = False
    is_repair: bool = False
    is_proposal: bool = False


class StopStep(Value):
    """Cancel the job of a step, or withdraw its question; what comes of it arrives as an event.

    Attributes:
        child: The question to withdraw, or the run to cancel; None: the step is a job.
        is_run: The child is a run.
    """

    step: str
    n: int
    child: str | None = None
    is_run: bool = False
    reason: str


class Reply(Value):
    """Answer the command that this event carried."""

    receipt: Receipt


class ClaimUnits(Value):
    """Ask for units of a resource; the answer arrives as an event.

    Attributes:
        claim: Names this wish: asked for again, it is the same.
        order: The place in the document.
        pool_units: How many there are, where it is not the site that says so.
    """

    resource: str
    claim: str
    units: int
    priority: int
    order: int
    pool_units: int | None = None


class ReturnUnits(Value):
    """Give units back, or wish for them no more; `at` is when."""

    resource: str
    claim: str
    at: AwareDatetime


class Notify(Value):
    """Tell people that something needs them; who they are, is looked up when they are told.

    Attributes:
        key: The same for every try; with the person it is the key of the message.
        alert: What kind of thing it is.
        step: The address of the step that it is about; empty: the run.
        to: Selectors.
        via: Channels in order of preference; empty: each person's own, else the site's default.
    """

    key: str
    run: str
    flow: str
    requester: str
    alert: AlertKind
    step: str = ""
    to: tuple[str, ...]
    via: tuple[str, ...] = ()
    title: str
    text: str


class KeepTicket(Value):
    """Do something with a ticket, after all that was wanted of it before.

    Attributes:
        ticket: Its key; of all that have it, the one that is open is meant.
        key: Of this piece of work: the same for every try.
        doing: `open` adds a comment to the one that is open already; `comment` and `resolve` do nothing where none is.
        title: Of one that is opened.
        text: Its description, or the comment.
        fields: Of one that is opened.
    """

    ticket: str
    key: str
    via: str | None
    doing: Literal["open", "comment", "resolve"]
    title: str = ""
    text: str
    fields: dict[str, Json] = Field(default_factory=dict)


Effect = ClaimUnits | KeepTicket | Notify | ReturnUnits | StartCall | StartFlow | StartAsk | StopStep | Reply | Record
