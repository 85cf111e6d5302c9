"""The workflow `hitl.rotation`: whose turn it is, for `pick: round_robin`; one for each stage that picks so.

Visibility lags behind by moments, in which fifty requests of one batch would all find the same person next in turn.
A counter does not.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.messages import ROTATION, Rotated

from hitl_temporal.engine.renewal import Renewal

MAX_REMEMBERED = 500
"""How many askers keep their number: each reads it again at every look at its surroundings, until its stage is open."""

IDLE = timedelta(days=30)
"""After so long without a turn the counter ends, and begins again at the first: nobody remembers whose turn it was."""


@workflow.defn(name=ROTATION)
class Rotation:
    """Gives each asker the next number, and the same one again when it asks again."""

    @workflow.init
    def __init__(self, carried: Rotated | None = None) -> None:
        """Take the count over from the run before."""
        self._rotated = carried or Rotated()
        self._renewal = Renewal()
        self._is_idle = True

    @workflow.run
    async def run(self, carried: Rotated | None = None) -> int:  # noqa: ARG002 - read in __init__
        """Live as long as turns are taken; return how many there were."""
        while True:
            self._is_idle = True
            try:
                await workflow.wait_condition(lambda: not self._is_idle or self._renewal.is_possible, timeout=IDLE)
            except TimeoutError:
                await workflow.wait_condition(workflow.all_handlers_finished)
                return self._rotated.turn
            if self._renewal.is_possible:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._rotated)

    @workflow.update(name="take_turn")
    def take_turn(self, asker: str) -> int:
        """Return the number of this asker's turn, from 0."""
        self._renewal.sample()
        self._is_idle = False
        known = self._rotated.numbers.get(asker)
        if known is not None:
            return known
        number = self._rotated.turn
        kept = list(self._rotated.numbers.items())[1 - MAX_REMEMBERED :]
        self._rotated = Rotated(turn=number + 1, numbers={**dict(kept), asker: number})
        return number
