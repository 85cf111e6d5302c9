"""The approval machine: what one `advance` costs, with fifty people in each of five stages.

The reference is what the same answer costs at the least: to parse it and to digest it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter

from benchmarks.figures import Figure, figure
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.commands import Decide, parse
from hitl_temporal.domain.approval.events import CommandSubmitted, Event, PeopleResolved, TimePassed
from hitl_temporal.domain.approval.listing import listing
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.approval.surroundings import selectors
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.value import digest

STAGES, PEOPLE = 5, 50
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def directory(stages: int = STAGES, people: int = PEOPLE) -> People:
    """Return a group of people for each stage."""
    names = {s: [f"p{s}x{n}" for n in range(people)] for s in range(stages)}
    return People(
        people={p: Person(name=p) for members in names.values() for p in members} | {"ann": Person(name="Ann")},
        groups={f"g{s}": Group(members=tuple(members)) for s, members in names.items()},
    )


def question(stages: int = STAGES) -> Ask:
    """Return an ask whose every stage needs all of its group."""
    return Ask.model_validate(
        {
            "title": "Go?",
            "stages": [
                {"name": f"s{s}", "who": f"group:g{s}", "approve": "all", "due": "30d", "remind": "1d"}
                for s in range(stages)
            ],
        }
    )


def life(stages: int = STAGES, people: int = PEOPLE) -> Iterator[tuple[Approval, Event]]:
    """Yield each state of a whole life with the event that comes next: an answer a minute."""
    known = directory(stages, people)
    state, at = begin("a-1", question(stages), requester="ann", at=START), START
    roster = known.roster(selectors(state), ["ann"])
    event: Event = PeopleResolved(at=at, roster=roster)
    yield state, event
    state, _ = advance(state, event)
    for s in range(stages):
        for n in range(people):
            at += timedelta(minutes=1)
            decide = Decide(actor=f"p{s}x{n}", outcome="approved", key=f"k{s}x{n}")  # as every door sends it
            # The directory is read for every answer, so each comes with a roster of its own.
            event = CommandSubmitted(at=at, verb="decide", command=decide, roster=roster.but())
            yield state, event
            state, _ = advance(state, event)
    assert state.outcome == "approved", state.tally if hasattr(state, "tally") else state.reason


def _timed(work: object, *arguments: object) -> float:
    assert callable(work)
    began = perf_counter()
    work(*arguments)
    return perf_counter() - began


def figures() -> Iterator[Figure]:
    """Yield the figures of the machine, each a median over a whole life."""
    steps = list(life())
    answers = [(state, event) for state, event in steps if isinstance(event, CommandSubmitted)]
    payload = {"actor": "p0x0", "outcome": "approved"}
    least = figure("reference: parse and digest one answer", [_timed(_least, payload) for _ in range(500)])
    yield least
    times = [_timed(advance, state, event) for state, event in answers]
    yield figure(f"approval: advance by one answer, {STAGES} stages of {PEOPLE} people", times, reference=least)
    opening = [_timed(advance, *steps[0]) for _ in range(100)]
    yield figure(f"approval: advance by the opening, {PEOPLE} people asked", opening, reference=least)
    ticks = [_timed(advance, state, TimePassed(at=event.at)) for state, event in answers]
    yield figure("approval: advance by time alone", ticks, reference=least)
    middle = answers[len(answers) // 2][0]
    yield figure("approval: status of the middle of it", [_timed(status, middle) for _ in range(200)], reference=least)
    yield figure("approval: listing of it", [_timed(listing, middle) for _ in range(200)], reference=least)


def _least(payload: dict[str, str]) -> str:
    return digest(repr(parse("decide", payload)))
