"""The dynamic workflow `Flow`: runs every definition, under the definition's own name as workflow type.

A shell around `domain.flow`: the first thing it does is to pin its definition in history; then it feeds events in the
order of their arrival, and carries out effects.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.audit import Trail
    from hitl_temporal.domain.effects import Record
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.commands import ACTIONS, Cancel, Operate, Receipt, parse
    from hitl_temporal.domain.flow.effects import (
        ClaimUnits,
        Effect,
        KeepTicket,
        Notify,
        Reply,
        ReturnUnits,
        StartAsk,
        StartCall,
        StartFlow,
        StopStep,
    )
    from hitl_temporal.domain.flow.machine import advance, next_moment
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.flow.views import Reason, Result, Status, graph, result, status, waiting_reasons, why
    from hitl_temporal.domain.people import CLIENT, RUN
    from hitl_temporal.domain.value import Json
    from hitl_temporal.messages import (
        PARENT_IS_OPEN,
        REQUEST_CANCEL,
        RESOURCE_ANSWER,
        SEED,
        Answered,
        FlowCarried,
        ParentCheck,
        ReportTo,
        RequestCancel,
        ResourceAnswer,
        RunAnswered,
        RunEnded,
        UnitsGranted,
        UnitsRefused,
        Unsent,
    )

from hitl_temporal.engine.beginning import begin, given
from hitl_temporal.engine.bulletins import Bulletins
from hitl_temporal.engine.clock import Clock
from hitl_temporal.engine.details import run_details
from hitl_temporal.engine.errands import Errands
from hitl_temporal.engine.judging import read_people, read_present
from hitl_temporal.engine.kin import Kin
from hitl_temporal.engine.listing import Listing
from hitl_temporal.engine.mailbox import Letter, Mailbox
from hitl_temporal.engine.outbox import hand_over
from hitl_temporal.engine.reading import read
from hitl_temporal.engine.recorder import Recorder
from hitl_temporal.engine.renewal import Renewal


@workflow.defn(dynamic=True)
class Flow:
    """Interprets the definition whose name is this execution's workflow type."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        """Build the whole state: commands may arrive before the definition is loaded."""
        info = workflow.info()
        self._run: Run | None = None
        self._news: list[events.Event] = []
        self._early: list[Answered | RunAnswered] = []
        self._report_to: tuple[ReportTo, ...] = ()
        self._is_followed = False
        self._units: list[events.Event] = []
        self._listing = Listing()
        self._inputs, self._started_by, carried, self._refused = given(args)
        self._renewal = Renewal()
        self._clock = Clock(self._renewal)
        self._mailbox: Mailbox[Operate, Receipt] = Mailbox(
            ACTIONS, parse, Receipt, lambda _verb, _command: None, self._renewal
        )
        if carried is not None:
            self._run = carried.run
            self._report_to = carried.report_to
            self._is_followed = carried.is_followed
            self._recorder = Recorder(carried.trail, self._renewal, carried.facts)
        else:
            within = self._started_by.within
            trail = Trail.begin(info.workflow_id, info.first_execution_run_id, within.parent if within else None)
            self._recorder = Recorder(trail, self._renewal)
        self._errands = Errands(self._news, self._renewal, carried.postponed if carried else ())
        told = (carried.alerts, carried.tickets) if carried else ((), ())
        self._bulletins = Bulletins(self._news, self._renewal, *told)

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Result:  # noqa: ARG002 - read in __init__
        """Live until the end; Temporal's own cancellation is `cancel` by `system:client`."""
        if self._refused is not None:
            raise self._refused
        life = asyncio.create_task(self._live())
        try:
            answer = await asyncio.shield(life)
        except asyncio.CancelledError:
            reason = (workflow.cancellation_reason() or "cancelled in Temporal")[:MAX_REASON]
            self._mailbox.put("cancel", Cancel(actor=CLIENT, reason=reason))
            answer = await life
        if answer.status == "cancelled":
            await _end_canceled()
        return answer  # a cancellation that came after the end changes nothing

    @workflow.query(name="status", description="The result so far, inputs, requester, definition digest")
    def status(self) -> Status | None:
        """Answer what the run is now; None before its definition is loaded."""
        return status(self._run, self._recorder.evidence) if self._run else None

    @workflow.query(name="why", description="Why each open step does not move, and what would release it")
    def why(self) -> tuple[Reason, ...]:
        """Answer one reason per step that has not ended."""
        return why(self._run) if self._run else ()

    @workflow.query(name="graph", description="Nodes and edges with live states")
    def graph(self) -> dict[str, Json]:
        """Answer the graph; empty before the definition is loaded."""
        return graph(self._run) if self._run else {}

    @workflow.query(name=SEED, description="Internal: the whole run, for one that does it again after its end")
    def seed(self) -> Run | None:
        """Answer everything; None before the definition is loaded."""
        return self._run

    @workflow.signal(name="answered", description="Internal: an adopted approval, or run within, tells its end")
    def answered(self, payload: Any = None, *_more: Any) -> None:
        """Take the end of a child that was adopted; the domain ignores a second one."""
        self._renewal.sample()
        kind = RunAnswered if isinstance(payload, dict) and "run" in payload else Answered
        try:
            self._early.append(kind.model_validate(payload))
        except ValidationError:
            workflow.logger.warning("message.invalid", extra={"verb": "answered"})

    @workflow.signal(name="report_to", description="Internal: a parent that has adopted this run wants its end")
    def report_to(self, payload: Any = None, *_more: Any) -> None:
        """Remember whom to tell."""
        self._renewal.sample()
        try:
            self._report_to = (*self._report_to, ReportTo.model_validate(payload))
        except ValidationError:
            workflow.logger.warning("message.invalid", extra={"verb": "report_to"})

    @workflow.signal(name=RESOURCE_ANSWER, description="Internal: a pool gives, or refuses, units that were asked for")
    def resource(self, payload: Any = None, *_more: Any) -> None:
        """Take the answer of a pool."""
        self._renewal.sample()
        try:
            told: UnitsGranted | UnitsRefused = _ANSWERS.validate_python(payload)
        except ValidationError:
            workflow.logger.warning("message.invalid", extra={"verb": RESOURCE_ANSWER})
            return
        kind = events.UnitsGranted if isinstance(told, UnitsGranted) else events.UnitsRefused
        self._units.append(kind.model_validate({**told.model_dump(exclude={"kind"}), "at": workflow.now()}))

    async def _live(self) -> Result:
        if self._run is None:
            self._run, self._inputs, self._is_followed = await begin(self._clock, self._inputs, self._started_by)
            self._feed(events.Begun(at=self._clock.now), letter=None)
        else:
            self._errands.resume(self._now)
            self._bulletins.resume()
            self._show()
        self._bulletins.look_back(self._now)
        while self._now.status is None or self._errands.are_open:
            self._errands.tasks.raise_error()
            self._bulletins.tasks.raise_error()
            await self._judge_letters()
            await self._take_news()
            if self._now.status is not None and not self._errands.are_open:
                break
            if not self._errands.calls_in_flight:
                self._recorder.flush()
            self._recorder.flush_if_due(self._clock)
            await self._look_for_parent()
            self._show()
            if self._renewal.is_possible:
                self._errands.postpone_calls()
            if self._may_continue_as_new():
                await self._continue_as_new()
            await self._wait()
        return await self._close()

    @property
    def _now(self) -> Run:
        assert self._run is not None, "nothing is fed before the definition is loaded"
        return self._run

    async def _judge_letters(self) -> None:
        while self._mailbox:
            letter = self._mailbox.take()
            found = await read_people(self._clock, self._now, letter.verb, letter.command, letter.at)
            event = events.Operated(
                at=self._clock.now,
                action=letter.verb,
                command=letter.command,
                roster=found.roster,
                policies=found.policies,
                present=await read_present(self._clock, self._now, letter.verb),
            )
            self._feed(event.but(at=self._clock.now), letter)

    async def _take_news(self) -> None:
        if self._run is not None:
            self._news.extend(self._units)
            self._units.clear()
        if self._early or self._news or self._clock.has_slept:
            await self._clock.fix()
        while self._early:
            told = self._early.pop(0)
            kin = Kin.telling(told, self._now)
            asked = self._now.steps.get(told.step)
            # A late answer to an earlier start stops nothing; what is not about the step itself has a name of its own.
            if kin.kind not in {"ask", "flow"} or (asked is not None and asked.n == told.n):
                self._errands.close(kin)
            self._news.append(kin.ended(told.result) if isinstance(told, RunAnswered) else kin.answered(told.result))
        while self._news:
            news = self._news.pop(0)
            if isinstance(news, events.ProposalAnswered):
                news = await self._with_people(news)
            self._feed(news.but(at=self._clock.now), letter=None)
        if self._clock.has_come(next_moment(self._now)):
            self._feed(events.TimePassed(at=self._clock.now), letter=None)

    def _feed(self, event: events.Event, letter: Letter[Operate, Receipt] | None) -> None:
        self._run, effects = advance(self._now, event)
        for effect in effects:
            self._carry_out(effect, letter)
        self._errands.claim([e for e in effects if isinstance(e, ClaimUnits)], self._now.now)

    def _carry_out(self, effect: Effect, letter: Letter[Operate, Receipt] | None) -> None:
        match effect:
            case Record():
                self._recorder.write(effect)
            case StartCall() | StartFlow() | StartAsk() | StopStep() | ReturnUnits():
                self._errands.carry_out(effect, self._now, self._recorder.trail)
            case Notify() | KeepTicket():
                self._bulletins.carry_out(effect)
            case Reply():
                if letter is not None:
                    letter.receipt = effect.receipt
            case ClaimUnits():
                pass  # together, once all is known (`_feed`)

    async def _with_people(self, news: events.ProposalAnswered) -> events.ProposalAnswered:
        """Add who and what must be known to judge anew what people have answered."""
        proposal = next((p for p in self._now.proposals if p.approval == news.approval), None)
        command = None if proposal is None else parse(proposal.action, proposal.command)
        if proposal is None or not isinstance(command, Operate):
            return news
        found = await read_people(self._clock, self._now, proposal.action, command, self._clock.now)
        present = await read_present(self._clock, self._now, proposal.action)
        return news.but(roster=found.roster, policies=found.policies, present=present)

    async def _look_for_parent(self) -> None:
        """Cancel a run that lies within one which is there no more: terminated, it could not do so itself."""
        within = self._started_by.within
        if within is None or not self._clock.has_slept or self._now.ending is not None:
            return
        check = ParentCheck(workflow_id=within.workflow_id, first_run_id=within.first_run_id)
        if not await read(PARENT_IS_OPEN, check, bool):
            self._mailbox.put("cancel", Cancel(actor=RUN, reason="parent ended", key="parent-ended"))

    async def _wait(self) -> None:
        moments = [m for m in (next_moment(self._now), self._recorder.due) if m is not None]
        until = min(moments, default=None)
        await self._clock.wait(
            until,
            f"until {until.isoformat()}" if until else None,
            lambda: bool(self._mailbox or self._news or self._early or self._units) or self._must_move,
        )

    @property
    def _must_move(self) -> bool:
        """Whether the loop has something to do that is no message: the end, an error to raise, a new run."""
        is_over = self._now.status is not None and not self._errands.are_open
        has_failed = self._errands.tasks.has_failed or self._bulletins.tasks.has_failed
        has_news = has_failed or self._recorder.has_news
        return is_over or has_news or self._may_continue_as_new()

    def _may_continue_as_new(self) -> bool:
        if self._mailbox or self._news or self._early or self._units or not self._errands.may_be_left:
            return False
        return self._renewal.is_due(is_busy=self._recorder.is_exporting or self._bulletins.is_busy)

    async def _continue_as_new(self) -> None:
        """Carry the run over once no call is in flight; open questions are adopted by the new run."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self._may_continue_as_new():  # something came while the last receipts left
            return
        carried = FlowCarried(
            run=self._now,
            trail=self._recorder.trail,
            facts=self._recorder.unexported,
            postponed=self._errands.postponed,
            report_to=self._report_to,
            is_followed=self._is_followed,
            alerts=self._bulletins.alerts,
            tickets=self._bulletins.tickets,
        )
        self._renewal.continue_as_new(self._inputs, self._started_by, carried)

    async def _close(self) -> Result:
        self._show()
        answer = result(self._now, self._recorder.evidence)
        facts = await self._recorder.close()
        left = self._bulletins.leave()
        ended = self._ended(answer) if self._is_followed else None
        await hand_over(Unsent(facts=facts, ended=ended, alerts=left.alerts, tickets=left.tickets))
        while self._mailbox:
            await self._judge_letters()
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._report(answer)
        if answer.status == "failed":
            raise ApplicationError(answer.reason, answer, type="FlowFailed", non_retryable=True)
        return answer

    def _ended(self, answer: Result) -> RunEnded:
        info = workflow.info()
        return RunEnded(
            id=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            flow=info.workflow_type,
            status=answer.status,
            outputs=answer.outputs,
        )

    async def _report(self, answer: Result) -> None:
        """Tell a parent that has adopted this run how it ended; awaited, or it would be lost with the last task."""
        for told in self._report_to:
            end = RunAnswered(step=told.step, n=told.n, run=workflow.info().workflow_id, result=answer)
            try:
                await workflow.get_external_workflow_handle(told.workflow_id).signal("answered", end)
            except ApplicationError:
                workflow.logger.info("parent.gone", extra={"parent": told.workflow_id})

    def _show(self) -> None:
        run = self._now
        self._listing.show(
            {
                "state": run.state,
                "flow": run.definition.flow,
                "requester": run.requester,
                "due": next_moment(run),
                "priority": run.definition.priority,
                "waiting": waiting_reasons(run),
            },
            {
                "kind": "run",
                "title": run.definition.flow,
                "flow": run.definition.flow,
                "requester": run.requester,
                "on_behalf_of": run.on_behalf_of,
                "definition": run.definition.digest,
                "rerun_of": None if run.seed is None else run.seed.run,
            },
        )
        workflow.set_current_details(run_details(run))


async def _end_canceled() -> None:
    """End this execution Canceled, which the SDK does only when Temporal was asked to cancel it."""
    if workflow.cancellation_reason() is None:
        info = workflow.info()
        await read(REQUEST_CANCEL, RequestCancel(workflow_id=info.workflow_id, run_id=info.run_id), bool)
        await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
    raise asyncio.CancelledError


MAX_REASON = 2_000
"""What a command's reason may have; Temporal's own may be longer."""


_ANSWERS: TypeAdapter[UnitsGranted | UnitsRefused] = TypeAdapter(ResourceAnswer)
