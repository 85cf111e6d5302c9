"""What has ended in a simulation, in order, and what people were told.

Must not know: how it came about.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from hitl_temporal.domain.approval.records import Delivery, Occasion
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.value import Json

_ENDS = {
    "step.succeeded": "succeeded",
    "step.failed": "failed",
    "step.skipped": "skipped",
    "step.cancelled": "cancelled",
}


class End(NamedTuple):
    """One end of one step.

    Attributes:
        address: With the way to the run that it is of.
        turn: The same with the turn of the block around it that repeats.
        outputs: None: it has begun again since, and they are not known.
    """

    address: str
    turn: str
    at: datetime
    state: str
    outcome: str | None
    outputs: dict[str, Json] | None


@dataclass
class Journal:
    """Everything that is compared with what was expected, beside how things stand.

    Attributes:
        ends: In order.
        undone: The addresses of steps whose compensation has succeeded, in order.
    """

    ends: list[End] = field(default_factory=list[End])
    undone: list[str] = field(default_factory=list[str])
    _turns: dict[str, int] = field(default_factory=dict[str, int])
    """By address, how often a step has ended since the block around it began."""
    _told: dict[Occasion, set[tuple[str, ...]]] = field(default_factory=dict[Occasion, set[tuple[str, ...]]])

    def write(self, way: str, run: Run, fact: Record) -> None:
        """Keep what a fact of a run says of its steps.

        Args:
            way: What stands before the addresses of this run: empty, or `sub.`.
            run: As it stands after the event.
            fact: What has happened.
        """
        step = fact.attributes.get("hitl.step")
        if not isinstance(step, str):
            return
        if fact.name == "step.started":
            for inner in run.definition.plan.inside[place(step).step]:
                self._turns.pop(way + place(step).before + inner, None)
        elif fact.name == "step.undone":
            self.undone.append(way + step)
        elif fact.name in _ENDS:
            self._end(way, run, fact, step)

    def _end(self, way: str, run: Run, fact: Record, step: str) -> None:
        now, outcome = run.steps.get(step), fact.attributes.get("hitl.outcome")
        is_last = now is not None and fact.key == f"{step}:{now.n}:{_ENDS[fact.name]}"
        number = self._turns.get(way + step, 0)
        self._turns[way + step] = number + 1
        self.ends.append(
            End(
                address=way + step,
                turn=way + _with_turn(run, step, number),
                at=fact.at,
                state=_ENDS[fact.name],
                outcome=outcome if isinstance(outcome, str) else None,
                outputs=now.outputs if now is not None and is_last else None,
            )
        )

    def told(self, approval: str, delivery: Delivery, at: datetime) -> None:
        """Keep that somebody was told something; many who are told the same at once are one occasion."""
        mark = (approval, delivery.stage, at.isoformat(), delivery.text)
        self._told.setdefault(delivery.occasion, set()).add(mark)

    def count(self, occasion: Occasion) -> int:
        """Return how often people were told something on such an occasion."""
        return len(self._told.get(occasion, ()))


def _with_turn(run: Run, step: str, number: int) -> str:
    """Return the address with the turn of the innermost block around it that repeats; without one, as it is."""
    turning = run.definition.plan.spots[place(step).step].turning
    return f"{place(step).before}{turning[-1]}#{number}.{place(step).step}" if turning else step
