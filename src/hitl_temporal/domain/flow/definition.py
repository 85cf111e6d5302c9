"""The document of a flow: inputs, steps and what they give.

A definition is pinned at a run's start: it lies in the run's history with its digest, and no later file changes it.

Must not know: runs, YAML, where files lie.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictInt, WithJsonSchema, model_validator

from hitl_temporal.domain.approval.notation import Selectors, Template, Texts, TextTemplate
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.flow import exit_codes
from hitl_temporal.domain.flow.alerts import RouteName
from hitl_temporal.domain.flow.expect import Expect
from hitl_temporal.domain.flow.incident import Incident
from hitl_temporal.domain.flow.needs import Need
from hitl_temporal.domain.flow.plan import Plan, Spot
from hitl_temporal.domain.flow.step import Step
from hitl_temporal.domain.ids import FlowNameText
from hitl_temporal.domain.inputs import Input, is_sensitive
from hitl_temporal.domain.schedules import Trigger, schedules_of
from hitl_temporal.domain.value import Document, digest


class Limit(Document):
    """How many runs of a flow may have jobs under way at a time; one that only waits for people does not count."""

    limit: Annotated[StrictInt, Field(ge=1, le=10_000)]
    key: TextTemplate | None = None
    """What is counted apart, over the inputs; None: all runs together."""


def _limit(value: object) -> object:
    return {"limit": value} if isinstance(value, int) and not isinstance(value, bool) else value


_LIMIT_ALONE = {"type": "integer", "minimum": 1, "maximum": 10_000}


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
    triggers: tuple[Trigger, ...] = ()
    """What starts it beside people and programs."""
    blackouts: Texts = ()
    """Times of the site in which its schedules start nothing."""
    vars: dict[str, Template] = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=1, le=5)] = 3
    concurrency: (
        Annotated[
            Limit,
            BeforeValidator(_limit),
            WithJsonSchema({"anyOf": [_LIMIT_ALONE, Limit.model_json_schema(by_alias=True)]}),
        ]
        | None
    ) = None
    """How many runs may have jobs under way at a time; None: as many as there are."""
    expect: Expect | None = None
    """When its runs begin and end at the latest, and how long they take; None: nobody looks."""
    on_parked: RouteName | None = None
    """The entry of the site's `notify` that is told, beside the owner, when a step parks."""
    incident: Incident | None = None
    """The ticket that is kept about each step that has no `incident` of its own; None: none."""
    steps: tuple[Step, ...] = Field(min_length=1)
    outputs: dict[str, Template] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> "Flow":
        seen: set[str] = set()
        for spot in self.plan.every:
            if spot.step.id in seen:
                raise fault(f"the step id {spot.step.id!r} stands twice; ids must differ", *spot.at, "id")
            seen.add(spot.step.id)
        for spot in self.plan.every:
            self._check_demand(spot)
            for need in spot.step.needs or ():
                if wrong := self._wrong_with(need, spot):
                    raise fault(f"step {spot.step.id!r} needs {wrong}", *spot.at, "needs")
        schedules_of(self.triggers)
        for ids in self.plan.lists.values():
            at = self.plan.spots[ids[0]].at[:-1]
            _refuse_cycles({name: self.plan.needs[name] for name in ids}, at)
        return self

    def _check_demand(self, spot: Spot) -> None:
        for name in spot.step.demand:
            asked = self.plan.spots.get(name)
            if asked is None or asked.step.ask is None or asked.each != spot.each[: len(asked.each)]:
                asks = ", ".join(s.step.id for s in self.plan.every if s.step.ask is not None) or "none"
                raise fault(
                    f"step {spot.step.id!r} demands {name!r}, which is no ask here; asks: {asks}", *spot.at, "demand"
                )

    def _wrong_with(self, need: Need, spot: Spot) -> str | None:
        beside = self.plan.lists[spot.list]
        for name in need.of:
            if name not in beside:
                where = "here" if name not in self.plan.spots else "of its own list"
                return f"{name!r}, which is no step {where}; steps: {', '.join(beside)}"
            step = self.plan.spots[name].step
            known = step.results
            strange = [r for r in need.results if r not in known and not (step.run and exit_codes.parse(r))]
            if strange:
                codes = ", or exit codes such as 1-3" if step.run else ""
                return f"{name!r} to be {strange[0]!r}, which it never is; write one of {', '.join(known)}{codes}"
        return None

    @cached_property
    def fields(self) -> dict[str, Input]:
        """What the inputs must be like, by path."""
        return {f"inputs.{name}": field for name, field in self.inputs.items()}

    def hides(self, expression: str) -> bool:
        """Tell whether an expression reads a sensitive input."""
        return is_sensitive(self.fields, expression)

    @cached_property
    def plan(self) -> Plan:
        """How its steps hang together."""
        return Plan(self.steps)

    @property
    def all_needs(self) -> Mapping[str, tuple[Need, ...]]:
        """Every step's needs, in document order, the unwritten ones made explicit."""
        return self.plan.needs

    @property
    def alert_routes(self) -> tuple[str, ...]:
        """The entries of the site's `notify` that it names, each once."""
        expected = (e.route for e in self.expectations.values())
        return tuple(dict.fromkeys(name for name in (self.on_parked, *expected) if name is not None))

    @cached_property
    def expectations(self) -> Mapping[str, Expect]:
        """What is expected, by the id of the step; empty: of the whole run."""
        whole = {} if self.expect is None else {"": self.expect}
        return whole | {s.step.id: s.step.expect for s in self.plan.every if s.step.expect is not None}

    @cached_property
    def projecting(self) -> tuple[str, ...]:
        """The ids of the steps of which people want to know before they are late; empty: the whole run."""
        return tuple(step for step, expect in self.expectations.items() if expect.alert == "projected")

    @cached_property
    def digest(self) -> str:
        """The digest that names this very definition."""
        return digest(self.model_dump(mode="json", by_alias=True))

    def step(self, step_id: str) -> Step:
        """Return a step by its id or address; KeyError when there is none."""
        return self.plan.spots[step_id.rpartition(".")[2]].step

    def priority_of(self, step_id: str) -> int:
        """Return which priority a step, by its id or address, has: 1 goes first, 5 last."""
        return self.step(step_id).priority or self.priority

    def names(self, step_id: str, result: str) -> bool:
        """Tell whether some `needs` says what happens on this result: then it neither parks nor ends the run."""
        return any(
            result in need.results or "done" in need.results for need in self.plan.wanted[step_id.rpartition(".")[2]]
        )

    def names_exit(self, step_id: str, code: int | None) -> bool:
        """Tell whether some `needs` says what happens when a command ends with this code."""
        wanted = self.plan.wanted[step_id.rpartition(".")[2]]
        return any(exit_codes.matches(result, code) for need in wanted for result in need.results)


def _refuse_cycles(needs: Mapping[str, tuple[Need, ...]], at: tuple[str | int, ...]) -> None:
    """Take away the steps that need nothing that is left, or that nothing left needs: what stays is in a circle."""
    graph = {step: {name for need in entries for name in need.of} for step, entries in needs.items()}
    while graph:
        needed = frozenset[str]().union(*graph.values())
        rest = {s: before & graph.keys() for s, before in graph.items() if before & graph.keys() and s in needed}
        if rest == graph:
            raise fault(f"steps need each other in a circle: {', '.join(graph)}; remove one of their `needs`", *at)
        graph = rest
