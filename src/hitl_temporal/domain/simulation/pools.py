"""The resources that the runs of a simulation share.

Must not know: runs, how units are used.
"""

from collections.abc import Mapping
from datetime import datetime

from hitl_temporal.domain.flow.effects import ClaimUnits, ReturnUnits
from hitl_temporal.domain.flow.events import UnitsGranted, UnitsRefused
from hitl_temporal.domain.resources.effects import Grant, Refuse
from hitl_temporal.domain.resources.events import Event, Released, Requested
from hitl_temporal.domain.resources.machine import advance
from hitl_temporal.domain.resources.state import Claim, Pool

__all__ = ["Pools"]


class Pools:
    """One pool for each resource; what comes at the same moment is judged together."""

    def __init__(self, units: Mapping[str, int]) -> None:
        """Take how many units there are of each resource of the site."""
        self._units = units
        self._pools: dict[str, Pool] = {}
        self._come: dict[str, list[Event]] = {}

    def ask(self, run: str, effect: ClaimUnits | ReturnUnits, at: datetime) -> None:
        """Keep what a run wants until `serve`."""
        name = effect.resource
        if isinstance(effect, ReturnUnits):
            event = Released(at=at, claim=effect.claim, given_at=at)
        else:
            units = self._units.get(name, effect.pool_units)
            self._pools.setdefault(name, Pool(name=name, units=units))
            claim = Claim(
                id=effect.claim,
                workflow_id=run,
                run_id=run,
                units=effect.units,
                priority=effect.priority,
                requested_at=at,
                order=effect.order,
            )
            event = Requested(at=at, claim=claim)
        self._come.setdefault(name, []).append(event)

    def serve(self, name: str, at: datetime) -> tuple[tuple[str, UnitsGranted | UnitsRefused], ...]:
        """Judge what has come for one pool; return what each run is told."""
        come = self._come.pop(name, [])
        if not come:
            return ()
        self._pools[name], effects = advance(self._pools[name], *come)
        refused = [(e.claim, e.reason) for e in effects if isinstance(e, Refuse)]
        given = [e.claim for e in effects if isinstance(e, Grant)]
        return (
            *((c.workflow_id, UnitsRefused(at=at, claim=c.id, resource=name, reason=why)) for c, why in refused),
            *((c.workflow_id, UnitsGranted(at=at, claim=c.id, resource=name)) for c in given),
        )
