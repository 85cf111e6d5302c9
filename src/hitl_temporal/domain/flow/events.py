"""What can happen to a run; each event carries its time.

Must not know: who observed the event.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, SerializeAsAny

from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.commands import Operate
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.flow.watch import Statistics
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.value import Json, Value


class Begun(Value):
    """The run starts."""

    kind: Literal["begun"] = "begun"
    at: AwareDatetime


class JobSucceeded(Value):
    """A call has given its outputs."""

    kind: Literal["job_succeeded"] = "job_succeeded"
    at: AwareDatetime
    step: str
    n: int
    outputs: dict[str, Json]
    outcome: str | None = None
    """Of a command its exit code."""


class JobFailed(Value):
    """A job has used up its retries, or an ask could not be put."""

    kind: Literal["job_failed"] = "job_failed"
    at: AwareDatetime
    step: str
    n: int
    error: str
    outcome: str | None = None
    """Of a command that has ended its exit code."""
    outputs: dict[str, Json] = Field(default_factory=dict)
    """What it gave all the same."""
    is_in_doubt: bool = False
    """Nobody knows how far it came: its agent was lost."""


class JobCancelled(Value):
    """What was to be stopped has stopped."""

    kind: Literal["job_cancelled"] = "job_cancelled"
    at: AwareDatetime
    step: str
    n: int


class AskAnswered(Value):
    """A question has its outcome."""

    kind: Literal["ask_answered"] = "ask_answered"
    at: AwareDatetime
    step: str
    n: int
    approval: str
    result: Result


class FlowEnded(Value):
    """A run within has ended; `evidence` vouches for its trail."""

    kind: Literal["flow_ended"] = "flow_ended"
    at: AwareDatetime
    step: str
    n: int
    child: str
    status: str
    outputs: dict[str, Json] = Field(default_factory=dict)
    reason: str = ""
    evidence: Evidence | None = None


class RepairAnswered(Value):
    """People have said what to do about a failure."""

    kind: Literal["repair_answered"] = "repair_answered"
    at: AwareDatetime
    step: str
    approval: str
    result: Result


class RepairFailed(Value):
    """A question what to do about a failure could not be put, or was lost."""

    kind: Literal["repair_failed"] = "repair_failed"
    at: AwareDatetime
    step: str
    approval: str
    error: str


class UnitsGranted(Value):
    """A pool has given the units that were asked for."""

    kind: Literal["units_granted"] = "units_granted"
    at: AwareDatetime
    claim: str
    resource: str


class UnitsRefused(Value):
    """A pool can never give the units that were asked for."""

    kind: Literal["units_refused"] = "units_refused"
    at: AwareDatetime
    claim: str
    resource: str
    reason: str


class AttemptTaken(Value):
    """The id of a step's question belongs to somebody else: ask under the next one."""

    kind: Literal["attempt_taken"] = "attempt_taken"
    at: AwareDatetime
    step: str
    n: int


class ExtensionAnswered(Value):
    """A question about more time for a grant has its outcome."""

    kind: Literal["extension_answered"] = "extension_answered"
    at: AwareDatetime
    step: str
    approval: str
    result: Result


class ExtensionFailed(Value):
    """A question about more time could not be put, or was lost."""

    kind: Literal["extension_failed"] = "extension_failed"
    at: AwareDatetime
    step: str
    approval: str
    error: str


class ExtensionTaken(Value):
    """The id of a question about more time belongs to somebody else: ask under the next one."""

    kind: Literal["extension_taken"] = "extension_taken"
    at: AwareDatetime
    step: str
    approval: str


class UndoSucceeded(Value):
    """A step has been undone."""

    kind: Literal["undo_succeeded"] = "undo_succeeded"
    at: AwareDatetime
    step: str


class UndoFailed(Value):
    """A step's compensation has used up its retries.

    Attributes:
        is_in_doubt: Whether nobody knows how far it came, since its agent was lost.
    """

    kind: Literal["undo_failed"] = "undo_failed"
    at: AwareDatetime
    step: str
    error: str
    is_in_doubt: bool = False


class Present(Value):
    """The definition that the documents give a run's flow now, with what belongs to it.

    Attributes:
        inputs: The run's, completed with the defaults of this definition.
        notify: The alert routes that it names, as the site has them now.
        refused: Why the run's inputs do not fit it, or why there is none; empty: all is well.
    """

    definition: Flow
    flows: dict[str, Flow] = Field(default_factory=dict)
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    inputs: dict[str, Json] = Field(default_factory=dict)
    notify: dict[str, tuple[AlertEntry, ...]] = Field(default_factory=dict)
    refused: str = ""


class Operated(Value):
    """An operator acts; `roster` holds the actor's card as read for judging just this action."""

    kind: Literal["operated"] = "operated"
    at: AwareDatetime
    action: str
    command: SerializeAsAny[Operate]
    roster: Roster
    policies: tuple[Policy, ...] = ()
    """What the site says about such actions now."""
    present: Present | None = None
    """Read for `migrate` alone."""


class ProposalAnswered(Value):
    """People have said whether an action may be done; people and policies are read for judging it anew."""

    kind: Literal["proposal_answered"] = "proposal_answered"
    at: AwareDatetime
    approval: str
    result: Result
    roster: Roster = Roster()
    policies: tuple[Policy, ...] = ()
    present: Present | None = None


class ProposalFailed(Value):
    """A question whether an action may be done could not be put, or was lost."""

    kind: Literal["proposal_failed"] = "proposal_failed"
    at: AwareDatetime
    approval: str
    error: str


class AlertDelivered(Value):
    """People have been told, or could not be."""

    kind: Literal["alert_delivered"] = "alert_delivered"
    at: AwareDatetime
    key: str
    people: tuple[str, ...] = ()
    reason: str = ""
    """Why somebody could not be told for good; empty: all were."""


class TicketKept(Value):
    """The ticket system has done what was wanted.

    Attributes:
        ref: How it calls the ticket, empty where there is none.
        left_to: The run that stands in the ticket, for which it was not resolved; None: nothing was in the way.
    """

    kind: Literal["ticket_kept"] = "ticket_kept"
    at: AwareDatetime
    ticket: str
    key: str
    ref: str = ""
    left_to: str | None = None


class TicketRefused(Value):
    """The ticket system will never do what was wanted."""

    kind: Literal["ticket_refused"] = "ticket_refused"
    at: AwareDatetime
    ticket: str
    key: str
    reason: str


class StatisticsRead(Value):
    """It is known what past runs took."""

    kind: Literal["statistics_read"] = "statistics_read"
    at: AwareDatetime
    statistics: Statistics


class TimePassed(Value):
    """It is now `at`."""

    kind: Literal["time_passed"] = "time_passed"
    at: AwareDatetime


Event = Annotated[
    Begun
    | JobSucceeded
    | JobFailed
    | JobCancelled
    | AskAnswered
    | FlowEnded
    | UnitsGranted
    | UnitsRefused
    | RepairAnswered
    | RepairFailed
    | AttemptTaken
    | ExtensionAnswered
    | ExtensionFailed
    | ExtensionTaken
    | UndoSucceeded
    | UndoFailed
    | AlertDelivered
    | TicketKept
    | TicketRefused
    | StatisticsRead
    | Operated
    | ProposalAnswered
    | ProposalFailed
    | TimePassed,
    Field(discriminator="kind"),
]
