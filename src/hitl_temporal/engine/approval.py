"""The workflow `Approval`: one question to people, as a durable wait.

A shell around `domain.approval`: it reads what is around it, feeds events in the order of their arrival, and carries
out effects.
"""

import asyncio
from datetime import datetime
from itertools import count
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval import events
    from hitl_temporal.domain.approval.clock import next_moment
    from hitl_temporal.domain.approval.commands import VERBS, Command, Receipt, Withdraw, parse
    from hitl_temporal.domain.approval.effects import Deliver, Effect, Reply, StartReview, Supersede
    from hitl_temporal.domain.approval.judge import flooded
    from hitl_temporal.domain.approval.machine import advance
    from hitl_temporal.domain.approval.opening import AskError
    from hitl_temporal.domain.approval.request import Request
    from hitl_temporal.domain.approval.result import result
    from hitl_temporal.domain.approval.routing import route_named
    from hitl_temporal.domain.approval.state import Approval as State
    from hitl_temporal.domain.approval.status import Status, status
    from hitl_temporal.domain.audit import Trail
    from hitl_temporal.domain.effects import Record
    from hitl_temporal.domain.people import CLIENT, RUN
    from hitl_temporal.messages import (
        APPROVAL,
        ApprovalCarried,
        ApprovalResult,
        Refresh,
        ReportTo,
        Unsent,
    )

from hitl_temporal.engine import options
from hitl_temporal.engine.clock import Clock
from hitl_temporal.engine.consequences import Consequences
from hitl_temporal.engine.deliveries import Deliveries
from hitl_temporal.engine.entering import first_state, first_state_routed, one, refusal
from hitl_temporal.engine.farewell import Farewell
from hitl_temporal.engine.listing import Listing
from hitl_temporal.engine.mailbox import Letter, Mailbox
from hitl_temporal.engine.outbox import hand_over
from hitl_temporal.engine.recorder import Recorder
from hitl_temporal.engine.renewal import Renewal
from hitl_temporal.engine.showing import show, what_comes
from hitl_temporal.engine.surroundings import Seen, look, signalled_at, why_moot


@workflow.defn(name=APPROVAL)
class Approval:
    """Asks people, waits for months at no cost, and returns their one outcome."""

    @workflow.init
    def __init__(self, request: Any = None, *more: Any) -> None:
        """Build the whole state: commands may arrive before `run` has begun."""
        info = workflow.info()
        carried = ApprovalCarried.model_validate(more[0]) if more and info.continued_run_id else None
        self._refused: ApplicationError | None = None
        self._request: Request | None = None
        self._state: State | None = None
        self._is_stale = False
        self._farewell = Farewell(carried.report_to if carried else ())
        self._listing = Listing()
        self._renewal = Renewal()
        self._clock = Clock(self._renewal)
        self._consequences = Consequences(self._renewal)
        left = (carried.sending, carried.unsent) if carried else ((), ())
        self._deliveries = Deliveries(lambda: self._now, self._renewal, *left)
        self._mailbox: Mailbox[Command, Receipt] = Mailbox(VERBS, parse, Receipt, self._refuse, self._renewal)
        if carried is not None:
            self._state = carried.state
            self._recorder = Recorder(carried.trail, self._renewal, carried.facts)
            for effect in carried.pending:
                self._consequences.begin(effect, carried.state)
            return
        try:
            self._request = one(request, more)
            if route_named(self._request) is None:
                self._state = first_state(self._request)
        except (ValidationError, AskError) as error:
            self._refused = refusal(error, self._request)
        parent = self._request.parent if self._request and self._refused is None else None
        self._recorder = Recorder(Trail.begin(info.workflow_id, info.first_execution_run_id, parent), self._renewal)

    @workflow.run
    async def run(self, request: Any = None, *more: Any) -> ApprovalResult:  # noqa: ARG002 - read in __init__
        """Live until the outcome; Temporal's own cancellation is a withdrawal by `system:client`."""
        if self._state is None and self._request is not None and self._refused is None:
            try:
                self._state = await first_state_routed(self._request)
            except (ValidationError, AskError) as error:
                self._refused = refusal(error, self._request)
        if self._refused is not None:
            raise self._refused
        life = asyncio.create_task(self._live())
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            self._mailbox.put("withdraw", Withdraw(actor=CLIENT, reason="cancelled in Temporal"))
            answer = await life
            if answer.withdrawal is not None and answer.withdrawal.actor == CLIENT:
                raise
            return answer  # it came after the outcome, which stands

    @workflow.query(name="status", description="Title, stages with tally, decisions, deliveries, refusals")
    def status(self) -> Status | None:
        """Answer what the approval is now; None when its input was refused."""
        return status(self._state) if self._state else None

    @workflow.query(name="record", description="Internal: the whole state, for operators' tools such as policy replay")
    def record(self) -> State | None:
        """Answer everything that is remembered; None when its input was refused."""
        return self._state

    @workflow.signal(name="report_to", description="Internal: a run that continued as new has adopted this approval")
    def report_to(self, payload: Any = None, *_more: Any) -> None:
        """Remember who else must be told the outcome; what is no such message is ignored."""
        self._renewal.sample()
        try:
            report = ReportTo.model_validate(payload)
        except ValidationError:
            workflow.logger.warning("message.invalid", extra={"verb": "report_to"})
            return
        self._farewell.add(report)

    @workflow.signal(name="refresh", description="Internal: people, absences or calendars have changed: read them")
    def refresh(self, payload: Any = None, *_more: Any) -> None:
        """Read the surroundings again soon; what is no such message is ignored."""
        self._renewal.sample()
        try:
            Refresh.model_validate(payload or {})
        except ValidationError:
            workflow.logger.warning("message.invalid", extra={"verb": "refresh"})
            return
        self._is_stale = True

    async def _live(self) -> ApprovalResult:
        self._deliveries.resume()
        if self._now.is_open:
            self._show()
        else:
            seen = await self._look(self._clock.now)
            self._feed(events.PeopleResolved(at=self._clock.now, roster=seen.roster, calendars=seen.calendars))
        while not self._is_over:
            self._deliveries.tasks.raise_error()
            self._consequences.tasks.raise_error()
            await self._judge_letters()
            await self._take_news()
            if self._is_over:
                break
            if not self._deliveries.open:
                self._recorder.flush()
            self._recorder.flush_if_due(self._clock)
            if self._may_continue_as_new():
                await self._continue_as_new()
            await self._wait()
        return await self._close()

    @property
    def _now(self) -> State:
        assert self._state is not None, "a refused input never lives"
        return self._state

    @property
    def _is_over(self) -> bool:
        """Whether the outcome is there, every message has been brought up to date or given to the outbox, and so on."""
        waits = self._deliveries.open or self._consequences.open or self._mailbox or self._deliveries.ends
        return self._now.outcome is not None and not waits

    async def _judge_letters(self) -> None:
        for number in count(1):
            if not self._mailbox:
                return
            if number % options.MAX_LETTERS == 0:
                await self._clock.breathe()
            letter = self._mailbox.take()
            # Without a reading time stands still: what the SDK shows would be another in a replay.
            at, roster = self._now.now, None
            if self._now.outcome is not None:
                self._farewell.has_latecomer = self._farewell.has_latecomer or not letter.is_signal
            # Too late, whoever it is, or one more of a flood that is only counted: there is nothing to read.
            if self._now.outcome is None and flooded(self._now, letter.verb, letter.command, at) is None:
                named = (letter.command.actor, getattr(letter.command, "to", None))
                seen = await self._look(letter.at, *(p for p in named if p is not None))
                roster, at = seen.roster, await self._sent_at(letter)
                await self._withdraw_if_moot()
                self._hear_of_calendars(seen)
            event = events.CommandSubmitted(
                at=at, verb=letter.verb, command=letter.command, roster=roster, has_no_answer=letter.is_signal
            )
            self._feed(event, letter)

    async def _take_news(self) -> None:
        is_due = self._clock.has_come(next_moment(self._now))
        is_stale, self._is_stale = self._is_stale, False  # also after the outcome: else the loop would wait for nothing
        seen = None
        if (is_due or is_stale) and self._now.outcome is None:
            # Who is reminded, and who is asked next, are those who are there now. Read first: it sets the clock.
            seen = await self._look(self._clock.now)
            await self._withdraw_if_moot()
            self._hear_of_calendars(seen)
        if self._deliveries.ends:
            await self._tell_ends()
        if seen is not None:
            self._feed(events.TimePassed(at=self._clock.now, roster=seen.roster))

    async def _tell_ends(self) -> None:
        """Tell the domain together what became of messages: a thousand ends, one by one, would last for seconds."""
        if any(e.at is None for e in self._deliveries.ends):
            await self._clock.fix()
        ends, self._deliveries.ends = self._deliveries.ends, []
        at = max((e.at for e in ends if e.at is not None), default=self._now.now)
        at = max(at, self._clock.held or at)
        self._feed(events.DeliveriesEnded(at=at, ended=tuple(e.end for e in ends)))

    async def _look(self, at: datetime, *people: str) -> Seen:
        """Read what is around the approval, and hold the clock at when that was begun."""
        seen = await look(self._now, at, *people)
        self._clock.hold(seen.at)
        return seen

    def _hear_of_calendars(self, seen: Seen) -> None:
        if seen.calendars:
            self._feed(events.CalendarChanged(at=self._clock.now, calendars=seen.calendars))

    def _feed(self, event: events.Event, letter: Letter[Command, Receipt] | None = None) -> None:
        had_outcome = self._now.outcome is not None
        self._state, effects = advance(self._now, event)
        for effect in effects:
            self._carry_out(effect, letter)
        if self._now.outcome is not None and not had_outcome:
            self._deliveries.stop_asking()
        self._deliveries.begin()
        self._show()

    def _carry_out(self, effect: Effect, letter: Letter[Command, Receipt] | None) -> None:
        match effect:
            case Record():
                self._recorder.write(effect)
            case Deliver():
                self._deliveries.add(effect)
            case Supersede() | StartReview():
                self._consequences.begin(effect, self._now)
            case Reply():
                if letter is not None:
                    letter.receipt = effect.receipt

    async def _sent_at(self, letter: Letter[Command, Receipt]) -> datetime:
        """Return when a command was given: it may have waited beyond a moment that matters.

        A Signal on the server, an Update for a directory that was out of order: its task is over then.
        """
        moment, at = next_moment(self._now), self._clock.now
        has_event = letter.is_signal or letter.update is not None
        if not has_event or moment is None or at < moment:
            return at
        return await signalled_at(letter.verb, letter.command, letter.update) or at

    async def _withdraw_if_moot(self) -> None:
        """Withdraw when nobody needs the answer any more."""
        reason = await why_moot(self._now)
        if reason is not None:
            withdraw = Withdraw(actor=RUN, reason=reason, key=reason.replace(" ", "-")[:200])
            self._feed(events.CommandSubmitted(at=self._clock.now, verb="withdraw", command=withdraw))

    def _refuse(self, verb: str, command: Command) -> Receipt | None:
        """Turn away a flood of attempts that would be refused anyway, before it fills the history."""
        if self._state is None or not self._state.is_open:
            return None
        return flooded(self._state, verb, command, workflow.now())

    async def _wait(self) -> None:
        moments = [m for m in (next_moment(self._now), self._recorder.due) if m is not None]
        until = min(moments, default=None)
        await self._clock.wait(
            until,
            what_comes(self._now, until) if until else None,
            lambda: bool(self._mailbox or self._deliveries.ends or self._is_stale) or self._must_move,
        )

    @property
    def _must_move(self) -> bool:
        """Whether the loop has something to do that is no message: the end, an error to raise, a new run."""
        has_failed = self._deliveries.tasks.has_failed or self._consequences.tasks.has_failed
        has_news = has_failed or self._recorder.has_news
        return self._is_over or has_news or self._may_continue_as_new()

    def _may_continue_as_new(self) -> bool:
        is_busy = bool(self._deliveries.open or self._consequences.open) or self._recorder.is_exporting
        return not self._mailbox and self._renewal.is_due(is_busy=is_busy)

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._mailbox or self._deliveries.ends:
            return
        carried = ApprovalCarried(
            state=self._now,
            trail=self._recorder.trail,
            facts=self._recorder.unexported,
            sending=self._deliveries.open,
            report_to=self._farewell.reports,
            unsent=self._deliveries.unsent,
            pending=self._consequences.open,
        )
        self._renewal.continue_as_new(None, carried)

    async def _close(self) -> ApprovalResult:
        self._feed(events.Closed(at=self._now.now))
        facts = await self._recorder.close()
        await hand_over(Unsent(messages=self._deliveries.unsent, facts=facts))
        answer = result(self._now, self._recorder.evidence)
        lingering = asyncio.create_task(self._farewell.linger())
        while self._has_to_answer or not lingering.done():
            await self._judge_letters()  # what arrives meanwhile is answered, not lost
            await self._farewell.tell(self._now.id, answer)
            await workflow.wait_condition(lambda: self._has_to_answer or lingering.done())
        await workflow.wait_condition(workflow.all_handlers_finished)
        return answer

    @property
    def _has_to_answer(self) -> bool:
        return bool(self._mailbox) or self._farewell.is_owed

    def _show(self) -> None:
        show(self._listing, self._now)
