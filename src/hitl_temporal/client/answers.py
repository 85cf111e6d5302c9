"""What the HTTP service answers, as its clients see it.

Only the fields that clients act on are named. Everything else that an answer holds is kept, and words from a fixed list
(states, statuses) are plain texts: a newer server must not break an older client. The facts of an audit trail are the
exception, because nobody can prove what they don't understand.

Must not know: HTTP, terminals.
"""

from typing import Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hitl_temporal.domain.audit import Evidence, Fact
from hitl_temporal.domain.value import Json

_Item = TypeVar("_Item", bound=BaseModel)

OPEN = frozenset({"running", "waiting", "parked", "undoing"})
"""The statuses of a run that has not ended."""

ACCEPTED = frozenset({"counted", "recorded", "done", "asked"})
"""The statuses of a receipt that refuses nothing."""


class Answer(BaseModel):
    """Part of an answer; fields without a name here stay in it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def document(self) -> dict[str, Json]:
        """Return the answer as the server gave it, unknown fields included, nothing added."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Page(Answer, Generic[_Item]):
    """Some items, and the cursor of the next ones; None: there are no more."""

    items: tuple[_Item, ...]
    next: str | None = None


class FlowCard(Answer):
    """One flow of the catalogue; `inputs` is a JSON Schema."""

    name: str
    title: str = ""
    description: str = ""
    category: str = ""
    version: int | str | None = None
    inputs: dict[str, Json] = {}


class Refreshed(Answer):
    """How many open approvals look again; `note` says why perhaps not all."""

    told: int
    note: str = ""


class EventError(Answer):
    """Why an event did not start a run (`flow`, `trigger`), or was not told to one (`run`)."""

    event: str
    flow: str | None = None
    trigger: int | None = None
    run: str | None = None
    reason: str


class Received(Answer):
    """What events have done.

    Attributes:
        started: The runs that they have started.
        already: The runs that the same events had started before.
        advanced: The open runs in which a step that waited has ended.
        kept: How many open runs keep one for later.
        errors: What could not be done.
    """

    started: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    advanced: tuple[str, ...] = ()
    kept: int = 0
    errors: tuple[EventError, ...] = ()


class Started(Answer):
    """A run that has been started, now or by the same request before."""

    id: str
    url: str = ""


class RunItem(Answer):
    """One row of the list of runs."""

    id: str
    flow: str
    requester: str
    state: str
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None


class Extension(Answer):
    """More time for a grant, wished or made; `approval` is what people were asked."""

    duration: str
    by: str
    state: str
    approval: str | None = None


class Grant(Answer):
    """Until when what a step gave may be used; `active` while it may, `ended` for this reason."""

    until: AwareDatetime
    state: str
    reason: str = ""
    extensions: tuple[Extension, ...] = ()


class StepResult(Answer):
    """How a step of a run ended, or stands.

    `approval` is the id of what it asks people, `run` of the run within; `ticket` is kept about it.
    """

    state: str
    outcome: str | None = None
    outputs: dict[str, Json] = {}
    reason: str = ""
    approval: str | None = None
    run: str | None = None
    grant: Grant | None = None
    late: bool = False
    ticket: str | None = None


class PathStep(Answer):
    """One step of a projection: from when to when; of one that has ended it is what happened."""

    step: str
    state: str
    start: AwareDatetime
    end: AwareDatetime


class Projection(Answer):
    """When a run will have ended, and the steps that decide it; `unknown` are those that no past run has done."""

    finish: AwareDatetime
    critical_path: tuple[PathStep, ...] = ()
    steps: tuple[PathStep, ...] = ()
    unknown: tuple[str, ...] = ()


class Proposal(Answer):
    """An action that waits for people to agree, in the approval of this id."""

    approval: str
    action: str
    step: str | None = None
    actor: str
    reason: str = ""
    since: AwareDatetime | None = None


class Run(Answer):
    """One run, or why it was refused at its start (`type` is then the kind of error, and there are no steps)."""

    id: str
    flow: str
    status: str
    type: str = ""
    reason: str = ""
    version: int | str | None = None
    requester: str = ""
    on_behalf_of: str | None = None
    started: AwareDatetime | None = None
    inputs: dict[str, Json] = {}
    outputs: dict[str, Json] = {}
    steps: dict[str, StepResult] = {}
    rerun_of: str | None = None
    proposals: tuple[Proposal, ...] = ()
    """What operators want done, as soon as people agree."""
    evidence: Evidence | None = None
    late: bool = False
    projection: Projection | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status not in OPEN

    @property
    def open_approvals(self) -> tuple[str, ...]:
        """The ids of what people are asked now, in the order of the steps."""
        asked = [s.approval for s in self.steps.values() if s.approval and s.state in {"waiting", "parked"}]
        return (*asked, *(p.approval for p in self.proposals))


class Reason(Answer):
    """Why one step does not move, since when, and what would move it.

    Attributes:
        late: Whether something that is expected of it was not kept.
        acknowledged: Who looks at it.
        ticket: How the ticket system calls the ticket that it is in.
    """

    step: str
    state: str
    reason: str
    since: AwareDatetime | None = None
    by: tuple[str, ...] = ()
    releases: str = ""
    late: bool = False
    acknowledged: str | None = None
    ticket: str | None = None


class Job(Answer):
    """One call or command of a run that is with a worker, or waits for one; see `service.jobs`."""

    step: str
    call: str
    state: str
    attempt: int = 1
    attempts: int | None = None
    since: AwareDatetime | None = None
    again: AwareDatetime | None = None
    worker: str = ""
    error: str = ""
    stdout: str | None = None
    stderr: str | None = None
    written_bytes: int = 0
    beat: AwareDatetime | None = None


class ApprovalItem(Answer):
    """One row of the inbox."""

    id: str
    title: str
    flow: str | None = None
    requester: str = ""
    state: str
    due: AwareDatetime | None = None
    tally: str = ""
    digest: str = ""
    stage: str = ""
    claimed_by: str | None = None
    waits_for: str | None = None


class Digest(Answer):
    """What the caller has to do, in a few numbers and the most urgent rows; `zone` is where `due_today` counts."""

    person: str
    zone: str = "UTC"
    total: int
    overdue: int = 0
    due_today: int = 0
    by_flow: dict[str, int] = {}
    items: tuple[ApprovalItem, ...] = ()
    has_more: bool = False


class Receipt(Answer):
    """What became of a decision, a verb or an operator's action; sent again with the same key, the same comes back."""

    status: str
    reason: str = ""
    tally: str = ""
    key: str = ""
    changes: tuple[str, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether it counts, was done, or is kept to be judged."""
        return self.status in ACCEPTED


class Absence(Answer):
    """When somebody is away; `until` is the first moment after it."""

    id: str
    person: str
    since: AwareDatetime
    until: AwareDatetime
    substitute: str | None = None
    flow: str | None = None
    condition: str | None = Field(default=None, alias="if")
    reason: str = ""
    by: str | None = None


class AbsenceChange(Answer):
    """What became of a wish to add or remove an absence; `absence` is None while it is only `recorded`."""

    status: str
    absence: Absence | None = None
    refreshed: int = 0
    note: str = ""
    key: str = ""


class BatchReceipt(Receipt):
    """What became of one answer of many; `unavailable`: nothing was recorded; `unanswered`: that is not known."""

    id: str


class RunReceipt(Receipt):
    """What became of an action on one run of many; `unavailable` and `unanswered` are as in `BatchReceipt`."""

    id: str


class Receipts(Answer):
    """Those of a batch, in the order of the answers."""

    receipts: tuple[BatchReceipt, ...]


class Report(Answer):
    """What the server's verification of a trail found."""

    ok: bool
    status: str
    events: int = 0


class AuditTrail(Answer):
    """The facts of a run's whole trace, and the server's own verification of them."""

    facts: tuple[Fact, ...]
    report: Report
