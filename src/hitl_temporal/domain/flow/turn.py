"""One `advance` in the making: the run as changed so far and the effects in order.

It lives for one event and is never kept; outside this package a run is always an immutable value.

Must not know: what the events mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow.effects import Effect
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.value import Json


@dataclass
class Turn:
    """The run being changed, and what is to be done."""

    run: Run
    effects: list[Effect] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The time of this event."""
        return self.run.now

    def set(self, **changes: object) -> None:
        """Replace fields of the run."""
        self.run = self.run.but(**changes)

    def set_step(self, step_id: str, **changes: object) -> StepRun:
        """Replace fields of one step; a change of state moves its `since` and ends what was meant to change it."""
        old = self.run.steps[step_id]
        if changes.get("state", old.state) != old.state:
            changes = {"since": self.now, "instead": None, "again": False, **changes}
        new = old.but(**changes)
        self.set(steps={**self.run.steps, step_id: new})
        return new

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
