"""How long a flow takes: many simulated runs, in which jobs, people and the world take a time that is drawn by lot.

Whoever may answer agrees. What is drawn depends on the seed alone, so the same question has the same answer.

Must not know: where what is given comes from, how a forecast is printed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from math import exp, log
from statistics import NormalDist
from typing import Literal

from pydantic import Field

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval import commands as verbs
from hitl_temporal.domain.approval.eligibility import may_act_anywhere
from hitl_temporal.domain.duration import backoff
from hitl_temporal.domain.flow import commands as actions
from hitl_temporal.domain.flow.address import step_id
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import ROOT
from hitl_temporal.domain.people import Person
from hitl_temporal.domain.simulation import directory
from hitl_temporal.domain.simulation.answers import Answers
from hitl_temporal.domain.simulation.questions import Question
from hitl_temporal.domain.simulation.scenario import Answer, Given
from hitl_temporal.domain.simulation.setting import Setting
from hitl_temporal.domain.simulation.world import Simulation
from hitl_temporal.domain.value import Json, Value, digest

__all__ = ["DEFAULTS", "Forecast", "OnPath", "Stuck", "forecast"]

DEFAULTS: Mapping[str, str] = {"call": "5s..1m", "run": "1m..10m", "flow": "1h..1d", "ask": "4h..2d", "wait": "4h..2d"}
"""By verb: half of them take no longer than the first, nine of ten no longer than the second; flows that are given."""

MAX_RUNS = 10_000
HORIZON = timedelta(days=366)
"""A run that is longer under way counts as not ended."""

_NINE_OF_TEN = NormalDist().inv_cdf(0.9)
_STAND_IN = "forecast"
"""Who does what nobody of the directory can be simulated to do, such as fill in a form."""

Who = Literal["people", "machines", "world"]
_WHO: Mapping[str, Who] = {"ask": "people", "wait": "world"}


class OnPath(Value):
    """A step of the flow that a run had to wait for.

    Attributes:
        share: Of the runs, from 0 to 1.
        p50: How long those runs waited for it, in seconds; half of them no longer.
        p90: Nine of ten of them no longer.
    """

    step: str
    who: Who
    share: float
    p50: float
    p90: float


class Stuck(Value):
    """A step with which runs did not get on, so that an operator would have to see to it.

    Attributes:
        reason: What was wrong, in one of the runs.
        runs: In how many.
    """

    step: str
    reason: str
    runs: int


class Forecast(Value):
    """What came of many runs.

    Attributes:
        statuses: How many ended how; of those that have not ended, what they are.
        p50: After how many seconds half of those that have ended were over; None: none has.
        p90: After how many seconds nine of ten were.
        path: What they waited for, the longest first.
        stuck: What had parked in those that have not ended, the most frequent first.
    """

    flow: str
    runs: int
    statuses: dict[str, int]
    p50: float | None = None
    p90: float | None = None
    path: tuple[OnPath, ...] = Field(default=())
    stuck: tuple[Stuck, ...] = Field(default=())


def forecast(
    flow: Flow,
    given: Given,
    setting: Setting,
    *,
    runs: int = 200,
    seed: str = "1",
    took: Mapping[str, str] | None = None,
) -> Forecast:
    """Return how long a flow takes.

    Args:
        flow: Which.
        given: What its runs begin with, and what their jobs give.
        setting: Where.
        runs: How many, at most `MAX_RUNS`.
        seed: What is drawn from.
        took: By step, how long it takes, such as `10m..2h`; of others `DEFAULTS` hold.

    Raises:
        ValueError: The inputs do not fit, or a range is none.
    """
    helper = setting.people.but(people={_STAND_IN: Person(name="Forecast", roles=("admin", "operator"))})
    people = directory.merged(directory.merged(setting.people, given.people), helper)
    inputs = setting.check(flow, given.inputs)
    ranges = {name: backoff(text) for name, text in {**DEFAULTS, **(took or {})}.items()}
    statuses: Counter[str] = Counter()
    lengths: list[float] = []
    waits: dict[str, list[float]] = {}
    stuck: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    for number in range(min(runs, MAX_RUNS)):
        setting.people = people
        drawn = _Drawn(flow, ranges, f"{seed}:{number}")
        simulation = _Playing(flow, inputs, given, setting, drawn).play()
        statuses[simulation.run.state] += 1
        if simulation.run.status is not None:
            lengths.append((simulation.now - given.at).total_seconds())
            for step, length in _critical(simulation, given.at):
                waits.setdefault(step, []).append(length)
        else:
            parked = {step_id(a): step.error for a, step in simulation.run.steps.items() if step.state == "parked"}
            stuck.update(parked.keys())
            reasons |= parked
    path = (_on_path(flow, step, found, len(lengths)) for step, found in waits.items())
    return Forecast(
        flow=flow.flow,
        runs=sum(statuses.values()),
        statuses=dict(statuses),
        p50=_share(lengths, 0.5),
        p90=_share(lengths, 0.9),
        path=tuple(sorted(path, key=lambda p: -p.share * p.p50)),
        stuck=tuple(Stuck(step=step, reason=reasons[step], runs=number) for step, number in stuck.most_common()),
    )


def _share(lengths: list[float], share: float) -> float | None:
    """Return what so much of them is no longer than."""
    return sorted(lengths)[min(int(len(lengths) * share), len(lengths) - 1)] if lengths else None


def _on_path(flow: Flow, step: str, found: list[float], of: int) -> OnPath:
    p50, p90 = _share(found, 0.5) or 0.0, _share(found, 0.9) or 0.0
    who = _WHO.get(flow.step(step).verb, "machines")
    return OnPath(step=step, who=who, share=len(found) / of, p50=p50, p90=p90)


def _critical(simulation: Simulation, began: datetime) -> Iterator[tuple[str, float]]:
    """Yield what a run waited for, the last first: of the steps that each one needs, the last to end."""
    plan, ends = simulation.run.definition.plan, {e.address: e.at for e in simulation.journal.ends}
    found = [name for name in plan.lists[ROOT] if name in ends]
    while found:
        last = max(found, key=lambda name: (ends[name], plan.spots[name].order))
        found = [name for need in plan.needs[last] for name in need.of if name in ends]
        length = (ends[last] - max((ends[name] for name in found), default=began)).total_seconds()
        if length > 0:
            yield last, length


class _Drawn:
    """How long things take in one run."""

    def __init__(self, flow: Flow, ranges: Mapping[str, tuple[timedelta, timedelta]], seed: str) -> None:
        self._flow = flow
        self._ranges = ranges
        self._seed = seed
        self._drawn: Counter[str] = Counter()

    def length(self, address: str, verb: str) -> timedelta:
        """Draw how long a step takes this time."""
        typical, slow = self._ranges.get(address) or self._ranges.get(step_id(address)) or self._ranges[verb]
        self._drawn[address] += 1
        lot = (int(digest([self._seed, address, self._drawn[address]])[:12], 16) + 1) / (16**12 + 2)
        spread = log(max(slow / typical, 1)) / _NINE_OF_TEN
        return timedelta(seconds=round(typical.total_seconds() * exp(spread * NormalDist().inv_cdf(lot))))

    def verb(self, address: str) -> str:
        """Return the verb of a step, that of a call where it is one of a run within."""
        spot = self._flow.plan.spots.get(step_id(address))
        return spot.step.verb if spot is not None else "call"


class _Answers(Answers):
    """What jobs give, with the time that is drawn for each attempt unless one is written."""

    def __init__(self, given: Given, drawn: _Drawn) -> None:
        super().__init__(given.jobs)
        self._drawn_lengths = drawn

    def next(self, who: str, key: str | None) -> Answer:
        answer = super().next(who, key)
        if answer.takes is not None:
            return answer
        length = self._drawn_lengths.length(who, self._drawn_lengths.verb(who))
        return answer.but(takes=f"{max(int(length.total_seconds()), 1)}s")


class _Playing:
    """One run, in which whoever is asked agrees after a while, and what is waited for comes."""

    def __init__(self, flow: Flow, inputs: dict[str, Json], given: Given, setting: Setting, drawn: _Drawn) -> None:
        self._drawn = drawn
        self._until = given.at + HORIZON
        self._calendar = calendar.choose(setting.calendars, flow.calendar, "1bd")
        self._due: dict[object, tuple[datetime, Callable[[], None]]] = {}
        self._simulation = Simulation(
            flow,
            inputs,
            setting,
            at=given.at,
            requester=given.requester,
            on_behalf_of=given.on_behalf_of,
            answers=_Answers(given, drawn),
        )

    def play(self) -> Simulation:
        """Go on until the run has ended, or nothing moves it any more."""
        simulation = self._simulation
        self._plan()
        while simulation.run.status is None:
            key = min(self._due, key=lambda k: self._due[k][0], default=None)
            moments = [simulation.next_moment(), None if key is None else self._due[key][0]]
            moment = min((m for m in moments if m is not None), default=self._until)
            if moment >= self._until:
                break
            simulation.pass_time(moment)
            self._plan()  # the moment itself may have changed what is open
            if key in self._due and self._due[key][0] <= moment:
                self._due.pop(key)[1]()
                self._plan()
        return simulation

    def _plan(self) -> None:
        """Draw when each question that is open is answered, and when what is waited for comes; forget what is over."""
        now = {key: (do, address, verb) for key, do, address, verb in self._open()}
        self._due = {key: due for key, due in self._due.items() if key in now}
        for key in now.keys() - self._due.keys():
            do, address, verb = now[key]
            at = self._simulation.now + self._drawn.length(address, verb)
            at = calendar.next_opening(at, self._calendar) if verb == "ask" else at
            self._due[key] = (at, do)

    def _open(self) -> Iterator[tuple[object, Callable[[], None], str, str]]:
        for question in self._simulation.questions.by_id.values():
            state = question.state
            if state.outcome is None and question.start is not None and may_act_anywhere(state):
                key = (state.id, len(state.decisions), tuple(s.name for s in state.live_stages))
                yield key, lambda question=question: self._agree(question), question.start.step, "ask"
        for seat in self._simulation.seats.values():
            for address, step in seat.run.steps.items():
                if step.is_begun and step.state == "waiting" and step.awaits:
                    run = seat.run.id
                    yield (run, address, step.n), lambda run=run, a=address: self._come(run, a), address, "wait"

    def _agree(self, question: Question) -> None:
        """Let the first who may agree; where that does not count, such as without a form, somebody does it alone."""
        actor = may_act_anywhere(question.state)[0]
        body: dict[str, Json] = {"actor": actor, "outcome": "approved", "comment": "forecast", "assurance": "high"}
        if self._submit(question.state.id, "decide", body) != "counted":
            self._submit(question.state.id, "override", {**body, "actor": _STAND_IN, "reason": "forecast"})

    def _submit(self, approval: str, verb: str, body: dict[str, Json]) -> str:
        command = verbs.parse(verb, body)
        assert isinstance(command, verbs.Command), "it is complete"
        return self._simulation.submit(approval, verb, command).status

    def _come(self, run: str, address: str) -> None:
        """Let what a step waits for come."""
        command = actions.parse("finish", {"actor": _STAND_IN, "step": address, "reason": "forecast"})
        assert isinstance(command, actions.Operate), "it is complete"
        self._simulation.operate(run, "finish", command)
