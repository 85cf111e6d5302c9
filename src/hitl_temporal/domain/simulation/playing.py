"""A scenario played out: what it says happens, happens; what must have come of it is compared.

Must not know: files, how differences are told.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import count

from pydantic import ValidationError

from hitl_temporal.domain import calendar
from hitl_temporal.domain.absence import MAX_PERIOD, Absence
from hitl_temporal.domain.approval import commands as verbs
from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.flow import commands as actions
from hitl_temporal.domain.flow.address import turns_in, with_turns
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.simulation import directory
from hitl_temporal.domain.simulation.answers import Answers
from hitl_temporal.domain.simulation.checking import At, Difference, compare
from hitl_temporal.domain.simulation.finding import Found, NoSuchStepError, find, question_about
from hitl_temporal.domain.simulation.scenario import (
    Act,
    Answering,
    Directory,
    Entry,
    Expected,
    Given,
    Operation,
    Scenario,
    Told,
)
from hitl_temporal.domain.simulation.setting import Setting
from hitl_temporal.domain.simulation.world import Simulation, SimulationError
from hitl_temporal.domain.value import Json, Value

__all__ = ["Played", "play"]

ASSURANCE = "medium"
"""How sure it is who answers, where an entry does not say: as after a login."""


class Played(Value):
    """What came of a scenario.

    Attributes:
        differences: What is not as it was expected, in order; empty: it is all so.
        refused: What was done and did not count, though nothing was said about its receipt: it may explain the rest.
    """

    differences: tuple[Difference, ...] = ()
    refused: tuple[Difference, ...] = ()


def play(scenario: Scenario, flow: Flow, setting: Setting) -> Played:
    """Return what came of a scenario of a flow in its setting, which is changed on the way."""
    playing = _Playing(scenario, flow, setting)
    differences = tuple(playing.differences())
    return Played(differences=differences, refused=tuple(playing.refused))


class _Playing:
    """One scenario on its way."""

    def __init__(self, scenario: Scenario, flow: Flow, setting: Setting) -> None:
        self._scenario = scenario
        self._flow = flow
        self._setting = setting
        self._numbers = count(1)
        self.refused: list[Difference] = []

    def differences(self) -> Iterator[Difference]:
        """Play it, and yield what is otherwise than expected; what keeps it from going on is the last of them."""
        at: At = ("given",)
        try:
            simulation = self._begin()
            for index, entry in enumerate(self._scenario.when):
                at = ("when", index, entry.key)
                yield from self._happen(simulation, entry, at)
            yield from compare(simulation, self._scenario.then, ("then",))
        except (SimulationError, ExpressionError, CalendarError) as error:
            yield Difference(at=at, message=str(error))
        except _GivenError as error:
            yield Difference(at=("given", error.key), message=str(error))

    def _begin(self) -> Simulation:
        given, setting = self._scenario.given, self._setting
        setting.people = directory.merged(setting.people, given.people)
        try:
            setting.absences = _absences(given)
        except ValidationError as error:
            raise _GivenError("absences", first_problem(error)) from error
        try:
            inputs = setting.check(self._flow, given.inputs)
        except ValueError as error:
            raise _GivenError("inputs", str(error)) from error
        return Simulation(
            self._flow,
            inputs,
            setting,
            at=given.at,
            requester=given.requester,
            on_behalf_of=given.on_behalf_of,
            answers=Answers(given.jobs),
        )

    def _happen(self, simulation: Simulation, entry: Entry, at: At) -> Iterator[Difference]:
        match entry.value:
            case Expected() as expected:
                yield from compare(simulation, expected, at)
            case Operation() as operation:
                yield from self._operate(simulation, operation, at)
            case Told() as told:
                yield from self._tell(simulation, told, at)
            case Directory() as changes:
                simulation.become(_changed(simulation, changes))
            case str(duration):
                counted_in = calendar.choose(self._setting.calendars, self._flow.calendar, duration)
                simulation.pass_time(calendar.add(simulation.now, duration, counted_in))
            case value:
                assert isinstance(value, Act), "what else an entry holds"
                yield from self._act(simulation, entry.key, value, at)

    def _act(self, simulation: Simulation, key: str, act: Act, at: At) -> Iterator[Difference]:
        try:
            (found, *more) = find(simulation, act.step)
        except NoSuchStepError as error:
            yield Difference(at=(*at, "step"), message=str(error))
            return
        question = question_about(simulation, found)
        if question is None or more:
            wrong = "is in several items; name one, such as post[0].approve" if more else _asks_nobody(found)
            yield Difference(at=(*at, "step"), message=f"step {act.step!r} {wrong}")
            return
        verb, body = ("decide", _decision(act)) if isinstance(act, Answering) else (key, act.body)
        if "assurance" in verbs.VERBS[verb].command.model_fields:
            body = {"assurance": ASSURANCE, **body}
        command = verbs.parse(verb, body)
        receipt = command if isinstance(command, verbs.Receipt) else simulation.submit(question.state.id, verb, command)
        yield from self._compare_receipt(act.receipt, receipt.status, receipt.reason, "counted", at)

    def _operate(self, simulation: Simulation, operation: Operation, at: At) -> Iterator[Difference]:
        run, body = simulation.run.id, {**operation.body}
        if operation.step is not None:
            try:
                found = find(simulation, operation.step)[0]
            except NoSuchStepError as error:
                yield Difference(at=(*at, "step"), message=str(error))
                return
            run = found.seat.run.id
            body["step"] = with_turns(found.address, turns_in(operation.step)[1])
        yield from self._send(simulation, run, operation, body, at)

    def _tell(self, simulation: Simulation, told: Told, at: At) -> Iterator[Difference]:
        """Tell an event to the run, and to those that are under way within it."""
        number = next(self._numbers)
        body: dict[str, Json] = {
            "source": "scenario",
            "id": str(number),
            "time": simulation.now.isoformat(),
            **told.body,
            "type": told.type,
        }
        operation = Operation(action="event", receipt=told.receipt)
        yield from self._send(simulation, simulation.run.id, operation, {"event": body}, at)
        for run, seat in [*simulation.seats.items()][1:]:
            if seat.run.status is None:
                tuple(self._send(simulation, run, Operation(action="event"), {"event": body}, at))

    def _send(
        self, simulation: Simulation, run: str, operation: Operation, body: Mapping[str, Json], at: At
    ) -> Iterator[Difference]:
        command = actions.parse(operation.action, body)
        receipt = (
            command if isinstance(command, actions.Receipt) else simulation.operate(run, operation.action, command)
        )
        yield from self._compare_receipt(operation.receipt, receipt.status, receipt.reason, "done", at)

    def _compare_receipt(
        self, expected: str | None, status: str, reason: str, good: str, at: At
    ) -> Iterator[Difference]:
        because = f" ({reason[:300]})" if reason else ""
        if expected is not None and status != expected:
            message = f"receipt: expected {expected}, found {status}{because}"
            yield Difference(at=(*at, "receipt"), message=message)
        elif expected is None and status not in {good, "asked"}:
            self.refused.append(Difference(at=at, message=f"this did not count: {status}{because}"))


class _GivenError(Exception):
    """What is given does not fit; `key` says what."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


def _decision(answer: Answering) -> dict[str, Json]:
    body = answer.body
    values = body.pop("with", None)
    form: dict[str, Json] = {} if values is None else {"form": {"with": values}}
    return {**body, "actor": answer.actor, "outcome": answer.outcome, **form}


def _asks_nobody(found: Found) -> str:
    because = f" ({found.now.error})" if found.now.error else ""
    return f"asks nobody: it is {found.now.state}{because}"


def _absences(given: Given) -> dict[str, tuple[Absence, ...]]:
    found: dict[str, tuple[Absence, ...]] = {}
    for number, away in enumerate(given.absences, start=1):
        since = away.since or given.at - timedelta(days=1)
        terms = {"since": since, "until": away.until or since + MAX_PERIOD, "substitute": away.substitute}
        about = {"flow": away.flow, "if": away.condition}
        absence = Absence.model_validate({"id": str(number), "person": away.person, **terms, **about})
        found[away.person] = (*found.get(away.person, ()), absence)
    return found


def _changed(simulation: Simulation, changes: Directory) -> People:
    people = simulation.setting.people
    if isinstance(changes.leave, dict):
        people = directory.left_groups(people, changes.leave)
    else:
        people = directory.left(people, changes.leave)
    return directory.joined(people, changes.join)
