"""The workflow `hitl.resource`: gives out the units of one resource, whoever needs them.

A shell around `domain.resources`: one for each resource, started by the first who asks. It answers by a signal to who
has asked, and looks now and then whether those who hold are still there: who was terminated gives nothing back.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.audit import Trail
    from hitl_temporal.domain.effects import Record
    from hitl_temporal.domain.resources.effects import Grant, Refuse
    from hitl_temporal.domain.resources.events import Checked, Event, Released, Requested, Resized, Undelivered
    from hitl_temporal.domain.resources.machine import advance, next_check
    from hitl_temporal.domain.resources.names import is_of_site
    from hitl_temporal.domain.resources.state import Claim, Pool
    from hitl_temporal.domain.resources.views import PoolStatus, status
    from hitl_temporal.messages import (
        LOOK_AT_RESOURCE,
        RESOURCE,
        RESOURCE_ANSWER,
        LookAtResource,
        ParentCheck,
        PoolCarried,
        ReleaseUnits,
        RequestUnits,
        ResourceSeen,
        UnitsGranted,
        UnitsRefused,
    )

from hitl_temporal.engine.clock import Clock
from hitl_temporal.engine.reading import read
from hitl_temporal.engine.recorder import Recorder
from hitl_temporal.engine.renewal import Renewal

IDLE = timedelta(days=1)
"""After so long without a claim the pool ends; the next who asks starts it again."""

MAX_LOOKED_AT = 100
"""Runs in one look: each is a call to the server, and the look must be done in seconds."""

MAX_TOGETHER = 500
"""Messages judged at once: the SDK takes a task that runs for two seconds for a deadlock."""

_Message: TypeAlias = RequestUnits | ReleaseUnits


@workflow.defn(name=RESOURCE)
class ResourcePool:
    """Gives units to those in front, and takes them back."""

    @workflow.init
    def __init__(self, name: Any = None, carried: Any = None, *_more: Any) -> None:
        """Build the whole state: requests may arrive before `run` has begun."""
        begun = _carried(carried) if workflow.info().continued_run_id else _new(name)
        self._pool = begun.pool
        self._news: list[_Message] = []
        self._renewal = Renewal()
        self._clock = Clock(self._renewal)
        self._recorder = Recorder(begun.trail, self._renewal, begun.facts)

    @workflow.run
    async def run(self, name: Any = None, carried: Any = None, *_more: Any) -> None:  # noqa: ARG002 - read in __init__
        """Live as long as somebody holds units or asks for some."""
        while True:
            self._recorder.has_news = False
            self._recorder.flush()
            if self._news or self._clock.has_come(next_check(self._pool)):
                await self._judge()
                continue
            if self._may_continue_as_new:
                await workflow.wait_condition(workflow.all_handlers_finished)
                carry = PoolCarried(pool=self._pool, trail=self._recorder.trail, facts=self._recorder.unexported)
                self._renewal.continue_as_new(self._pool.name, carry)
            moment = next_check(self._pool)
            await self._clock.wait(
                moment or self._clock.now + IDLE,
                "until it is looked who is still there" if moment else "end if nobody asks",
                lambda: bool(self._news) or self._recorder.has_news or self._may_continue_as_new,
            )
            if self._clock.has_slept and moment is None and not self._news and not self._recorder.unexported:
                return

    @workflow.signal(name="request", description="Internal: somebody wishes for units")
    def request(self, payload: Any = None, *_more: Any) -> None:
        """Take a wish; what is none is ignored."""
        self._take(RequestUnits, payload)

    @workflow.signal(name="release", description="Internal: somebody gives units back, or does not want them any more")
    def release(self, payload: Any = None, *_more: Any) -> None:
        """Take units back; what is no such message is ignored."""
        self._take(ReleaseUnits, payload)

    @workflow.query(name="status", description="Units, who holds them since when, who waits in which place")
    def status(self) -> PoolStatus:
        """Answer what the pool is now."""
        return status(self._pool)

    def _take(self, message: type[RequestUnits | ReleaseUnits], payload: Any) -> None:
        self._renewal.sample()
        try:
            self._news.append(message.model_validate(payload))
        except ValidationError:
            workflow.logger.warning("message.invalid", extra={"verb": message.__name__})

    async def _judge(self) -> None:
        """Look at what there is, then judge all that has come meanwhile; tell those whom it concerns.

        Looked at each time: a number that the site has changed counts for the next who asks.
        """
        is_due = self._clock.has_come(next_check(self._pool))
        seen = [await self._look(runs) for runs in (self._parts() if is_due else ((),))]
        at = self._clock.now
        news, self._news = self._news[:MAX_TOGETHER], self._news[MAX_TOGETHER:]
        units = seen[0].units if is_of_site(self._pool.name) else _units_told(news, self._pool.units)
        events: list[Event] = [Resized(at=at, units=units)]
        if is_due:
            events.append(Checked(at=at, ended=tuple(run for part in seen for run in part.ended)))
        for message in news:
            match message:
                case RequestUnits():
                    events.append(Requested(at=at, claim=_claim(message)))
                case ReleaseUnits():
                    events.append(Released(at=at, claim=message.claim, given_at=message.at))
        undelivered = await self._feed(*events)
        while undelivered:
            undelivered = await self._feed(*(Undelivered(at=at, claim=claim) for claim in undelivered))
        workflow.set_current_details(_details(self._pool))

    async def _look(self, runs: tuple[ParentCheck, ...]) -> ResourceSeen:
        name = self._pool.name
        look = LookAtResource(name=name if is_of_site(name) else None, runs=runs, at=self._clock.now)
        seen = await read(LOOK_AT_RESOURCE, look, ResourceSeen)
        self._clock.hold(seen.at)
        return seen

    def _parts(self) -> Iterator[tuple[ParentCheck, ...]]:
        """Yield the runs to look at: all that hold, and the first that wait, as many at a time as a look can do."""
        waiting = self._pool.queue[:MAX_LOOKED_AT]
        claims = (*(h.claim for h in self._pool.holders), *waiting)
        runs = [*dict.fromkeys((c.workflow_id, c.run_id) for c in claims)]
        for first in range(0, len(runs), MAX_LOOKED_AT):
            part = runs[first : first + MAX_LOOKED_AT]
            yield tuple(ParentCheck(workflow_id=w, first_run_id=r) for w, r in part)

    async def _feed(self, *together: Event) -> Sequence[str]:
        """Let something happen, and tell those whom it concerns; return the claims of those who can't be told."""
        self._pool, effects = advance(self._pool, *together)
        telling = [self._tell(e) for e in effects if not isinstance(e, Record)]
        for effect in effects:
            if isinstance(effect, Record):
                self._recorder.write(effect)
        # Awaited: a signal under way would be lost with the run that continues as new.
        told = await asyncio.gather(*telling)
        return [claim for claim in told if claim is not None]

    async def _tell(self, effect: Grant | Refuse) -> str | None:
        """Answer who has asked; return the claim whose units nobody will give back."""
        claim, resource = effect.claim, self._pool.name
        match effect:
            case Grant():
                answer = UnitsGranted(claim=claim.id, resource=resource)
            case Refuse():
                answer = UnitsRefused(claim=claim.id, resource=resource, reason=effect.reason)
        try:
            await workflow.get_external_workflow_handle(claim.workflow_id).signal(RESOURCE_ANSWER, answer)
        except ApplicationError:
            self._renewal.sample()
            workflow.logger.warning("resource.asker_gone", extra={"claim": claim.id, "workflow": claim.workflow_id})
            return claim.id if isinstance(effect, Grant) else None
        self._renewal.sample()
        return None

    @property
    def _may_continue_as_new(self) -> bool:
        return not self._news and self._renewal.is_due(is_busy=self._recorder.is_exporting)


def _new(name: Any) -> PoolCarried:
    """Return the pool before the first claim."""
    info = workflow.info()
    called = name if isinstance(name, str) and name else info.workflow_id.removeprefix(f"{RESOURCE}:")
    return PoolCarried(pool=Pool(name=called), trail=Trail.begin(info.workflow_id, info.first_execution_run_id))


def _carried(carried: Any) -> PoolCarried:
    """Return the pool that the run before has handed over, with what of its trail has not been exported.

    Raises:
        RuntimeError: It is none. That fails the task, which is tried again when somebody has mended the code;
            ValidationError would end the workflow and forget who holds what.
    """
    try:
        return PoolCarried.model_validate(carried)
    except ValidationError as error:
        raise RuntimeError(f"the pool of the run before can't be read: {error}") from error


def _claim(request: RequestUnits) -> Claim:
    return Claim(
        id=request.claim,
        workflow_id=request.workflow_id,
        run_id=request.run_id,
        units=request.units,
        priority=request.priority,
        requested_at=request.requested_at,
        order=request.order,
    )


def _units_told(news: Sequence[_Message], before: int | None) -> int | None:
    """Return how many units there are where those say it who ask: the last to come knows it best."""
    told = [m.pool_units for m in news if isinstance(m, RequestUnits) and m.pool_units is not None]
    return told[-1] if told else before


def _details(pool: Pool) -> str:
    held = sum(h.claim.units for h in pool.holders)
    return f"{held} of {pool.units} units held, {len(pool.queue)} claims wait; the query `status` shows them"
