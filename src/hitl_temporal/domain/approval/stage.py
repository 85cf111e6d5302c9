"""The documents of a stage: who must decide, how many of them, and in what time.

Must not know: the question that is asked, state, events.
"""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator

from hitl_temporal.domain.approval.notation import (
    Expression,
    Pick,
    Selector,
    Selectors,
    SomeSelectors,
    Texts,
    Threshold,
)
from hitl_temporal.domain.duration import PositiveDuration
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.value import Document

Assurance = Literal["low", "medium", "high"]
"""How sure a door is of who answers: a mail link; a bound chat identity, a token or a login; a login just now."""

ASSURANCES: tuple[Assurance, ...] = ("low", "medium", "high")
Weights = dict[Selector, Annotated[StrictInt, Field(ge=1, le=1000)]]
Quiet = Annotated[StrictBool | Selectors, Field(union_mode="left_to_right")]


def suffices(given: Assurance, needed: Assurance) -> bool:
    """Tell whether a door is as sure as is needed."""
    return ASSURANCES.index(given) >= ASSURANCES.index(needed)


class Escalation(Document):
    """What happens when nobody has decided for a while.

    Attributes:
        how: `add` lets more people decide, `replace` lets others decide instead, `notify` only tells, and `decide`
            ends the stage with `outcome`.
    """

    after: PositiveDuration
    to: Selectors = ()
    how: Literal["add", "replace", "notify", "decide"] = "add"
    outcome: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Escalation":
        if self.how == "decide":
            if self.outcome is None:
                raise fault("`how: decide` needs an `outcome`; write which, such as `outcome: rejected`", "how")
            if self.to:
                raise fault("`how: decide` asks nobody; remove `to`", "to")
        else:
            if self.outcome is not None:
                raise fault(f"`outcome` belongs to `how: decide`, not to `{self.how}`", "outcome")
            if not self.to:
                raise fault(f"`how: {self.how}` needs `to`: whom", "how")
        return self


class Alternative(Document):
    """One of several ways through a stage: so many of these people."""

    who: SomeSelectors
    approve: Threshold = "any"


class Stage(Document):
    """One group of people who must decide, and their time."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)] = "decision"
    when: Expression | None = None
    who: Selectors = ()
    any_of: tuple[Alternative, ...] = ()
    """Instead of `who` and `approve`: the first of these that is met ends the stage."""
    barred: Selectors = Field(default=(), alias="not")
    fallback: Selectors = ()
    """Asked where `who` names nobody who may act."""
    approve: Threshold = "any"
    reject: Threshold = "any"
    wait_for_all: StrictBool = False
    """Nothing is settled before everybody has answered; then refusals are looked at first."""
    distinct: StrictBool = True
    allow_requester: StrictBool = False
    weights: Weights | None = None
    """How many votes the people of a selector have; 1 where none names them, the largest where several do."""
    pick: Pick | None = None
    quiet: Quiet | None = None
    """Who may act without being told: `true` for all of `who`, or selectors, which are then added to it."""
    assurance: Assurance = "low"
    remind: Annotated[tuple[PositiveDuration, ...] | PositiveDuration, Field(union_mode="left_to_right")] = ()
    """One duration repeats; a list is once each, counted from the stage's opening."""
    escalate: tuple[Escalation, ...] = ()
    due: PositiveDuration | None = None
    at_due: str = "expire"
    at_due_positive: StrictBool = False
    lease: PositiveDuration = "4bh"
    """For how long a claim keeps others from deciding."""
    calendar: str | None = None
    via: Texts = ()
    material: tuple[Expression, ...] | None = None
    """What this stage's decisions are bound to; None: what the ask says."""

    @model_validator(mode="after")
    def _somebody(self) -> "Stage":
        if not self.who and not self.any_of:
            raise fault("a stage needs `who`: the people who decide it")
        if self.any_of:
            for key in ("who", "approve"):
                if key in self.model_fields_set:
                    raise fault(f"`{key}` beside `any_of`; each alternative has its own", key)
        if self.pick is not None and not self.may_pick:
            wrong = "`pick` chooses among all of `who`: not with `any_of`, and not with `approve: each`"
            raise fault(f"{wrong}; remove one of them", "pick")
        return self

    @property
    def may_pick(self) -> bool:
        """Whether a few of those named may stand for all of them."""
        return not self.any_of and self.approve != "each"

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The ways through this stage; most have one."""
        return self.any_of or (Alternative(who=self.who, approve=self.approve),)


class Parallel(Document):
    """Stages that are open at the same time; all of them must be passed."""

    name: str | None = None
    when: Expression | None = None
    parallel: Annotated[tuple[Stage, ...], Field(min_length=1)]


def kind_of_entry(value: object) -> str:
    """Tell whether an entry of `stages` is one stage or several at once."""
    if isinstance(value, dict):
        return "parallel" if "parallel" in value else "stage"
    return "parallel" if isinstance(value, Parallel) else "stage"
