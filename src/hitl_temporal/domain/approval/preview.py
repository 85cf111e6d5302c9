"""A dry run: who would be asked, and why, before anything is sent.

It judges with the machine's own rules, over the directory as it is now. What depends on what only a later step will
know (a risk score, say) is not guessed: such a stage is `perhaps`, and says on what it depends.

Must not know: runs, doors, how the directory was read.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from hitl_temporal.domain.approval import room
from hitl_temporal.domain.approval.ask import Ask, Auto
from hitl_temporal.domain.approval.opening import (
    AskError,
    begin,
    deciding_rule,
    entries,
    parties,
    rules_that_hold,
    stage_run,
)
from hitl_temporal.domain.approval.stage import Parallel, Stage
from hitl_temporal.domain.approval.stage_preview import StagePreview, stage_preview
from hitl_temporal.domain.approval.stages import ALL_SKIPPED, NO_ROW
from hitl_temporal.domain.approval.state import Approval, Origin, Shown, StageRun
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.value import Json, Value


class Preview(Value):
    """A question as it would be put now.

    Attributes:
        automatic: The outcome that a rule would decide at once; None: people are asked, or it can't be told yet.
        rule: Why that rule would, or the one that is only watched.
        sample: The share of what that rule approves that people decide all the same; None: nobody is asked.
        shadowed: The outcome that a rule would decide if it were not only watched (`shadow`).
        depends: What can't be told yet, in words.
        parks: Why it would park with nobody asked, since no stage applies; None: one does, or may.
    """

    title: str
    automatic: str | None = None
    rule: str | None = None
    sample: str | None = None
    shadowed: str | None = None
    stages: tuple[StagePreview, ...] = ()
    depends: tuple[str, ...] = ()
    parks: str | None = None


def preview(  # noqa: PLR0913 - each is a part of the question
    ask: Ask,
    *,
    requester: str,
    context: Mapping[str, Json],
    roster: Roster,
    at: datetime,
    on_behalf_of: str | None = None,
    origin: Origin | None = None,
    calendars: Mapping[str, Calendar] | None = None,
    opens_at_once: bool = True,
) -> Preview:
    """Return who would be asked, and why.

    Args:
        ask: The question; a table that it names has been looked up.
        requester: Who asks.
        context: What can be known of it now; an expression that needs more can't be told.
        roster: The directory's answer for `selectors_of` and `parties_of`.
        at: Now.
        on_behalf_of: For whom; None: for the requester.
        origin: The step that would ask: absences may be from some flows alone.
        calendars: Those that the question names, by name.
        opens_at_once: Nothing long goes before it; else none of its deadlines can be told.
    """
    scope: dict[str, Json] = {**context, "requester": requester}
    who = _Who(requester, on_behalf_of)
    state, depends = _as_known(ask, who, scope, at)
    state = state.but(roster=roster, origin=origin, calendars=dict(calendars or {}), is_open=True)
    try:
        holding = rules_that_hold(ask, scope)
    except AskError as error:
        holding = ()
        depends.append(_in_words(error))
    stages = tuple(_in_room(_stages(state, ask, scope, opens_at_once=opens_at_once)))
    found = Preview(title=state.shown.title, stages=stages, parks=_nobody_asked(ask, scope, stages))
    if holding:
        found = _ruled(found, ask, deciding_rule(ask, holding))
    if found.sample is not None:
        depends.append(f"sample: people decide {found.sample} of what a rule would approve")
    return found.but(depends=tuple(dict.fromkeys(depends)))


def selectors_of(ask: Ask, *, requester: str, context: Mapping[str, Json]) -> tuple[str, ...]:
    """Return every selector that the directory must be asked for to make a preview; what can't be told is left out."""
    scope: dict[str, Json] = {**context, "requester": requester}
    found: list[str] = []
    for _, _, run, _ in _runs(ask, requester, scope):
        if run is not None:
            cast = run.cast
            found.extend((*cast.who, *cast.barred, *cast.fallback, *cast.quiet, *cast.weights))
    return tuple(dict.fromkeys(found))


def parties_of(
    ask: Ask, *, requester: str, context: Mapping[str, Json], on_behalf_of: str | None = None
) -> tuple[str, ...]:
    """Return whose request it is, as far as that can be told: the directory must be asked for them by id."""
    scope: dict[str, Json] = {**context, "requester": requester}
    return _parties(ask, _Who(requester, on_behalf_of), scope)[0]


def unsure(where: str, error: ExpressionError) -> str:
    """Return on what an expression depends that only the run will know; else what is wrong with it."""
    later = [path for path, seen in error.values if seen == "missing" and path.startswith(_LATER)]
    what = f"depends on {', '.join(later)}" if later else str(error)
    return f"{where}: {what}"[:_MOST_SAID]


class _Who(NamedTuple):
    """Who asks, and for whom."""

    requester: str
    on_behalf_of: str | None


def _stages(state: Approval, ask: Ask, scope: dict[str, Json], *, opens_at_once: bool) -> Iterator[StagePreview]:
    """Yield each stage; of those that apply only the first block opens at once, the others when it has been passed."""
    first: int | None = None
    for block, document, run, depends in _runs(ask, state.requester, scope):
        if run is not None and run.state == "skipped":
            yield StagePreview(name=run.name, block=block, applies="no", reason=run.reason)
            continue
        first = block if first is None else first
        applies = "perhaps" if depends else "yes"
        if run is None:
            yield StagePreview(
                name=document.name,
                block=block,
                applies=applies,
                reason=depends,
                due_in=document.due,
                at_due=document.at_due,
            )
        else:
            at_once = opens_at_once and block == first
            yield stage_preview(state, run, applies=applies, reason=depends, opens_at_once=at_once)


def _in_room(stages: Iterable[StagePreview]) -> Iterator[StagePreview]:
    """Yield the stages, those parked for which there is no room beside the ones before."""
    asked = 0
    for stage in stages:
        asked += stage.places if stage.applies == "yes" else 0
        yield stage.but(parks=stage.parks or room.of_places(asked))


def _ruled(found: Preview, ask: Ask, rule: Auto) -> Preview:
    """Return what is left of a preview where a rule holds: no stage reads as if people were asked who are not."""
    found = found.but(rule=rule.reason or rule.condition)
    if ask.shadow:
        return found.but(shadowed=rule.outcome)
    if ask.sample is not None and ask.is_positive(rule.outcome):
        why = f"asked only where it is drawn for the sample of {ask.sample}"
        stages = (
            s.but(applies="perhaps", reason="; ".join(filter(None, (why, s.reason)))) if s.applies != "no" else s
            for s in found.stages
        )
        return found.but(automatic=rule.outcome, sample=ask.sample, stages=tuple(stages))
    why = f"a rule decides: {rule.outcome}; nobody is asked"
    stages = (
        StagePreview(name=s.name, block=s.block, applies="no", reason=why) if s.applies != "no" else s
        for s in found.stages
    )
    return found.but(automatic=rule.outcome, stages=tuple(stages), parks=None)


def _nobody_asked(ask: Ask, scope: dict[str, Json], stages: tuple[StagePreview, ...]) -> str | None:
    """Return why no stage would be opened; None: one would be, or may be, or its table can't be told."""
    if stages:
        return ALL_SKIPPED if all(s.applies == "no" for s in stages) else None
    try:
        entries(ask, scope)
    except AskError:
        return None
    return NO_ROW


def _runs(ask: Ask, requester: str, scope: dict[str, Json]) -> Iterator[tuple[int, Stage, StageRun | None, str]]:
    """Yield each stage with its block, as it would be run (None: its people can't be told), and what it depends on."""
    try:
        wanted = entries(ask, scope)
    except AskError as error:
        for stage in ask.every_stage:
            yield 0, stage, None, _in_words(error)
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
                depends = _in_words(error)
            try:
                yield block, document, stage_run(document.but(when=None), block, None, requester, scope), depends
            except AskError:
                yield block, document, None, depends


def _both(first: str, second: str | None) -> str:
    return first if second is None else f"({first}) && ({second})"


def _as_known(ask: Ask, who: _Who, scope: dict[str, Json], at: datetime) -> tuple[Approval, list[str]]:
    """Return the question as far as it can be put already, and on what the rest of it depends."""
    try:
        return begin("preview", ask, **who._asdict(), context=scope, at=at), []
    except AskError as error:
        depends = [_in_words(error)]
    try:
        title = begin("preview", _PLAIN.but(title=ask.title), **who._asdict(), context=scope, at=at).shown.title
    except AskError:
        title = ask.title
    known, unknown = _parties(ask, who, scope)
    state = begin("preview", _PLAIN, **who._asdict(), context=scope, at=at)
    return state.but(ask=ask, stages=(), shown=Shown(title=title), barred=known), [*unknown, *depends]


def _parties(ask: Ask, who: _Who, scope: dict[str, Json]) -> tuple[tuple[str, ...], list[str]]:
    """Return whom no stage lets decide, and on what the rest of them depends: one may be told without the other."""
    known: dict[str, None] = {}
    unknown: list[str] = []
    for alone in (_PLAIN.but(beneficiary=ask.beneficiary), _PLAIN.but(author=ask.author)):
        try:
            known |= dict.fromkeys(parties(alone, *who, scope))
        except AskError as error:
            unknown.append(_in_words(error))
    own = dict.fromkeys(parties(_PLAIN, *who, scope))
    return tuple(own | known), unknown


def _in_words(error: AskError) -> str:
    """Return what keeps a part of the question from being told."""
    cause = error.__cause__
    if not isinstance(cause, ExpressionError):
        return str(error)[:_MOST_SAID]
    return unsure(str(error).removesuffix(f": {cause}"), cause)


_PLAIN = Ask.model_validate({"title": "preview", "who": "user:nobody"})
_LATER = ("steps.", "run.")
"""What of a scope only the run itself will fill."""
_MOST_SAID = 300
