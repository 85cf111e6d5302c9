"""What `runs.start` and `runs.operate` take and give.

Must not know: Temporal.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from hitl_temporal.domain.flow.commands import ACTIONS
from hitl_temporal.domain.ids import OUR_ID, FlowNameText, PersonName
from hitl_temporal.domain.people import CLIENT
from hitl_temporal.domain.value import Json, Value

__all__ = ["Operated", "Operation", "Start", "Started"]

RunId = Annotated[str, StringConstraints(pattern=f"^{OUR_ID.pattern}$")]


class Start(Value):
    """A run to start.

    Attributes:
        inputs: Checked by the run itself.
        id: None: made of the flow and of the step that starts it.
        wait: Whether the step ends with the run, and not with its start.
        requester: Who asks for it; None: the machine `system:client`.
    """

    flow: FlowNameText
    inputs: dict[str, Json] = Field(default_factory=dict)
    id: RunId | None = None
    wait: bool = False
    requester: PersonName | None = None


class Started(BaseModel):
    """A run that was started.

    Attributes:
        status: `running`, or how it has ended.
        outputs: What it gave; none while it runs.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    status: str
    outputs: dict[str, Json]


class Operation(Value):
    """An operator's action on a run; what an action takes beside these keys is what its command takes.

    Attributes:
        actor: Who does it, judged as at every other door; the machine `system:client` may only `cancel`.
        outputs: Of `finish`.
        outcome: Of `finish`, as `as`; of `rerun`, its scope.
        values: Of `set_value` and `extend_grant`, as `with`.
    """

    id: RunId
    action: Annotated[str, Field(pattern=r"^[a-z_]+$", max_length=100)]
    step: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    actor: PersonName = CLIENT
    dry_run: bool = False
    outputs: dict[str, Json] = Field(default_factory=dict)
    outcome: Annotated[str, Field(max_length=200)] | None = Field(default=None, alias="as")
    values: Annotated[dict[str, Json], Field(alias="with")] = Field(default_factory=dict)
    no_undo: bool = False

    @model_validator(mode="after")
    def _known(self) -> "Operation":
        if self.action not in ACTIONS:
            raise ValueError(f"{self.action!r} is no action; write one of {', '.join(ACTIONS)}")
        return self

    def command(self, key: str) -> dict[str, Json]:
        """Return the command, with only what was written."""
        written = self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"id", "action"})
        return {"actor": self.actor, **written, "key": key[-200:]}


class Operated(BaseModel):
    """What became of it: `done`, or `asked` when people decide it first.

    Attributes:
        changes: In words, one entry each.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["done", "asked"]
    reason: str = ""
    changes: tuple[str, ...] = ()
