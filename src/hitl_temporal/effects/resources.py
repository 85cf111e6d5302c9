"""The activities around counted resources: asking a pool for units, giving them back, and what a pool must know.

Must not know: who is granted what.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.effects.relatives import Relatives
from hitl_temporal.effects.server_clock import ServerClock
from hitl_temporal.messages import (
    CLAIM_UNITS,
    LOOK_AT_RESOURCE,
    RELEASE_UNITS,
    RESOURCE,
    ClaimUnits,
    LookAtResource,
    ParentCheck,
    ReleaseUnits,
    RequestUnits,
    ResourceSeen,
    pool_id,
)
from hitl_temporal.ports import Catalogue, TemporaryError

AT_ONCE = 10
"""How many runs are described at the same time."""


class Resources:
    """Speaks to pools through a Temporal client; its methods are activities."""

    def __init__(self, client: Client, task_queue: str, catalogue: Catalogue, clock: ServerClock) -> None:
        """Take what they need.

        Args:
            client: Connected.
            task_queue: Where pools run.
            catalogue: Knows the site's resources.
            clock: Tells pools the time.
        """
        self._client = client
        self._task_queue = task_queue
        self._catalogue = catalogue
        self._clock = clock
        self._relatives = Relatives(client)

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.claim_units, self.release_units, self.look_at_resource)

    @activity.defn(name=CLAIM_UNITS)
    async def claim_units(self, claims: ClaimUnits) -> None:
        """Ask for units; each pool answers by the signal `resource`. Asked again, nothing is held twice.

        One after the other: of what one run wishes for at one moment, what comes first is to be served first.
        """
        for request in sorted(claims.requests, key=lambda r: (r.priority, r.requested_at, r.order)):
            await self._claim(request)

    @activity.defn(name=RELEASE_UNITS)
    async def release_units(self, release: ReleaseUnits) -> None:
        """Give units back; a pool that is not there has nothing to give back to."""
        try:
            await self._client.get_workflow_handle(pool_id(release.resource)).signal("release", release)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise TemporaryError(f"{release.resource!r} can't be given back: {error.message}") from error

    @activity.defn(name=LOOK_AT_RESOURCE)
    async def look_at_resource(self, look: LookAtResource) -> ResourceSeen:
        """Return how many units the site says there are, and which of these runs have ended."""
        found = await self._catalogue.resource(look.name) if look.name is not None else None
        gate = asyncio.Semaphore(AT_ONCE)
        are_open = await asyncio.gather(*(self._is_open(run, gate) for run in look.runs))
        return ResourceSeen(
            units=found.units if found is not None else None,
            ended=tuple(run.first_run_id for run, is_open in zip(look.runs, are_open, strict=True) if not is_open),
            at=await self._clock.time(look.at),
        )

    async def _claim(self, request: RequestUnits) -> None:
        try:
            await self._client.start_workflow(
                RESOURCE,
                request.resource,
                id=pool_id(request.resource),
                task_queue=self._task_queue,
                start_signal="request",
                start_signal_args=[request],
                static_summary=f"units of {request.resource}"[:200],
            )
        except RPCError as error:
            raise TemporaryError(f"units of {request.resource!r} can't be asked for: {error.message}") from error

    async def _is_open(self, run: ParentCheck, gate: asyncio.Semaphore) -> bool:
        async with gate:
            return await self._relatives.parent_is_open(run)
