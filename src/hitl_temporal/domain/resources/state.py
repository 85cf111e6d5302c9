"""What a pool remembers: who holds units, who waits for some, what has been given back.

Must not know: how claims are judged (machine.py).
"""

from collections.abc import Iterator

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.value import Value

__all__ = ["DEFAULT_PRIORITY", "SEMANTICS", "Claim", "Held", "Pool", "Spent"]

SEMANTICS = 1
"""Who is granted what may be judged otherwise only behind a higher number (docs/decisions/0006)."""

DEFAULT_PRIORITY = 3


class Claim(Value):
    """Somebody's wish for units.

    Attributes:
        id: Made by who asks; the same again is the same wish.
        workflow_id: Who is told that the units are there.
        run_id: The first execution run id of that workflow: once its execution has ended, it holds nothing.
        priority: 1 (first) to 5.
        requested_at: When it was wished for, by the time of who asks.
        order: Its place in the document, among wishes of the same moment.
    """

    id: str
    workflow_id: str
    run_id: str
    units: int = Field(default=1, ge=1)
    priority: int = Field(default=DEFAULT_PRIORITY, ge=1, le=5)
    requested_at: AwareDatetime
    order: int = 0


class Held(Value):
    """A claim that was granted."""

    claim: Claim
    since: AwareDatetime


class Spent(Value):
    """A claim that was given back: a wish under its id that is not later is a message that has lost its way."""

    id: str
    given_at: AwareDatetime


class Pool(Value):
    """The units of one resource.

    Attributes:
        semantics: How claims are judged.
        units: How many there are; None: nobody knows of such a resource, so nothing is granted.
        holders: In the order in which they were granted.
        queue: In the order in which they will be: by priority, time of request, order, then arrival.
        spent: The last claims that were given back, the oldest first.
        checked_at: When it was last looked whether those who hold or wait are still there, or the first of them came.
    """

    semantics: int = SEMANTICS
    name: str
    units: int | None = None
    holders: tuple[Held, ...] = ()
    queue: tuple[Claim, ...] = ()
    spent: tuple[Spent, ...] = ()
    checked_at: AwareDatetime | None = None

    @property
    def free(self) -> int:
        """How many units nobody holds; less than none when there are fewer than before."""
        return (self.units or 0) - sum(h.claim.units for h in self.holders)

    @property
    def is_idle(self) -> bool:
        """Whether nobody holds or waits for anything."""
        return not self.holders and not self.queue

    def fits(self, claim: Claim) -> bool:
        """Tell whether there are ever enough units for a claim."""
        return claim.units <= (self.units or 0)

    def claims(self) -> Iterator[Claim]:
        """Yield what is held, then what waits."""
        yield from (h.claim for h in self.holders)
        yield from self.queue

    def claim(self, claim_id: str) -> Claim | None:
        """Return the claim of this id that is held or waits, None if there is none."""
        return next((c for c in self.claims() if c.id == claim_id), None)
