"""Which answer of a scenario each attempt of a job gets.

Must not know: what becomes of it.
"""

from collections.abc import Mapping, Sequence

from hitl_temporal.domain.flow.address import step_id, turns_in
from hitl_temporal.domain.simulation.scenario import Answer

__all__ = ["Answers", "of_attempt"]

WELL = Answer()
"""What a job of which nothing is said gives."""


class Answers:
    """What jobs answer, by address; it counts the attempts that each answer has been given to."""

    def __init__(self, jobs: Mapping[str, Sequence[Answer]]) -> None:
        self._jobs = [(*turns_in(key), key) for key in jobs]
        self._answers = jobs
        self._given: dict[tuple[str, str], int] = {}

    def key_for(self, address: str, turns: Mapping[str, int], suffix: str = "") -> str | None:
        """Return the key that means a step best: its address goes before its bare id, a turn before none.

        Args:
            address: The step's, with the way to the run that it is of.
            turns: Of each block around it the turn that is under way.
            suffix: What a key must end with, such as `.undo`.
        """
        best: tuple[int, int] | None = None
        found: str | None = None
        for place, wanted, key in self._jobs:
            if place not in {address + suffix, step_id(address) + suffix}:
                continue
            if any(turns.get(block) != turn for block, turn in wanted.items()):
                continue
            rank = (int(place == address + suffix), len(wanted))
            if best is None or rank > best:
                best, found = rank, key
        return found

    def next(self, who: str, key: str | None) -> Answer:
        """Return what the next attempt gets.

        Args:
            who: Whose attempts are counted together.
            key: The one that means it; None: there is none.
        """
        if key is None:
            return WELL
        number = self._given.get((who, key), 0)
        self._given[who, key] = number + 1
        return of_attempt(self._answers[key], number)


def of_attempt(answers: Sequence[Answer], number: int) -> Answer:
    """Return the answer to the attempt of this number, from 0; what failed often enough gives its outputs then."""
    for answer in answers[:-1]:
        lasts = answer.times or 1
        if number < lasts:
            return answer
        number -= lasts
    last = answers[-1]
    if last.times is not None and number >= last.times:
        return last.but(fail=None, times=None)
    return last
