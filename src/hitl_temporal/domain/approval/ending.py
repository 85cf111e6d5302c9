"""How an approval ends: its outcome, once that has cooled off, the news to everybody, and the last fact.

Must not know: what has led to the outcome.
"""

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval.automatic import compare_with_people
from hitl_temporal.domain.approval.records import Cooling
from hitl_temporal.domain.approval.telling import settle, tell_requester
from hitl_temporal.domain.approval.turn import Turn

OVERTAKEN = "the approval has ended"


def conclude(turn: Turn, outcome: str, reason: str, stage: str) -> None:
    """End with what votes have decided, once it has cooled off if the ask says so; or with what time has, at once."""
    state, delay = turn.state, turn.state.ask.cooling_off
    by_silence = state.stage(stage).by_silence
    if delay is None or by_silence:  # nobody could take back what silence has decided
        end(turn, outcome, reason, by_silence=by_silence)
        return
    try:
        name = state.ask.calendar
        until = calendar.add(turn.now, delay, calendar.choose(state.calendars, name, delay))
    except calendar.CalendarError:  # it can't be told when: then there is no time to take anything back
        end(turn, outcome, reason)
        return
    turn.set(cooling=Cooling(outcome=outcome, reason=reason, stage=stage, since=turn.now, until=until))
    turn.record(
        "cooling", f"cooling:{len(state.voided)}:{turn.now.isoformat()}", outcome=outcome, until=until.isoformat()
    )


def end(turn: Turn, outcome: str, reason: str, *, live: str = "skipped", by_silence: bool = False) -> None:
    """End the approval and bring every message that was sent up to date.

    Args:
        turn: The event being worked on.
        outcome: The approval's.
        reason: Why, for people.
        live: What the stages become that are open: the outcome too, when it is theirs.
        by_silence: Whether time has decided: whatever was answered until then is no opinion on the outcome.
    """
    for stage in turn.state.live_stages:
        said = OVERTAKEN if live == "skipped" else stage.reason
        turn.set_stage(stage, state=live, reason=said, claim=None)
    for stage in turn.state.stages:
        if stage.state == "pending":
            turn.set_stage(stage, state="skipped", reason=OVERTAKEN)
    turn.set(outcome=outcome, reason=reason, ended_at=turn.now, info=None, cooling=None, intents=())
    if not by_silence:
        compare_with_people(turn, outcome)
    settle(turn)
    tell_requester(turn, f"{turn.state.shown.title}: {outcome}" + (f" ({reason})" if reason else ""))


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
