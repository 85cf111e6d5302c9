"""Pools, claims and events in few words."""

from datetime import UTC, datetime, timedelta

from hitl_temporal.domain.resources.effects import Effect, Grant, Refuse
from hitl_temporal.domain.resources.events import Released, Requested
from hitl_temporal.domain.resources.state import Claim, Pool

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(minutes: float = 0) -> datetime:
    """Return a moment so many minutes after the start."""
    return START + timedelta(minutes=minutes)


def pool(units: int | None = 4) -> Pool:
    """Return a pool that nobody has asked yet."""
    return Pool(name="sap-dialog", units=units)


def claim(name: str, units: int = 1, *, minute: float = 0, run: str | None = None, **rest: int) -> Claim:
    """Return the claim of a run called like it; `rest` may have `priority` and `order`."""
    run_id = run or f"run-{name}"
    return Claim(id=name, workflow_id=f"r-{name}", run_id=run_id, units=units, requested_at=at(minute), **rest)


def asks(name: str, units: int = 1, *, minute: float = 0, run: str | None = None, **rest: int) -> Requested:
    """Return the event that such a claim comes."""
    return Requested(at=at(minute), claim=claim(name, units, minute=minute, run=run, **rest))


def gives_back(name: str, minute: float = 1) -> Released:
    """Return the event that it is given back."""
    return Released(at=at(minute), claim=name, given_at=at(minute))


def granted(effects: tuple[Effect, ...]) -> list[str]:
    """Return who is told that units are theirs, in order."""
    return [e.claim.id for e in effects if isinstance(e, Grant)]


def refused(effects: tuple[Effect, ...]) -> dict[str, str]:
    """Return who is told that they won't have any, and why."""
    return {e.claim.id: e.reason for e in effects if isinstance(e, Refuse)}


def holding(now: Pool) -> list[str]:
    """Return what is held, in order."""
    return [h.claim.id for h in now.holders]


def waiting(now: Pool) -> list[str]:
    """Return what waits, in order."""
    return [c.id for c in now.queue]
