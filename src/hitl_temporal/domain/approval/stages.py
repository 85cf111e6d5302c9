"""The life of stages: opened in order, reminded, due, parked, ended.

Must not know: who submitted what.
"""

from bisect import bisect_right
from datetime import datetime

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval.ask import Stage, votes_needed
from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.eligibility import eligible, may_act
from hitl_temporal.domain.approval.state import MAX_REMINDERS, Approval, Delivery, Occasion, StageRun, delivery_id
from hitl_temporal.domain.approval.tally import out_of_reach, reached
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.duration import fixed

ALL_SKIPPED = "no stage applies: every `when` is false"


def open_next(turn: Turn) -> None:
    """Open the first pending stage; without one, end with the last stage's outcome, or park if none was ever open."""
    pending = next((s for s in turn.state.stages if s.state == "pending"), None)
    if pending is not None:
        _open(turn, pending)
        return
    last = next((s for s in reversed(turn.state.stages) if s.state != "skipped"), None)
    if last is None:
        turn.set(reason=ALL_SKIPPED)
        turn.record("parked", "parked:approval", reason=ALL_SKIPPED)
    else:
        end(turn, last.state, "")


def settle_votes(turn: Turn, stage: StageRun) -> None:
    """End a stage whose votes have reached an outcome."""
    outcome = reached(turn.state, stage)
    if outcome is not None:
        _end_stage(turn, stage, outcome)


def park_if_out_of_reach(turn: Turn) -> None:
    """Park the open stage when those who are left can't decide it any more."""
    stage = turn.state.live_stage
    reason = out_of_reach(turn.state, stage) if stage is not None else None
    if stage is not None and reason is not None:
        _park(turn, stage, reason)


def end(turn: Turn, outcome: str, reason: str) -> None:
    """End the approval and bring every message that was sent up to date, on the channel that took it."""
    live = turn.state.live_stage
    if live is not None:
        turn.set_stage(live, state=outcome)
    turn.set(outcome=outcome, reason=reason, ended_at=turn.now)
    state = turn.state
    stages = {s.name: s for s in state.stages}
    sent = (d for d in state.deliveries if d.occasion == "asked" and d.state != "failed")
    turn.send(*(_message(state, "settled", stages[d.stage], d.person, channel=d.channel) for d in sent))


def close(turn: Turn) -> None:
    """Write the last fact, so that a trail which does not end with it is known to be cut or open."""
    state = turn.state
    assert state.outcome is not None, f"approval {state.id!r} is closed without an outcome"
    if state.unrecorded:
        turn.record("refusals_counted", "refusals_counted", refused=state.total_refused, unrecorded=state.unrecorded)
    turn.record(
        "ended",
        "ended",
        began=state.started_at,
        outcome=state.outcome,
        positive=bool(state.ask.is_positive(state.outcome)),
        decided=state.ended_at.isoformat() if state.ended_at else None,
        refused=state.total_refused or None,
        reason=state.reason or None,
    )
    turn.set(is_closed=True)


def pass_time(turn: Turn, until: datetime) -> None:
    """Do what has become due by `until`: each in the order of its moment, at equal ones reminders first.

    Reminders that were missed together are one reminder: nobody wants five messages after an outage.

    Args:
        turn: The event being worked on.
        until: The event's own time. It may lie before `turn.now`, and then a deadline between the two has not passed
            for it: an answer that the server had in time counts, whatever was worked on before it.
    """
    while (stage := turn.state.live_stage) is not None:
        remind, due = stage.remind_at, stage.due_at
        if remind is not None and remind <= until and (due is None or remind <= due):
            _remind(turn, stage, until if due is None else min(until, due))
        elif due is not None and due <= until:
            _fall_due(turn, stage)
        else:
            return


def next_moment(state: Approval) -> datetime | None:
    """Return when `TimePassed` is due next, None when only people can move this approval."""
    stage = state.live_stage
    return None if stage is None else min((m for m in (stage.remind_at, stage.due_at) if m is not None), default=None)


def _open(turn: Turn, stage: StageRun) -> None:
    document = stage.document
    who, people = _addressees(turn.state, stage)
    stage = turn.set_stage(
        stage,
        state="open",
        opened_at=turn.now,
        who=who,
        asked=people,
        approve=votes_needed(document.approve, len(people)),
        reject=votes_needed(document.reject, len(people)),
    )
    stage, unplanned = _plan(turn, stage)
    obstacle = _obstacle(stage) or unplanned
    if obstacle is not None:
        _park(turn, stage, obstacle)
        return
    turn.record(
        "asked",
        f"asked:{stage.name}",
        stage=stage.name,
        who=list(who),
        people=list(people),
        approve=stage.approve,
        reject=stage.reject,
        fallback=who == document.fallback or None,
        due=stage.due_at.isoformat() if stage.due_at else None,
    )
    turn.send(*(_message(turn.state, "asked", stage, person) for person in people))


def _addressees(state: Approval, stage: StageRun) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the selectors that may act in a stage, `fallback` when `who` names nobody eligible, and their people."""
    who, fallback = stage.who, stage.document.fallback
    people = eligible(state, stage, who)
    if people or not fallback:
        return who, people
    return fallback, eligible(state, stage, fallback)


def _obstacle(stage: StageRun) -> str | None:
    """Return why those who are asked could never decide a stage, None when they can."""
    eligible_number, needed = len(stage.asked), max(stage.approve, stage.reject)
    if not eligible_number:
        return f"nobody can act: {', '.join(stage.who) or '`who`'} names no eligible person"
    if needed > eligible_number:
        return f"{needed} votes are needed, but only {eligible_number} can act"
    return None


def _plan(turn: Turn, stage: StageRun) -> tuple[StageRun, str | None]:
    """Set the stage's moments; return it, and what is wrong if its calendar can't tell them."""
    document = stage.document
    try:
        if document.due is not None:
            stage = turn.set_stage(stage, due_at=_later(turn.state, document, turn.now, document.due))
        _, remind_at = _reminders(turn.state, stage, turn.now)
        return turn.set_stage(stage, remind_at=remind_at), None
    except calendar.CalendarError as error:
        return stage, f"its times can't be planned: {error}"


def _reminders(state: Approval, stage: StageRun, until: datetime) -> tuple[int, datetime | None]:
    """Return how many reminders have been due by `until`, and when the next one is; None: that was the last."""
    document, opened = stage.document, stage.opened_at
    assert opened is not None, f"stage {stage.name!r} of {state.id!r} has not been opened"
    if not isinstance(document.remind, str):
        moments = sorted(_later(state, document, opened, r) for r in document.remind)
        passed = bisect_right(moments, until)
        return passed, moments[passed] if passed < len(moments) else None
    length = fixed(document.remind)
    if length is not None:
        passed = (until - opened) // length
        return passed, opened + (passed + 1) * length
    passed, moment = stage.reminded, stage.remind_at or _later(state, document, opened, document.remind)
    while moment <= until:
        passed, moment = passed + 1, _later(state, document, moment, document.remind)
    return passed, moment


def _remind(turn: Turn, stage: StageRun, until: datetime) -> None:
    try:
        reminded, remind_at = _reminders(turn.state, stage, until)
    except calendar.CalendarError:  # beyond the calendar's known years: the deadline still stands
        reminded, remind_at = stage.reminded + 1, None
    stage = turn.set_stage(stage, reminded=reminded, remind_at=remind_at)
    people = may_act(turn.state, stage)
    turn.record("reminded", f"reminded:{stage.name}:{reminded}", stage=stage.name, people=list(people))
    _forget_old_reminders(turn)
    turn.send(*(_message(turn.state, "reminded", stage, person, number=reminded) for person in people))


def _forget_old_reminders(turn: Turn) -> None:
    done = [d.id for d in turn.state.deliveries if d.occasion == "reminded" and d.state != "sending"]
    forgotten = frozenset(done[:-MAX_REMINDERS])
    turn.set(deliveries=tuple(d for d in turn.state.deliveries if d.id not in forgotten))


def _fall_due(turn: Turn, stage: StageRun) -> None:
    state, at_due = turn.state, stage.document.at_due
    outcome = {"expire": "expired", "reject": "rejected"}.get(at_due, at_due)
    turn.record("due_passed", f"due_passed:{stage.name}", stage=stage.name, at_due=at_due)
    # Silence speaks only where somebody could have spoken.
    obstacle = stage.reason if stage.state == "parked" else out_of_reach(state, stage)
    if obstacle is None or not state.ask.is_positive(outcome):
        _end_stage(turn, stage, outcome)
        return
    stage = turn.set_stage(stage, due_at=None)
    _park(turn, stage, f"{obstacle}; so it can't be {outcome} by silence either")


def _end_stage(turn: Turn, stage: StageRun, outcome: str) -> None:
    """End a stage; a positive outcome opens the next, any other ends the approval."""
    turn.set_stage(stage, state=outcome)
    turn.record("stage_ended", f"stage_ended:{stage.name}", began=stage.opened_at, stage=stage.name, outcome=outcome)
    if turn.state.ask.is_positive(outcome):
        open_next(turn)
    else:
        end(turn, outcome, f"stage {stage.name!r}")


def _park(turn: Turn, stage: StageRun, reason: str) -> None:
    """Stop asking until an operator helps; the stage's deadline goes on."""
    if stage.state != "parked":
        turn.record("parked", f"parked:{stage.name}", stage=stage.name, reason=reason)
    turn.set_stage(stage, state="parked", reason=reason, remind_at=None)


def _later(state: Approval, stage: Stage, start: datetime, duration: str) -> datetime:
    name = stage.calendar or state.ask.calendar
    return calendar.add(start, duration, calendar.choose(state.calendars, name, duration))


def _message(
    state: Approval,
    occasion: Occasion,
    stage: StageRun,
    person: str,
    *,
    number: int | None = None,
    channel: str | None = None,
) -> Deliver:
    """Return a new delivery: on the given channel, else on those the person prefers, else on the stage's."""
    name = delivery_id(occasion, stage.name, person, number)
    delivery = Delivery(id=name, person=person, occasion=occasion, stage=stage.name)
    card = state.roster.cards.get(person)
    via = (channel,) if channel else (card.via if card else ()) or stage.document.via
    return Deliver(delivery=delivery, via=via, due=stage.due_at if state.outcome is None else None)
