"""What a run is between two events: one serializable value.

Must not know: how it changes (machine.py), Temporal.
"""

from typing import Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json, Value

SEMANTICS = 1
"""What `advance` does for an event sequence may change only behind a higher number (DESIGN section 5)."""

StepState = Literal["waiting", "running", "parked", "succeeded", "failed", "skipped", "cancelled"]
FINAL = frozenset({"succeeded", "failed", "skipped", "cancelled"})
RunStatus = Literal["completed", "rejected", "expired", "withdrawn", "failed", "cancelled"]


class StepRun(Value):
    """One step as it stands.

    Attributes:
        n: How often it has been started: 0 before the first, one more at each rerun; retries keep it.
        order: Its place in the order of completion, from 1; 0 while it has not succeeded.
        passes_on: Skipped because a need can't be met any more, so its followers are skipped too.
        undo: How far its compensation is.
        by: Who decided an ask, in order.
        until: When a `wait` ends.
        held: An operator wants it not to start.
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
    order: int = 0
    passes_on: bool = False
    held: bool = False
    undo: Literal["none", "running", "done", "parked"] = "none"
    by: tuple[str, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether the step has ended."""
        return self.state in FINAL

    @property
    def is_begun(self) -> bool:
        """Whether something of it is going on now: a job, a question, a wait."""
        return self.n > 0 and not self.is_final


class Ending(Value):
    """The run is ending early: how it will be called, why, and whether done work is undone."""

    status: RunStatus
    reason: str
    undo: bool = True


class Run(Value):
    """One run of a flow, whole: carried over continue-as-new as it is.

    Attributes:
        status: None while open.
        steps: One entry per step of the definition, in its order.
        receipts: What operators' commands were answered, by key.
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
    held: bool = False
    ending: Ending | None = None
    status: RunStatus | None = None
    reason: str = ""
    outputs: dict[str, Json] = Field(default_factory=dict)
    receipts: dict[str, Receipt] = Field(default_factory=dict)

    @property
    def state(self) -> str:
        """What `HitlState` shows."""
        if self.status is not None:
            return self.status
        if any(s.undo == "parked" for s in self.steps.values()):
            return "parked"
        if self.ending is not None:
            return "undoing"
        states = {s.state for s in self.steps.values()}
        return next((s for s in ("parked", "running") if s in states), "waiting")
