"""Every type and name that crosses the Temporal boundary: append-only, never renamed.

Messages ignore unknown fields, so that old and new workers understand each other.

Must not know: workflows, activities, clients.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hitl_temporal.domain.absences import Absences
from hitl_temporal.domain.approval.commands import Receipt as DecisionReceipt
from hitl_temporal.domain.approval.effects import Deliver, StartReview, Supersede
from hitl_temporal.domain.approval.message import Message
from hitl_temporal.domain.approval.result import Result as ApprovalResult
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.audit import Fact, TraceParent, Trail
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.commands import Receipt as OperationReceipt
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.effects import KeepTicket, Notify, StartCall
from hitl_temporal.domain.flow.job import Prepared
from hitl_temporal.domain.flow.packing import PackedRun
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.flow.requests import RUN_COMMAND
from hitl_temporal.domain.flow.views import Result as RunResult
from hitl_temporal.domain.flow.waiting import WATCH_FILE, WATCH_RUN
from hitl_temporal.domain.ids import OUR_ID, PersonName
from hitl_temporal.domain.people import Load, Roster
from hitl_temporal.domain.resources.document import MAX_UNITS
from hitl_temporal.domain.resources.state import DEFAULT_PRIORITY, Pool
from hitl_temporal.domain.value import Json, digest

__all__ = [
    "ABSENCES",
    "ABSENCES_MEMO",
    "AGENT_STOPPED",
    "ALERT",
    "APPROVAL",
    "CLAIM_UNITS",
    "DELIVER",
    "EARLY",
    "EXIT_CODE",
    "EXPORT_FACTS",
    "FETCH_CHILD",
    "KEEP_TICKET",
    "LOAD_FLOW",
    "LOOK_AT_RESOURCE",
    "NEWER_ABOUT",
    "OUTBOX",
    "OUTPUTS",
    "PARENT_IS_OPEN",
    "READ_LOADS",
    "READ_PEOPLE",
    "READ_ROUTE",
    "READ_SEED",
    "READ_STATISTICS",
    "RELEASE_UNITS",
    "REQUEST_CANCEL",
    "RESERVED_TYPES",
    "RESOURCE",
    "RESOURCE_ANSWER",
    "ROTATION",
    "RUN_COMMAND",
    "SEED",
    "SIGNALLED_AT",
    "SUPERSEDE",
    "TELL_ENDED",
    "WATCH_FILE",
    "WATCH_RUN",
    "AboutSubject",
    "AbsencesCarried",
    "AlertTold",
    "Answered",
    "ApprovalCarried",
    "ApprovalResult",
    "Child",
    "ClaimUnits",
    "CommandEnded",
    "CommandTail",
    "DecisionReceipt",
    "Delivered",
    "Facts",
    "FetchChild",
    "FlowCarried",
    "FlowLoaded",
    "Governed",
    "LoadFlow",
    "LoadsRead",
    "LookAtResource",
    "Moment",
    "Newer",
    "OperationReceipt",
    "ParentCheck",
    "PeopleRead",
    "Picking",
    "PoolCarried",
    "ReadLoads",
    "ReadPeople",
    "ReadRoute",
    "ReadSeed",
    "ReadStatistics",
    "Refresh",
    "ReleaseUnits",
    "ReportTo",
    "RequestCancel",
    "RequestUnits",
    "ResourceAnswer",
    "ResourceSeen",
    "Rotated",
    "RouteRead",
    "RunAnswered",
    "RunCommand",
    "RunEnded",
    "RunResult",
    "Seed",
    "SeedRead",
    "Signalled",
    "StartedBy",
    "TicketDone",
    "UnitsGranted",
    "UnitsRefused",
    "Unsent",
    "WatchFile",
    "WatchRun",
    "Within",
    "pool_id",
]

APPROVAL = "Approval"
OUTBOX = "Outbox"
ABSENCES = "hitl.absences"
"""The type of the workflow that keeps the site's absences, and its id: there is one."""

ABSENCES_MEMO = "absences"
"""The entry of its memo that holds them packed (`domain.absences.pack`)."""

RESERVED_TYPES = frozenset({APPROVAL, OUTBOX})
"""Workflow types that no flow may be called; neither may one start with `hitl.`."""

LOAD_FLOW = "hitl.load_flow"
READ_PEOPLE = "hitl.read_people"
DELIVER = "hitl.deliver"
EXPORT_FACTS = "hitl.export_facts"
FETCH_CHILD = "hitl.fetch_child"
READ_SEED = "hitl.read_seed"
SEED = "seed"
"""The query that answers a whole run, for one that does it again."""
PARENT_IS_OPEN = "hitl.parent_is_open"
SIGNALLED_AT = "hitl.signalled_at"
REQUEST_CANCEL = "hitl.request_cancel"
READ_LOADS = "hitl.read_loads"
READ_ROUTE = "hitl.read_route"
SUPERSEDE = "hitl.supersede"
TELL_ENDED = "hitl.tell_ended"
NEWER_ABOUT = "hitl.newer_about"
ALERT = "hitl.alert"
KEEP_TICKET = "hitl.keep_ticket"
READ_STATISTICS = "hitl.read_statistics"

ROTATION = "hitl.rotation"
"""The workflow that counts turns; and the prefix of its ids."""

RESOURCE = "hitl.resource"
"""The workflow that gives out the units of one resource; and the prefix of its ids (`pool_id`)."""

RESOURCE_ANSWER = "resource"
"""The signal by which it answers who has asked; it carries a `ResourceAnswer`."""

CLAIM_UNITS = "hitl.claim_units"
RELEASE_UNITS = "hitl.release_units"
LOOK_AT_RESOURCE = "hitl.look_at_resource"


EARLY = "handed over before its workflow task; it is done again from the history"
"""Why a worker does not answer a query now: in a moment it can (docs/measured.md)."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Within(_Message):
    """What a run hands to one that it starts.

    Attributes:
        definition: What is run, pinned when the outermost run began.
        flows: The definitions that are pinned beside it.
        depth: How many runs it lies within.
        workflow_id: Of the run that starts it.
        first_run_id: Of the run that starts it: the first of its execution chain.
        parent: The fact of it that this one's trail belongs to.
    """

    definition: Flow
    flows: dict[str, Flow] = Field(default_factory=dict)
    depth: int
    workflow_id: str
    first_run_id: str
    parent: TraceParent


class Seed(_Message):
    """What a run is to do again that has ended: its results are read from that run itself, never taken from here.

    Attributes:
        first_run_id: The first execution run id of it: another one under the same id is not meant.
        command: The action `rerun`, as an operator sends it.
    """

    workflow_id: str
    first_run_id: str
    command: dict[str, Json]


class StartedBy(_Message):
    """The optional second input of a flow: who asks."""

    requester: PersonName = "system:client"
    on_behalf_of: PersonName | None = None
    key: str | None = None
    trigger: str | None = None
    """What started it beside people and programs: `schedule:<name>`, whose inputs may hold `{{ event.time }}`."""
    within: Within | None = None
    seed: Seed | None = None


class LoadFlow(_Message):
    """Load a definition, and check inputs against it."""

    flow: str
    inputs: Json
    pinned: Flow | None = None
    """Run this definition, whatever the documents say now."""
    at: AwareDatetime | None = None
    """As in `ReadPeople`."""


class ReadSeed(_Message):
    """Read a run that has ended, for one of the same flow and task queue that does it again."""

    workflow_id: str
    first_run_id: str
    flow: str
    task_queue: str


class SeedRead(_Message):
    """The run, as it ended; or why there is none to begin with."""

    run: PackedRun | None = None
    reason: str = ""


class FlowLoaded(_Message):
    """A definition with its calendars and the completed inputs, or why there is none.

    Attributes:
        refused: The failure type (`UnknownFlow`, `InvalidInput`); None when all is well.
        reason: What is wrong, naming the flow or the field.
    """

    definition: Flow | None = None
    flows: dict[str, Flow] = Field(default_factory=dict)
    """What its `flow` steps name, and what these name."""
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    notify: dict[str, tuple[AlertEntry, ...]] = Field(default_factory=dict)
    """The alert routes that it names, as the site has them now."""
    inputs: dict[str, Json] = Field(default_factory=dict)
    is_followed: bool = False
    """Whether the end of a run of this flow triggers another."""
    refused: Literal["UnknownFlow", "InvalidInput"] | None = None
    reason: str = ""
    at: AwareDatetime | None = None


class Governed(_Message):
    """An action on a run, for which the site may have a policy."""

    flow: str
    action: str
    requester: str
    """Of the run: whom `manager:requester` is about."""


class ReadPeople(_Message):
    """Ask the directory who these selectors name, and for the cards of these people.

    Attributes:
        governed: What is to be judged: then whom the policy about it names comes back, too.
        calendars: The names of calendars that are needed.
        known: The digests of those that are known: they come back only if they have changed.
    """

    selectors: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    known: dict[str, str] = Field(default_factory=dict)
    governed: Governed | None = None
    at: AwareDatetime | None = None
    """When it is asked, in workflow time: it comes back with the answer (engine/clock.py)."""


class PeopleRead(_Message):
    """The directory's answer, the calendars that were asked for and exist, and the policy about what is judged."""

    roster: Roster
    policies: tuple[Policy, ...] = ()
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    at: AwareDatetime | None = None


class Picking(_Message):
    """A stage that will ask a few of many: whom it may pick from, and whose turns are counted together."""

    key: str
    policy: str
    people: tuple[str, ...]


class ReadLoads(_Message):
    """Ask how busy people are, and whose turn it is."""

    approval: str
    flow: str | None = None
    picks: tuple[Picking, ...] = ()


class LoadsRead(_Message):
    """What each person has to do, and the number of each turn."""

    loads: dict[str, Load] = Field(default_factory=dict)
    turns: dict[str, int] = Field(default_factory=dict)


class Rotated(_Message):
    """A counter of turns, and the numbers that the last askers were given."""

    turn: int = 0
    numbers: dict[str, int] = Field(default_factory=dict)


class ReadRoute(_Message):
    """Ask for a decision table of the site."""

    name: str


class RouteRead(_Message):
    """The table; None: the site has none of this name."""

    table: Table | None = None


class AboutSubject(_Message):
    """One of several approvals that are about the same."""

    approval: str
    flow: str | None = None
    subject: str
    started_at: AwareDatetime

    @property
    def mark(self) -> str:
        """What lists find them by: a digest, since a subject may be long."""
        return f"subject:{digest([self.flow, self.subject])[:32]}"


class Newer(_Message):
    """The newest open approval about the same subject that is newer than the one that asks; None: there is none."""

    approval: str | None = None


class Refresh(_Message):
    """Something around an approval has changed: read it again."""

    reason: str = ""


class Delivered(_Message):
    """A channel has taken a message.

    Attributes:
        at: When, by the server's clock; a worker of an older release does not say.
    """

    channel: str
    reference: str = ""
    at: AwareDatetime | None = None


class Facts(_Message):
    """Facts for every sink."""

    facts: tuple[Fact, ...]


class FetchChild(_Message):
    """Look at a workflow that has the id of a child of ours."""

    workflow_id: str
    first_run_id: str
    """The first execution run id of the parent: only its own child may be adopted."""
    is_run: bool = False
    """Whether it is a run, and not an approval."""


class Child(_Message):
    """What was found: is it ours, and how did it end."""

    is_ours: bool
    is_open: bool = False
    result: ApprovalResult | None = None
    run: RunResult | None = None
    error: str = ""


class ParentCheck(_Message):
    """Ask whether the run that put a question is still open."""

    workflow_id: str
    first_run_id: str


class RequestCancel(_Message):
    """Ask Temporal to cancel this execution: only then does it end Canceled."""

    workflow_id: str
    run_id: str


class Signalled(_Message):
    """Ask when the server took a signal that carries this command, or when the task began that took an update."""

    workflow_id: str
    run_id: str
    verb: str
    command: dict[str, Json]
    update: str | None = None
    """The id of the update; None: it was a signal."""


class Moment(_Message):
    """When something happened; None: not known."""

    at: AwareDatetime | None = None


class ReportTo(_Message):
    """Tell this workflow, too, how you end: it has adopted you."""

    workflow_id: str
    step: str
    n: int


class Answered(_Message):
    """The answer of an adopted approval."""

    step: str
    n: int
    approval: str
    result: ApprovalResult


class RunAnswered(_Message):
    """The end of an adopted run."""

    step: str
    n: int
    run: str
    result: RunResult


class WatchFile(_Message):
    """Look at files until they are as they are wanted.

    Attributes:
        path: May hold `*` and `?`; relative to the project's folder.
        becomes: What is waited for.
        stable: So long nothing about them must have changed; None: no time.
        every: How often to look.
    """

    path: str
    becomes: Literal["present", "absent", "changed"] = "present"
    stable: str | None = None
    every: str = "5s"


class WatchRun(_Message):
    """Look at a run until it has ended."""

    id: str


class RunEnded(_Message):
    """A run has ended, and flows may be triggered by that."""

    id: str
    first_run_id: str
    flow: str
    status: str
    outputs: dict[str, Json] = Field(default_factory=dict)


class Unsent(_Message):
    """What could not be sent in time and is sent for as long as it takes."""

    messages: tuple[Message, ...] = ()
    facts: tuple[Fact, ...] = ()
    ended: RunEnded | None = None
    alerts: tuple[Notify, ...] = ()
    tickets: tuple[KeepTicket, ...] = ()
    """In order: what is about one ticket is done one after the other."""


class AlertTold(_Message):
    """Who has been told.

    Attributes:
        people: Each once, in order.
        refused: Why somebody could not be told for good; empty: all were.
    """

    people: tuple[str, ...] = ()
    refused: str = ""


class TicketDone(_Message):
    """What was wanted of a ticket is done.

    Attributes:
        ref: How its system calls it, empty where there is none.
        left_to: The run that stands in it, for which it was not resolved; None: nothing was in the way.
    """

    ref: str = ""
    left_to: str | None = None


class ReadStatistics(_Message):
    """Ask what past runs of a flow took.

    Attributes:
        people: The ids of the steps that people do, with the name of their calendar; `default` is the site's own.
    """

    flow: str
    people: dict[str, str] = Field(default_factory=dict)


class ApprovalCarried(_Message):
    """An approval over continue-as-new."""

    state: Approval
    trail: Trail
    facts: tuple[Fact, ...] = ()
    sending: tuple[Deliver, ...] = ()
    report_to: tuple[ReportTo, ...] = ()
    unsent: tuple[Message, ...] = ()
    pending: tuple[Supersede | StartReview, ...] = ()


class AbsencesCarried(_Message):
    """The site's absences over continue-as-new."""

    state: Absences
    trail: Trail
    facts: tuple[Fact, ...] = ()


class FlowCarried(_Message):
    """A run over continue-as-new."""

    run: PackedRun
    trail: Trail
    facts: tuple[Fact, ...] = ()
    postponed: tuple[StartCall, ...] = ()
    report_to: tuple[ReportTo, ...] = ()
    is_followed: bool = False
    alerts: tuple[Notify, ...] = ()
    tickets: tuple[KeepTicket, ...] = ()


class RunCommand(_Message):
    """Run a command or a script of the project on this machine.

    Attributes:
        job: What to run, with its expressions replaced; secrets are names.
        key: The idempotency key: the same for every retry of this start.
    """

    job: Prepared
    key: str
    run: str = ""
    step: str = ""


class CommandTail(_Message):
    """What a running command has written last: the details of its heartbeats.

    Attributes:
        written_bytes: How much it has written to both so far.
    """

    stdout: str = ""
    stderr: str = ""
    written_bytes: int = 0


EXIT_CODE = "ExitCode"
OUTPUTS = "Outputs"
AGENT_STOPPED = "AgentStopped"
"""The types of the failures by which `hitl.run_command` says how a command ended."""


class CommandEnded(_Message):
    """How a command ended; also the details of the failures `ExitCode` and `Outputs`.

    Attributes:
        exit_code: 0 to 255; 128 and the number of the signal that ended it.
        outputs: By name, as the job's rules say; of a command that failed, none unless all could be read.
        stdout_tail: The end of what it wrote, scrubbed of secrets, as readable text.
        truncated_bytes: How much of both is not in the tails.
        log: Where the whole log lies; None: nowhere.
    """

    exit_code: int
    outputs: dict[str, Json] = Field(default_factory=dict)
    stdout_tail: str = ""
    stderr_tail: str = ""
    truncated_bytes: int = 0
    log: str | None = None


class RequestUnits(_Message):
    """Wish for units of a resource: what the signal `request` of its pool carries.

    Attributes:
        resource: The pool: a name of site.yaml, or `domain.resources.names.flow_pool`.
        claim: Unique to this run, step and start, and new each time units are wanted again; the same again is the
            same wish.
        workflow_id: Who is told.
        run_id: The first execution run id of that workflow.
        requested_at: When it was wished for, by the time of who asks.
        order: Its place in the document.
        pool_units: How many units the pool has, where the site does not say: the limit of a flow.
    """

    resource: str = Field(min_length=1, max_length=1_000)
    claim: str = Field(min_length=1, max_length=500)
    units: int = Field(default=1, ge=1, le=MAX_UNITS)
    priority: int = Field(default=DEFAULT_PRIORITY, ge=1, le=5)
    workflow_id: str = Field(min_length=1, max_length=1_000)
    run_id: str = Field(min_length=1, max_length=100)
    requested_at: AwareDatetime
    order: int = 0
    pool_units: int | None = Field(default=None, ge=1, le=MAX_UNITS)


class ReleaseUnits(_Message):
    """Give units back, or wish for them no more: what the signal `release` carries.

    Attributes:
        at: When, by the time of who says so: a wish under the same claim that is later is another.
    """

    resource: str = Field(min_length=1, max_length=1_000)
    claim: str = Field(min_length=1, max_length=500)
    at: AwareDatetime


class ClaimUnits(_Message):
    """All the wishes of one moment, together: they are sent in the order in which they should be served."""

    requests: tuple[RequestUnits, ...]


class UnitsGranted(_Message):
    """The units are there; told again to who asks again. Who does not know the claim any more gives them back."""

    kind: Literal["granted"] = "granted"
    claim: str
    resource: str


class UnitsRefused(_Message):
    """The units will never be there."""

    kind: Literal["refused"] = "refused"
    claim: str
    resource: str
    reason: str


ResourceAnswer = Annotated[UnitsGranted | UnitsRefused, Field(discriminator="kind")]
"""What the signal `resource` carries."""


class LookAtResource(_Message):
    """Ask how many units there are, and who of these is still there.

    Attributes:
        name: As the site calls it; None: the site does not say how many there are.
        at: As in `ReadPeople`.
    """

    name: str | None
    runs: tuple[ParentCheck, ...] = ()
    at: AwareDatetime | None = None


class ResourceSeen(_Message):
    """What there is.

    Attributes:
        units: None: the site has no such resource, or was not asked.
        ended: The first execution run ids of those who are gone.
    """

    units: int | None = None
    ended: tuple[str, ...] = ()
    at: AwareDatetime | None = None


class PoolCarried(_Message):
    """A pool over continue-as-new."""

    pool: Pool
    trail: Trail
    facts: tuple[Fact, ...] = ()


def pool_id(resource: str) -> str:
    """Return the id of the workflow that gives out the units of a pool; one with a strange name has its digest."""
    plain = f"{RESOURCE}:{resource}"
    return plain if OUR_ID.fullmatch(plain) else f"{RESOURCE}:{digest(resource)[:32]}"
