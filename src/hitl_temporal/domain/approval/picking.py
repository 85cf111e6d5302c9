"""Picking a few of many: one person is asked, not the whole group.

Must not know: how loads and turns were counted.
"""

from collections.abc import Iterator

from hitl_temporal.domain.absence import is_absent
from hitl_temporal.domain.approval.eligibility import eligible, filled
from hitl_temporal.domain.approval.notation import picking
from hitl_temporal.domain.approval.seats import Seat
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.people import Load
from hitl_temporal.domain.value import digest


def pick(state: Approval, stage: StageRun, found: tuple[Seat, ...]) -> tuple[str, ...]:
    """Return for whose places a stage asks, of those that could be filled, in their order; all where it does not pick.

    A stage that is asked again asks those who had it: they know the case. Last come, each only where others don't
    suffice, who is away with nobody to stand in for them, and who has a part in a stage beside this one: deciding the
    one would bar them from the other.
    """
    people = tuple(dict.fromkeys(s.named for s in found))
    if stage.document.pick is None:
        return people
    wanted = picking(stage.document.pick)
    voted, had = filled(state, stage), _had(stage)
    engaged, there = frozenset(_engaged(state, stage, found)), frozenset(_there(state, found))
    ranked = sorted(
        _ranked(state, stage, people, wanted.policy),
        key=lambda p: (p not in voted, p in engaged, p not in there, p not in had),
    )
    chosen = frozenset(ranked[: wanted.people])
    return tuple(p for p in people if p in chosen)


def is_unread(state: Approval, stage: StageRun, found: tuple[Seat, ...]) -> bool:
    """Tell whether a stage picks by loads or turns that have not been read: it has not enough of those who had it."""
    if stage.document.pick is None:
        return False
    wanted, roster = picking(stage.document.pick), state.roster
    known = turn_key(state, stage) in roster.turns if wanted.policy == "round_robin" else bool(roster.loads)
    again = _had(stage).intersection(_there(state, found)).difference(_engaged(state, stage, found))
    people = {s.named for s in found}
    return wanted.policy != "random" and not known and len(people) > wanted.people > len(people & again)


def _had(stage: StageRun) -> frozenset[str]:
    """Return whose places a stage had before it was asked again: of who was asked, and whom an operator brought in."""
    return frozenset((*stage.asked, *(h.taker for h in stage.handovers if h.giver is None)))


def _there(state: Approval, found: tuple[Seat, ...]) -> Iterator[str]:
    """Yield in whose places somebody could answer who is not away."""
    absences, at, flow, context = state.roster.absences, state.now, state.flow, state.context
    for seat in found:
        if not is_absent(absences, seat.holder, at=at, flow=flow, context=context):
            yield seat.named


def _engaged(state: Approval, stage: StageRun, found: tuple[Seat, ...]) -> Iterator[str]:
    """Yield whose places would be filled by, or in the name of, somebody who has a part in a stage beside this one."""
    beside = (
        s
        for s in state.stages
        if s.block == stage.block and s.name != stage.name and (s.document.distinct or stage.document.distinct)
    )
    taken = {p for other in beside for seat in _parts(state, other) for p in (seat.owner, seat.holder)}
    for seat in found:
        if not taken.isdisjoint((seat.owner, seat.holder)):
            yield seat.named


def _parts(state: Approval, stage: StageRun) -> tuple[Seat, ...]:
    """Return the places of a stage that is open or about to be; of those that it could pick, whose it had before."""
    if stage.is_live:
        return eligible(state, stage, stage.who)
    if stage.state != "pending":
        return ()
    found = eligible(state, stage, stage.cast.who) or eligible(state, stage, stage.cast.fallback)
    if stage.document.pick is None or len({s.named for s in found}) <= picking(stage.document.pick).people:
        return found
    had = _had(stage)
    return tuple(s for s in found if s.named in had)


def turn_key(state: Approval, stage: StageRun) -> str:
    """Return whose turns are counted together for `round_robin`: a stage of a flow."""
    return f"{state.flow or 'approval'}:{stage.name}"


def _ranked(state: Approval, stage: StageRun, people: tuple[str, ...], policy: str) -> list[str]:
    loads = state.roster.loads

    def lot(person: str) -> str:
        return digest([state.seed, stage.name, stage.round, person])

    def load(person: str) -> Load:
        return loads.get(person, Load())

    match policy:
        case "round_robin":
            turn = state.roster.turns.get(turn_key(state, stage))
            if turn is None or not people:
                return sorted(people, key=lot)
            first = turn * picking(stage.document.pick or policy).people % len(people)
            return [*people[first:], *people[:first]]
        case "least_loaded":
            return sorted(people, key=lambda p: (load(p).open, lot(p)))
        case "experienced":
            return sorted(people, key=lambda p: (-load(p).decided, load(p).open, lot(p)))
        case _:
            return sorted(people, key=lot)
