"""One `advance` in the making: the run as changed so far and the effects in order.

It lives for one event and is never kept; outside this package a run is always an immutable value.

Must not know: what the events mean.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow.effects import Effect
from hitl_temporal.domain.flow.plan import Plan
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.step import Step
from hitl_temporal.domain.value import Json

WHOLE = ""
"""The address of the run itself, where that of a step may stand."""


@dataclass
class Turn:
    """The run being changed, and what is to be done.

    Attributes:
        touched: The addresses of the steps that have changed since the run was last settled, in order.
        changed: Those of all that have changed in this turn, each with the step as it was before: None where there was
            none. One that is as it was is to be looked at anew, since something else has changed.
    """

    run: Run
    effects: list[Effect] = field(default_factory=list)
    touched: dict[str, None] = field(default_factory=dict)
    changed: dict[str, StepRun | None] = field(default_factory=dict)
    _owns_steps: bool = False
    """Whether the mapping of steps was made in this turn, so that nobody else has it: then it is changed in place."""

    @property
    def now(self) -> datetime:
        """The time of this event."""
        return self.run.now

    @property
    def plan(self) -> Plan:
        """How the steps hang together."""
        return self.run.definition.plan

    def step(self, address: str) -> Step:
        """Return the document of a step."""
        return self.run.definition.step(address)

    def set(self, **changes: object) -> None:
        """Replace fields of the run."""
        self.run = self.run.but(**changes)

    def touch(self, addresses: Iterable[str]) -> None:
        """Let these be looked at, though nothing of their own has changed."""
        self.touched.update(dict.fromkeys(addresses))

    def set_step(self, address: str, **changes: object) -> StepRun:
        """Replace fields of one step; a change of state moves its `since` and ends what was meant to change it."""
        old = self.run.steps[address]
        if changes.get("state", old.state) != old.state:
            changes = {"since": self.now, "instead": None, "again": False, **changes}
        return self.put(address, old.but(**changes))

    def put(self, address: str, step: StepRun) -> StepRun:
        """Put a step in its place, where there may have been none."""
        steps = self._own_steps()
        self.changed.setdefault(address, steps.get(address))
        steps[address] = step
        self.touched[address] = None
        return step

    def drop(self, addresses: Iterable[str]) -> None:
        """Forget steps."""
        steps = self._own_steps()
        for address in addresses:
            self.changed.setdefault(address, steps.pop(address))
            self.touched.pop(address, None)

    def look_anew(self, steps: Mapping[str, StepRun]) -> None:
        """Let what is expected of these be worked out anew, and of the whole run."""
        self.changed |= {**steps, WHOLE: None}

    def take(self, trial: "Turn") -> None:
        """Let what was tried on the run as it is have happened."""
        self.run = trial.run
        self.touch(trial.touched)
        self.changed = {**trial.changed, **self.changed}
        self.effects.extend(trial.effects)

    def _own_steps(self) -> dict[str, StepRun]:
        if not self._owns_steps:
            self.set(steps={**self.run.steps})
            self._owns_steps = True
        return self.run.steps

    def record(
        self,
        name: str,
        key: str,
        *,
        began: datetime | None = None,
        child: Mapping[str, Json] | None = None,
        **attributes: Json,
    ) -> None:
        """Write a fact; `child` vouches for a child's trail.

        Attribute names get the prefix `hitl.` and lose a `_` at the end, as in `from_`; None is dropped.
        """
        facts: dict[str, Json] = {f"hitl.{k.removesuffix('_')}": v for k, v in attributes.items() if v is not None}
        facts.update(child or {})
        self.effects.append(Record(name=name, key=key, at=self.now, began=began, attributes=facts))
