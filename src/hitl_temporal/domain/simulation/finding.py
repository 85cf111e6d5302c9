"""What an address of a scenario means in a simulation: which step of which run, and what it asks people.

Must not know: what is done with it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hitl_temporal.domain.flow.address import place, step_id, turns_in
from hitl_temporal.domain.flow.state import StepRun
from hitl_temporal.domain.simulation.journal import End
from hitl_temporal.domain.simulation.questions import Question
from hitl_temporal.domain.simulation.world import Seat, Simulation

__all__ = ["Found", "NoSuchStepError", "end_of_turn", "find", "question_about"]


class NoSuchStepError(Exception):
    """There is no step of this address; the message says which there are."""


class Found(NamedTuple):
    """One step of one run.

    Attributes:
        address: In its run, without turns.
        turns: By block, the turn that was named.
    """

    seat: Seat
    address: str
    turns: dict[str, int]

    @property
    def now(self) -> StepRun:
        """The step as it stands."""
        return self.seat.run.steps[self.address]

    @property
    def is_present(self) -> bool:
        """Whether the turn that was named, if any, is the present one."""
        before, steps = place(self.address).before, self.seat.run.steps
        blocks = ((steps.get(before + name) or steps.get(name), turn) for name, turn in self.turns.items())
        return all(s is not None and s.block is not None and s.block.index == turn for s, turn in blocks)


def find(simulation: Simulation, address: str) -> tuple[Found, ...]:
    """Return the steps that an address means: several where it is the bare id of a step within items.

    Raises:
        NoSuchStepError: It means none.
    """
    plain, turns = turns_in(address)
    seats = [*simulation.seats.values()]
    found = [f for seat in seats for f in _in(seat, plain, turns)]
    if not found and step_id(plain) == plain:  # of a run within, by its bare id
        found = [f for seat in seats for f in _in(seat, seat.way + plain, turns)]
    if found:
        return tuple(found)
    known = sorted({seat.way + a for seat in seats for a in seat.run.steps})
    ids = {spot for seat in seats for spot in seat.run.definition.plan.spots}
    if step_id(plain) in ids:
        raise NoSuchStepError(f"step {address!r} is not there: it is in no item that was begun")
    raise NoSuchStepError(f"there is no step {address!r}; steps: {', '.join(known[:30])}")


def _in(seat: Seat, plain: str, turns: dict[str, int]) -> Iterator[Found]:
    if not plain.startswith(seat.way):
        return
    address, steps = plain.removeprefix(seat.way), seat.run.steps
    if address in steps:
        yield Found(seat, address, turns)
    elif address in seat.run.definition.plan.spots:
        for name in steps:
            if step_id(name) == address:
                yield Found(seat, name, turns)


def end_of_turn(simulation: Simulation, address: str) -> End | None:
    """Return the last end of a step in the turn that its address names, None when it has not ended in it."""
    plain, turns = turns_in(address)
    ends = (e for e in reversed(simulation.journal.ends) if e.address == plain)
    return next((e for e in ends if turns.items() <= turns_in(e.turn)[1].items()), None)


def question_about(simulation: Simulation, found: Found) -> Question | None:
    """Return the last question that a step has put: its own, or what to do about it; None: it has put none."""
    run = found.seat.run.id
    put = (q for q in simulation.questions.by_id.values() if q.start is not None and q.run == run)
    return next((q for q in reversed([*put]) if q.start is not None and q.start.step == found.address), None)
