"""A run and everything around it, played out in simulated time: questions, jobs, runs within, people, events.

Nothing here decides anything: runs and questions are the real machines, fed with what the world would tell them, each
thing at its moment. Time passes only when it is told to.

Must not know: scenarios as documents of a file, what is expected.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from hitl_temporal.domain.approval.clock import next_moment as moment_of_approval
from hitl_temporal.domain.approval.commands import Command, Withdraw
from hitl_temporal.domain.approval.commands import Receipt as ApprovalReceipt
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow import events as of_run
from hitl_temporal.domain.flow.commands import Cancel, Operate, Receipt
from hitl_temporal.domain.flow.definition import Flow
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
from hitl_temporal.domain.flow.machine import advance, new_run, next_moment
from hitl_temporal.domain.flow.policy import selectors as selectors_to_judge
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.step import COMPLETED
from hitl_temporal.domain.people import CLIENT, RUN, SYSTEM, People, Roster
from hitl_temporal.domain.simulation import directory
from hitl_temporal.domain.simulation.agenda import Agenda
from hitl_temporal.domain.simulation.answers import Answers
from hitl_temporal.domain.simulation.jobs import Jobs, end_of_call
from hitl_temporal.domain.simulation.journal import Journal
from hitl_temporal.domain.simulation.pools import Pools
from hitl_temporal.domain.simulation.questions import Questions
from hitl_temporal.domain.simulation.scenario import Answer
from hitl_temporal.domain.simulation.setting import Setting
from hitl_temporal.domain.value import Json

MAX_EVENTS = 200_000
"""In one simulation; whoever gets so far goes in a circle."""

_EVIDENCE = Evidence(trace_id="0" * 32, events=0, digest="0" * 64)
"""Of a question, or of a run within: nothing is written down here."""


class SimulationError(Exception):
    """It can't be played out; the message says why."""


@dataclass
class Seat:
    """A run with its place in the simulation.

    Attributes:
        way: What stands before the addresses of its steps: empty, or `sub.` for a run that the step `sub` has begun.
        start: What has begun it; None: it is the first.
    """

    run: Run
    way: str = ""
    parent: str | None = None
    start: StartFlow | None = None
    is_told: bool = False


class Simulation:
    """One run in its world."""

    def __init__(
        self,
        flow: Flow,
        inputs: dict[str, Json],
        setting: Setting,
        *,
        at: datetime,
        requester: str,
        on_behalf_of: str | None = None,
        answers: Answers | None = None,
    ) -> None:
        """Let the run begin, and everything happen that happens at once.

        Args:
            flow: What is done.
            inputs: Complete.
            setting: Where.
            at: When.
            requester: Who asks.
            on_behalf_of: For whom; None: for themselves.
            answers: What jobs give; None: each gives nothing, and that well.

        Raises:
            ExpressionError: A variable can't be evaluated over these inputs.
            SimulationError: It does not come to rest.
        """
        self.setting = setting
        self.journal = Journal()
        self._agenda = Agenda(at)
        self.questions = Questions(self._agenda, setting, self.journal, self._feed)
        self._jobs = Jobs(self._agenda, answers or Answers({}), self._end_job)
        self._left = MAX_EVENTS
        self._pools = Pools(setting.resources)
        self._receipt: Receipt | None = None
        run = new_run(
            "scenario",
            flow,
            inputs,
            requester=requester,
            at=at,
            on_behalf_of=on_behalf_of,
            calendars=setting.calendars,
            flows=setting.flows,
        )
        self.seats = {run.id: Seat(run)}
        self._feed(run.id, of_run.Begun(at=at))
        self.settle()

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self._agenda.now

    @property
    def run(self) -> Run:
        """The run that it is about, as it stands."""
        return self.seats["scenario"].run

    # --- What others do -----------------------------------------------------------------------------------------------

    def operate(self, run: str, action: str, command: Operate) -> Receipt:
        """Let an operator, or an event, do something to a run; return the receipt."""
        asked = (command.actor,) if not command.actor.startswith(SYSTEM) else ()
        wanted = selectors_to_judge(self.seats[run].run, action, command)
        roster = directory.roster(self.setting.people, {}, wanted, asked)
        self._feed(run, of_run.Operated(at=self.now, action=action, command=command, roster=roster))
        receipt = self._receipt
        assert receipt is not None, "an action is answered"
        self.settle()
        return receipt

    def submit(self, approval: str, verb: str, command: Command) -> ApprovalReceipt:
        """Let somebody do something about a question; return the receipt."""
        self.questions.submit(approval, verb, command)
        receipt = self.questions.receipt
        assert receipt is not None, "a command is answered"
        self.settle()
        return receipt

    def become(self, people: People) -> None:
        """Let the directory be another one; every question looks at it at once."""
        self.setting.people = people
        for approval in [*self.questions.by_id]:
            self.questions.look(approval)
        self.settle()

    # --- Time ---------------------------------------------------------------------------------------------------------

    def pass_time(self, until: datetime) -> None:
        """Let everything happen that is due until a moment, each thing at its own.

        Raises:
            SimulationError: It does not come to rest.
        """
        while (moment := self.next_moment()) is not None and moment <= until:
            self._agenda.now = max(self.now, moment)
            self._move()
        self._agenda.now = max(self.now, until)

    def settle(self) -> None:
        """Let everything happen that happens at once."""
        self.pass_time(self.now)

    def next_moment(self) -> datetime | None:
        """Return when something is due next, None when only people and events can move anything."""
        return min((at for at, _ in self._due()), default=None)

    def _due(self) -> Iterator[tuple[datetime, Callable[[], None]]]:
        """Yield what is due some time: the end of jobs, then what questions wait for, then what runs do."""
        if self._agenda.first is not None:
            yield self._agenda.first, self._agenda.take
        for approval, question in self.questions.by_id.items():
            if question.state.outcome is None and (at := moment_of_approval(question.state)) is not None:
                yield at, lambda approval=approval: self.questions.look(approval)
        for run, seat in self.seats.items():
            if seat.run.status is None and (at := next_moment(seat.run)) is not None:
                yield at, lambda run=run: self._feed(run, of_run.TimePassed(at=self.now))

    def _move(self) -> None:
        """Let one thing happen: the first that is due by now."""
        self._left -= 1
        if self._left < 0:
            raise SimulationError(f"more than {MAX_EVENTS:,} things have happened, the last at {self.now.isoformat()}")
        next(do for at, do in self._due() if at <= self.now)()

    # --- Runs ---------------------------------------------------------------------------------------------------------

    def _feed(self, run: str, event: of_run.Event) -> None:
        seat = self.seats[run]
        self._receipt = None
        seat.run, effects = advance(seat.run, event)
        for effect in effects:
            self._carry_out(run, seat, effect)
        if seat.run.status is not None and not seat.is_told:
            seat.is_told = True
            self._tell_end(seat)

    def _carry_out(self, run: str, seat: Seat, effect: Effect) -> None:
        match effect:
            case Record():
                self.journal.write(seat.way, seat.run, effect)
            case StartCall():
                self._jobs.start(seat.run, seat.way, effect)
            case StartFlow():
                self._start_flow(run, seat, effect)
            case StartAsk():
                self._agenda.put(lambda: self.questions.put(run, effect))
            case StopStep():
                self._agenda.put(lambda: self._stop(run, effect))
            case ClaimUnits() | ReturnUnits():
                self._pools.ask(run, effect, self.now)
                self._agenda.put(lambda: self._serve(effect.resource))
            case Reply():
                self._receipt = effect.receipt
            case Notify() | KeepTicket():
                pass  # nothing comes back that would move a run; what happened is among its facts
            case _:
                assert_never(effect)

    def _serve(self, resource: str) -> None:
        for run, event in self._pools.serve(resource, self.now):
            self._feed(run, event)

    def _end_job(self, run: str, effect: StartCall | StartFlow, answer: Answer) -> None:
        if isinstance(effect, StartFlow):
            status = answer.outcome or (COMPLETED if answer.fail is None else "failed")
            self._ended(run, effect, status, answer.outputs, answer.fail or "")
        else:
            self._feed(run, end_of_call(effect, answer, self.now))

    def _start_flow(self, run: str, seat: Seat, effect: StartFlow) -> None:
        if self._jobs.is_given(seat.run, seat.way, effect):
            self._jobs.start(seat.run, seat.way, effect)
        else:
            self._agenda.put(lambda: self._begin_run(run, effect))

    def _begin_run(self, parent: str, effect: StartFlow) -> None:
        seat = self.seats[parent]
        definition = seat.run.flows[effect.flow]
        try:
            inputs = self.setting.check(definition, effect.inputs)
            child = new_run(
                effect.child,
                definition,
                inputs,
                requester=effect.requester,
                at=self.now,
                on_behalf_of=effect.on_behalf_of,
                calendars=seat.run.calendars,
                flows=seat.run.flows,
            ).but(depth=seat.run.depth + 1)
        except ValueError as error:  # inputs that do not fit, variables that can't be evaluated
            self._ended(parent, effect, "failed", {}, str(error))
            return
        way = f"{seat.way}{effect.step}{'.undo' if effect.undo else ''}."
        self.seats[effect.child] = Seat(child, way, parent, effect)
        self._feed(effect.child, of_run.Begun(at=self.now))

    def _tell_end(self, seat: Seat) -> None:
        if seat.parent is None or seat.start is None:
            return
        parent, start, run = seat.parent, seat.start, seat.run
        self._agenda.put(lambda: self._ended(parent, start, run.status or "failed", run.outputs, run.reason))

    def _ended(self, run: str, start: StartFlow, status: str, outputs: dict[str, Json], reason: str) -> None:
        """Tell a run that one within it has ended."""
        if not start.undo:
            event = of_run.FlowEnded(
                at=self.now,
                step=start.step,
                n=start.n,
                child=start.child,
                status=status,
                outputs=outputs,
                reason=reason,
            )
            self._feed(run, event)
        elif status == COMPLETED:
            self._feed(run, of_run.UndoSucceeded(at=self.now, step=start.step))
        else:
            error = f"run {start.child} has ended {status}: {reason}"
            self._feed(run, of_run.UndoFailed(at=self.now, step=start.step, error=error))

    def _stop(self, run: str, effect: StopStep) -> None:
        if self._jobs.stop(run, effect.step) or effect.child is None:
            self._feed(run, of_run.JobCancelled(at=self.now, step=effect.step, n=effect.n))
        elif effect.is_run:
            command = Cancel(actor=CLIENT, reason=effect.reason)
            self._feed(effect.child, of_run.Operated(at=self.now, action="cancel", command=command, roster=Roster()))
        else:
            self.questions.submit(effect.child, "withdraw", Withdraw(actor=RUN, reason=effect.reason))
