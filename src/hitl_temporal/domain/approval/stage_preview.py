"""One stage of a dry run: who would be asked, who stands in for whom, who is left out, and how long they would have.

Must not know: the question as a whole, runs, doors.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import AwareDatetime

from hitl_temporal.domain.absence import StandIn, is_absent, stand_in
from hitl_temporal.domain.approval import clock
from hitl_temporal.domain.approval.eligibility import bar, bar_between, eligible, quiet_people
from hitl_temporal.domain.approval.lineup import line_up, why_stuck
from hitl_temporal.domain.approval.notation import picking
from hitl_temporal.domain.approval.seats import Seat, seats
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.approval.state import Approval, StageRun, Way
from hitl_temporal.domain.approval.tally import strength
from hitl_temporal.domain.value import Value

MAX_NAMED = 50
"""How many people a stage of a preview names; their number is always whole."""

Applies = Literal["yes", "no", "perhaps"]


class Asked(Value):
    """One person who would be asked.

    Attributes:
        because: The selectors that name them, as the document writes them.
        on_behalf_of: Whose place they would take; None: their own.
        is_quiet: Whether they could answer, and would not be told of it.
    """

    person: str
    name: str
    because: tuple[str, ...]
    on_behalf_of: str | None = None
    is_quiet: bool = False


class LeftOut(Value):
    """One person who is named and would not be asked."""

    person: str
    reason: str


class Away(Value):
    """One person who is named and out of office now; they could still answer.

    Attributes:
        substitute: Who would be asked in their place; None: nobody.
        reason: Why nobody is.
    """

    person: str
    substitute: str | None = None
    reason: str = ""


class StagePreview(Value):
    """One stage, as it would be opened now.

    Attributes:
        applies: Whether it would be asked at all; `perhaps` when that can't be told yet.
        reason: Why not, or on what it depends.
        number: How many people could act.
        votes: How many votes those who are asked have together; None: one each, or that depends on who is picked.
        places: How many would be asked, whoever holds their places.
        picked: How many of them would be picked; None: all of them are asked.
        people: The first of them.
        away: Those named who are out of office now, and who stands in for them.
        approve: How many must agree, one entry per alternative.
        reject: How many refusals end it.
        picks: How a few of these people would be chosen; None: all of them are asked.
        due: When it would be due; None: it does not open at once, so that nobody can tell, or is never due.
        due_in: How long after its opening it is due, as the document writes it; None: never.
        parks: Why nobody could decide it; an operator would have to help.
    """

    name: str
    block: int
    applies: Applies = "yes"
    reason: str = ""
    number: int = 0
    places: int = 0
    votes: int | None = None
    picked: int | None = None
    people: tuple[Asked, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    away: tuple[Away, ...] = ()
    approve: tuple[int, ...] = ()
    reject: int = 0
    is_fallback: bool = False
    picks: str | None = None
    due: AwareDatetime | None = None
    due_in: str | None = None
    at_due: str = "expire"
    parks: str | None = None


def stage_preview(
    state: Approval, run: StageRun, *, applies: Applies = "yes", reason: str = "", opens_at_once: bool
) -> StagePreview:
    """Return a stage as it would be opened now.

    Args:
        state: The question, with the people and calendars of now.
        run: The stage, its selectors rendered.
        applies: Whether it would be asked at all.
        reason: On what that depends.
        opens_at_once: Nothing has to be decided first; else its deadline can't be told.
    """
    line = line_up(state, run, may_pick=False)
    fresh = run.but(state="open", opened_at=state.now)
    run = line.applied_to(fresh)
    state = state.but(stages=(run,))
    drawn = line_up(state, run).applied_to(fresh)  # who it will be nobody knows: the numbers are those of any draw
    asked = list(_asked(state, run, eligible(state, run, run.who)))
    named = tuple(_named(state, run))
    left = [LeftOut(person=p, reason=barred) for p in named if (barred := bar(state, run, p))]
    document = run.document
    is_by_draw = drawn.asked != run.asked and bool(run.cast.weights or run.cast.quiet)  # these may be among the picked
    stuck = why_stuck(state, drawn)
    if stuck and is_by_draw:
        stuck = f"{stuck}, depending on who is picked"
    timed, unplanned = clock.planned(state, run)
    return StagePreview(
        name=run.name,
        block=run.block,
        applies=applies,
        reason=reason,
        number=len(asked),
        places=len(drawn.asked),
        votes=None if is_by_draw else _votes(state, run),
        picked=len(drawn.asked) if document.pick is not None else None,
        people=tuple(asked[:MAX_NAMED]),
        left_out=tuple(left[:MAX_NAMED]),
        away=tuple(_away(state, run, named))[:MAX_NAMED],
        approve=tuple(w.needed for w in drawn.ways),
        reject=drawn.reject,
        is_fallback=line.is_fallback,
        picks=_picks(document),
        due=timed.due_at if opens_at_once else None,
        due_in=document.due,
        at_due=document.at_due,
        parks=stuck or unplanned,
    )


def _asked(state: Approval, run: StageRun, found: tuple[Seat, ...]) -> Iterator[Asked]:
    members = {s: frozenset(state.roster.named_by((s,))) for s in run.who}
    told: set[str] = set()
    quiet = quiet_people(state, run)
    loud = {s.holder for s in found if s.named not in quiet}
    found = tuple(s for s in found if s.named not in quiet or s.holder not in loud)
    own = {s.holder for s in found if s.owner == s.holder}
    for seat in found:
        if seat.holder in told or (seat.owner != seat.holder and seat.holder in own):
            continue
        told.add(seat.holder)
        card = state.roster.cards.get(seat.holder)
        yield Asked(
            person=seat.holder,
            name=card.name if card else seat.holder,
            because=tuple(s for s in run.who if seat.named in members[s]),
            on_behalf_of=seat.owner if seat.owner != seat.holder else None,
            is_quiet=seat.named in quiet,
        )


def _votes(state: Approval, run: StageRun) -> int | None:
    if not run.cast.weights:
        return None
    everybody = Way(entries=(run.who,))
    return strength(state.roster, run.but(ways=(everybody,)), everybody, run.asked)


def _named(state: Approval, run: StageRun) -> Iterator[str]:
    """Yield whom the document names, `who` also where the fallback is asked."""
    both = tuple(dict.fromkeys((*run.cast.who, *run.who)))
    yield from dict.fromkeys(s.owner for s in seats(state, run, both))


def _away(state: Approval, run: StageRun, named: tuple[str, ...]) -> Iterator[Away]:
    """Yield who of those that could be asked is away; for who is barred anyhow nobody can stand in."""
    absences, at, flow, context = state.roster.absences, state.now, state.flow, state.context
    for person in named:
        if bar(state, run, person) or not is_absent(absences, person, at=at, flow=flow, context=context):
            continue
        found = stand_in(absences, person, at=at, flow=flow, context=context)
        barred = _why_not(state, run, found) if found is not None else "nobody stands in"
        if barred and run.document.pick is not None:
            barred = f"{barred}; picked only where too few others are there"
        yield Away(person=person, substitute=None if found is None or barred else found.person, reason=barred or "")


def _why_not(state: Approval, run: StageRun, found: StandIn) -> str | None:
    """Return why the last of a chain of substitutes may not stand in, None when they may."""
    return bar(state, run, found.person) or bar_between(state, run, found.chain[1:-1])


def _picks(document: Stage) -> str | None:
    if document.pick is None:
        return None
    wanted = picking(document.pick)
    return f"{wanted.people} of these, by {wanted.policy}"
