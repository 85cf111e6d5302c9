"""The life of stages: opened in order, reminded, due, parked, ended.

Must not know: who submitted what.
"""

from datetime import datetime

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval.ask import Stage, votes_needed
from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.eligibility import eligible, may_act
from hitl_temporal.domain.approval.state import Approval, Delivery, StageRun
from hitl_temporal.domain.approval.turn import Turn

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


def end_stage(turn: Turn, stage: StageRun, outcome: str) -> None:
    """End a stage; a positive outcome opens the next, any other ends the approval."""
    turn.set_stage(stage, state=outcome)
    turn.record("stage_ended", f"stage_ended:{stage.name}", began=stage.opened_at, stage=stage.name, outcome=outcome)
    if turn.state.ask.is_positive(outcome):
        open_next(turn)
    else:
        end(turn, outcome, f"stage {stage.name!r}")


def end(turn: Turn, outcome: str, reason: str) -> None:
    """End the approval and bring every message that was sent up to date."""
    live = turn.state.live_stage
    if live is not None:
        turn.set_stage(live, state=outcome)
    turn.set(outcome=outcome, reason=reason, ended_at=turn.now)
    for sent in [d for d in turn.state.deliveries if d.occasion == "asked" and d.state != "failed"]:
        _send(turn, "settled", sent.stage, sent.person, ())


def close(turn: Turn) -> None:
    """Write the last fact, so that a trail which does not end with it is known to be cut or open."""
    state = turn.state
    assert state.outcome is not None, f"approval {state.id!r} is closed without an outcome"
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


def park(turn: Turn, stage: StageRun, reason: str) -> None:
    """Stop asking until an operator helps; the stage's deadline goes on."""
    turn.set_stage(stage, state="parked", reason=reason, remind_at=None)
    turn.record("parked", f"parked:{stage.name}", stage=stage.name, reason=reason)


def pass_time(turn: Turn) -> None:
    """Do what has become due: reminders first, then deadlines, each in the order of its moment.

    Reminders that were missed together are one reminder: nobody wants five messages after an outage.
    """
    while (stage := turn.state.live_stage) is not None and turn.state.outcome is None:
        remind, due = stage.remind_at, stage.due_at
        if remind is not None and remind <= turn.now and (due is None or remind <= due):
            _remind(turn, stage)
        elif due is not None and due <= turn.now:
            _fall_due(turn, stage)
        else:
            return


def next_moment(state: Approval) -> datetime | None:
    """Return when `TimePassed` is due next, None when only people can move this approval."""
    stage = state.live_stage
    if stage is None or state.outcome is not None:
        return None
    return min((m for m in (stage.remind_at, stage.due_at) if m is not None), default=None)


def _open(turn: Turn, stage: StageRun) -> None:
    state, document = turn.state, stage.document
    who, people = stage.who, eligible(state, stage, state.roster, stage.who)
    if not people and document.fallback:
        who, people = document.fallback, eligible(state, stage, state.roster, document.fallback)
    stage = turn.set_stage(
        stage,
        state="open",
        opened_at=turn.now,
        who=who,
        asked=people,
        approve=votes_needed(document.approve, len(people)),
        reject=votes_needed(document.reject, len(people)),
    )
    if _plan(turn, stage) is None:
        return
    stage = turn.state.live_stage or stage
    if not people:
        park(turn, stage, f"nobody can act: {', '.join((*stage.who, *document.fallback))} names no eligible person")
    elif max(stage.approve, stage.reject) > len(people):
        park(turn, stage, f"{max(stage.approve, stage.reject)} votes are needed, but only {len(people)} can act")
    else:
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
        for person in people:
            _send(turn, "asked", stage.name, person, document.via)


def _plan(turn: Turn, stage: StageRun) -> StageRun | None:
    """Set the stage's moments; park it (None) when its calendar is unknown or gives no such moment."""
    document = stage.document
    try:
        due = None if document.due is None else _later(turn.state, document, turn.now, document.due)
        return turn.set_stage(stage, due_at=due, remind_at=_reminder(turn.state, stage, turn.now))
    except calendar.CalendarError as error:
        park(turn, stage, f"its times can't be planned: {error}")
        return None


def _reminder(state: Approval, stage: StageRun, previous: datetime) -> datetime | None:
    """Return the reminder after `previous`: repeated ones count from it, a list's from the opening."""
    remind, opened = stage.document.remind, stage.opened_at
    if isinstance(remind, str):
        return _later(state, stage.document, previous, remind)
    if opened is None or stage.reminded >= len(remind):
        return None
    return sorted(_later(state, stage.document, opened, r) for r in remind)[stage.reminded]


def _remind(turn: Turn, stage: StageRun) -> None:
    while stage.remind_at is not None and stage.remind_at <= turn.now:
        stage = stage.but(reminded=stage.reminded + 1)
        try:
            stage = stage.but(remind_at=_reminder(turn.state, stage, stage.remind_at or turn.now))
        except calendar.CalendarError:  # beyond the calendar's known years: the deadline still stands
            stage = stage.but(remind_at=None)
    stage = turn.set_stage(stage)
    people = may_act(turn.state, stage)
    turn.record("reminded", f"reminded:{stage.name}:{stage.reminded}", stage=stage.name, people=list(people))
    for person in people:
        _send(turn, "reminded", stage.name, person, stage.document.via, stage.reminded)


def _fall_due(turn: Turn, stage: StageRun) -> None:
    at_due = stage.document.at_due
    outcome = {"expire": "expired", "reject": "rejected"}.get(at_due, at_due)
    turn.record("due_passed", f"due_passed:{stage.name}", stage=stage.name, at_due=at_due)
    end_stage(turn, stage, outcome)


def _later(state: Approval, stage: Stage, start: datetime, duration: str) -> datetime:
    name = stage.calendar or state.ask.calendar
    return calendar.add(start, duration, calendar.choose(state.calendars, name, duration))


def _send(turn: Turn, occasion: str, stage: str, person: str, via: tuple[str, ...], number: int = 0) -> None:
    suffix = f":{number}" if number else ""
    delivery = Delivery.model_validate(
        {"id": f"{occasion}:{stage}:{person}{suffix}", "person": person, "occasion": occasion, "stage": stage}
    )
    turn.set(deliveries=(*turn.state.deliveries, delivery))
    live = turn.state.live_stage
    card = turn.state.roster.cards.get(person)
    preferred = card.via if card and card.via else via
    turn.effects.append(Deliver(delivery=delivery, via=preferred, due=live.due_at if live else None))
