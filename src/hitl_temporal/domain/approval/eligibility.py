"""Who may act in a stage, and why somebody may not: the one place that knows the bars.

Everything here is judged on the people last read, `state.roster`.

Must not know: votes needed, time, doors.
"""

from collections.abc import Set as AbstractSet
from itertools import chain

from hitl_temporal.domain.approval.seats import Seat, are_own, seats
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.votes import Votes, book_of
from hitl_temporal.domain.memo import Memo
from hitl_temporal.domain.people import OPERATORS, SYSTEM
from hitl_temporal.domain.words import moment

_ELIGIBLE: Memo[tuple[Seat, ...]] = Memo()
_UNDECIDED: Memo[tuple[Seat, ...]] = Memo()
_DONE: Memo[frozenset[str]] = Memo()
_OPEN: Memo[tuple[Seat, ...]] = Memo()
_FREE: Memo[tuple[Seat, ...]] = Memo()


def eligible(state: Approval, stage: StageRun, selectors: tuple[str, ...]) -> tuple[Seat, ...]:
    """Return the seats of those named by `selectors` that could be counted in this stage, in order; voters' included.

    Neither a delegate nor a substitute opens a way that is barred: the place, its holder and everybody between them
    are judged, or a requester who stands in for an approver would choose who decides by being away.
    """
    key = _judged_on(state, stage, selectors)
    found = _ELIGIBLE.of(key, lambda: _eligible(state, stage, selectors))
    if not stage.document.distinct:
        return found
    elsewhere = book_of(state.decisions).outside(stage.document.name)
    return _UNDECIDED.of((found, *elsewhere), lambda: _undecided(found, elsewhere)) if elsewhere else found


def _judged_on(state: Approval, stage: StageRun, selectors: tuple[str, ...]) -> tuple[object, ...]:
    """Return all that tells who is eligible but what has been decided, which changes with each vote."""
    # Absences come and go with time, the other bars don't.
    time = (state.now, state.context) if state.roster.absences else ()
    return (state.roster, state.barred, selectors, stage.document, stage.cast, stage.handovers, *time)


def _undecided(found: tuple[Seat, ...], elsewhere: tuple[Votes, ...]) -> tuple[Seat, ...]:
    """Leave out who has decided another stage, and in whose name it was: else a hand-over would give two votes."""
    # While a stage is answered, those before it stay as they are.
    done = _DONE.of(elsewhere, lambda: frozenset(chain.from_iterable(v.actors | v.places for v in elsewhere)))
    return tuple([s for s in found if s.owner not in done and s.holder not in done])


def _eligible(state: Approval, stage: StageRun, selectors: tuple[str, ...]) -> tuple[Seat, ...]:
    if hides_bars(state, stage):
        return ()
    barred, cards, found = _barred(state, stage), state.roster.cards, seats(state, stage, selectors)
    fit = [s for s in found if s.owner not in barred and (card := cards.get(s.owner)) is not None and card.active]
    if are_own(state, stage):
        return tuple(fit)
    free = [s for s in fit if s.holder not in barred and barred.isdisjoint(s.via)]
    return tuple([s for s in free if state.roster.is_active(s.holder)])


def owners(found: tuple[Seat, ...]) -> tuple[str, ...]:
    """Return whose places these are, each once, in order."""
    return tuple(dict.fromkeys(s.owner for s in found))


def open_seats(state: Approval, stage: StageRun) -> tuple[Seat, ...]:
    """Return the seats in which somebody could still vote, were it not claimed, sent back or cooling off."""
    if stage.state != "open" or state.outcome is not None:
        return ()
    key = (*_judged_on(state, stage, stage.who), state.decisions)
    return _OPEN.of(key, lambda: _open(state, stage))


def _open(state: Approval, stage: StageRun) -> tuple[Seat, ...]:
    found = eligible(state, stage, stage.who)
    actors, places, named, _ = book_of(state.decisions).of(stage.document.name)
    if not actors:
        return found
    # A place has one vote, and so has its owner: who was given a second place does not get a second vote with it.
    return tuple([s for s in found if not (s.holder in actors or s.owner in places or s.named in named)])


def free_seats(state: Approval, stage: StageRun) -> tuple[Seat, ...]:
    """Return the seats in which somebody can vote now."""
    if state.cooling is not None or (state.info is not None and state.info.rework):
        return ()
    free = open_seats(state, stage)
    claim = stage.claim
    if claim is None:
        return free
    # A holder who can't act any more keeps nobody waiting.
    return _FREE.of((free, claim), lambda: tuple([s for s in free if s.holder == claim.holder]) or free)


def may_act(state: Approval, stage: StageRun) -> tuple[str, ...]:
    """Return who can vote now."""
    return tuple(dict.fromkeys([s.holder for s in free_seats(state, stage)]))


def may_act_anywhere(state: Approval) -> tuple[str, ...]:
    """Return who can vote now in any open stage."""
    return tuple(dict.fromkeys(p for stage in state.live_stages for p in may_act(state, stage)))


def bar(state: Approval, stage: StageRun, person: str) -> str | None:
    """Return what keeps a person from this stage even if it names them, None when nothing does."""
    reason = lasting_bar(state, stage, person)
    if reason is not None or not stage.document.distinct:
        return reason
    elsewhere = book_of(state.decisions).elsewhere(person, stage.name)
    if elsewhere is None:
        return None
    is_own = person in book_of(state.decisions).of(elsewhere).actors
    done = f"{person!r} has decided stage" if is_own else f"in the name of {person!r} there is a decision in stage"
    return f"{done} {elsewhere!r}; this one needs somebody else"


def lasting_bar(state: Approval, stage: StageRun, person: str) -> str | None:
    """Return what keeps a person from this stage whatever they have done, None when nothing does."""
    if person in state.barred and not stage.document.allow_requester:
        return party_bar(state, person)
    if hides_bars(state, stage):
        return state.roster.why_nobody
    if person in state.roster.named_by(stage.cast.barred):
        return f"{person!r} is excluded from stage {stage.name!r} by its `not`"
    return state.roster.stranger(person)


def party_bar(state: Approval, person: str) -> str | None:
    """Return why nobody in this relation to the request decides it, None when the person has none."""
    if person not in state.barred:
        return None
    relations = {state.on_behalf_of: "the person it is made for", state.requester: "the requester"}
    relation = relations.get(person, "the beneficiary or author")
    return f"{person!r} is {relation} of this request: nobody decides their own"


def refusal(state: Approval, stage: StageRun, person: str, on_behalf_of: str | None = None) -> str | None:
    """Return why this person's answer does not count in this stage, None when it does."""
    if stage.state == "parked":
        return f"stage {stage.name!r} is parked: {stage.reason}"
    if state.info is not None and state.info.rework:
        return f"it was sent back to {state.info.to!r}: it can be decided when it comes again"
    barred = bar(state, stage, person)
    if barred is not None:
        return barred
    held = [s for s in seats(state, stage, stage.who) if s.holder == person]
    if on_behalf_of not in {None, person}:
        held = [s for s in held if s.owner == on_behalf_of]
        if not held:
            return f"{person!r} does not stand in for {on_behalf_of!r}"
    if not held:
        given = next((h for h in reversed(stage.handovers) if h.giver == person), None)
        if given is not None:
            return f"the place of {person!r} in stage {stage.name!r} has gone to {given.taker!r}"
        return f"{person!r} is not asked in stage {stage.name!r}"
    reasons = [bar(state, stage, s.owner) or bar_between(state, stage, s.via) for s in held]
    if all(reasons):
        return f"{person!r} could act only for {held[0].owner!r}: {reasons[0]}"
    return None


def bar_between(state: Approval, stage: StageRun, via: tuple[str, ...]) -> str | None:
    """Return what keeps one of these from handing a place on, None when nothing does."""
    barred = _barred(state, stage)
    return next((lasting_bar(state, stage, p) for p in via if p in barred), None)


def claimed_by_another(state: Approval, stage: StageRun, person: str) -> str | None:
    """Return why a person must wait for the one who has claimed a stage, None when nobody has."""
    if stage.claim is None or stage.claim.holder == person or person in may_act(state, stage):
        return None
    return f"{stage.claim.holder!r} has claimed it until {moment(stage.claim.until)}"


def seat_of(state: Approval, stage: StageRun, person: str, on_behalf_of: str | None) -> Seat | None:
    """Return the free seat that an answer of this person fills: the one they name, else their own, else the first."""
    free = [s for s in free_seats(state, stage) if s.holder == person]
    if on_behalf_of not in {None, person}:
        return next((s for s in free if s.owner == on_behalf_of), None)
    return next((s for s in free if s.owner == person), free[0] if free else None)


def quiet_people(state: Approval, stage: StageRun) -> frozenset[str]:
    """Return who may act in a stage and is told nothing of it."""
    selectors = stage.cast.who if stage.document.quiet is True else stage.cast.quiet
    return frozenset(state.roster.named_by(selectors)) if selectors else frozenset()


def spokesperson(state: Approval) -> str:
    """Return who answers for a request: the person for whom a machine has asked, else the requester."""
    if state.requester.startswith(SYSTEM) and state.on_behalf_of is not None:
        return state.on_behalf_of
    return state.requester


def is_operator(state: Approval, person: str) -> bool:
    """Tell whether a person is an active operator or administrator."""
    return not OPERATORS.isdisjoint(_roles(state, person))


def is_admin(state: Approval, person: str) -> bool:
    """Tell whether a person is an active administrator."""
    return "admin" in _roles(state, person)


def hides_bars(state: Approval, stage: StageRun) -> bool:
    """Tell whether a stage bars people who can't be told: too many are named. Then nobody decides it."""
    return bool(state.roster.oversized and stage.cast.barred)


def voters(state: Approval, stage: StageRun) -> frozenset[str]:
    """Return who has been counted in this stage."""
    return book_of(state.decisions).of(stage.document.name).actors


def filled(state: Approval, stage: StageRun) -> AbstractSet[str]:
    """Return for whose places, of those whom this stage names, there is a vote."""
    return book_of(state.decisions).of(stage.document.name).counts_for.keys()


def _roles(state: Approval, person: str) -> frozenset[str]:
    card = state.roster.cards.get(person)
    return frozenset(card.roles) if card is not None and card.active else frozenset()


def _barred(state: Approval, stage: StageRun) -> frozenset[str]:
    """Return whom a stage bars whatever they have done: parties to the request, and those whom its `not` names."""
    parties = () if stage.document.allow_requester else state.barred
    return frozenset((*parties, *state.roster.named_by(stage.cast.barred)))
