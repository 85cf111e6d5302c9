"""The workflow `Approval`: one question to people, as a durable wait.

A shell around `domain.approval`: it reads people, feeds events in the order of their arrival, and carries out effects.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval import events
    from hitl_temporal.domain.approval.commands import VERBS, Command, Decide, Receipt, Withdraw, parse
    from hitl_temporal.domain.approval.effects import Deliver, Effect, Reply
    from hitl_temporal.domain.approval.judge import flooded
    from hitl_temporal.domain.approval.machine import advance
    from hitl_temporal.domain.approval.message import Message, message
    from hitl_temporal.domain.approval.opening import AskError, begin
    from hitl_temporal.domain.approval.request import Request
    from hitl_temporal.domain.approval.stages import next_moment
    from hitl_temporal.domain.approval.state import Approval as State
    from hitl_temporal.domain.approval.state import Delivery
    from hitl_temporal.domain.approval.views import Status, listing, result, selectors, status
    from hitl_temporal.domain.audit import Trail
    from hitl_temporal.domain.effects import Record
    from hitl_temporal.domain.people import SYSTEM
    from hitl_temporal.domain.problems import first_problem
    from hitl_temporal.messages import (
        APPROVAL,
        DELIVER,
        PARENT_IS_OPEN,
        READ_PEOPLE,
        SIGNALLED_AT,
        Answered,
        ApprovalCarried,
        ApprovalResult,
        Delivered,
        Moment,
        ParentCheck,
        PeopleRead,
        ReadPeople,
        ReportTo,
        Signalled,
        Unsent,
    )

from hitl_temporal.engine import options
from hitl_temporal.engine.details import approval_details
from hitl_temporal.engine.listing import Listing
from hitl_temporal.engine.mailbox import Letter, Mailbox
from hitl_temporal.engine.outbox import hand_over
from hitl_temporal.engine.reading import read
from hitl_temporal.engine.recorder import Recorder
from hitl_temporal.engine.renewal import Renewal
from hitl_temporal.engine.tasks import Tasks

MAX_UNDER_WAY = 50
"""How many messages are on their way at once: a thousand activities in one workflow task outlast its two seconds."""

SETTLE_WITHIN = options.SETTLE.get("schedule_to_close_timeout") or options.NO_TIME
NO_LONGER_NEEDED = "no longer needed: the approval has ended"


CLIENT = f"{SYSTEM}client"
"""Who acts when an execution is cancelled in Temporal."""


@workflow.defn(name=APPROVAL)
class Approval:
    """Asks people, waits for months at no cost, and returns their one outcome."""

    @workflow.init
    def __init__(self, request: Any = None, *more: Any) -> None:
        """Build the whole state: commands may arrive before `run` has begun."""
        info = workflow.info()
        carried = ApprovalCarried.model_validate(more[0]) if more and info.continued_run_id else None
        self._refused: ApplicationError | None = None
        self._state: State | None = None
        self._reports: list[ReportTo] = []
        self._sending: dict[str, Deliver] = {}
        self._waiting: deque[Deliver] = deque()
        self._settle_by = workflow.now() + SETTLE_WITHIN
        self._unsent: list[Message] = []
        self._news: list[events.Event] = []
        self._listing = Listing()
        self._is_closed = False
        self._tasks = Tasks()
        self._renewal = Renewal()
        self._mailbox: Mailbox[Command, Receipt] = Mailbox(VERBS, parse, Receipt, self._refuse, self._renewal)
        if carried is not None:
            self._state = carried.state
            self._recorder = Recorder(carried.trail, self._renewal, carried.facts)
            self._unsent = list(carried.unsent)
            self._sending = {effect.delivery.id: effect for effect in carried.sending}
            self._reports = list(carried.report_to)
            return
        parent = None
        try:
            asked = _one(request, more)
            self._state = begin(
                info.workflow_id,
                asked.ask,
                requester=asked.requester,
                on_behalf_of=asked.on_behalf_of,
                context=asked.context,
                origin=asked.origin,
                at=workflow.now(),
            )
            parent = asked.parent
        except (ValidationError, AskError) as error:
            reason = first_problem(error) if isinstance(error, ValidationError) else str(error)
            self._refused = ApplicationError(
                f"approval {info.workflow_id!r} can't be asked: {reason}", type="InvalidInput", non_retryable=True
            )
        self._recorder = Recorder(Trail.begin(info.workflow_id, info.first_execution_run_id, parent), self._renewal)

    @workflow.run
    async def run(self, request: Any = None, *more: Any) -> ApprovalResult:  # noqa: ARG002 - read in __init__
        """Live until the outcome; Temporal's own cancellation is a withdrawal by `system:client`."""
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

    @workflow.signal(name="report_to", description="Internal: a run that continued as new has adopted this approval")
    def report_to(self, payload: Any = None, *_more: Any) -> None:
        """Remember who else must be told the outcome; what is no such message is ignored."""
        self._renewal.sample()
        try:
            report = ReportTo.model_validate(payload)
        except ValidationError:
            workflow.logger.warning("message.invalid", extra={"verb": "report_to"})
            return
        if report not in self._reports:
            self._reports.append(report)

    async def _live(self) -> ApprovalResult:
        if self._now.outcome is not None:  # carried over: questions are not needed any more
            self._sending = {i: e for i, e in self._sending.items() if e.delivery.occasion == "settled"}
        self._waiting.extend(self._sending.values())
        self._send_waiting()
        if self._now.is_open:
            self._show()
        if not self._now.is_open:
            people = await self._read_people()
            self._feed(
                events.PeopleResolved(at=workflow.now(), roster=people.roster, calendars=people.calendars), letter=None
            )
        while not self._is_over:
            self._tasks.raise_error()
            await self._judge_letters()
            await self._take_news()
            if self._is_over:
                break
            if not self._sending:
                self._recorder.flush()
            self._recorder.flush_if_due()
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
        """Whether the outcome is there and every message has been brought up to date or given to the outbox."""
        return self._now.outcome is not None and not self._sending and not self._mailbox and not self._news

    async def _judge_letters(self) -> None:
        while self._mailbox:
            letter = self._mailbox.take()
            await self._look_for_parent()
            match letter.command:
                case Decide() as decide if self._now.outcome is not None:  # too late, whoever it is: nothing to read
                    event = events.DecisionSubmitted(at=letter.at, decide=decide, roster=self._now.roster)
                case Decide() as decide:
                    people = await self._read_people(decide.actor)
                    at = await self._sent_at(letter)
                    event = events.DecisionSubmitted(at=at, decide=decide, roster=people.roster)
                case Withdraw() as withdraw:
                    event = events.WithdrawSubmitted(at=letter.at, withdraw=withdraw)
                case other:
                    raise AssertionError(f"verb {letter.verb!r} has no event: {type(other).__name__}")
            self._feed(event, letter)

    async def _take_news(self) -> None:
        if self._news:
            while self._news:
                self._feed(self._news.pop(0), letter=None)
            self._show()
        moment = next_moment(self._now)
        if moment is not None and moment <= workflow.now():
            await self._look_for_parent()
            # Who is reminded, and who is asked next, are those who are there now.
            people = await self._read_people()
            self._feed(events.TimePassed(at=workflow.now(), roster=people.roster), letter=None)

    def _feed(self, event: events.Event, letter: Letter[Command, Receipt] | None) -> None:
        had_outcome = self._now.outcome is not None
        self._state, effects = advance(self._now, event)
        for effect in effects:
            self._carry_out(effect, letter)
        if self._now.outcome is not None and not had_outcome:
            self._settle_by = workflow.now() + SETTLE_WITHIN
            self._stop_asking()
        self._send_waiting()
        if not isinstance(event, events.DeliveryEnded):  # of these many come at once: they are shown together
            self._show()

    def _carry_out(self, effect: Effect, letter: Letter[Command, Receipt] | None) -> None:
        match effect:
            case Record():
                self._recorder.write(effect)
            case Deliver():
                self._sending[effect.delivery.id] = effect
                self._waiting.append(effect)
            case Reply():
                if letter is not None:
                    letter.receipt = effect.receipt

    def _send_waiting(self) -> None:
        """Begin as many messages as may be under way at once; each that ends makes room for the next."""
        while self._waiting and len(self._sending) - len(self._waiting) < MAX_UNDER_WAY:
            effect = self._waiting.popleft()
            if effect.delivery.occasion == "settled" and workflow.now() >= self._settle_by:
                self._unsent.append(message(self._now, effect))
                self._end(effect.delivery, "failed", "its turn did not come in time: left to the outbox")
            else:
                self._tasks.start(effect.delivery.id, self._deliver(effect))

    async def _deliver(self, effect: Deliver) -> None:
        delivery, text = effect.delivery, message(self._now, effect)
        chosen = options.DELIVER
        if delivery.occasion == "settled":  # those that had to wait for others hold back the result no longer than they
            chosen = options.SETTLE.copy()
            chosen["schedule_to_close_timeout"] = self._settle_by - workflow.now()
        try:
            sent = await workflow.execute_activity(
                DELIVER,
                text,
                result_type=Delivered,
                activity_id=delivery.id,
                summary=f"{delivery.occasion}: {delivery.person}",
                **chosen,
            )
        except ActivityError as error:
            if delivery.occasion == "settled":
                self._unsent.append(text)
            self._end(delivery, "failed", str(error.cause or error)[:500])
        else:
            self._end(delivery, "delivered", channel=sent.channel)
        self._renewal.sample()
        self._send_waiting()

    def _end(
        self, delivery: Delivery, state: Literal["delivered", "failed"], reason: str = "", channel: str | None = None
    ) -> None:
        """Tell the end of a delivery, unless it was told when it was cancelled."""
        if self._sending.pop(delivery.id, None) is not None:
            ended = events.DeliveryEnded(
                at=workflow.now(), delivery=delivery.id, state=state, reason=reason, channel=channel
            )
            self._news.append(ended)

    def _stop_asking(self) -> None:
        """Questions still on their way are not needed any more; those that have begun are settled."""
        waiting, self._waiting = self._waiting, deque()
        never_asked = {(e.delivery.stage, e.delivery.person) for e in waiting if e.delivery.occasion == "asked"}
        for effect in tuple(self._sending.values()):
            delivery = effect.delivery
            if delivery.occasion == "settled" and (delivery.stage, delivery.person) not in never_asked:
                self._waiting.append(effect)
                continue
            # Ended here, not in its task: one that is cancelled before its first step never runs at all.
            self._tasks.cancel(delivery.id)
            self._end(delivery, "failed", NO_LONGER_NEEDED)

    async def _read_people(self, *people: str) -> PeopleRead:
        named = [s.document.calendar for s in self._now.stages] + [self._now.ask.calendar]
        request = ReadPeople(
            selectors=selectors(self._now),
            people=tuple(dict.fromkeys((*people, self._now.requester))),
            calendars=() if self._now.is_open else tuple(dict.fromkeys(["default", *(c for c in named if c)])),
        )
        return await read(READ_PEOPLE, request, PeopleRead)

    async def _sent_at(self, letter: Letter[Command, Receipt]) -> datetime:
        """Return when a command was given: a signal may have waited on the server beyond the deadline."""
        stage = self._now.live_stage
        if not letter.is_signal or stage is None or stage.due_at is None or letter.at < stage.due_at:
            return letter.at
        info = workflow.info()
        command = letter.command.model_dump(mode="json")
        signalled = Signalled(workflow_id=info.workflow_id, run_id=info.run_id, verb=letter.verb, command=command)
        return (await read(SIGNALLED_AT, signalled, Moment)).at or letter.at

    async def _look_for_parent(self) -> None:
        """Withdraw when the run that asked is gone: a terminated one could not do it itself."""
        parent, first_run_id = workflow.info().parent, workflow.memo_value("parent_run", None, type_hint=str)
        if parent is None or first_run_id is None or self._now.outcome is not None:
            return
        check = ParentCheck(workflow_id=parent.workflow_id, first_run_id=first_run_id)
        if not await read(PARENT_IS_OPEN, check, bool):
            withdraw = Withdraw(actor=f"{SYSTEM}run", reason="parent ended", key="parent-ended")
            self._feed(events.WithdrawSubmitted(at=workflow.now(), withdraw=withdraw), letter=None)

    def _refuse(self, command: Command) -> Receipt | None:
        """Turn away a flood of attempts that would be refused anyway, before it fills the history."""
        if not isinstance(command, Decide) or self._state is None or not self._state.is_open:
            return None
        return flooded(self._state, command)

    async def _wait(self) -> None:
        moments = [m for m in (next_moment(self._now), self._recorder.due) if m is not None]
        timeout = max(min(moments) - workflow.now(), options.NO_TIME) if moments else None
        try:
            await workflow.wait_condition(
                lambda: bool(self._mailbox or self._news) or self._must_move,
                timeout=timeout,
                timeout_summary=_summary(self._now, min(moments)) if moments else None,
            )
        except TimeoutError:
            self._renewal.sample()

    @property
    def _must_move(self) -> bool:
        """Whether the loop has something to do that is no message: the end, an error to raise, a new run."""
        has_news = self._tasks.has_failed or self._recorder.has_news
        return self._is_over or has_news or self._may_continue_as_new()

    def _may_continue_as_new(self) -> bool:
        is_busy = bool(self._sending) or self._recorder.is_exporting
        if self._mailbox or not self._renewal.is_possible:
            return False
        return not is_busy or self._renewal.is_urgent

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._mailbox or self._news:
            return
        carried = ApprovalCarried(
            state=self._now,
            trail=self._recorder.trail,
            facts=self._recorder.unexported,
            sending=tuple(self._sending.values()),
            report_to=tuple(self._reports),
            unsent=tuple(self._unsent),
        )
        workflow.continue_as_new(args=[None, carried])

    async def _close(self) -> ApprovalResult:
        self._feed(events.Closed(at=workflow.now()), letter=None)
        facts = await self._recorder.close()
        await hand_over(Unsent(messages=tuple(self._unsent), facts=facts))
        answer = result(self._now, self._recorder.evidence)
        reported = 0
        while self._mailbox or reported < len(self._reports):  # what arrives meanwhile is answered, not lost
            await self._judge_letters()
            for report in self._reports[reported:]:
                await self._report(report, answer)
                reported += 1
        await workflow.wait_condition(workflow.all_handlers_finished)
        return answer

    async def _report(self, report: ReportTo, answer: ApprovalResult) -> None:
        told = Answered(step=report.step, n=report.n, approval=self._now.id, result=answer)
        try:
            # Awaited: a signal that starts in the task that also completes the workflow is never delivered.
            await workflow.get_external_workflow_handle(report.workflow_id).signal("answered", told)
        except ApplicationError:
            workflow.logger.warning("approval.parent_gone", extra={"parent": report.workflow_id})

    def _show(self) -> None:
        now, seen = self._now, listing(self._now)
        self._listing.show(
            {
                "state": seen.state,
                "flow": now.origin.flow if now.origin else None,
                "requester": now.requester,
                "due": seen.due,
                "assignees": seen.assignees,
                "groups": seen.groups,
            },
            {
                "kind": "approval",
                "title": seen.title,
                "tally": seen.tally,
                "requester": now.requester,
                "run": now.origin.run if now.origin else None,
                "flow": now.origin.flow if now.origin else None,
                "due": seen.due.isoformat() if seen.due else None,
                "digest": now.shown.digest,
                "outcomes": list(seen.outcomes),
                "comment_on": list(seen.comment_on),
                "barred": list(seen.barred),
            },
        )
        workflow.set_current_details(approval_details(now))


def _summary(state: State, moment: datetime) -> str:
    stage = state.live_stage
    if stage is None or moment not in {stage.due_at, stage.remind_at}:
        return "export audit facts"
    what = stage.document.at_due if moment == stage.due_at else "remind"
    return f"{what}: {stage.name} at {moment.isoformat()}"


def _one(request: object, more: Sequence[object]) -> Request:
    """Return the request; AskError or ValidationError when the inputs are not one object that asks."""
    if more:
        raise AskError(f"it takes one input, a JSON object, and got {1 + len(more)}")
    return Request.model_validate(request)
