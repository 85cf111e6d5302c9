"""The votes of each stage, sorted out of all decisions once.

An approval may have hundreds of decisions, and every event asks about them many times. The next event has one decision
more, so its book is the last one with a line added.

Must not know: who may vote, what votes amount to.
"""

from typing import NamedTuple

from hitl_temporal.domain.approval.records import Decision

_SIZE = 8


class Votes(NamedTuple):
    """What has been counted in a stage.

    Attributes:
        actors: Who has answered.
        places: In whose name.
        counts_for: Whom the stage names for these places, to the selectors that named them when they were counted.
        by_outcome: Outcome to those whom the stage names for these places, in order.
    """

    actors: frozenset[str]
    places: frozenset[str]
    counts_for: dict[str, tuple[str, ...]]
    by_outcome: dict[str, tuple[str, ...]]


NONE = Votes(frozenset(), frozenset(), {}, {})


class Book(NamedTuple):
    """All decisions, sorted out.

    Attributes:
        votes: By stage.
        stages_of: Person to the stages they have taken part in, by an answer of theirs or one in their name, in order.
    """

    votes: dict[str, Votes]
    stages_of: dict[str, tuple[str, ...]]

    def of(self, stage: str) -> Votes:
        """Return the votes of a stage."""
        return self.votes.get(stage, NONE)

    def outside(self, stage: str) -> tuple[Votes, ...]:
        """Return the votes of all other stages; they stay the same objects while this one is voted in."""
        return tuple([votes for name, votes in self.votes.items() if name != stage])

    def elsewhere(self, person: str, stage: str) -> str | None:
        """Return the first other stage that a person has taken part in, None when there is none."""
        return next((s for s in self.stages_of.get(person, ()) if s != stage), None)


_kept: tuple[tuple[tuple[Decision, ...], Book], ...] = (((), Book({}, {})),)


def book_of(decisions: tuple[Decision, ...]) -> Book:
    """Return the decisions sorted out: as was remembered, or the last book with a line more, or from the start."""
    global _kept  # noqa: PLW0603 - replaced as a whole; a race makes a book twice, never a wrong one
    book: Book | None = None
    for known, kept in _kept:
        if known is decisions:
            return kept
        if book is None and len(known) + 1 == len(decisions) and known == decisions[:-1]:
            book = _with(kept, decisions[-1])
    if book is None:
        book = Book({}, {})
        for decision in decisions:
            book = _with(book, decision)
    _kept = ((decisions, book), *_kept[: _SIZE - 1])
    return book


def _with(book: Book, decision: Decision) -> Book:
    before = book.of(decision.stage)
    actor, place, outcome = decision.actor, decision.place, decision.outcome
    named = decision.named or place
    votes = Votes(
        before.actors | {actor},
        before.places | {place},
        {**before.counts_for, named: decision.counts_for},
        {**before.by_outcome, outcome: (*before.by_outcome.get(outcome, ()), named)},
    )
    parts = {p: (*book.stages_of.get(p, ()), decision.stage) for p in (actor, place)}
    return Book({**book.votes, decision.stage: votes}, {**book.stages_of, **parts})
