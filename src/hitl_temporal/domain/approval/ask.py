"""The document of a question to people: what is asked, of whom, and what may be answered.

These are the keys under `ask:` in a flow and the input of the workflow type `Approval`. Values may hold `{{ }}`
expressions; they are rendered at the opening, over the frozen context, and again when that is amended.

Must not know: state, events, how a document was read.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StrictBool, StrictInt, Tag, model_validator

from hitl_temporal.domain.approval.notation import (
    Expression,
    Path,
    Pick,
    Share,
    SomeSelectors,
    Template,
    TextTemplate,
)
from hitl_temporal.domain.approval.routes import Entries, Routed, Table, refuse_names, stages_of
from hitl_temporal.domain.approval.stage import Parallel, Quiet, Stage, Weights
from hitl_temporal.domain.duration import PositiveDuration
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.memo import Memo
from hitl_temporal.domain.value import Document, Value

OUTCOME = r"^[a-z][a-z0-9_]*$"
RESERVED_OUTCOMES = frozenset({"expired", "withdrawn"})
REWORK = "rework"
"""The outcome that sends a request back to its requester, where the ask allows for rounds of it."""
BUILT_IN = {"approved": True, "rejected": False}
"""The outcomes that every ask has, and whether each is positive."""

_STATES = frozenset({"pending", "open", "parked", "skipped", "info", "cooling"})
"""What a stage or an approval may be beside ended: an outcome of that name would read as not ended."""
NO_OUTCOME_NAMES = BUILT_IN.keys() | RESERVED_OUTCOMES | _STATES | {REWORK}
"""What no ask may call an outcome of its own."""


class Outcome(Document):
    """An outcome beside `approved` and `rejected`."""

    label: str
    positive: StrictBool = False
    comment: Literal["optional", "required"] = "optional"


class Answers(Value):
    """What may be answered to an ask at all, whoever answers and whenever.

    Attributes:
        outcomes: Those that a person may choose, sorted.
        positive: Those of them that let the work go on, and so demand the form.
        comment_on: Those of them that need a comment.
        form: The fields of the form; on other outcomes it is checked where one is sent.
    """

    outcomes: tuple[str, ...]
    positive: tuple[str, ...] = ()
    comment_on: tuple[str, ...] = ()
    form: dict[str, Input] = Field(default_factory=dict)


class Auto(Document):
    """A rule that decides without people, judged once at the opening."""

    condition: Expression = Field(alias="if")
    outcome: str
    reason: str = ""


class Attachment(Document):
    """A document that belongs to what is asked, by reference; the digest says which version of it."""

    name: TextTemplate
    url: TextTemplate
    digest: TextTemplate | None = None
    """SHA-256 of its content, lower-case hex."""


class Review(Document):
    """Who looks afterwards at what was done in an emergency, and until when."""

    who: SomeSelectors
    due: PositiveDuration = "3d"


class BreakGlass(Document):
    """Who may decide alone in an emergency, with a reason, in sight of everybody, to be reviewed."""

    who: SomeSelectors
    review: Review


_ANSWERS: Memo[Answers] = Memo(32)


def _kind_of_stages(value: object) -> str:
    return "routed" if isinstance(value, dict | Routed) else "stages"


Stages = Annotated[Annotated[Entries, Tag("stages")] | Annotated[Routed, Tag("routed")], Discriminator(_kind_of_stages)]

_STAGE_KEYS = frozenset(field.alias or name for name, field in Stage.model_fields.items())


class Ask(Document):
    """One question: what is shown, the stages in order, and the outcomes it may have.

    Stage keys written directly in the document are one stage. `calendar`, `material`, `pick`, `quiet` and `weights`
    hold for every stage that does not say otherwise.
    """

    title: TextTemplate
    body: TextTemplate = ""
    """Markdown."""
    show: dict[str, Template] = Field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    stages: Stages
    outcomes: dict[Annotated[str, Field(pattern=OUTCOME, max_length=100)], Outcome] = Field(default_factory=dict)
    auto: tuple[Auto, ...] = ()
    shadow: StrictBool = False
    """The rules of `auto` are judged and recorded, but people decide; the result says whether they agreed."""
    sample: Share | None = None
    """So many of the positive automatic outcomes are decided by people all the same."""
    form: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Input] = Field(default_factory=dict)
    """What a positive answer must tell; any other answer may."""
    edit: tuple[Path, ...] = ()
    """What of the context an approver may change with a positive answer."""
    comment: Literal["optional", "required", "on_reject"] = "optional"
    subject: TextTemplate | None = None
    """What it is about: a newer request about the same withdraws the older ones."""
    beneficiary: TextTemplate | None = None
    author: TextTemplate | None = None
    material: tuple[Expression, ...] = ()
    """What of the context decisions are bound to: a change asks again."""
    rework: Annotated[StrictInt, Field(ge=0, le=20)] = 0
    """How often the request may be sent back to its requester."""
    cooling_off: PositiveDuration | None = None
    """How long the deciding vote may be taken back."""
    break_glass: BreakGlass | None = None
    calendar: str | None = None
    pick: Pick | None = None
    quiet: Quiet | None = None
    weights: Weights | None = None

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
        for name in self.outcomes:
            if name in NO_OUTCOME_NAMES:
                raise fault(f"the outcome {name!r} is built in; choose another name", "outcomes", name)
        for index, rule in enumerate(self.auto):
            if self.is_positive(rule.outcome) is None:
                raise fault(f"unknown outcome {rule.outcome!r}; {self._known}", "auto", index, "outcome")
        for key in ("shadow", "sample"):
            if getattr(self, key) and not self.auto:
                raise fault(f"`{key}` is about the rules of `auto`, and there are none; add some, or remove it", key)
        if isinstance(self.stages, Routed):
            table = self.stages.route
            for index, row in enumerate(table.rows if isinstance(table, Table) else ()):
                self._check_stages(row.stages, ("stages", "route", "rows", index))
        else:
            refuse_names(self.stages)
            self._check_stages(self.stages, ())
        return self

    def _check_stages(self, entries: tuple[Stage | Parallel, ...], before: tuple[str | int, ...]) -> None:
        for index, entry in enumerate(entries):
            at = (*before, "stages", index)
            if isinstance(entry, Parallel):
                for place, stage in enumerate(entry.parallel):
                    self._check_silence(stage, (*at, "parallel", place))
            else:
                self._check_silence(entry, at)

    def _check_silence(self, stage: Stage, at: tuple[str | int, ...]) -> None:
        """Refuse a stage that would end by itself with an outcome that there isn't, or with a yes by mistake."""
        if stage.at_due not in {"expire", "reject"}:
            self._check_silent_outcome(stage, "at_due", stage.at_due, (*at, "at_due"))
        for index, step in enumerate(stage.escalate):
            if step.outcome is not None:
                self._check_silent_outcome(stage, "outcome", step.outcome, (*at, "escalate", index, "outcome"))

    def _check_silent_outcome(self, stage: Stage, key: str, outcome: str, at: tuple[str | int, ...]) -> None:
        positive = self.is_positive(outcome)
        if positive is None:
            words = "write expire, reject or an outcome" if key == "at_due" else "write an outcome"
            raise fault(f"`{key}` can't be {outcome!r}; {words} ({self._known})", *at)
        if positive and not stage.at_due_positive:
            message = f"`{key}: {outcome}` lets silence approve; if that is meant, add `at_due_positive: true`"
            raise fault(message, *at)

    @property
    def _known(self) -> str:
        return f"known: {', '.join(sorted(BUILT_IN.keys() | self.outcomes.keys()))}"

    @property
    def every_stage(self) -> tuple[Stage, ...]:
        """All stages that are written, those of every row of a table included."""
        if not isinstance(self.stages, Routed):
            return stages_of(self.stages)
        table = self.stages.route
        return tuple(s for row in table.rows for s in stages_of(row.stages)) if isinstance(table, Table) else ()

    @property
    def outcome_names(self) -> frozenset[str]:
        """The outcomes that a person may choose."""
        back = {REWORK} if self.rework else set[str]()
        return frozenset(BUILT_IN) | frozenset(self.outcomes) | back

    def is_positive(self, outcome: str) -> bool | None:
        """Tell whether an outcome lets the work go on; None when this ask does not have it as an outcome."""
        if outcome in self.outcomes:
            return self.outcomes[outcome].positive
        return BUILT_IN.get(outcome)

    @property
    def comment_on(self) -> frozenset[str]:
        """The outcomes that nobody may choose without a comment."""
        always = {n for n, o in self.outcomes.items() if o.comment == "required"} | ({REWORK} & self.outcome_names)
        if self.comment == "optional":
            return frozenset(always)
        return (
            frozenset(n for n in self.outcome_names if self.comment == "required" or not self.is_positive(n)) | always
        )

    @property
    def answers(self) -> Answers:
        """What may be answered."""
        return _ANSWERS.of((self,), self._answers)

    def _answers(self) -> Answers:
        names = tuple(sorted(self.outcome_names))
        positive = tuple(n for n in names if self.is_positive(n))
        return Answers(outcomes=names, positive=positive, comment_on=tuple(sorted(self.comment_on)), form=self.form)

    def complete(self, stage: Stage) -> Stage:
        """Return a stage with what the ask says for all that don't say otherwise."""
        defaults = {"calendar": self.calendar, "pick": self.pick, "quiet": self.quiet, "weights": self.weights}
        wanted: dict[str, object] = {k: v for k, v in defaults.items() if v is not None and getattr(stage, k) is None}
        if not stage.may_pick:
            wanted.pop("pick", None)
        if stage.material is None:
            wanted["material"] = self.material
        return stage.but(**wanted) if wanted else stage
