"""What people are shown of a pool.

Must not know: who asks.
"""

from pydantic import AwareDatetime

from hitl_temporal.domain.resources.state import Pool
from hitl_temporal.domain.value import Value

__all__ = ["MAX_SHOWN", "Holder", "PoolStatus", "Waiter", "status"]

MAX_SHOWN = 200
"""Holders, and likewise waiters, of a long list."""


class Holder(Value):
    """Who has units, since when."""

    claim: str
    workflow_id: str
    units: int
    since: AwareDatetime


class Waiter(Value):
    """Who waits for units; `position` counts from 1."""

    position: int
    claim: str
    workflow_id: str
    units: int
    priority: int
    since: AwareDatetime


class PoolStatus(Value):
    """A pool.

    Attributes:
        units: How many there are; None: no site has such a resource.
        held: How many units are held; more than `units` while there are fewer than there were.
        waiting: How many claims wait, shown or not.
    """

    name: str
    units: int | None
    held: int
    waiting: int
    holders: tuple[Holder, ...]
    queue: tuple[Waiter, ...]


def status(pool: Pool) -> PoolStatus:
    """Return what a pool is now, those who came first in front."""
    return PoolStatus(
        name=pool.name,
        units=pool.units,
        held=sum(h.claim.units for h in pool.holders),
        waiting=len(pool.queue),
        holders=tuple(
            Holder(claim=h.claim.id, workflow_id=h.claim.workflow_id, units=h.claim.units, since=h.since)
            for h in pool.holders[:MAX_SHOWN]
        ),
        queue=tuple(
            Waiter(
                position=position,
                claim=c.id,
                workflow_id=c.workflow_id,
                units=c.units,
                priority=c.priority,
                since=c.requested_at,
            )
            for position, c in enumerate(pool.queue[:MAX_SHOWN], 1)
        ),
    )
