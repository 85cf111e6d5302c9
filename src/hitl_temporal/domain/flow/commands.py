"""What operators may do to a run, and the receipt they get: the one table of actions.

Must not know: which door a command came through.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from hitl_temporal.domain.duration import PositiveDuration
from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.problems import refused
from hitl_temporal.domain.value import Json, Value, canonical


def unfit(outputs: Mapping[str, Json]) -> str | None:
    """Return why this has no JSON text (NaN, infinity, half a character), None when it has one."""
    try:
        canonical(outputs).encode()
    except ValueError as error:
        return f"not JSON: {error}"[:300]
    return None


def _fit(values: dict[str, Json]) -> dict[str, Json]:
    if wrong := unfit(values):
        raise ValueError(wrong)
    return values


Values = Annotated[dict[str, Json], AfterValidator(_fit)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


Waivable = Literal["predecessor", "time", "calendar", "blackout", "resource", "pool", "hold", "answer", "event"]
WAIVED: frozenset[Waivable] = frozenset(get_args(Waivable)) - {"predecessor", "resource"}
"""What counts no longer when nothing is said."""

Became = Literal["done", "asked", "invalid", "closed", "not_eligible", "recorded"]
STATUSES: tuple[Became, ...] = get_args(Became)


class Receipt(Value):
    """What became of an operator's command."""

    status: Became
    reason: str = ""
    changes: tuple[str, ...] = ()
    key: str = ""


class Operate(BaseModel):
    """Who does what to which step, and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    actor: Name
    step: Name | None = None
    reason: Annotated[str, StringConstraints(max_length=2_000)] = ""
    key: Name | None = None
    dry_run: bool = False


class Finish(Operate):
    """End a step with these outputs and outcome, without doing it."""

    outputs: Values = Field(default_factory=dict)
    outcome: Name | None = Field(default=None, alias="as")


class StartStep(Operate):
    """Let a step begin although it waits."""

    waive: tuple[Waivable, ...] = ()
    """The reasons that count no longer; empty: all but `predecessor` and `resource`."""


class Rerun(Operate):
    """Do a step again, or more."""

    scope: Literal["step", "from", "failed", "all"] = Field(default="step", alias="as")
    inputs: Values = Field(default_factory=dict, alias="with")
    """Arguments of the step in place of its document's."""


class Cancel(Operate):
    """End the run."""

    no_undo: bool = False


class SetValue(Operate):
    """Change variables; steps that start later see them."""

    values: Annotated[Values, Field(alias="with", min_length=1)]


class Tell(Operate):
    """An event from outside."""

    actor: Name = "system:event"
    event: CloudEvent

    @model_validator(mode="before")
    @classmethod
    def _is_the_event(cls, raw: object) -> object:
        """Take the event itself, or one given as `with`, for the command: that is what senders of events have."""
        if not isinstance(raw, dict) or "event" in raw:
            return raw  # pyright: ignore[reportUnknownVariableType]
        written: dict[str, object] = {str(k): v for k, v in raw.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        own = {k: v for k, v in written.items() if k in {"actor", "reason", "key", "dry_run"}}
        return {**own, "event": written.get("with", written)}


class Longer(BaseModel):
    """How much more time; a duration, `bh` and `bd` in the flow's calendar."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    duration: Annotated[PositiveDuration, Field(alias="for")]


class ExtendGrant(Operate):
    """Let a grant end later, or ask people whether it may."""

    longer: Annotated[Longer, Field(alias="with")]


class Target(BaseModel):
    """Which definition a run goes over to, by its digest or the beginning of it; empty: the present one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: Annotated[str, StringConstraints(max_length=100)] = ""


class Migrate(Operate):
    """Let a run go over to the present definition: steps that have not begun follow it."""

    to: Target = Field(default_factory=Target, alias="with")


ACTIONS: Mapping[str, type[Operate]] = {
    "hold": Operate,
    "release": Operate,
    "start_step": StartStep,
    "skip": Operate,
    "finish": Finish,
    "rerun": Rerun,
    "cancel_step": Operate,
    "cancel": Cancel,
    "set_value": SetValue,
    "event": Tell,
    "revoke": Operate,
    "extend_grant": ExtendGrant,
    "migrate": Migrate,
    "acknowledge": Operate,
}
"""Every operator action: handlers, commands and routes are made from this table."""


def parse(action: str, raw: object) -> Operate | Receipt:
    """Return the command that a raw payload holds, or the `invalid` receipt that says which field is wrong."""
    try:
        return ACTIONS[action].model_validate(raw)
    except ValidationError as error:
        return Receipt(status="invalid", reason=refused(error, action))
