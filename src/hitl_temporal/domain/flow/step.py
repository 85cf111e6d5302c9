"""One step of a flow: exactly one verb, and the envelope that all verbs share.

Must not know: flows, runs.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    Tag,
    WithJsonSchema,
    model_validator,
)

from hitl_temporal.domain.approval.ask import RESERVED_OUTCOMES, Ask
from hitl_temporal.domain.approval.notation import Expression, Template, Texts, TextTemplate
from hitl_temporal.domain.duration import Backoff, PositiveDuration, lasting, positive_schema
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.flow.expect import Expect
from hitl_temporal.domain.flow.incident import Incident
from hitl_temporal.domain.flow.job import Job
from hitl_temporal.domain.flow.needs import RESULTS, Need, read_needs
from hitl_temporal.domain.flow.verbs import Enough, Items, Repeat, Tolerance, Units, Wait
from hitl_temporal.domain.ids import FlowNameText, StepIdText
from hitl_temporal.domain.value import Document, Json

VERBS = ("run", "call", "ask", "wait", "do", "each", "choose", "flow")
BLOCKS = frozenset({"do", "each", "choose"})
"""The verbs whose work is that of steps within."""
LEAVES = frozenset(VERBS) - BLOCKS

ActivityName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:/-]*$", max_length=200)]
PoolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=100)]

COMPLETED = "completed"
FLOW_OUTCOMES = (COMPLETED, "rejected", "expired", "withdrawn")
"""What a run within may end with; its failure is a failure of the step."""
TIMED_OUT = "timed_out"


class Retry(Document):
    """How often and how fast a step is tried again; `max` counts attempts, `budget` bounds them all."""

    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """None: 5 for a call, 1 for a command, which may have done half of its work."""
    backoff: Backoff = "1s..1m"
    budget: PositiveDuration | None = None


class Undo(Document):
    """The compensation of a step: what reverses it, run only if the step succeeded."""

    call: ActivityName | None = None
    run: Job | None = None
    flow: FlowNameText | None = None
    arguments: dict[str, Template] = Field(default_factory=dict, alias="with")
    retry: Retry | None = None
    timeout: PositiveDuration | None = None
    pool: PoolName | None = None

    @model_validator(mode="after")
    def _one_verb(self) -> "Undo":
        _only_one(self, _UNDOING, "an `undo`")
        if self.run is not None and "arguments" in self.model_fields_set:
            raise fault("`with` belongs to `call` and `flow`; write `args` or `env` in the `run`", "with")
        return self


_UNDOING = ("call", "run", "flow")


def _lasting(text: str) -> str:
    return text if "{{" in text else lasting(text)


def about(defaults: Mapping[str, Json]) -> BeforeValidator:
    """Let an ask go without what is known anyhow."""

    def with_defaults(data: object) -> object:
        return {**defaults, **data} if isinstance(data, dict) else data  # pyright: ignore[reportUnknownVariableType]

    return BeforeValidator(with_defaults)


class Extend(Document):
    """How often a grant may be extended, and who decides it."""

    max: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    """Extensions that were made or are being asked for; a refused one leaves room for another."""
    ask: (
        Annotated[
            Ask,
            about(
                {
                    "title": "Extend {{extension.step}} of {{run.flow}} by {{extension.by}}",
                    "show": {"until": "{{extension.until}}", "reason": "{{extension.reason}}"},
                }
            ),
        ]
        | None
    ) = None
    """None: an operator extends at once."""


class Grant(Document):
    """What a step gives is given for a time: it stays running until the end, then its `undo` runs."""

    duration: Annotated[
        TextTemplate,
        AfterValidator(_lasting),
        WithJsonSchema(positive_schema(or_template=True)),
        Field(alias="for"),
    ]
    """A duration, or an expression that gives one; counted from the success of the call."""
    extend: Extend | None = None
    """None: no extension is possible."""


class Branch(Document):
    """One branch of a `choose`: its steps are done if the expression is true, and no branch before it was taken."""

    condition: Expression = Field(alias="if")
    do: tuple["Step", ...] = Field(min_length=1)


class Otherwise(Document):
    """The last branch of a `choose`: done when no other is."""

    otherwise: tuple["Step", ...] = Field(alias="else", min_length=1)

    @property
    def do(self) -> tuple["Step", ...]:
        """Its steps, under the name that other branches have for theirs."""
        return self.otherwise


def _kind_of_branch(value: object) -> str:
    return "else" if isinstance(value, Otherwise) or (isinstance(value, dict) and "else" in value) else "if"


AnyBranch = Annotated[Annotated[Branch, Tag("if")] | Annotated[Otherwise, Tag("else")], Discriminator(_kind_of_branch)]


class Catch(Document):
    """Steps that mend a failure: the step's followers go on if they succeed."""

    catch: tuple["Step", ...] = Field(min_length=1)


_REPAIR: Mapping[str, Json] = {
    "title": "{{failure.step}} of {{run.flow}} has failed",
    "body": "{{failure.error}}",
    "show": {"step": "{{failure.step}}", "error": "{{failure.error}}", "attempts": "{{failure.attempts}}"},
    "outcomes": {
        "retry": {"label": "Do it again", "positive": True},
        "edit": {"label": "Do it again with other inputs", "positive": True},
        "skip": {"label": "Go on without it", "positive": True},
        "undo": {"label": "Undo what was done and end the run", "positive": True},
        "abort": {"label": "End the run as it is", "positive": True},
    },
    "form": {"with": {"type": "object", "title": "Inputs to change", "optional": True}},
}
REPAIRS = ("retry", "edit", "skip", "undo", "abort")


class Repair(Document):
    """People are asked what to do about a failure."""

    ask: Annotated[Ask, about(_REPAIR)]


def repair_by(selectors: tuple[str, ...]) -> Ask:
    """Return the question what to do about a failure, put to these."""
    return Repair.model_validate({"ask": {"who": list(selectors)}}).ask


def _kind_of_failure(value: object) -> str:
    if not isinstance(value, Repair | Catch | dict):
        return "word"
    is_catch = isinstance(value, Catch) or (isinstance(value, dict) and "catch" in value)
    return "catch" if is_catch else "ask"


OnFailure = Annotated[
    Annotated[Literal["park", "ask", "fail", "continue"], Tag("word")]
    | Annotated[Repair, Tag("ask")]
    | Annotated[Catch, Tag("catch")],
    Discriminator(_kind_of_failure),
]


class Step(Document):
    """One step: exactly one verb, and the envelope that all verbs share."""

    id: StepIdText
    title: TextTemplate | None = None
    needs: Annotated[tuple[Need, ...], BeforeValidator(read_needs)] | None = None
    """None: follows the step above; empty: starts at once."""
    condition: Expression | None = Field(default=None, alias="if")
    run: Job | None = None
    call: ActivityName | None = None
    ask: Ask | None = None
    wait: Wait | None = None
    each: Items | None = None
    do: Annotated[tuple["Step", ...], Field(min_length=1)] | None = None
    """A block, or what an `each` does with each item."""
    choose: Annotated[tuple[AnyBranch, ...], Field(min_length=1)] | None = None
    flow: FlowNameText | None = None
    arguments: dict[str, Template] = Field(default_factory=dict, alias="with")
    repeat: Repeat | None = None
    first: StrictBool = False
    """Whether the first branch of a block that comes to its end ends the others."""
    limit: Annotated[StrictInt, Field(ge=1, le=1000)] | None = None
    """Items under way at a time; None: `DEFAULT_LIMIT`."""
    tolerate: Tolerance = 0
    enough: Enough | None = None
    retry: Retry | None = None
    timeout: PositiveDuration | None = None
    pool: PoolName | None = None
    uses: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]*$")], Units] = Field(default_factory=dict)
    keep: StrictBool = False
    """Whether units stay taken while only people and the world are waited for."""
    priority: Annotated[StrictInt, Field(ge=1, le=5)] | None = None
    """None: that of the run."""
    undo: Undo | None = None
    grant: Grant | None = None
    demand: Texts = ()
    """Asks whose decision this call carries out: it parks if what they were decided about is no longer so."""
    expect: Expect | None = None
    """When it begins and ends at the latest, and how long it takes; None: nobody looks."""
    incident: Incident | None = None
    """The ticket that is kept about it; None: as the flow says."""
    on_failure: OnFailure | None = None
    """None: park, unless some `needs` names the failure."""

    @property
    def verb(self) -> str:
        """Which of the verbs this step is; an `each` has its steps in `do`."""
        return "each" if self.each is not None else next(v for v in VERBS if getattr(self, v) is not None)

    @property
    def results(self) -> tuple[str, ...]:
        """What a `needs` may ask of this step: the results that every step can have, then its outcomes."""
        return (*RESULTS, *self.outcomes)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes that a step can have, without the exit codes of a command, which `needs` gives as ranges."""
        match self.verb:
            case "ask":
                assert self.ask is not None, "it is one"
                return (*sorted(self.ask.outcome_names | RESERVED_OUTCOMES),)
            case "choose":
                return tuple(str(index) for index in range(len(self.choose or ())))
            case "do" if self.first:
                return tuple(s.id for s in self.do or ())
            case "flow":
                return FLOW_OUTCOMES
            case "wait" if self.timeout is not None:
                return (TIMED_OUT,)
            case _:
                return ()

    @property
    def has_signs(self) -> bool:
        """Whether its outcome says if the work may go on: of an ask and of a run within."""
        return self.ask is not None or self.flow is not None

    def is_positive(self, outcome: str) -> bool:
        """Tell whether an outcome lets the default `needs` of followers be met."""
        if self.ask is not None:
            return bool(self.ask.is_positive(outcome))
        return outcome == COMPLETED if self.flow is not None else True

    @property
    def asks(self) -> dict[tuple[str, ...], Ask]:
        """The questions that it may put itself: its own, about more time, about its failure; by the way to each."""
        found: dict[tuple[str, ...], Ask] = {}
        if self.ask is not None:
            found["ask",] = self.ask
        if self.grant is not None and self.grant.extend is not None and self.grant.extend.ask is not None:
            found["grant", "extend", "ask"] = self.grant.extend.ask
        if isinstance(self.on_failure, Repair):
            found["on_failure", "ask"] = self.on_failure.ask
        return found

    @property
    def lists(self) -> dict[str, tuple["Step", ...]]:
        """The lists of steps within, by the name of the branch."""
        within: dict[str, tuple[Step, ...]] = {}
        if self.do is not None:
            within["0"] = self.do
        for index, branch in enumerate(self.choose or ()):
            within[str(index)] = branch.do
        if isinstance(self.on_failure, Catch):
            within[CATCH] = self.on_failure.catch
        return within

    @model_validator(mode="after")
    def _sound(self) -> "Step":
        _only_one(self, tuple(v for v in VERBS if v != "do" or self.each is None), f"step {self.id!r}")
        if self.each is not None and self.do is None:
            raise fault("`each` without `do`: nothing is done with the items; write the steps", "each")
        for name, (key, verbs) in BELONGS.items():
            if name in self.model_fields_set and self.verb not in verbs:
                raise fault(f"`{key}` belongs to {_listed(verbs)}, not to `{self.verb}`; {_mend(self, key)}", key)
        if self.grant is not None and self.undo is None:
            raise fault("`grant` without `undo`: nothing would take back what was given; write an `undo`", "grant")
        if self.first and self.repeat is not None:
            raise fault("`first` beside `repeat`; put one block into another", "first")
        if self.keep and not self.uses:
            raise fault("`keep` without `uses`: there is nothing to keep; remove it", "keep")
        for index, branch in enumerate((self.choose or ())[:-1]):
            if isinstance(branch, Otherwise):
                raise fault("`else` must be the last branch; move it to the end", "choose", index, "else")
        return self


CATCH = "catch"
"""The name of the branch that mends a failure."""

DEFAULT_LIMIT = 50
"""Items of an `each` under way at a time where the author says nothing: Temporal takes some 2,000 activities."""

BELONGS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "arguments": ("with", ("call", "flow")),
    "retry": ("retry", ("run", "call")),
    "timeout": ("timeout", ("run", "call", "wait")),
    "pool": ("pool", ("run", "call", "wait")),
    "grant": ("grant", ("run", "call")),
    "demand": ("demand", ("run", "call")),
    "repeat": ("repeat", ("do",)),
    "first": ("first", ("do",)),
    "limit": ("limit", ("each",)),
    "tolerate": ("tolerate", ("each",)),
    "enough": ("enough", ("each",)),
    "undo": ("undo", ("run", "call", "ask", "do", "each", "choose", "flow")),
}
"""Which verbs a key goes with, by the name of its field; what is not here goes with every one."""


def _listed(verbs: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(f"`{v}`" for v in verbs[:-1]), f"`{verbs[-1]}`")))


def _mend(step: Step, key: str) -> str:
    match key, step.verb:
        case "timeout", "ask":
            return "write `due` in the ask"
        case "with", "run":
            return "write `args` or `env` in the `run`"
        case _:
            return "remove it"


def _only_one(model: Undo | Step, verbs: tuple[str, ...], what: str) -> None:
    written = [v for v in verbs if getattr(model, v) is not None]
    if not written:
        raise fault(f"{what} does nothing; write one verb of {', '.join(verbs)}")
    if len(written) > 1:
        raise fault(f"{what} has {' and '.join(written)}; write exactly one verb", written[1])


for _model in (Branch, Otherwise, Catch):
    _model.model_rebuild()  # They name `Step`, which is there only now; whoever looks at their fields finds it.
