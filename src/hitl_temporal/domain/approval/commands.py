"""What people may send to an approval, what they get back, and the one table of verbs.

Commands come from outside (signals, updates, HTTP bodies), so unknown fields are ignored and free text is bounded.

Must not know: which door a command came through.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from hitl_temporal.domain.value import Json, Value

Status = Literal["invalid", "closed", "superseded", "not_eligible", "duplicate", "needs_step_up", "counted", "recorded"]
STATUSES: tuple[Status, ...] = get_args(Status)

Text = Annotated[str, StringConstraints(max_length=10_000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Command(BaseModel):
    """Who does something, and the key that makes a repetition harmless."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    actor: Name
    key: Key | None = None
    via: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, raw: object) -> object:
        """Read null as absent: clients in other languages write every field of their types."""
        if not isinstance(raw, dict):
            return raw
        return {k: v for k, v in raw.items() if v is not None}  # pyright: ignore[reportUnknownVariableType]


class Decide(Command):
    """One person's answer."""

    outcome: Name
    comment: Text = ""
    form: dict[str, Json] = Field(default_factory=dict)
    digest: Name | None = None
    """The digest of what the person saw; None: whatever is shown now."""
    on_behalf_of: Name | None = None
    assurance: Literal["low", "medium", "high"] = "low"


class Withdraw(Command):
    """The requester takes the request back."""

    reason: Text = ""


VERBS: Mapping[str, type[Command]] = {"decide": Decide, "withdraw": Withdraw}
"""Every verb of an approval: handlers, commands and routes are made from this table."""


class Receipt(Value):
    """What became of a command: said at once, and again for the same key."""

    status: Status
    reason: str = ""
    tally: str = ""
    key: str = ""


def parse(verb: str, raw: object) -> Command | Receipt:
    """Return the command that a raw payload holds, or the `invalid` receipt that says which field is wrong."""
    try:
        return VERBS[verb].model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or verb
        key = raw.get("key") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return Receipt(
            status="invalid",
            reason=f"{where}: {first['msg']}"[:500],
            key=key[:200] if isinstance(key, str) else "",
        )
