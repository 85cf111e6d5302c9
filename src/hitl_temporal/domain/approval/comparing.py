"""What two ways in which a request went have between them: what matters, and what is only called by another name.

Stages are told apart by their names, and names change: a stage that has got all the answers of one that is gone is that
one, renamed. Where stages were split, joined or put in another order nothing is guessed: each is told as it is.

Must not know: why the request went in two ways.
"""

from collections.abc import Iterator
from datetime import timedelta

from hitl_temporal.domain.approval.eligibility import bar
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.tally import MAX_NAMED, of_approval
from hitl_temporal.domain.people import SYSTEM

_LEAST = timedelta(seconds=1)
"""By how much something must end earlier or later to be told so: its moment is told to the second."""


def outcome_of(state: Approval) -> str:
    """Return how a request stands: its outcome, `parked`, or `open`."""
    return state.outcome or ("parked" if state.state == "parked" else "open")


def differences(was: str, own: Approval, then: Approval) -> Iterator[str]:
    """Yield what would be otherwise in a way that matters: in outcome, in time, in who is asked.

    Args:
        was: The real outcome, where a replay of the request as it was may not come to it.
        own: The request as it was, replayed.
        then: The same under another version of its question.
    """
    after = outcome_of(then)
    if after not in {outcome_of(own), was}:
        yield f"{was} would be {after}"
    if then.outcome is None and own.outcome is not None:
        yield f"it would wait: {of_approval(then) or then.reason}"
    if _is_automatic(own) != _is_automatic(then):
        yield "a rule would decide it" if _is_automatic(then) else "people would decide what a rule has decided"
    names = renamed(own, then)
    known, asked = [names.get(name, name) for name in _asked(own)], _asked(then)
    yield from (f"stage {name!r} would be asked too" for name in asked if name not in known)
    yield from (f"stage {name!r} would not be asked" for name in _asked(own) if names.get(name, name) not in asked)
    yield from _others_asked(own, then)
    before, end = own.ended_at, then.ended_at
    if before and end and outcome_of(own) == after and abs(end - before) >= _LEAST:
        yield f"it would have ended {'earlier' if end < before else 'later'}: {end.isoformat(timespec='seconds')}"


def remarks(own: Approval, then: Approval) -> Iterator[str]:
    """Yield what only has another name or another place, and changes nothing by itself."""
    names = renamed(own, then)
    yield from (f"stage {old!r} is now called {new!r}" for old, new in names.items())
    moved = ((old, new) for old, new in _moves(own, then) if names.get(old, old) != new)
    yield from (f"what was answered in stage {old!r} would count in stage {new!r}" for old, new in moved)


def renamed(own: Approval, then: Approval) -> dict[str, str]:
    """Return the new names of stages that are gone, by their old names.

    The answers tell: all of the one are those of the other. Without answers it is the one that asks the same people.
    """
    old, new = {s.name for s in own.stages}, {s.name for s in then.stages}
    gone, come = [n for n in _asked(own) if n not in new], [n for n in _asked(then) if n not in old]
    moves = tuple(_moves(own, then))
    found: dict[str, str] = {}
    for name in gone:
        went = [new for old, new in moves if old == name]
        if went:
            is_same = len(went) == 1 and [old for old, new in moves if new == went[0]] == [name]
            fits = [n for n in went if is_same and n in come]
        else:
            who = own.stage(name).cast.who
            answered = {new for _, new in moves}
            fits = [n for n in come if n not in answered and then.stage(n).cast.who == who]
        same = next((n for n in fits if n not in found.values()), None)
        if same is not None:
            found[name] = same
    return found


def _others_asked(own: Approval, then: Approval) -> Iterator[str]:
    """Yield who would be asked besides, and who no more, in each stage that is asked in both."""
    for old, new in _partners(own, then):
        is_picked_alike = old.document.pick is not None and old.document.pick == new.document.pick
        people = _could_be_picked if is_picked_alike else _people
        before, after = people(own, old), people(then, new)
        for wanted, others, what in ((after, before, "be asked too"), (before, after, "not be asked")):
            if some := [p for p in wanted if p not in others]:
                yield f"in stage {new.name!r} {_listed(some)} would {what}"


def _partners(own: Approval, then: Approval) -> Iterator[tuple[StageRun, StageRun]]:
    """Yield each stage with the one in its place: where two have swapped their answers the other, else by its name."""
    was, asked, moves = _asked(own), _asked(then), tuple(_moves(own, then))
    swapped = {
        old: new
        for old, new in moves
        if old in asked and new in was and [m for m in moves if old == m[0] or new == m[1]] == [(old, new)]
    }
    known = renamed(own, then) | (swapped if swapped.keys() == set(swapped.values()) else {})
    for name in was:
        if known.get(name, name) in asked:
            yield own.stage(name), then.stage(known.get(name, name))


def _people(state: Approval, stage: StageRun) -> list[str]:
    """Return whom a stage has asked, those included whom an escalation has brought in."""
    asked = {s for w in stage.ways for s in w.who}
    more = state.roster.named_by(s for s in stage.who if s not in asked)
    return list(dict.fromkeys((*stage.asked, *(p for p in more if bar(state, stage, p) is None))))


def _could_be_picked(state: Approval, stage: StageRun) -> list[str]:
    """Return of whom a stage picks: whom it picks is a matter of the draw, which another name changes too."""
    named = state.roster.named_by((*stage.cast.who, *stage.cast.fallback))
    return [p for p in named if bar(state, stage, p) is None]


def _listed(people: list[str]) -> str:
    more = [f"{len(people) - MAX_NAMED} more"] if len(people) > MAX_NAMED else []
    return ", ".join([*people[:MAX_NAMED], *more])


def _moves(own: Approval, then: Approval) -> Iterator[tuple[str, str]]:
    """Yield from which stage to which there are answers, each pair once, in the order of the answers."""
    places = {(d.actor, d.key): d.stage for d in then.decisions if d.kind == "vote"}
    answers = (d for d in own.decisions if (d.actor, d.key) in places)
    yield from dict.fromkeys((d.stage, places[d.actor, d.key]) for d in answers)


def _asked(state: Approval) -> list[str]:
    return [s.name for s in state.stages if s.openings]


def _is_automatic(state: Approval) -> bool:
    return any(d.actor.startswith(SYSTEM) for d in state.decisions)
