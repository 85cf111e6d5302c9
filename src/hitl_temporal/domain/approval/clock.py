"""The clocks of an approval: deadlines, reminders, escalations and leases; stopped, moved and planned anew.

A deadline never moves in silence: each `Move` says why, and from all of them it can be planned anew when a calendar
has changed.

Must not know: what happens when a moment comes (waking.py).
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval.records import Move
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.duration import fixed, needs_calendar

MAX_EXTENSIONS = 50
LEASE_WITHOUT_CALENDAR = timedelta(hours=4)
"""How long a claim holds where its calendar can't tell."""

Kind = Literal["lapse", "remind", "escalate", "due", "cool"]
_ORDER: dict[Kind, int] = {"lapse": 0, "remind": 1, "escalate": 2, "due": 3, "cool": 4}


class Moment(NamedTuple):
    """Something that is due; at equal times the kinds come in their order, then the stages in theirs.

    Attributes:
        number: Which escalation; 0 for the other kinds.
    """

    at: datetime
    order: int
    place: int
    kind: Kind
    stage: str
    number: int = 0


def moments(state: Approval) -> Iterator[Moment]:
    """Yield everything that is due some time; while the clocks stand still, only leases and cooling-off run."""
    if state.outcome is not None:
        return
    if state.cooling is not None:
        yield Moment(state.cooling.until, _ORDER["cool"], 0, "cool", state.cooling.stage)
        return
    for place, stage in enumerate(state.stages):
        if not stage.is_live:
            continue
        if stage.claim is not None:
            yield Moment(stage.claim.until, _ORDER["lapse"], place, "lapse", stage.name)
        if state.info is None:
            yield from _moments_of(stage, place)


def _moments_of(stage: StageRun, place: int) -> Iterator[Moment]:
    """Yield the deadline of an open stage, and what comes before it."""
    due = stage.due_at
    if due is not None:
        yield Moment(due, _ORDER["due"], place, "due", stage.name)
    if stage.remind_at is not None and (due is None or stage.remind_at <= due):
        yield Moment(stage.remind_at, _ORDER["remind"], place, "remind", stage.name)
    for number, at in enumerate(stage.escalations):
        if number not in stage.escalated and (due is None or at <= due):
            yield Moment(at, _ORDER["escalate"], place, "escalate", stage.name, number)


def next_moment(state: Approval) -> datetime | None:
    """Return when `TimePassed` is due next, None when only people can move this approval."""
    return min((*(m.at for m in moments(state)), *_changes_of_people(state)), default=None)


def _changes_of_people(state: Approval) -> Iterator[datetime]:
    """Yield when others are to be asked: an absence begins or ends; at once where they have not been read yet."""
    if state.outcome is not None or state.cooling is not None:
        return
    if state.is_unread:
        yield state.now
    if not state.live_stages:
        return
    looked = state.looked_at or state.now
    for absences in state.roster.absences.values():
        for absence in absences:
            yield from (at for at in (absence.since, absence.until) if at > looked)


def plan(turn: Turn, stage: StageRun) -> tuple[StageRun, str | None]:
    """Set the moments of a stage that opens; return it, and what is wrong if its calendar can't tell them."""
    stage, unplanned = planned(turn.state, stage)
    return turn.set_stage(stage), unplanned


def planned(state: Approval, stage: StageRun) -> tuple[StageRun, str | None]:
    """Return a stage that opens with its moments, and what is wrong if its calendar can't tell them."""
    document = stage.document
    opened = stage.opened_at or state.now
    stage = stage.but(opened_at=opened, due_at=None, remind_at=None, escalations=(), escalated=(), moves=())
    try:
        if document.due is not None:  # first: it stands also where the others can't be told
            stage = stage.but(due_at=later(state, document, opened, document.due))
        stage = stage.but(escalations=tuple(later(state, document, opened, e.after) for e in document.escalate))
        return _with_reminders(state, stage).but(is_untimed=False), None
    except calendar.CalendarError as error:
        return stage.but(is_untimed=True), f"its times can't be planned: {error}"


def plan_reminders(turn: Turn, stage: StageRun) -> StageRun:
    """Set the next reminder of a stage, counted from its opening; those that are over are not made up for.

    Raises:
        CalendarError: The stage's calendar can't tell.
    """
    return turn.set_stage(_with_reminders(turn.state, stage))


def _with_reminders(state: Approval, stage: StageRun) -> StageRun:
    reminded, remind_at = reminders(state, stage.but(remind_at=None), state.now)
    return stage.but(reminded=reminded, remind_at=remind_at)


def later(state: Approval, stage: Stage, start: datetime, duration: str) -> datetime:
    """Return when a duration of a stage ends.

    Raises:
        CalendarError: Its calendar can't tell.
    """
    return calendar.add(start, duration, calendar.choose(state.calendars, stage.calendar, duration))


def reminders(state: Approval, stage: StageRun, until: datetime) -> tuple[int, datetime | None]:
    """Return how many reminders have been due by `until`, and when the next one is; None: that was the last.

    Raises:
        CalendarError: The stage's calendar can't tell.
    """
    document, opened = stage.document, stage.opened_at
    assert opened is not None, f"stage {stage.name!r} of {state.id!r} has not been opened"
    if not isinstance(document.remind, str):
        planned = sorted(_moved(state, stage, later(state, document, opened, r), r) for r in document.remind)
        passed = bisect_right(planned, until)
        return passed, planned[passed] if passed < len(planned) else None
    moment = stage.remind_at
    if moment is None:
        moment = _moved(state, stage, later(state, document, opened, document.remind), document.remind)
    passed, length = stage.reminded, fixed(document.remind)
    if length is not None and moment <= until:
        missed = (until - moment) // length + 1
        return passed + missed, moment + missed * length
    while moment <= until:
        passed, moment = passed + 1, later(state, document, moment, document.remind)
    return passed, moment


def stop_clock(turn: Turn, stage: StageRun, since: datetime, why: str) -> StageRun:
    """Move every moment of a stage by the time that has stood still since then, until now.

    It may have stood still for two reasons that overlap: what was made up for before is not made up for again, and what
    a question back has kept still is made up for too, although it is not answered yet.
    """
    state, document = turn.state, stage.document
    asked = state.info.since if state.info is not None else since
    until = (m.until for m in stage.moves if m.until is not None)
    begin = max(min(since, asked), stage.opened_at or since, *until)
    if begin >= turn.now:
        return stage
    span = (begin, turn.now)
    due = _shift(state, stage, stage.due_at, span, document.due)
    escalations = tuple(
        _shift(state, stage, at, span, e.after) or at
        for at, e in zip(stage.escalations, document.escalate, strict=False)
    )
    move = Move(at=turn.now, why=why, before=stage.due_at, after=due, since=begin, until=turn.now)
    moved = turn.set_stage(stage, moves=(*stage.moves, move), due_at=due, escalations=escalations)
    if stage.remind_at is not None:
        if isinstance(document.remind, str):
            remind_at = _shift(state, stage, stage.remind_at, span, document.remind)
        else:
            _, remind_at = reminders(turn.state, moved, turn.now)
        moved = turn.set_stage(moved, remind_at=remind_at)
    _say_moved(turn, moved, move)
    return moved


def extend(turn: Turn, stage: StageRun, by: str, why: str) -> StageRun:
    """Move the deadline of a stage.

    Raises:
        CalendarError: The stage's calendar can't tell.
    """
    due = extended(turn.state, stage, by)
    move = Move(at=turn.now, why=why, before=stage.due_at, after=due, by=by)
    moved = turn.set_stage(stage, due_at=due, moves=(*stage.moves, move))
    _say_moved(turn, moved, move)
    return moved


def extended(state: Approval, stage: StageRun, by: str) -> datetime:
    """Return the deadline of a stage, moved; while its clock stands still, it is counted on from where it was.

    Raises:
        CalendarError: The stage's calendar can't tell.
    """
    assert stage.due_at is not None, f"stage {stage.name!r} of {state.id!r} has no deadline"
    start = stage.due_at if state.info is not None else max(stage.due_at, state.now)
    return later(state, stage.document, start, by)


def plan_anew(turn: Turn, why: str) -> None:
    """Set the moments of the open stages again, after a calendar has changed; what can't be told stays as it is."""
    turn.set(replanned=turn.state.replanned + 1)
    for stage in turn.state.stages:
        if stage.opened_at is None or not (stage.is_live or stage.held_since) or not _counts_working_time(stage):
            continue
        try:
            _plan_anew(turn, stage, stage.opened_at, why)
        except calendar.CalendarError as error:
            turn.record(
                "deadline_kept",
                f"deadline_kept:{stage.name}:{stage.openings}:{turn.state.replanned}",
                stage=stage.name,
                reason=str(error),
            )


def _plan_anew(turn: Turn, stage: StageRun, opened: datetime, why: str) -> None:
    state, document = turn.state, stage.document
    due = stage.due_at
    if document.due is not None and (due is not None or stage.is_untimed):
        due = _moved(state, stage, later(state, document, opened, document.due), document.due, with_extensions=True)
    steps = document.escalate if stage.is_untimed else document.escalate[: len(stage.escalations)]
    escalations = tuple(
        stage.escalations[index]
        if index in stage.escalated
        else _moved(state, stage, later(state, document, opened, step.after), step.after)
        for index, step in enumerate(steps)
    )
    move = Move(at=turn.now, why=why, before=stage.due_at, after=due)
    moves = stage.moves if due == stage.due_at else (*stage.moves, move)
    moved = stage.but(due_at=due, escalations=escalations, moves=moves, is_untimed=False)
    if stage.remind_at is not None or (stage.is_untimed and stage.state != "parked"):
        _, remind_at = reminders(state, moved.but(remind_at=None, reminded=0), turn.now)
        moved = moved.but(remind_at=remind_at)
    _say_moved(turn, turn.set_stage(moved), move)


def _counts_working_time(stage: StageRun) -> bool:
    document = stage.document
    remind = (document.remind,) if isinstance(document.remind, str) else document.remind
    spans = (document.due, *remind, *(e.after for e in document.escalate))
    return any(needs_calendar(span) for span in spans if span is not None)


def _moved(state: Approval, stage: StageRun, at: datetime, duration: str, *, with_extensions: bool = False) -> datetime:
    """Return a moment counted from the opening after all that has moved the stage's clock since."""
    for move in stage.moves:
        if move.since is not None and move.until is not None:
            at = _shift(state, stage, at, (move.since, move.until), duration) or at
        elif move.by is not None and with_extensions:
            at = later(state, stage.document, at, move.by)
    return at


def _shift(
    state: Approval, stage: StageRun, at: datetime | None, span: tuple[datetime, datetime], duration: str | None
) -> datetime | None:
    """Return where a moment lies after its clock has stood still; where none can tell, it moves as time does."""
    if at is None:
        return None
    counts_open = duration is not None and needs_calendar(duration)
    try:
        counted_in = calendar.choose(state.calendars, stage.document.calendar, duration or "0s")
        return calendar.stopped(at, *span, counted_in, counts_open=counts_open)
    except calendar.CalendarError:
        return at + (span[1] - span[0])


def _say_moved(turn: Turn, stage: StageRun, move: Move) -> None:
    if move.before == move.after:
        return
    turn.record(
        "deadline_moved",
        f"deadline_moved:{stage.name}:{stage.openings}:{len(stage.moves)}",
        stage=stage.name,
        before=move.before.isoformat() if move.before else None,
        after=move.after.isoformat() if move.after else None,
        reason=move.why,
    )
