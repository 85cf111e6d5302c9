"""What operators may do to a run, and the receipt they get: the one table of actions.

Must not know: which door a command came through.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hitl_temporal.domain.duration import PositiveDuration
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


class Rerun(Operate):
    """Do a step again."""

    scope: Literal["step"] = Field(default="step", alias="as")


class Cancel(Operate):
    """End the run."""

    no_undo: bool = False


class SetValue(Operate):
    """Change variables; steps that start later see them."""

    values: Annotated[Values, Field(alias="with", min_length=1)]


class Longer(BaseModel):
    """How much more time; a duration, `bh` and `bd` in the flow's calendar."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    duration: Annotated[PositiveDuration, Field(alias="for")]


class ExtendGrant(Operate):
    """Let a grant end later, or ask people whether it may."""

    longer: Annotated[Longer, Field(alias="with")]


ACTIONS: Mapping[str, type[Operate]] = {
    "hold": Operate,
    "release": Operate,
    "skip": Operate,
    "finish": Finish,
    "rerun": Rerun,
    "cancel_step": Operate,
    "cancel": Cancel,
    "set_value": SetValue,
    "revoke": Operate,
    "extend_grant": ExtendGrant,
}
"""Every operator action: handlers, commands and routes are made from this table."""


def parse(action: str, raw: object) -> Operate | Receipt:
    """Return the command that a raw payload holds, or the `invalid` receipt that says which field is wrong."""
    try:
        return ACTIONS[action].model_validate(raw)
    except ValidationError as error:
        return Receipt(status="invalid", reason=refused(error, action))
