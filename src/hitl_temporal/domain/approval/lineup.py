"""Whom a stage asks when it opens, and how many of them it needs: named, eligible, picked, or the fallback.

Must not know: when a stage opens, what is sent.
"""

from typing import NamedTuple

from hitl_temporal.domain.approval import room
from hitl_temporal.domain.approval.eligibility import eligible, owners
from hitl_temporal.domain.approval.picking import is_unread, pick
from hitl_temporal.domain.approval.state import Approval, StageRun, Way
from hitl_temporal.domain.approval.tally import needed, possible, strength


class LineUp(NamedTuple):
    """Whom a stage asks, and how many of them it needs.

    Attributes:
        people: The places of those who are asked, in order.
        is_fallback: Whether somebody is asked only because nobody else could be.
    """

    who: tuple[str, ...]
    ways: tuple[Way, ...]
    people: tuple[str, ...]
    reject: int
    is_fallback: bool

    def applied_to(self, stage: StageRun) -> StageRun:
        """Return a stage that asks these people."""
        return stage.but(who=self.who, ways=self.ways, asked=self.people, reject=self.reject)


def line_up(state: Approval, stage: StageRun, *, may_pick: bool = True) -> LineUp:
    """Return whom a stage asks if it opens now; with `may_pick`, only those who are picked."""
    ways, is_fallback = _ways(state, stage)
    who = tuple(dict.fromkeys(s for w in ways for s in w.who))
    found = eligible(state, stage, who)
    people = tuple(dict.fromkeys(s.named for s in found))
    chosen = pick(state, stage, found) if may_pick else people
    if chosen != people:
        who = tuple(f"user:{p}" for p in chosen)
        ways, people = (Way(entries=(who,)),), chosen
    counted, reject = needed(state.roster, stage, ways, people)
    return LineUp(tuple(dict.fromkeys((*who, *stage.cast.quiet))), counted, people, reject, is_fallback)


def is_unsure(state: Approval, stage: StageRun) -> bool:
    """Tell whether it can't be told whom a stage asks before people have been read: whom it names, or whom it picks."""
    if any(not state.roster.knows(s) for s in (*stage.who, *stage.cast.everybody)):
        return True
    ways, _ = _ways(state, stage)
    return is_unread(state, stage, eligible(state, stage, tuple(s for w in ways for s in w.who)))


def _ways(state: Approval, stage: StageRun) -> tuple[tuple[Way, ...], bool]:
    """Return the ways of a stage, `fallback` in the place of what names nobody, and whether it was needed."""
    fallback = tuple(dict.fromkeys((*stage.cast.fallback, *stage.let_in)))
    ways: list[Way] = []
    used = False
    for who, alternative in zip(stage.cast.ways, stage.document.alternatives, strict=True):
        entries = tuple((s,) for s in who) if alternative.approve == "each" else (who,)
        ways.append(Way(entries=entries))
    if not fallback:
        return tuple(ways), False
    nobody = not owners(eligible(state, stage, tuple(s for w in ways for s in w.who)))
    for index, way in enumerate(ways):
        is_each = len(way.entries) > 1
        entries = tuple(
            fallback if nobody or (is_each and not eligible(state, stage, entry)) else entry for entry in way.entries
        )
        used = used or entries != way.entries
        ways[index] = way.but(entries=entries)
    return tuple(ways), used


def why_stuck(state: Approval, stage: StageRun) -> str | None:
    """Return why those who are asked could never decide a stage, None when they can."""
    people = stage.asked
    if (why := state.roster.why_nobody) is not None:
        return why
    if (full := room.for_places(state, stage)) is not None:
        return full
    if not people:
        return f"nobody can act: {', '.join(stage.who) or '`who`'} names no eligible person"
    if possible(state, stage):
        return None
    best = min(stage.ways, key=lambda w: w.needed)
    votes = strength(state.roster, stage, best, people)
    number = best.needed if votes < best.needed else stage.reject
    return f"{number} votes are needed, but only {votes if votes < best.needed else len(people)} can act"
