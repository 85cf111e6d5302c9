"""The document of a flow: inputs, steps and what they give.

A definition is pinned at a run's start: it lies in the run's history with its digest, and no later file changes it.

Must not know: runs, YAML, where files lie.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, WithJsonSchema, model_validator

from hitl_temporal.domain.approval.ask import RESERVED_OUTCOMES, Ask
from hitl_temporal.domain.approval.notation import Expression, Selectors, Template, Texts, TextTemplate
from hitl_temporal.domain.duration import Backoff, PositiveDuration, lasting, parse, positive_schema
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.flow.needs import RESULTS, Need, read_needs
from hitl_temporal.domain.ids import FlowNameText, StepIdText
from hitl_temporal.domain.inputs import Input, is_sensitive
from hitl_temporal.domain.value import Document, Json, digest

VERBS = ("call", "ask", "wait")
ActivityName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:/-]*$", max_length=200)]


class Retry(Document):
    """How often and how fast a step is tried again; `max` counts attempts, `budget` bounds them all."""

    max: Annotated[int, Field(ge=1, le=1000)] = 5
    backoff: Backoff = "1s..1m"
    budget: PositiveDuration | None = None


class Undo(Document):
    """The compensation of a step: what reverses it, run only if the step succeeded."""

    call: ActivityName
    arguments: dict[str, Template] = Field(default_factory=dict, alias="with")
    retry: Retry = Retry()
    timeout: PositiveDuration = "5m"


def _duration(text: str) -> str:
    if "{{" not in text:
        parse(text)
    return text


def _lasting(text: str) -> str:
    return text if "{{" in text else lasting(text)


_EXTENSION: Mapping[str, Json] = {
    "title": "Extend {{extension.step}} of {{run.flow}} by {{extension.by}}",
    "show": {"until": "{{extension.until}}", "reason": "{{extension.reason}}"},
}
"""What a question about an extension says where its author says nothing: what is asked is known without them."""


def _about_extension(data: object) -> object:
    return {**_EXTENSION, **data} if isinstance(data, dict) else data  # pyright: ignore[reportUnknownVariableType]


class Extend(Document):
    """How often a grant may be extended, and who decides it."""

    max: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    """Extensions that were made or are being asked for; a refused one leaves room for another."""
    ask: Annotated[Ask, BeforeValidator(_about_extension)] | None = None
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


class Wait(Document):
    """A wait for the world; here: a time."""

    duration: Annotated[TextTemplate, AfterValidator(_duration), Field(alias="for")]
    """A duration, or an expression that gives one."""


class Step(Document):
    """One step: exactly one verb, and the envelope that all verbs share."""

    id: StepIdText
    title: TextTemplate | None = None
    needs: Annotated[tuple[Need, ...], BeforeValidator(read_needs)] | None = None
    """None: follows the step above; empty: starts at once."""
    condition: Expression | None = Field(default=None, alias="if")
    call: ActivityName | None = None
    arguments: dict[str, Template] = Field(default_factory=dict, alias="with")
    ask: Ask | None = None
    wait: Wait | None = None
    retry: Retry = Retry()
    timeout: PositiveDuration = "5m"
    pool: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] | None = None
    undo: Undo | None = None
    grant: Grant | None = None
    demand: Texts = ()
    """Asks whose decision this call carries out: it parks if what they were decided about is no longer so."""
    on_failure: Literal["park", "fail", "continue"] | None = None
    """None: park, unless some `needs` names the failure."""

    @property
    def verb(self) -> str:
        """Which of the verbs this step is."""
        return next(v for v in VERBS if getattr(self, v) is not None)

    @property
    def results(self) -> tuple[str, ...]:
        """What a `needs` may ask of this step: the results that every step can have, then the outcomes of an ask."""
        outcomes = self.ask.outcome_names | RESERVED_OUTCOMES if self.ask else ()
        return (*RESULTS, *sorted(outcomes))

    @model_validator(mode="after")
    def _one_verb(self) -> "Step":
        written = [v for v in VERBS if getattr(self, v) is not None]
        if not written:
            raise fault(f"step {self.id!r} does nothing; write one verb of {', '.join(VERBS)}")
        if len(written) > 1:
            raise fault(f"step {self.id!r} has {' and '.join(written)}; write exactly one verb", written[1])
        only_call = {
            "arguments": "with",
            "retry": "retry",
            "pool": "pool",
            "undo": "undo",
            "grant": "grant",
            "demand": "demand",
        }
        for name, key in only_call.items():
            if self.call is None and name in self.model_fields_set:
                raise fault(f"`{key}` belongs to `call`, not to `{self.verb}`; remove it", key)
        if self.call is None and "timeout" in self.model_fields_set:
            mend = "write `due` in the ask" if self.ask else "`wait.for` says how long"
            raise fault(f"`timeout` belongs to `call`; {mend}", "timeout")
        if self.grant is not None and self.undo is None:
            raise fault("`grant` without `undo`: nothing would take back what was given; write an `undo`", "grant")
        return self


class Flow(Document):
    """A whole flow, checked; immutable."""

    flow: FlowNameText
    version: int | str | None = None
    title: TextTemplate | None = None
    description: str = ""
    category: str = ""
    owner: str | None = None
    calendar: str | None = None
    start: Selectors = ()
    """Who may start it over HTTP; empty: any person of the directory."""
    inputs: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Input] = Field(default_factory=dict)
    vars: dict[str, Template] = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=1, le=5)] = 3
    steps: tuple[Step, ...] = Field(min_length=1)
    outputs: dict[str, Template] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> "Flow":
        ids = [s.id for s in self.steps]
        for index, step in enumerate(self.steps):
            if step.id in ids[:index]:
                raise fault(f"the step id {step.id!r} stands twice; ids must differ", "steps", index, "id")
            for name in step.demand:
                if name not in self._by_id or self._by_id[name].ask is None:
                    asks = ", ".join(s.id for s in self.steps if s.ask) or "none"
                    raise fault(
                        f"step {step.id!r} demands {name!r}, which is no ask here; asks: {asks}",
                        "steps",
                        index,
                        "demand",
                    )
            for need in step.needs or ():
                if wrong := self._wrong_with(need):
                    raise fault(f"step {step.id!r} needs {wrong}", "steps", index, "needs")
        _refuse_cycles(self.all_needs)
        return self

    def _wrong_with(self, need: Need) -> str | None:
        for name in need.of:
            if name not in self._by_id:
                return f"{name!r}, which is no step here; steps: {', '.join(self._by_id)}"
            known = self._by_id[name].results
            if strange := [r for r in need.results if r not in known]:
                return f"{name!r} to be {strange[0]!r}, which it never is; write one of {', '.join(known)}"
        return None

    @cached_property
    def fields(self) -> dict[str, Input]:
        """What the inputs must be like, by path."""
        return {f"inputs.{name}": field for name, field in self.inputs.items()}

    def hides(self, expression: str) -> bool:
        """Tell whether an expression reads a sensitive input."""
        return is_sensitive(self.fields, expression)

    @cached_property
    def all_needs(self) -> Mapping[str, tuple[Need, ...]]:
        """Every step's needs, in document order, the unwritten ones made explicit."""
        previous: tuple[str | None, ...] = (None, *(s.id for s in self.steps))
        return {
            s.id: s.needs if s.needs is not None else ((Need(of=(p,)),) if p else ())
            for s, p in zip(self.steps, previous, strict=False)
        }

    @cached_property
    def digest(self) -> str:
        """The digest that names this very definition."""
        return digest(self.model_dump(mode="json", by_alias=True))

    def step(self, step_id: str) -> Step:
        """Return a step by id; KeyError when there is none."""
        return self._by_id[step_id]

    @cached_property
    def _by_id(self) -> Mapping[str, Step]:
        return {s.id: s for s in self.steps}

    def names(self, step_id: str, result: str) -> bool:
        """Tell whether some `needs` says what happens on this result: then it neither parks nor ends the run."""
        needs = [n for all_of in self.all_needs.values() for n in all_of if step_id in n.of]
        return any(result in n.results or "done" in n.results for n in needs)


def _refuse_cycles(needs: Mapping[str, tuple[Need, ...]]) -> None:
    """Take away the steps that need nothing that is left, or that nothing left needs: what stays is in a circle."""
    graph = {step: {name for need in entries for name in need.of} for step, entries in needs.items()}
    while graph:
        needed = frozenset[str]().union(*graph.values())
        rest = {s: before & graph.keys() for s, before in graph.items() if before & graph.keys() and s in needed}
        if rest == graph:
            raise fault(f"steps need each other in a circle: {', '.join(graph)}; remove one of their `needs`", "steps")
        graph = rest
