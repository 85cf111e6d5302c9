"""Whose place in a stage is held by whom: hand-overs and absences applied to those who are named.

A place belongs to its owner and is filled by one vote. Its holder may be somebody else: a delegate or, beside the
owner, whoever stands in during an absence. They answer in their own name, on behalf of the owner.

Must not know: who is barred, votes.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from hitl_temporal.domain.absence import stand_in
from hitl_temporal.domain.approval.state import Approval, StageRun


class Seat(NamedTuple):
    """One way in which a person may act.

    Attributes:
        named: Whom the stage names: the place counts for the entries that name this person.
        owner: In whose name the answer counts.
        holder: Who may give it.
        via: Through whose hands it came to the holder: whoever stands in may themselves be away.
    """

    named: str
    owner: str
    holder: str
    via: tuple[str, ...] = ()


def are_own(state: Approval, stage: StageRun) -> bool:
    """Tell whether every place of a stage is held by its owner alone, as mostly: then much is quicker to say."""
    return not stage.handovers and not state.roster.absences


def seats(state: Approval, stage: StageRun, selectors: tuple[str, ...]) -> tuple[Seat, ...]:
    """Return every way in which somebody may act in a stage, in order: of one place the owner's own way first."""
    named = state.roster.named_by(selectors)
    if are_own(state, stage):
        return tuple(map(_own, named))
    held = list(_handed_over(stage, named))
    return (*held, *(s for seat in held for s in _stand_ins(state, stage, seat)))


@lru_cache(maxsize=4096)
def _own(person: str) -> Seat:
    """Return the seat of somebody who holds their own place: every event asks for those of everybody again."""
    return Seat(person, person, person)


def _handed_over(stage: StageRun, named: tuple[str, ...]) -> Iterator[Seat]:
    places = {p: Seat(p, p, p) for p in named}
    for handover in stage.handovers:
        given = [n for n, seat in places.items() if seat.holder == handover.giver]
        for name in given:
            seat = places[name]
            owner = seat.owner if handover.kind == "delegate" else handover.taker
            places[name] = Seat(seat.named, owner, handover.taker, _via(seat, owner, handover.taker))
        if handover.kind == "reassign" and handover.giver is None:
            places.setdefault(handover.taker, Seat(handover.taker, handover.taker, handover.taker))
    yield from places.values()


def _via(seat: Seat, owner: str, taker: str) -> tuple[str, ...]:
    """Return through whose hands a place comes to its taker; who has given it away and has it back stands for it."""
    if taker == owner:
        return ()
    via = seat.via if seat.holder == owner else (*seat.via, seat.holder)
    return via[: via.index(taker)] if taker in via else via


def _stand_ins(state: Approval, stage: StageRun, seat: Seat) -> Iterator[Seat]:
    found = stand_in(state.roster.absences, seat.holder, at=state.now, flow=state.flow, context=state.context)
    if found is None:
        return
    chain, first = found.chain, 1 if seat.holder == seat.owner else 0
    # Who has left passes nothing on by being away; what they had handed on before stays where it is.
    if not all(map(state.roster.is_active, chain[first:-1])):
        return
    for handover in stage.handovers:  # who stands in may have given away what they could do here
        if handover.giver == chain[-1] != seat.holder:
            taker = handover.taker
            chain = chain[: chain.index(taker) + 1] if taker in chain else (*chain, taker)
    between = chain[first:-1]
    if chain[-1] != seat.holder:
        yield Seat(seat.named, seat.owner, chain[-1], (*seat.via, *between))
