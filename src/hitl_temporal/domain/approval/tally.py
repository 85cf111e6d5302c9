"""Counting: which outcome the votes of a stage have reached, if any, and the count in words.

Each positive outcome is counted by itself against the ways to approve, each negative one against `reject`. A vote
counts for the entries that named the person for whose place it stands when it was given. Whom no entry names, because
they are quiet or an escalation has added them, counts for none: of each entry means of each. Only an operator stands
in for any of them with whom they bring in, as they could give that person any place.

Must not know: who is allowed to vote.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import NamedTuple

from hitl_temporal.domain.approval.ask import REWORK
from hitl_temporal.domain.approval.eligibility import eligible, filled, free_seats, open_seats, quiet_people
from hitl_temporal.domain.approval.matching import most_chains, most_pairs, paired
from hitl_temporal.domain.approval.notation import votes_needed
from hitl_temporal.domain.approval.seats import Seat, are_own
from hitl_temporal.domain.approval.state import Approval, StageRun, Way
from hitl_temporal.domain.approval.votes import book_of
from hitl_temporal.domain.memo import Memo
from hitl_temporal.domain.people import Roster

MAX_TALLY = 500
"""How many characters it has: each receipt that is kept has one."""
MAX_NAMED = 10
"""How many of those who are waited for a tally names: it is part of every message, receipt and listing."""

_GROUPS = frozenset({"group", "role", "owner"})
"""The kinds of selectors whose name says enough of all whom they name."""

MAX_TRIED = 64
"""How many ways are tried in which owners of several places, held by different people, could use their one vote.

Beyond it too little may be found possible: a stage is then rather parked than left to wait for votes that can't come.
"""

_COUNTED: Memo[Roster] = Memo()


class _Owned(NamedTuple):
    """The one vote of an owner.

    Attributes:
        holders: Who may give it.
        places: For which of the owner's places: one of them.
    """

    holders: tuple[str, ...]
    places: list[str]


def reached(state: Approval, stage: StageRun) -> str | None:
    """Return the outcome that the votes of a stage amount to, None while it is open.

    Votes that have put every way out of reach reject. People who went away have not said no: whoever was asked still
    counts as possible here, and `out_of_reach` tells when leavers are the reason.
    """
    votes = _votes(state, stage)
    if stage.document.wait_for_all and _waits_for(state, stage):
        return None
    found = _winner(state, stage, votes, negative_first=stage.document.wait_for_all)
    if found is not None or not votes:
        return found
    done = filled(state, stage)
    asked = [n for n in stage.asked if n not in done]
    if _is_possible(state, stage, votes, asked):
        return None
    still = [n for n in _everybody(state, stage) if n not in done]
    return None if _is_possible(state, stage, votes, still) else "rejected"


def _waits_for(state: Approval, stage: StageRun) -> bool:
    """Tell whether a stage that waits for everybody still does: for those who know of it, where anybody does."""
    free = open_seats(state, stage)
    quiet = quiet_people(state, stage) if stage.document.quiet is not True else ()
    return any(s.named not in quiet for s in free)


def out_of_reach(state: Approval, stage: StageRun) -> str | None:
    """Return why the people who are left can't agree any more, None when they can."""
    if stage.state != "open":
        return None
    free = open_seats(state, stage)
    if not free and state.roster.oversized:  # also where it waits for all: nobody can tell for whom
        return state.roster.why_nobody
    first, could = stage.ways[0], [_could(state, stage, way, free) for way in stage.ways]
    if any(votes >= way.needed for votes, way in zip(could, stage.ways, strict=True)):
        return None
    if len(stage.ways) > 1:
        return state.roster.why_nobody or "too few are left: none of the ways to agree is possible any more"
    return state.roster.why_nobody or f"too few are left: {first.needed} must agree, only {could[0]} can"


def needed(roster: Roster, stage: StageRun, ways: Sequence[Way], people: Sequence[str]) -> tuple[tuple[Way, ...], int]:
    """Return the ways through a stage, and the number to reject it, for the eligible people at its opening.

    Args:
        roster: Tells who each entry names.
        stage: The stage.
        ways: Its ways, their numbers not yet known.
        people: The eligible, each once.
    """
    counted: list[Way] = []
    for way, alternative in zip(ways, stage.document.alternatives, strict=False):
        own = _of_way(roster, way, people)
        total = _weight(roster, stage, own)
        each = alternative.approve == "each"
        counted.append(way.but(needed=votes_needed(alternative.approve, total, len(way.entries)), each=each))
    every = votes_needed(stage.document.reject, _weight(roster, stage, people), len(_every_entry(counted)))
    return tuple(counted), every


def _every_entry(ways: Iterable[Way]) -> tuple[tuple[str, ...], ...]:
    """Return every entry that is written, of all ways together: each of them may have to refuse."""
    return tuple(e for w in ways for e in (w.entries if w.each else tuple((s,) for s in w.who)))


def strength(roster: Roster, stage: StageRun, way: Way, people: Sequence[str]) -> int:
    """Return how many votes these people are on one way."""
    if not way.each:
        return _weight(roster, stage, _on(roster, stage, way, people))
    return most_pairs(_entries_of(roster, stage, way, people))


def _entries_of(roster: Roster, stage: StageRun, way: Way, people: Sequence[str]) -> list[frozenset[int]]:
    """Return which entries of a way each of these people could count for."""
    anywhere = _for_any(roster, stage)
    members = [anywhere.union(roster.named_by(entry)) for entry in way.entries]
    return [frozenset(n for n, m in enumerate(members) if p in m) for p in people]


def _for_any(roster: Roster, stage: StageRun) -> frozenset[str]:
    """Return who counts for any entry and on every way: whom an operator has brought in, and none of them names."""
    brought_in = frozenset(h.taker for h in stage.handovers if h.giver is None)
    return brought_in.difference(*(roster.named_by(w.who) for w in stage.ways)) if brought_in else brought_in


def in_words(state: Approval, stage: StageRun) -> str:
    """Return the tally for people: `1 of 2, secops pending`."""
    if stage.state == "pending":
        return "not open yet"
    if stage.state == "skipped":
        return "skipped"
    votes = _votes(state, stage)
    ways = [f"{_most(state, stage, way, votes, ())} of {way.needed}" for way in stage.ways]
    if len(ways) > 1:
        ways = [f"{text} from {_named_entries(way)}" for text, way in zip(ways, stage.ways, strict=True)]
    words = [" or ".join(ways)]
    against = _against(state, stage, votes)
    if against:
        words.append(f"{against} of {stage.reject} against")
    pending = _pending(state, stage)
    if pending:
        words.append(f"{' and '.join(pending)} pending")
    if stage.state == "parked":
        words.append(f"parked: {stage.reason}")
    return ", ".join(words)


def of_approval(state: Approval) -> str:
    """Return the tally of the stages people look at, bounded: the live ones, else the last that has ended."""
    text = _of_approval(state)
    return text if len(text) <= MAX_TALLY else f"{text[: MAX_TALLY - 1]}…"


def _of_approval(state: Approval) -> str:
    live = state.live_stages
    if len(live) > 1:
        return "; ".join(f"{s.name}: {in_words(state, s)}" for s in live)
    stage = live[0] if live else next((s for s in reversed(state.stages) if s.opened_at is not None), None)
    if stage is not None:
        return in_words(state, stage)
    return f"parked: {state.reason}" if state.state == "parked" else ""


def selectors_naming(state: Approval, stage: StageRun, named: str) -> tuple[str, ...]:
    """Return which selectors of a stage name somebody now, where it matters for counting which of them do."""
    if _is_plain(stage):
        return ()
    return tuple(s for s in _selectors(stage) if named in state.roster.named_by((s,)))


def _is_plain(stage: StageRun) -> bool:
    """Tell whether all votes of a stage are alike, whoever names their places."""
    if len(stage.ways) > 1 or stage.document.reject == "each" or stage.cast.weights:
        return False
    return not (stage.ways and stage.ways[0].each)


def _selectors(stage: StageRun) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(s for w in stage.ways for s in w.who), *stage.cast.weights)))


def _roster(state: Approval, stage: StageRun) -> Roster:
    """Return the people as they count: those who have voted as they were named then, the others as they are now."""
    frozen = book_of(state.decisions).of(stage.document.name).counts_for
    if not frozen or _is_plain(stage):
        return state.roster
    return _COUNTED.of(
        (state.roster, state.decisions, stage.document, stage.cast, stage.ways), lambda: _counted(state, stage, frozen)
    )


def _counted(state: Approval, stage: StageRun, frozen: Mapping[str, tuple[str, ...]]) -> Roster:
    members = {
        selector: (
            *(p for p in state.roster.named_by((selector,)) if p not in frozen),
            *(p for p, selectors in frozen.items() if selector in selectors),
        )
        for selector in _selectors(stage)
    }
    return state.roster.but(members={**state.roster.members, **members})


def possible(state: Approval, stage: StageRun) -> bool:
    """Tell whether those who were asked at a stage's opening could decide it, either way."""
    people = _everybody(state, stage)
    votes = _votes(state, stage)
    agree = _is_possible(state, stage, votes, people)
    return agree and _reject_strength(state, stage, people) >= stage.reject


def _winner(
    state: Approval, stage: StageRun, votes: Mapping[str, tuple[str, ...]], *, negative_first: bool
) -> str | None:
    outcomes = [o for o in votes if o != REWORK]
    if negative_first:
        outcomes.sort(key=lambda o: bool(state.ask.is_positive(o)))
    for outcome in outcomes:
        people = votes[outcome]
        if state.ask.is_positive(outcome):
            if any(strength(_roster(state, stage), stage, way, people) >= way.needed for way in stage.ways):
                return outcome
        elif _reject_strength(state, stage, people) >= stage.reject:
            return outcome
    return None


def _is_possible(state: Approval, stage: StageRun, votes: Mapping[str, tuple[str, ...]], more: Sequence[str]) -> bool:
    return any(_most(state, stage, way, votes, more) >= way.needed for way in stage.ways)


def _most(state: Approval, stage: StageRun, way: Way, votes: Mapping[str, tuple[str, ...]], more: Sequence[str]) -> int:
    """Return the most votes that one positive outcome has on a way, with these added."""
    roster = _roster(state, stage)
    return max([strength(roster, stage, way, [*people, *more]) for people in _agreed(state, votes)])


def _agreed(state: Approval, votes: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the votes of each positive outcome that has some, of none where none has: they do not add up."""
    return [people for o, people in votes.items() if state.ask.is_positive(o)] or [()]


def _against(state: Approval, stage: StageRun, votes: Mapping[str, tuple[str, ...]]) -> int:
    """Return the most votes that one negative outcome has; who has sent the request back has not refused it."""
    negative = [people for o, people in votes.items() if o != REWORK and not state.ask.is_positive(o)]
    return max((_reject_strength(state, stage, people) for people in negative), default=0)


def _reject_strength(state: Approval, stage: StageRun, people: Sequence[str]) -> int:
    if stage.document.reject == "each":
        union = Way(entries=_every_entry(stage.ways), each=True)
        return strength(_roster(state, stage), stage, union, people)
    return _weight(_roster(state, stage), stage, people)


def _votes(state: Approval, stage: StageRun) -> Mapping[str, tuple[str, ...]]:
    """Return the votes of a stage: outcome to the people whose places they fill, in order."""
    return book_of(state.decisions).of(stage.document.name).by_outcome


def _everybody(state: Approval, stage: StageRun) -> list[str]:
    """Return for whose places there is, or was at the opening, somebody who could vote."""
    now = eligible(state, stage, stage.who)
    return list(dict.fromkeys([*stage.asked, *(s.named for s in now)]))


def _could(state: Approval, stage: StageRun, way: Way, free: tuple[Seat, ...]) -> int:
    """Return the most votes that one positive outcome could have on a way: who holds two places still votes once."""
    votes = _votes(state, stage)
    if are_own(state, stage):
        return _most(state, stage, way, votes, [s.named for s in free])
    roster, agreed = _roster(state, stage), _agreed(state, votes)
    count = _most_entries if way.each else _most_weight
    owned = _owned(free, frozenset(_on(roster, stage, way, [s.named for s in free])))
    tried = islice(product(*owned), MAX_TRIED)
    return max(count(roster, stage, way, people, chosen) for chosen in tried for people in agreed)


def _owned(free: Iterable[Seat], here: frozenset[str]) -> list[list[_Owned]]:
    """Return what each owner of places has, who has one vote: by who may give it, for which of these places."""
    holders: dict[tuple[str, str], list[str]] = {}
    for seat in free:
        if seat.named in here:
            holders.setdefault((seat.owner, seat.named), []).append(seat.holder)
    owned: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for (owner, named), mine in holders.items():
        owned.setdefault(owner, {}).setdefault(tuple(mine), []).append(named)
    return [[_Owned(*one) for one in alike.items()] for alike in owned.values()]


def _most_weight(roster: Roster, stage: StageRun, way: Way, people: Sequence[str], owned: Sequence[_Owned]) -> int:
    """Return how many votes there could be: those that are given, and the heaviest of those that could be."""
    weights = _weights(roster, stage, [p for o in owned for p in o.places])
    heaviest = [(max(o.places, key=lambda p: weights[p]), o.holders) for o in owned]
    heaviest.sort(key=lambda one: -weights[one[0]])
    numbers = _numbered(owned)
    more = [heaviest[n][0] for n in paired([frozenset(numbers[h] for h in mine) for _, mine in heaviest])]
    return strength(roster, stage, way, [*people, *more])


def _most_entries(roster: Roster, stage: StageRun, way: Way, people: Sequence[str], owned: Sequence[_Owned]) -> int:
    """Return of how many entries there could be a vote: of those who have given one, and of those who could."""
    voted, numbers = len(people), _numbered(owned)
    through: list[set[int]] = [set() for _ in numbers]
    for n, one in enumerate(owned, voted):
        for holder in one.holders:
            through[numbers[holder]].add(n)
    first = [*(frozenset({n}) for n in range(voted)), *map(frozenset, through)]
    places = [p for o in owned for p in o.places]
    could = dict(zip(places, _entries_of(roster, stage, way, places), strict=True))
    entries = [frozenset[int]().union(*(could[p] for p in o.places)) for o in owned]
    return most_chains(first, [*_entries_of(roster, stage, way, people), *entries])


def _numbered(owned: Sequence[_Owned]) -> dict[str, int]:
    return {h: n for n, h in enumerate(dict.fromkeys(h for o in owned for h in o.holders))}


def _of_way(roster: Roster, way: Way, people: Iterable[str]) -> list[str]:
    members = frozenset(roster.named_by(way.who))
    return [p for p in people if p in members]


def _on(roster: Roster, stage: StageRun, way: Way, people: Sequence[str]) -> Sequence[str]:
    """Return who of these people counts on a way: everybody where there is one, else whom it names."""
    if len(stage.ways) == 1:
        return people
    here = _for_any(roster, stage).union(roster.named_by(way.who))
    return [p for p in people if p in here]


def _weight(roster: Roster, stage: StageRun, people: Sequence[str]) -> int:
    return sum(_weights(roster, stage, people).values()) if stage.cast.weights else len(people)


def _weights(roster: Roster, stage: StageRun, people: Sequence[str]) -> dict[str, int]:
    """Return how many votes each of these people has."""
    weights = dict.fromkeys(people, 0)
    for selector, weight in stage.cast.weights.items():
        for p in roster.named_by((selector,)):
            if p in weights:
                weights[p] = max(weights[p], weight)
    return {p: weight or 1 for p, weight in weights.items()}


def _named_entries(way: Way) -> str:
    return " and ".join(s.partition(":")[2] for s in way.who)


def _pending(state: Approval, stage: StageRun) -> tuple[str, ...]:
    """Return whom the stage waits for: groups by their name, people by their id, each once, then how many more."""
    free = free_seats(state, stage)
    if stage.claim is not None and any(s.holder == stage.claim.holder for s in free):
        return (stage.claim.holder,)
    holders: dict[str, str] = {}
    for seat in _awaited(state, stage, free):
        holders.setdefault(seat.named, seat.holder)
    seen: set[str] = set()
    names: list[str] = []
    for selector in stage.who:
        members = state.roster.named_by((selector,))
        names.extend(_called(selector, members, holders))
        seen.update(members)
    names.extend(holder for p, holder in holders.items() if p not in seen)
    listed = tuple(dict.fromkeys(names))
    more = len(listed) - MAX_NAMED
    return listed if more <= 0 else (*listed[:MAX_NAMED], f"{more} more")


def _called(selector: str, members: tuple[str, ...], holders: Mapping[str, str]) -> Iterable[str]:
    """Return what those are called who are waited for among a selector's members: a group by its name."""
    kind, _, name = selector.partition(":")
    # Where all its places have gone to others, it is those who can do something.
    is_group = kind in _GROUPS and not frozenset(members).isdisjoint(_holding(members, holders))
    return (name,) if is_group else _holding(members, holders)


def _holding(members: tuple[str, ...], holders: Mapping[str, str]) -> Iterator[str]:
    """Yield who holds the places of these members that are waited for: mostly the first one tells enough."""
    return (holders[p] for p in members if p in holders)


def _awaited(state: Approval, stage: StageRun, free: tuple[Seat, ...]) -> tuple[Seat, ...]:
    """Return the seats whose vote would bring a stage nearer to its end; of one that waits for everybody, all."""
    if stage.document.wait_for_all or _is_plain(stage):
        return free
    roster, places = _roster(state, stage), list(dict.fromkeys(s.named for s in free))
    awaited: set[str] = set()
    for way in stage.ways:
        if not way.each:
            awaited.update(_on(roster, stage, way, places))
            continue
        could = list(zip(places, _entries_of(roster, stage, way, places), strict=True))
        for people in _agreed(state, _votes(state, stage)):
            given = _entries_of(roster, stage, way, people)
            now = most_pairs(given)
            nearer = {e for e in frozenset(e for _, e in could) if most_pairs([*given, e]) > now}
            awaited.update(p for p, e in could if e in nearer)
    return tuple(s for s in free if s.named in awaited)
