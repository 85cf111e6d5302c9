"""A dry run: who would be asked, and why, before anything is sent.

It judges with the machine's own rules, over the directory as it is now. What depends on what only a later step will
know (a risk score, say) is not guessed: such a stage is `perhaps`, and says on what it depends.

Must not know: runs, doors, how the directory was read.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from hitl_temporal.domain.approval import clock
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.eligibility import bar, eligible
from hitl_temporal.domain.approval.notation import picking
from hitl_temporal.domain.approval.opening import AskError, begin, entries, rules_that_hold, stage_run
from hitl_temporal.domain.approval.seats import Seat, seats
from hitl_temporal.domain.approval.stage import Parallel, Stage
from hitl_temporal.domain.approval.stages import line_up, why_stuck
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.calendar import Calendar, CalendarError
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.value import Json, Value

MAX_NAMED = 50
"""How many people a stage of a preview names; their number is always whole."""

Applies = Literal["yes", "no", "perhaps"]


class Asked(Value):
    """One person who would be asked.

    Attributes:
        because: The selectors that name them, as the document writes them.
        on_behalf_of: Whose place they would take; None: their own.
    """

    person: str
    name: str
    because: tuple[str, ...]
    on_behalf_of: str | None = None


class LeftOut(Value):
    """One person who is named and would not be asked."""

    person: str
    reason: str


class StagePreview(Value):
    """One stage, as it would be opened now.

    Attributes:
        applies: Whether it would be asked at all; `perhaps` when that can't be told yet.
        reason: Why not, or on what it depends.
        number: How many people could act.
        people: The first of them.
        approve: How many must agree, one entry per alternative.
        reject: How many refusals end it.
        picks: How a few of these people would be chosen; None: all of them are asked.
        due: When it would be due if it opened now.
        parks: Why nobody could decide it; an operator would have to help.
    """

    name: str
    block: int
    applies: Applies = "yes"
    reason: str = ""
    number: int = 0
    people: tuple[Asked, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    approve: tuple[int, ...] = ()
    reject: int = 0
    is_fallback: bool = False
    picks: str | None = None
    due: AwareDatetime | None = None
    at_due: str = "expire"
    parks: str | None = None


class Preview(Value):
    """A question as it would be put now.

    Attributes:
        automatic: The outcome that a rule would decide at once; None: people are asked, or it can't be told yet.
        depends: What can't be told yet, in words.
    """

    title: str
    automatic: str | None = None
    rule: str | None = None
    stages: tuple[StagePreview, ...] = ()
    depends: tuple[str, ...] = ()


def preview(
    ask: Ask,
    *,
    requester: str,
    context: Mapping[str, Json],
    roster: Roster,
    at: datetime,
    on_behalf_of: str | None = None,
    calendars: Mapping[str, Calendar] | None = None,
) -> Preview:
    """Return who would be asked, and why."""
    scope: dict[str, Json] = {**context, "requester": requester}
    depends: list[str] = []
    title = ask.title
    state = _blank(ask, requester, on_behalf_of, scope, at)
    try:
        state = begin("preview", ask, requester=requester, on_behalf_of=on_behalf_of, context=dict(context), at=at)
        title = state.shown.title
    except AskError as error:
        depends.append(str(error)[:300])
    state = state.but(roster=roster, calendars=dict(calendars or {}), is_open=True)
    automatic = rule = None
    try:
        holding = rules_that_hold(ask, scope)
    except AskError as error:
        holding = ()
        depends.append(str(error)[:300])
    if holding and not ask.shadow:
        chosen = next((r for r in holding if not ask.is_positive(r.outcome)), holding[0])
        automatic, rule = chosen.outcome, chosen.reason or chosen.condition
    return Preview(
        title=title,
        automatic=automatic,
        rule=rule,
        stages=tuple(_stages(state, ask, scope)),
        depends=tuple(dict.fromkeys(depends)),
    )


def selectors_of(ask: Ask, *, requester: str, context: Mapping[str, Json]) -> tuple[str, ...]:
    """Return every selector that the directory must be asked for to make a preview; what can't be told is left out.

    The requester, and whom they act for, must be asked for by id beside them.
    """
    scope: dict[str, Json] = {**context, "requester": requester}
    found: list[str] = []
    for _, _, run, _ in _runs(ask, requester, scope):
        if run is not None:
            cast = run.cast
            found.extend((*cast.who, *cast.barred, *cast.fallback, *cast.quiet, *cast.weights))
    return tuple(dict.fromkeys(found))


def _stages(state: Approval, ask: Ask, scope: dict[str, Json]) -> Iterator[StagePreview]:
    for block, document, run, depends in _runs(ask, state.requester, scope):
        if run is None:
            yield StagePreview(name=document.name, block=block, applies="perhaps", reason=depends)
        elif run.state == "skipped":
            yield StagePreview(name=run.name, block=block, applies="no", reason=run.reason)
        else:
            yield _stage(state, run, "perhaps" if depends else "yes", depends)


def _runs(ask: Ask, requester: str, scope: dict[str, Json]) -> Iterator[tuple[int, Stage, StageRun | None, str]]:
    """Yield each stage with its block, as it would be run (None: its people can't be told), and what it depends on."""
    try:
        wanted = entries(ask, scope)
    except AskError as error:
        for stage in ask.every_stage:
            yield 0, stage, None, str(error)[:300]
        return
    for block, entry in enumerate(wanted):
        inner = entry.parallel if isinstance(entry, Parallel) else (entry,)
        for stage in inner:
            document, depends = ask.complete(stage), ""
            if isinstance(entry, Parallel) and entry.when is not None:
                document = document.but(when=_both(entry.when, document.when))
            try:
                yield block, document, stage_run(document, block, None, requester, scope), depends
                continue
            except AskError as error:
                depends = str(error)[:300]
            try:
                yield block, document, stage_run(document.but(when=None), block, None, requester, scope), depends
            except AskError:
                yield block, document, None, depends


def _stage(state: Approval, run: StageRun, applies: Applies, depends: str) -> StagePreview:
    line = line_up(state, run, may_pick=False)
    run = line.applied_to(run.but(state="open", opened_at=state.now))
    state = state.but(stages=(run,))
    asked = list(_asked(state, run, eligible(state, run, run.who)))
    left = [LeftOut(person=p, reason=reason) for p in _named(state, run) if (reason := bar(state, run, p))]
    document = run.document
    return StagePreview(
        name=run.name,
        block=run.block,
        applies=applies,
        reason=depends,
        number=len(asked),
        people=tuple(asked[:MAX_NAMED]),
        left_out=tuple(left[:MAX_NAMED]),
        approve=tuple(w.needed for w in run.ways),
        reject=run.reject,
        is_fallback=line.is_fallback,
        picks=_picks(document),
        due=_due(state, document),
        at_due=document.at_due,
        parks=why_stuck(state, run),
    )


def _asked(state: Approval, run: StageRun, found: tuple[Seat, ...]) -> Iterator[Asked]:
    members = {s: frozenset(state.roster.named_by((s,))) for s in run.who}
    told: set[str] = set()
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
        )


def _named(state: Approval, run: StageRun) -> Iterator[str]:
    """Yield whom the document names, `who` also where the fallback is asked."""
    both = tuple(dict.fromkeys((*run.cast.who, *run.who)))
    yield from dict.fromkeys(s.owner for s in seats(state, run, both))


def _picks(document: Stage) -> str | None:
    if document.pick is None:
        return None
    wanted = picking(document.pick)
    return f"{wanted.people} of these, by {wanted.policy}"


def _due(state: Approval, document: Stage) -> datetime | None:
    if document.due is None:
        return None
    try:
        return clock.later(state, document, state.now, document.due)
    except CalendarError:
        return None


def _both(first: str, second: str | None) -> str:
    return first if second is None else f"({first}) && ({second})"


def _blank(ask: Ask, requester: str, on_behalf_of: str | None, scope: dict[str, Json], at: datetime) -> Approval:
    """Return a state for what can be judged although the question can't be put yet."""
    plain = Ask.model_validate({"title": "preview", "who": f"user:{requester}"})
    blank = begin("preview", plain, requester=requester, on_behalf_of=on_behalf_of, context=scope, at=at)
    return blank.but(ask=ask, stages=())
