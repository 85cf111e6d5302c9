"""The document of a question to people: what is asked, of whom, and when it is decided.

These are the keys under `ask:` in a flow and the input of the workflow type `Approval`. Values may hold `{{ }}`
expressions; they are rendered once, at the opening, over the frozen context.

Must not know: state, events, how a document was read.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, model_validator

from hitl_temporal.domain.duration import Duration, parse
from hitl_temporal.domain.expressions import ExpressionError, check, expressions_in
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.people import is_selector
from hitl_temporal.domain.value import Document, Json

OUTCOME = r"^[a-z][a-z0-9_]*$"
RESERVED_OUTCOMES = frozenset({"expired", "withdrawn"})
BUILT_IN = {"approved": True, "rejected": False}
"""The outcomes that every ask has, and whether each is positive."""

_STATES = frozenset({"pending", "open", "parked", "skipped", "info", "cooling"})
"""What a stage or an approval may be beside ended: an outcome of that name would read as not ended."""
_PERCENT = re.compile(r"([1-9][0-9]?|100)%")


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _selector(text: str) -> str:
    if "{{" in text:
        _check_template(text)
    elif not is_selector(text):
        raise ValueError(
            f"{text!r} is not a selector; write user:ID, group:ID, role:ID, manager:requester, "
            "manager:user:ID, owner:NAME or {{ expression }}"
        )
    return text


def _expression(text: str) -> str:
    try:
        check(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from error
    return text


def _check_template(value: Json) -> Json:
    try:
        for text in expressions_in(value):
            check(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from error
    return value


def _threshold(value: str | int) -> str | int:
    if isinstance(value, int):
        if value < 1:
            raise ValueError(f"a threshold is at least 1, not {value}")
    elif value not in {"any", "all"} and not _PERCENT.fullmatch(value):
        raise ValueError(f"{value!r} is not a threshold; write any, all, a number, or a percentage such as 60%")
    return value


def _reminder(text: str) -> str:
    if not any(part.count for part in parse(text)):
        raise ValueError(f"a reminder after {text!r} would never stop; write a longer time, such as 4bh")
    return text


Expression = Annotated[str, AfterValidator(_expression)]
"""A bare CEL expression."""
Template = Annotated[Json, AfterValidator(_check_template)]
"""Any JSON with `{{ }}` in its strings."""
TextTemplate = Annotated[str, AfterValidator(_check_template)]
Selector = Annotated[str, AfterValidator(_selector)]
Selectors = Annotated[tuple[Selector, ...], BeforeValidator(_as_tuple)]
Threshold = Annotated[StrictInt | str, Field(union_mode="left_to_right"), AfterValidator(_threshold)]
"""`any`, `all`, a number of votes or a percentage of the eligible; `true` is no number."""
Reminder = Annotated[Duration, AfterValidator(_reminder)]
"""A duration that is longer than nothing."""


def votes_needed(threshold: str | int, eligible: int) -> int:
    """Return how many votes a threshold asks of so many eligible people; percentages round up, never below 1."""
    match threshold:
        case int():
            return threshold
        case "any":
            return 1
        case "all":
            return max(eligible, 1)
        case percent:
            return max(-(-eligible * int(percent[:-1]) // 100), 1)


class Outcome(Document):
    """An outcome beside `approved` and `rejected`."""

    label: str
    positive: bool = False


class Auto(Document):
    """A rule that decides without people, judged once at the opening."""

    condition: Expression = Field(alias="if")
    outcome: str
    reason: str = ""


class Stage(Document):
    """One group of people who must decide, and their time."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)] = "decision"
    when: Expression | None = None
    who: Annotated[Selectors, Field(min_length=1)]
    barred: Selectors = Field(default=(), alias="not")
    fallback: Selectors = ()
    approve: Threshold = "any"
    reject: Threshold = "any"
    distinct: bool = True
    allow_requester: bool = False
    remind: Annotated[tuple[Reminder, ...] | Reminder, Field(union_mode="left_to_right")] = ()
    """One duration repeats; a list is once each, counted from the stage's opening."""
    due: Duration | None = None
    at_due: str = "expire"
    at_due_positive: bool = False
    calendar: str | None = None
    via: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()


_STAGE_KEYS = frozenset(field.alias or name for name, field in Stage.model_fields.items())


class Ask(Document):
    """One question: what is shown, the stages in order, and the outcomes it may have.

    Stage keys written directly in the document are one stage.
    """

    title: TextTemplate
    body: TextTemplate = ""
    """Markdown."""
    show: dict[str, Template] = Field(default_factory=dict)
    stages: tuple[Stage, ...] = Field(min_length=1)
    outcomes: dict[Annotated[str, Field(pattern=OUTCOME, max_length=100)], Outcome] = Field(default_factory=dict)
    auto: tuple[Auto, ...] = ()
    comment: Literal["optional", "required", "on_reject"] = "optional"
    beneficiary: TextTemplate | None = None
    author: TextTemplate | None = None
    material: tuple[Expression, ...] = ()
    """Paths of the context that the decision is bound to."""
    calendar: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_stage(cls, data: object) -> object:
        """Gather stage keys written beside the ask's own into one stage."""
        if not isinstance(data, dict):
            return data
        document: dict[str, object] = {str(k): v for k, v in data.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        written = {k: v for k, v in document.items() if k in _STAGE_KEYS and k not in cls.model_fields}
        if not written:
            return document
        if "stages" in document:
            keys = ", ".join(f"`{key}`" for key in written)
            raise fault(f"{keys} beside `stages`; move what belongs to a stage into its entry", next(iter(written)))
        rest = {k: v for k, v in document.items() if k not in written}
        return {**rest, "stages": [written]}

    @model_validator(mode="after")
    def _consistent(self) -> "Ask":
        names = [s.name for s in self.stages]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise fault(f"two stages are named {name!r}; give each a `name` of its own", "stages", index, "name")
        for name in self.outcomes:
            if name in BUILT_IN.keys() | RESERVED_OUTCOMES | _STATES:
                raise fault(f"the outcome {name!r} is built in; choose another name", "outcomes", name)
        for index, rule in enumerate(self.auto):
            if self.is_positive(rule.outcome) is None:
                raise fault(f"unknown outcome {rule.outcome!r}; {self._known}", "auto", index, "outcome")
        for index, stage in enumerate(self.stages):
            self._check_at_due(stage, index)
        return self

    def _check_at_due(self, stage: Stage, index: int) -> None:
        if stage.at_due in {"expire", "reject"}:
            return
        at = ("stages", index, "at_due")
        positive = self.is_positive(stage.at_due)
        if positive is None:
            raise fault(f"`at_due` can't be {stage.at_due!r}; write expire, reject or an outcome ({self._known})", *at)
        if positive and not stage.at_due_positive:
            message = f"`at_due: {stage.at_due}` lets silence approve; if that is meant, add `at_due_positive: true`"
            raise fault(message, *at)

    @property
    def _known(self) -> str:
        return f"known: {', '.join(sorted(self.outcome_names))}"

    @property
    def outcome_names(self) -> frozenset[str]:
        """The outcomes that a person may choose."""
        return frozenset(BUILT_IN) | frozenset(self.outcomes)

    def is_positive(self, outcome: str) -> bool | None:
        """Tell whether an outcome lets the work go on; None when this ask does not have it."""
        if outcome in self.outcomes:
            return self.outcomes[outcome].positive
        return BUILT_IN.get(outcome)

    @property
    def comment_on(self) -> frozenset[str]:
        """The outcomes that nobody may choose without a comment."""
        if self.comment == "optional":
            return frozenset()
        return frozenset(n for n in self.outcome_names if self.comment == "required" or not self.is_positive(n))
