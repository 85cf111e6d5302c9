"""The questions of a simulation: each is the real machine, told at once what it wants to know.

Every message arrives at once; the directory is read whenever a real approval would read it.

Must not know: runs, who answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.commands import Command, Receipt, Withdraw
from hitl_temporal.domain.approval.effects import Deliver, Reply, StartReview, Supersede
from hitl_temporal.domain.approval.eligibility import may_act_anywhere
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.request import Request
from hitl_temporal.domain.approval.result import result
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.surroundings import people, picks, selectors
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow import events as of_run
from hitl_temporal.domain.flow.effects import StartAsk
from hitl_temporal.domain.people import SUBJECT, SYSTEM, Load, Roster
from hitl_temporal.domain.simulation import directory
from hitl_temporal.domain.simulation.agenda import Agenda
from hitl_temporal.domain.simulation.journal import Journal
from hitl_temporal.domain.simulation.setting import Setting

__all__ = ["Question", "Questions"]

_EVIDENCE = Evidence(trace_id="0" * 32, events=0, digest="0" * 64)
"""Nothing is written down here."""


@dataclass
class Question:
    """A question with its place in the simulation; `start` is what has put it, None for a review."""

    state: Approval
    run: str | None = None
    start: StartAsk | None = None
    is_told: bool = False


class Questions:
    """All of them, in the order in which they were put.

    Attributes:
        receipt: What the last command was answered; None: what has happened since was no command.
    """

    def __init__(
        self, agenda: Agenda, setting: Setting, journal: Journal, tell: Callable[[str, of_run.Event], None]
    ) -> None:
        """Take when things happen, where, who keeps account of it, and who tells a run of an answer."""
        self._agenda = agenda
        self._setting = setting
        self._journal = journal
        self._tell = tell
        self._turns: dict[str, dict[str, int]] = {}
        self.by_id: dict[str, Question] = {}
        self.receipt: Receipt | None = None

    def put(self, run: str, effect: StartAsk) -> None:
        """Put the question of a run."""
        state = begin(
            effect.approval,
            effect.ask,
            requester=effect.requester,
            at=self._agenda.now,
            on_behalf_of=effect.on_behalf_of,
            context=effect.context,
            origin=effect.origin,
            fields=effect.fields,
            seed=effect.approval,
        )
        self._open(Question(state, run, effect))

    def _open(self, question: Question) -> None:
        state = question.state
        self.by_id[state.id] = question
        roster = self._roster(state)
        self._feed(
            state.id, events.PeopleResolved(at=self._agenda.now, roster=roster, calendars=self._setting.calendars)
        )

    def _roster(self, state: Approval, *persons: str) -> Roster:
        wanted = [p for p in (*persons, *people(state)) if not p.startswith(SYSTEM)]
        found = directory.roster(self._setting.people, self._setting.absences, selectors(state), wanted)
        wanted_loads = picks(state.but(roster=found))
        if not wanted_loads:
            return found
        weighed = dict.fromkeys(p for _, policy, persons in wanted_loads if policy != "round_robin" for p in persons)
        turns = {key: self._turn(key, state.id) for key, policy, _ in wanted_loads if policy == "round_robin"}
        return found.but(loads={p: self._load(p, state) for p in weighed}, turns=turns)

    def _load(self, person: str, asking: Approval) -> Load:
        others = [q.state for q in self.by_id.values() if q.state.id != asking.id]
        return Load(
            open=sum(person in may_act_anywhere(s) for s in others if s.outcome is None),
            decided=sum(any(d.actor == person for d in s.decisions) for s in others if s.flow == asking.flow),
        )

    def _turn(self, key: str, approval: str) -> int:
        known = self._turns.setdefault(key, {})
        return known.setdefault(approval, len(known))

    def look(self, approval: str) -> None:
        """Let a question look at the time and the directory."""
        state = self.by_id[approval].state
        if state.outcome is None:
            self._feed(approval, events.TimePassed(at=self._agenda.now, roster=self._roster(state)))

    def submit(self, approval: str, verb: str, command: Command) -> None:
        """Let somebody do something about a question; `receipt` has the answer."""
        state = self.by_id[approval].state
        named = (command.actor, getattr(command, "to", None))
        roster = self._roster(state, *(p for p in named if p is not None)) if state.outcome is None else None
        event = events.CommandSubmitted(at=self._agenda.now, verb=verb, command=command, roster=roster)
        self._feed(approval, event)

    def _feed(self, approval: str, event: events.Event) -> None:
        question = self.by_id[approval]
        self.receipt = None
        question.state, effects = advance(question.state, event)
        ends: list[events.DeliveryEnd] = []
        for effect in effects:
            match effect:
                case Reply():
                    self.receipt = effect.receipt
                case Deliver():
                    self._journal.told(approval, effect.delivery, self._agenda.now)
                    channel = next(iter(effect.via), "web")
                    ends.append(events.DeliveryEnd(delivery=effect.delivery.id, state="delivered", channel=channel))
                case Supersede():
                    self._agenda.put(lambda: self._supersede(approval))
                case StartReview():
                    self._agenda.put(lambda effect=effect: self._review(effect))
                case Record():
                    pass
                case _:
                    assert_never(effect)
        if ends:
            event = events.DeliveriesEnded(at=self._agenda.now, ended=tuple(ends))
            self._agenda.put(lambda: self._feed(approval, event))
        if question.state.outcome is not None and not question.is_told:
            question.is_told = True
            self._agenda.put(lambda: self._tell_outcome(approval))

    def _tell_outcome(self, approval: str) -> None:
        question = self.by_id[approval]
        self._feed(approval, events.Closed(at=self._agenda.now))
        if question.start is None or question.run is None:
            return
        told = result(question.state, _EVIDENCE)
        step, n = question.start.step, question.start.n
        if question.start.is_extension:
            event = of_run.ExtensionAnswered(at=self._agenda.now, step=step, approval=approval, result=told)
        elif question.start.is_repair:
            event = of_run.RepairAnswered(at=self._agenda.now, step=step, approval=approval, result=told)
        else:
            event = of_run.AskAnswered(at=self._agenda.now, step=step, n=n, approval=approval, result=told)
        self._tell(question.run, event)

    def _supersede(self, approval: str) -> None:
        """Withdraw the older questions about the same."""
        mine = self.by_id[approval].state
        for rival in [*self.by_id]:
            other = self.by_id[rival].state
            is_same = (other.flow, other.subject) == (mine.flow, mine.subject)
            if rival != approval and other.outcome is None and is_same:
                self.submit(rival, "withdraw", Withdraw(actor=SUBJECT, reason=f"superseded by {approval}"))

    def _review(self, effect: StartReview) -> None:
        request = Request.model_validate(effect.request)
        state = begin(
            effect.approval,
            request.ask,
            requester=request.requester,
            at=self._agenda.now,
            on_behalf_of=request.on_behalf_of,
            context=request.context,
            origin=request.origin,
            seed=effect.approval,
        )
        self._open(Question(state))
