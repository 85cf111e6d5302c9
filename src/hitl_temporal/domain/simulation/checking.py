"""What was expected of a simulation and is otherwise.

Must not know: files, how it is told.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from hitl_temporal.domain.approval.eligibility import may_act_anywhere
from hitl_temporal.domain.approval.records import Occasion
from hitl_temporal.domain.flow.address import step_id
from hitl_temporal.domain.flow.views import why
from hitl_temporal.domain.simulation.finding import Found, NoSuchStepError, end_of_turn, find, question_about
from hitl_temporal.domain.simulation.journal import End
from hitl_temporal.domain.simulation.scenario import Expected, Occasions
from hitl_temporal.domain.simulation.world import Simulation
from hitl_temporal.domain.value import Json, Value, canonical

__all__ = ["At", "Difference", "compare"]

At = tuple[str | int, ...]
"""The way to a place in the document of a scenario."""


class Difference(Value):
    """One thing that is not as it was expected."""

    at: At
    message: str


def compare(simulation: Simulation, expected: Expected, at: At) -> tuple[Difference, ...]:
    """Return what is otherwise, in the order of the document's keys.

    Args:
        simulation: As it stands.
        expected: What must be so.
        at: Where that is written.
    """
    return tuple(d.but(at=(*at, *d.at)) for d in _compare(simulation, expected))


_OCCASIONS: Mapping[Occasions, Occasion] = {
    "asked": "asked",
    "reminders": "reminded",
    "escalations": "escalated",
    "notices": "notice",
}


def _compare(simulation: Simulation, expected: Expected) -> Iterator[Difference]:
    run = simulation.run
    if expected.status is not None and expected.status != run.state:
        reason = run.reason or "; ".join(f"{r.step}: {r.reason}" for r in why(run))
        yield _different(("status",), expected.status, run.state, reason)
    yield from _each(simulation, "steps", expected.steps, _state)
    yield from _each(simulation, "outcomes", expected.outcomes, _outcome)
    yield from _outputs(simulation, expected.outputs)
    yield from _asked(simulation, expected.asked)
    yield from _each(simulation, "waiting", expected.waiting, _waiting)
    for occasion, number in expected.sent.items():
        found = simulation.journal.count(_OCCASIONS[occasion])
        if found != number:
            yield _different(("sent", occasion), number, found)
    yield from _order(simulation, expected.order)
    yield from _undone(simulation, expected.undone)


def _different(at: At, expected: object, found: object, because: str = "") -> Difference:
    reason = f" ({because[:300]})" if because else ""
    return Difference(at=at, message=f"{_name(at)}: expected {_said(expected)}, found {_said(found)}{reason}")


def _name(at: At) -> str:
    return " of ".join(f"`{part}`" if n else str(part) for n, part in enumerate(at))


def _said(value: object) -> str:
    return value if isinstance(value, str) else canonical(value)[:500]


_Seen = Callable[[Simulation, Found, str], tuple[object, str]]
"""What a step is, and why."""


def _each(simulation: Simulation, key: str, expected: Mapping[str, object], see: _Seen) -> Iterator[Difference]:
    for address, wanted in expected.items():
        try:
            found = find(simulation, address)
        except NoSuchStepError as error:
            yield Difference(at=(key, address), message=str(error))
            continue
        for step in found:
            is_so, because = see(simulation, step, address)
            if is_so != wanted:
                yield _different((key, address), wanted, is_so, because)
                break


def _past(simulation: Simulation, found: Found, address: str) -> End | None:
    """Return how a step has ended in an earlier turn that was named; None: the present one is meant."""
    return None if found.is_present else end_of_turn(simulation, address)


def _state(simulation: Simulation, found: Found, address: str) -> tuple[object, str]:
    past = _past(simulation, found, address)
    return (found.now.state, found.now.error) if past is None else (past.state, "")


def _outcome(simulation: Simulation, found: Found, address: str) -> tuple[object, str]:
    past = _past(simulation, found, address)
    return (found.now.outcome, found.now.error) if past is None else (past.outcome, "")


def _waiting(_: Simulation, found: Found, __: str) -> tuple[object, str]:
    reasons = (r for r in why(found.seat.run) if r.step == found.address)
    reason = next(reasons, None)
    if reason is None or reason.state != "waiting":
        return None, f"it is {found.now.state}"
    return reason.reason, reason.releases


def _outputs(simulation: Simulation, expected: Mapping[str, Json]) -> Iterator[Difference]:
    run = simulation.run
    for name, wanted in expected.items():
        if name in run.definition.outputs:
            if not _same(run.outputs.get(name), wanted):
                yield _different(("outputs", name), wanted, run.outputs.get(name))
            continue
        try:
            found = find(simulation, name)
        except NoSuchStepError as error:
            known = ", ".join(run.definition.outputs) or "none"
            yield Difference(at=("outputs", name), message=f"{error}; outputs of the flow: {known}")
            continue
        for step in found:
            past = _past(simulation, step, name)
            gave = step.now.outputs if past is None else (past.outputs or {})
            yield from _output_of(name, wanted, gave)


def _output_of(name: str, wanted: Json, gave: dict[str, Json]) -> Iterator[Difference]:
    if not isinstance(wanted, dict):
        yield _different(("outputs", name), wanted, gave)
        return
    for key, value in wanted.items():
        if key not in gave or not _same(gave[key], value):
            yield _different(("outputs", name, key), value, gave.get(key))


def _same(one: Json, other: Json) -> bool:
    """Tell whether two values are the same; 1 and 1.0 are, true and 1 are not."""
    match one, other:
        case bool(), _:
            return one is other
        case _, bool():
            return False
        case list(), list():
            return len(one) == len(other) and all(map(_same, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
        case _:
            return one == other


def _asked(simulation: Simulation, expected: Mapping[str, Sequence[str]]) -> Iterator[Difference]:
    for address, wanted in expected.items():
        try:
            found = find(simulation, address)
        except NoSuchStepError as error:
            yield Difference(at=("asked", address), message=str(error))
            continue
        people = {p for step in found for p in _who_may_act(simulation, step)}
        if sorted(people) != sorted(wanted):
            because = "; ".join(dict.fromkeys(_why_not(simulation, step) for step in found))
            yield _different(("asked", address), sorted(wanted), sorted(people), because)


def _who_may_act(simulation: Simulation, found: Found) -> tuple[str, ...]:
    question = question_about(simulation, found) if found.is_present else None
    return () if question is None or question.state.outcome is not None else may_act_anywhere(question.state)


def _why_not(simulation: Simulation, found: Found) -> str:
    question = question_about(simulation, found)
    if question is None:
        return f"the step is {found.now.state}, and has asked nobody"
    parked = [f"stage {s.name!r} is parked: {s.reason}" for s in question.state.stages if s.state == "parked"]
    return "; ".join(parked) or f"the question is {question.state.state}"


def _order(simulation: Simulation, expected: tuple[str, ...] | None) -> Iterator[Difference]:
    if expected is None:
        return
    ends = simulation.journal.ends
    for address in dict.fromkeys(expected):
        if not any(address in {e.turn, e.address, step_id(e.address)} for e in ends):
            try:
                find(simulation, address)
            except NoSuchStepError as error:
                yield Difference(at=("order",), message=str(error))
                return
    found = [t for e in ends if (t := _named((e.turn, e.address, step_id(e.address)), expected)) is not None]
    if found != [*expected]:
        yield _different(("order",), [*expected], found)


def _undone(simulation: Simulation, expected: tuple[str, ...] | None) -> Iterator[Difference]:
    if expected is None:
        return
    found = [_named((a, step_id(a)), expected) or a for a in simulation.journal.undone]
    if found != [*expected]:
        yield _different(("undone",), [*expected], found)


def _named(names: tuple[str, ...], expected: Sequence[str]) -> str | None:
    """Return the first of the names of a step that is expected, None when none is."""
    return next((name for name in names if name in expected), None)
