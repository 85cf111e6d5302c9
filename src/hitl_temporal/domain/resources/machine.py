"""The pool machine: `advance(pool, *together) -> (pool, effects)`.

The rules:

- Units go by priority, then time of request, then order in the document, then arrival. Nobody is overtaken by a claim
  behind theirs, however small: a large one at the head gets its units as they come back. So within a priority nobody
  starves; that a lower one waits while there is always something more urgent is what a priority means.
- A claim is known by its id. Asked for twice it is one, and who holds it is told again; given back twice is nothing.
  Asked for by another run it is that run's, if that was later: the run before has ended, since ids hold the workflow's.
  Given back before it was asked for, it is not wished for any more: messages may overtake each other.
- More units than there are is refused. When there are fewer than before, nothing is taken away; claims that no longer
  fit keep their place and are passed over until they fit again.
- Who has ended holds nothing and waits for nothing.

Must not know: clocks, randomness, I/O, Temporal.
"""

from bisect import insort_right
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import assert_never

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.resources.effects import Effect, Grant, Refuse
from hitl_temporal.domain.resources.events import Checked, Event, Released, Requested, Resized, Undelivered
from hitl_temporal.domain.resources.state import Claim, Held, Pool, Spent

__all__ = ["MAX_CLAIMS", "MAX_SPENT", "WHILE_HELD", "WHILE_WAITED", "advance", "next_check"]

MAX_CLAIMS = 3_000
"""Held and waiting together: the whole pool must fit into one payload, which Temporal bounds at 2 MiB."""

MAX_SPENT = 500
"""Claims given back that are remembered: a message that has lost its way comes soon."""

WHILE_WAITED = timedelta(minutes=1)
"""How often it is looked whether those who hold are still there, as long as somebody waits for what they hold."""

WHILE_HELD = timedelta(hours=1)
"""How often if nobody waits: then it matters only to who looks at the list."""


def advance(pool: Pool, *together: Event) -> tuple[Pool, tuple[Effect, ...]]:
    """Return the pool after what has happened, and what is to be done, in order.

    Args:
        pool: As it was.
        together: What came at the same time, one event at least: units are granted after the last, so that of claims
            that come together not the first to arrive counts.
    """
    effects: list[Effect] = []
    for event in together:
        pool = _take(pool, event, effects)
    held = [h.claim for h in pool.holders]
    # Who asked again for what has been given back since then must not be told that it is theirs.
    effects = [effect for effect in effects if not isinstance(effect, Grant) or effect.claim in held]
    pool = _grant(pool, max(event.at for event in together), effects)
    return pool, tuple(effects)


def next_check(pool: Pool) -> datetime | None:
    """Return when it should be looked who is still there, None while nobody holds or waits for anything."""
    if pool.checked_at is None or pool.is_idle:
        return None
    return pool.checked_at + (WHILE_WAITED if pool.queue else WHILE_HELD)


def _take(pool: Pool, event: Event, effects: list[Effect]) -> Pool:
    match event:
        case Requested():
            return _request(pool, event, effects)
        case Released():
            return _release(pool, event)
        case Undelivered():
            return _free(pool, event.at, "who asked for it can't be told", effects, lambda c: c.id == event.claim)
        case Checked():
            pool = pool.but(checked_at=event.at)
            return _free(pool, event.at, "its run has ended", effects, lambda c: c.run_id in event.ended)
        case Resized():
            return _resize(pool, event, effects)
        case _:
            assert_never(event)


def _request(pool: Pool, event: Requested, effects: list[Effect]) -> Pool:
    claim = event.claim
    known = pool.claim(claim.id)
    if known is not None and known.run_id == claim.run_id:
        effects += [Grant(claim=known)] if known not in pool.queue else []
        return pool
    if known is not None and claim.requested_at <= known.requested_at:
        return pool
    if known is not None:
        pool = _without(pool, lambda c: c.id == claim.id)
    if any(spent.id == claim.id and claim.requested_at <= spent.given_at for spent in pool.spent):
        return pool
    if (reason := _unfit(pool, claim)) is not None:
        effects.append(Refuse(claim=claim, reason=reason))
        return pool
    queue = [*pool.queue]
    insort_right(queue, claim, key=_rank)
    return pool.but(queue=tuple(queue), checked_at=pool.checked_at or event.at)


def _rank(claim: Claim) -> tuple[int, datetime, int]:
    return claim.priority, claim.requested_at, claim.order


def _unfit(pool: Pool, claim: Claim) -> str | None:
    """Return why a claim can't even wait, None when it can."""
    if pool.units is None:
        return f"there is no resource {pool.name!r}; add it to `resources` of site.yaml, or mend `uses`"
    if not pool.fits(claim):
        return (
            f"{claim.units} units of {pool.name!r} are wanted, and there are {pool.units}; ask for fewer, or add some"
        )
    if len(pool.holders) + len(pool.queue) >= MAX_CLAIMS:
        return f"{MAX_CLAIMS} claims hold or wait for {pool.name!r} already; try again later"
    return None


def _release(pool: Pool, event: Released) -> Pool:
    spent = [s for s in pool.spent if s.id != event.claim]
    pool = pool.but(spent=(*spent, Spent(id=event.claim, given_at=event.given_at))[-MAX_SPENT:])
    return _without(pool, lambda c: c.id == event.claim and c.requested_at <= event.given_at)


def _free(pool: Pool, at: datetime, reason: str, effects: list[Effect], has_gone: Callable[[Claim], bool]) -> Pool:
    """Take away what nobody is there to give back; who only waited is forgotten in silence."""
    effects += (_freed(pool, held, at, reason) for held in pool.holders if has_gone(held.claim))
    return _without(pool, has_gone)


def _freed(pool: Pool, held: Held, at: datetime, reason: str) -> Record:
    claim = held.claim
    return Record(
        name="resource.freed",
        key=f"freed:{claim.id}:{held.since.isoformat()}",
        at=at,
        attributes={
            "hitl.resource": pool.name,
            "hitl.claim": claim.id,
            "hitl.holder": claim.workflow_id,
            "hitl.units": claim.units,
            "hitl.reason": reason,
        },
    )


def _resize(pool: Pool, event: Resized, effects: list[Effect]) -> Pool:
    if pool.units not in {None, event.units}:
        said = {"hitl.resource": pool.name, "hitl.units": event.units, "hitl.was": pool.units}
        attributes = {name: value for name, value in said.items() if value is not None}
        key = f"resized:{event.at.isoformat()}"
        effects.append(Record(name="resource.resized", key=key, at=event.at, attributes={**attributes}))
    return pool.but(units=event.units)


def _grant(pool: Pool, at: datetime, effects: list[Effect]) -> Pool:
    """Give what is free to those in front; the first who must wait holds up all behind."""
    free = pool.free
    granted: list[Claim] = []
    for claim in filter(pool.fits, pool.queue):
        if claim.units > free:
            break
        free -= claim.units
        granted.append(claim)
    effects += (Grant(claim=claim) for claim in granted)
    return pool.but(
        holders=(*pool.holders, *(Held(claim=claim, since=at) for claim in granted)),
        queue=_but(pool.queue, {claim.id for claim in granted}),
    )


def _but(claims: Iterable[Claim], ids: set[str]) -> tuple[Claim, ...]:
    return tuple(claim for claim in claims if claim.id not in ids)


def _without(pool: Pool, is_meant: Callable[[Claim], bool]) -> Pool:
    return pool.but(
        holders=tuple(held for held in pool.holders if not is_meant(held.claim)),
        queue=tuple(claim for claim in pool.queue if not is_meant(claim)),
    )
