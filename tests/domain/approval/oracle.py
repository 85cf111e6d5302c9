"""Who may be counted and what votes amount to, judged a second time, in other words than the machine's.

It looks at the directory, the document, the hand-overs and the absences, and tries every assignment instead of
matching: slow, and plain enough to be believed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import permutations

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.records import Decision, Handover
from hitl_temporal.domain.approval.state import Approval, StageRun, Way
from hitl_temporal.domain.people import Roster

POSITIVE = frozenset({"approved", "fine"})
BROUGHT_IN = "by an operator"


@dataclass(frozen=True)
class World:
    """What is around an approval at a moment."""

    roster: Roster
    at: datetime

    def names(self, selectors: Iterable[str]) -> list[str]:
        """Return whom selectors name."""
        return [p for s in selectors for p in self.roster.named_by((s,))]

    def is_active(self, person: str) -> bool:
        """Tell whether somebody works here."""
        return person in self.roster.cards and self.roster.cards[person].active

    def substitutes(self, person: str, state: Approval) -> list[str]:
        """Return the chain that begins with somebody who is away, the last of which is there; empty: nobody is."""
        chain = [person]
        while True:
            away = [a for a in self.roster.absences.get(chain[-1], ()) if self._counts(a, state)]
            if not away:
                return chain[1:]
            following = away[0].substitute
            if following is None or following in chain:
                return []
            chain.append(following)

    def _counts(self, absence: Absence, state: Approval) -> bool:
        is_large = isinstance(state.context["x"], int) and state.context["x"] > 4
        applies = absence.flow is None and (absence.condition is None or is_large)
        return applies and absence.since <= self.at < absence.until


def parties(state: Approval) -> set[str]:
    """Return who asks, and for whom, by the document and the context alone."""
    found = {state.requester, state.on_behalf_of}
    if state.ask.beneficiary is not None:
        found.add(str(state.context["ben"]))
    if state.ask.author is not None:
        found.add(state.ask.author.removeprefix("user:"))
    found.update(a.actor for a in state.amendments if a.kind == "amend")  # who has changed it as a party, stays one
    return {p for p in found if p}


def place(world: World, stage: StageRun, named: str) -> tuple[str, str]:
    """Return owner and holder of the place of somebody who is named, after everything that was handed over."""
    owner = holder = named
    for h in changed_hands(world, stage, named):
        if h.giver == holder:
            holder = h.taker
            owner = h.taker if h.kind == "reassign" else owner
    return owner, holder


def through(world: World, stage: StageRun, named: str) -> list[str]:
    """Return by whose hands, beside the owner's, the place of somebody who is named has come to its holder."""
    owner, path = named, [named]
    for h in changed_hands(world, stage, named):
        if h.giver == path[-1]:
            owner, path = (h.taker, [h.taker]) if h.kind == "reassign" else (owner, [*path, h.taker])
            path = path[: path.index(h.taker) + 1]  # what comes back has been nowhere
    return path[1:-1]


def changed_hands(world: World, stage: StageRun, named: str) -> tuple[Handover, ...]:
    """Return the hand-overs that a place was there for: that of whom an operator brought in, not those before."""
    if named in world.names(stage.who):
        return stage.handovers
    first = next(n for n, h in enumerate(stage.handovers) if (h.giver, h.taker) == (None, named))
    return stage.handovers[first + 1 :]


def speaks_for(world: World, state: Approval, stage: StageRun, named: str) -> set[str]:
    """Return who may answer in the place of somebody who is named, for all that those between them are."""
    owner, holder = place(world, stage, named)
    between, away = through(world, stage, named), world.substitutes(holder, state)
    path, first = [holder, *away], 1 if holder == owner else 0
    away = path[first:-1]
    for h in stage.handovers:
        if h.giver is not None and h.giver == path[-1] != holder:
            path = [*path, h.taker]
            path = path[: path.index(h.taker) + 1]
    found = {holder} if all(is_clean(world, state, stage, p) for p in between) else set()
    if path[-1] != holder and all(is_clean(world, state, stage, p) for p in (*between, *path[first:-1])):
        found |= {path[-1]} if all(map(world.is_active, away)) else set()
    return found


def is_clean(world: World, state: Approval, stage: StageRun, person: str) -> bool:
    """Tell whether nothing about somebody keeps others from getting a place by their hands."""
    is_party = person in parties(state) and not stage.document.allow_requester
    return not is_party and person not in world.names(stage.cast.barred)


def bar(world: World, state: Approval, stage: StageRun, person: str) -> str | None:
    """Return what keeps somebody out of a stage, whoever names them."""
    if not world.is_active(person):
        return f"{person} does not work here"
    if person in parties(state) and not stage.document.allow_requester:
        return f"{person} asks for it"
    if person in world.names(stage.cast.barred):
        return f"{person} is excluded"
    elsewhere = [d for d in state.decisions if d.stage != stage.name]
    if stage.document.distinct and any(person in {d.actor, d.on_behalf_of} for d in elsewhere):
        return f"{person} has taken part in another stage"
    return None


def why_not(world: World, state: Approval, stage: StageRun, decision: Decision) -> str | None:  # noqa: C901
    """Return why an answer should not have been counted in a stage, None when it should.

    Args:
        world: What was around it.
        state: The approval before it.
        stage: The stage before it.
        decision: The answer, with the place that it was counted for.
    """
    actor, owner = decision.actor, decision.on_behalf_of or decision.actor
    here = [d for d in state.decisions if d.stage == stage.name]
    if state.outcome is not None or state.cooling is not None or stage.state != "open":
        return "it is not open"
    if state.info is not None and state.info.rework:
        return "it was sent back"
    for person in (actor, owner):
        reason = bar(world, state, stage, person)
        if reason is not None:
            return reason
    if any(d.actor == actor for d in here):
        return f"{actor} has answered"
    if any(d.named == decision.named for d in here):
        return f"the place of {decision.named} has its vote"
    came_in = {h.taker for h in stage.handovers if h.giver is None}
    if decision.named not in {*world.names(stage.who), *came_in}:
        return f"{decision.named} is not named"
    if place(world, stage, decision.named)[0] != owner:
        return f"the place of {decision.named} is not {owner}'s"
    if actor not in speaks_for(world, state, stage, decision.named):
        return f"{actor} does not speak for {decision.named}"
    if stage.claim is not None and stage.claim.holder != actor and may_hold(world, state, stage):
        return f"{stage.claim.holder} has claimed it"
    return None


def may_hold(world: World, state: Approval, stage: StageRun) -> bool:
    """Tell whether who has claimed a stage could still answer in it."""
    assert stage.claim is not None
    holder = stage.claim.holder
    blank = {"key": "?", "outcome": "approved", "at": world.at, "digest": "?", "stage": stage.name, "actor": holder}
    free = stage.but(claim=None)
    came_in = {h.taker for h in stage.handovers if h.giver is None}
    for named in {*world.names(stage.who), *came_in}:
        owner = place(world, stage, named)[0]
        answer = Decision.model_validate({**blank, "named": named, "on_behalf_of": owner if owner != holder else None})
        if why_not(world, state, free, answer) is None:
            return True
    return False


Names = Callable[[Decision], frozenset[str]]
"""Which selectors named the place of an answer when it was given."""


def could_agree(world: World, state: Approval, stage: StageRun, named_then: Names) -> bool:
    """Tell whether those who are left could still agree, by trying all that they could answer."""
    here = [d for d in state.decisions if d.stage == stage.name]
    came_in = [h.taker for h in stage.handovers if h.giver is None]
    mine: dict[str, set[str]] = {}
    owners: dict[str, str] = {}
    for named in {*world.names(stage.who), *came_in} - {d.named for d in here}:
        owner = owners[named] = place(world, stage, named)[0]
        if bar(world, state, stage, owner) is None and owner not in {d.place for d in here}:
            for person in speaks_for(world, state, stage, named) - {d.actor for d in here}:
                if bar(world, state, stage, person) is None:
                    mine.setdefault(person, set()).add(named)
    answers: set[frozenset[str]] = {frozenset()}
    for places in mine.values():  # one answer of each person, and one in the name of each
        answers |= {a | {p} for a in answers for p in places if owners[p] not in {owners[q] for q in a}}
    largest = [a for a in answers if not any(a < b for b in answers)]
    agreed = [[named_then(d) for d in here if d.outcome == o] for o in {d.outcome for d in here} & POSITIVE] or [[]]
    return any(
        strength(stage, way, [*votes, *(named_by(world, stage, p) for p in more)]) >= way.needed
        for more in largest
        for votes in agreed
        for way in stage.ways
    )


def weigh(stage: StageRun, people: Iterable[frozenset[str]]) -> int:
    """Return how many votes people have, each known by the selectors that name them: 1, or the most that is said."""
    return sum(max((w for s, w in stage.cast.weights.items() if s in mine), default=1) for mine in people)


def strength(stage: StageRun, way: Way, people: Sequence[frozenset[str]]) -> int:
    """Return how many votes people are on a way, by trying every assignment to its entries."""
    written = {s for w in stage.ways for s in w.who}

    def stands_for_any(mine: frozenset[str]) -> bool:
        return BROUGHT_IN in mine and not mine & written

    if not way.each:
        here = [p for p in people if p & set(way.who) or stands_for_any(p) or len(stage.ways) == 1]
        return weigh(stage, here)
    slots: list[frozenset[str] | None] = [*people, *[None] * len(way.entries)]
    return max(
        sum(p is not None and bool(p & set(e) or stands_for_any(p)) for p, e in zip(chosen, way.entries, strict=True))
        for chosen in permutations(slots, len(way.entries))
    )


def named_by(world: World, stage: StageRun, named: str) -> frozenset[str]:
    """Return which of a stage's selectors name somebody now."""
    every = {s for w in stage.ways for s in w.who} | set(stage.cast.weights)
    return frozenset(s for s in every if named in world.names((s,))) | brought_in(stage, named)


def brought_in(stage: StageRun, named: str) -> frozenset[str]:
    """Return the mark of whom an operator has added to a stage; nobody else counts for what does not name them."""
    return frozenset(BROUGHT_IN for h in stage.handovers if (h.giver, h.taker) == (None, named))
