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

    Last come, each only where others don't suffice, who is away with nobody to stand in for them, and who has a part in
    a stage beside this one: deciding the one would bar them from the other.
    """
    people = tuple(dict.fromkeys(s.named for s in found))
    if stage.document.pick is None:
        return people
    wanted = picking(stage.document.pick)
    voted, there = filled(state, stage), frozenset(_there(state, found))
    engaged = frozenset(_engaged(state, stage, found))
    ranked = sorted(
        _ranked(state, stage, people, wanted.policy),
        key=lambda p: (p not in voted, p in engaged, p not in there),
    )
    chosen = frozenset(ranked[: wanted.people])
    return tuple(p for p in people if p in chosen)


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
    """Return the places of a stage that is open, or of one that opens next to it: unless it has others to pick from."""
    if stage.is_live:
        return eligible(state, stage, stage.who)
    if stage.state != "pending":
        return ()
    found = eligible(state, stage, stage.cast.who) or eligible(state, stage, stage.cast.fallback)
    has_others = stage.document.pick is not None and len({s.named for s in found}) > picking(stage.document.pick).people
    return () if has_others else found


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
