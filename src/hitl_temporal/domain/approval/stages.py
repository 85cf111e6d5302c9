"""The life of stages: opened block by block, asked again, held back, parked, ended.

Must not know: who submitted what.
"""

from datetime import datetime

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval import clock, room
from hitl_temporal.domain.approval.answering import who_answers
from hitl_temporal.domain.approval.eligibility import filled, hides_bars, may_act
from hitl_temporal.domain.approval.ending import conclude
from hitl_temporal.domain.approval.lineup import is_unsure, line_up, why_stuck
from hitl_temporal.domain.approval.opening import material
from hitl_temporal.domain.approval.records import Decision, Voided, Why
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.tally import out_of_reach, reached, selectors_naming
from hitl_temporal.domain.approval.telling import ask_people, forget_rounds, notify, requesters, settle
from hitl_temporal.domain.approval.turn import Turn

ALL_SKIPPED = "no stage applies: every `when` is false"
NO_ROW = "no stage applies: no row of its route holds"
MAX_SAID = 20
"""How many of those who are left out a fact names."""


def open_next(turn: Turn, decided: str | None = None) -> None:
    """Open the first block that is not passed; without one, end as the last stage did, or park if none applies.

    Args:
        turn: The event being worked on.
        decided: The stage whose end leads here; of stages side by side it need not be the last one.
    """
    open_block(turn)
    state = turn.state
    if state.is_decided or state.live_stages or state.is_unread:
        return
    asked = (s for s in reversed(state.stages) if s.state != "skipped" and not s.is_added and not s.is_surplus)
    last = next(asked, None)
    if last is None:
        reason = ALL_SKIPPED if any(s.reason != NO_ROW for s in state.stages) else NO_ROW
        if state.reason == reason:
            return  # the end of a stage leads here again, within one event
        turn.set(reason=reason)
        turn.record("parked", f"parked:approval:{len(state.amendments)}", reason=reason)
        tell_parked(turn, f"it is parked: {reason}")
    else:
        conclude(turn, last.state, last.reason, decided or last.name)


def open_block(turn: Turn) -> None:
    """Open all pending stages of the first block that is not passed."""
    while not turn.state.is_decided:
        state = turn.state
        waiting = [s for s in state.stages if s.state == "pending"]
        block = min((s.block for s in (*waiting, *state.live_stages)), default=None)
        ready = [s for s in waiting if s.block == block]
        if not ready:
            return
        if not turn.has_read and is_unsure(state, ready[0]):
            turn.set(is_unread=True)
            return
        _open(turn, ready[0])


def settle_votes(turn: Turn, stage: StageRun) -> None:
    """End a stage whose votes have reached an outcome; one that waits for all waits also for those who are too many."""
    if stage.document.wait_for_all and turn.state.roster.oversized:
        return
    outcome = reached(turn.state, stage)
    if outcome is not None:
        is_said = any(d.stage == stage.name and d.outcome == outcome for d in turn.state.decisions)
        end_stage(turn, stage, outcome, "" if is_said else "not enough can agree any more")


def see_who_is_left(turn: Turn) -> None:
    """End each open stage that waited for nobody but leavers, and park each that those left can't decide any more.

    What was sent back waits for its requester, not for those who answer: they are asked again afterwards.
    """
    info = turn.state.info
    if info is not None and info.rework:
        if not any(turn.state.roster.is_active(p) for p in (info.to, *turn.state.barred)):
            for stage in turn.state.live_stages:
                if stage.state == "open":
                    park(turn, stage, f"it was sent back, and {info.to!r} is not there to answer: an operator may")
        return
    for name in [s.name for s in turn.state.live_stages if s.document.wait_for_all]:
        stage = turn.state.stage(name)
        if stage.state == "open" and not turn.state.is_decided:
            settle_votes(turn, stage)
    if turn.state.is_decided:
        return
    for stage in turn.state.live_stages:
        reason = out_of_reach(turn.state, stage)
        if reason is not None:
            park(turn, stage, reason)


def ask_again(turn: Turn, stage: StageRun) -> None:
    """Make a stage as it was before it was opened, one round further: what it was asked about has changed."""
    forget_rounds(turn, stage)
    settle(turn, stage, text="what was asked has changed")
    turn.set(intents=tuple(i for i in turn.state.intents if i.stage != stage.name))
    turn.set_stage(
        stage,
        state="pending",
        reason="",
        round=stage.round + 1,
        bound=material(stage.document.material or (), turn.state.context),  # a vote that stays is about this
        let_in=(),
        held_since=None,
        opened_at=None,
        due_at=None,
        remind_at=None,
        reminded=0,
        escalations=(),
        escalated=(),
        claim=None,
        moves=(),
    )


def end_stage(turn: Turn, stage: StageRun, outcome: str, why: str = "", *, by_silence: bool = False) -> None:
    """End a stage; a positive outcome goes on to the next, any other ends the approval.

    Args:
        turn: The event being worked on.
        stage: The stage.
        outcome: What it ends with.
        why: What has decided it if it was not votes: nothing that silence decides may look as if people had.
        by_silence: Whether time has decided it.
    """
    reason = f"stage {stage.name!r}: {why}" if why else ""
    stage = turn.set_stage(stage, state=outcome, claim=None, reason=reason, by_silence=by_silence)
    turn.record(
        "stage_ended",
        f"stage_ended:{stage.name}{stage.again}",
        began=stage.opened_at,
        stage=stage.name,
        outcome=outcome,
        reason=why or None,
    )
    if turn.state.ask.is_positive(outcome):
        open_next(turn, stage.name)
    else:
        conclude(turn, outcome, reason or f"stage {stage.name!r}", stage.name)


def park(turn: Turn, stage: StageRun, reason: str) -> None:
    """Stop asking until an operator helps; the stage's deadline goes on."""
    if stage.state != "parked":
        number = stage.parkings + 1
        turn.record(
            "parked", f"parked:{stage.name}" + (f":{number}" if number > 1 else ""), stage=stage.name, reason=reason
        )
        stage = turn.set_stage(stage, parkings=number)
        tell_parked(turn, f"stage {stage.name!r} is parked: {reason}", stage)
    turn.set_stage(turn.state.stage(stage.name), state="parked", reason=reason, remind_at=None, claim=None)


def tell_parked(turn: Turn, what: str, stage: StageRun | None = None) -> None:
    """Tell who answers for a request that it waits for them."""
    tell_who_answers(turn, f"{turn.state.shown.title}: {what}. {_way_out(turn.state, stage)}.", stage)


def _way_out(state: Approval, stage: StageRun | None) -> str:
    """Return what can be done for a request that is parked."""
    if state.roster.oversized:
        # Where a `not` can't be told nobody is let past it, neither who is brought in nor an admin.
        is_barred = any(hides_bars(state, s) for s in state.stages if s.state != "skipped")
        ways = "Withdraw it" if is_barred else "Override or withdraw it"
        return f"{ways}, or have fewer people named and reassign it then"
    if stage is None or room.for_places(state, stage) is not None:
        return "Change it, override or withdraw it"
    return "Reassign it, override or withdraw it"


def tell_who_answers(turn: Turn, text: str, stage: StageRun | None = None) -> None:
    """Tell something to those who answer for a request: they can help where nobody who is asked can."""
    people = turn.state.roster.named_by(who_answers(turn.state))
    if turn.state.roster.oversized:  # it names nobody; who has asked is known by id
        people = requesters(turn.state)
    notify(turn, people, text, stage)


def reopen(turn: Turn, stage: StageRun) -> None:
    """Let a parked stage go on if it can now: it has been given people."""
    if turn.state.info is not None and turn.state.info.rework:
        return  # it waits for whoever sends it in again
    if not stage.asked:
        _open(turn, turn.set_stage(stage, state="pending", reason=""))
        return
    opened = turn.set_stage(stage, state="open", reason="")
    reason = room.for_places(turn.state, opened) or out_of_reach(turn.state, opened)
    if reason is not None:
        turn.set_stage(opened, state="parked", reason=reason)
        return
    opened = _remind_again(turn, opened)
    _say_asked(turn, opened, f"{stage.again}:parked:{stage.parkings}")
    ask_people(turn, opened)


def hold_back(turn: Turn, stage: StageRun) -> None:
    """Let an open stage wait for an earlier one that is asked again; its votes stay, its clock stands still."""
    since = turn.state.info.since if turn.state.info is not None else turn.now
    turn.set_stage(stage, state="pending", reason="", held_since=since, claim=None)


def run_again(turn: Turn, stage: StageRun, since: datetime, why: str) -> None:
    """Let the clock of an open stage run again that has stood still since then."""
    clock.stop_clock(turn, stage, since, why)


def take_up(turn: Turn, stage: StageRun, since: datetime, why: str) -> StageRun:
    """Let a stage go on that had ended or waited since then."""
    opened = turn.set_stage(stage, state="open", reason="", openings=stage.openings + 1, held_since=None)
    return clock.stop_clock(turn, opened, since, why)


def _open(turn: Turn, stage: StageRun) -> None:
    if stage.held_since is not None:
        stage = take_up(turn, stage, stage.held_since, "an earlier stage was asked again")
        if stage.asked:  # else it was parked before, and opens for those who may be there now
            turn.record("asked", f"asked:{stage.name}{stage.again}", stage=stage.name, who=list(stage.who))
            ask_people(turn, stage)
            settle_votes(turn, stage)
            return
    line, is_fresh = line_up(turn.state, stage), stage.opened_at is None
    stage = line.applied_to(turn.set_stage(stage, opened_at=stage.opened_at or turn.now, openings=stage.openings + 1))
    stage = turn.set_stage(stage, state="open", bound=material(stage.document.material or (), turn.state.context))
    # One that was parked goes on with the times it had: what was escalated then is not escalated again.
    stage, unplanned = clock.plan(turn, stage) if is_fresh else (_remind_again(turn, stage), None)
    obstacle = why_stuck(turn.state, stage) or unplanned
    if obstacle is not None:
        park(turn, stage, obstacle)
        return
    _say_asked(turn, stage, stage.again, is_fallback=line.is_fallback)
    ask_people(turn, stage)
    if filled(turn.state, stage):  # who has changed what is asked has answered it with that
        _count_anew(turn, stage)
        settle_votes(turn, stage)


def _say_asked(turn: Turn, stage: StageRun, again: str, *, is_fallback: bool = False) -> None:
    turn.record(
        "asked",
        f"asked:{stage.name}{again}",
        stage=stage.name,
        who=list(stage.who),
        people=list(may_act(turn.state, stage)),
        approve=stage.ways[0].needed if len(stage.ways) == 1 else [w.needed for w in stage.ways],
        reject=stage.reject,
        fallback=is_fallback or None,
        picked=stage.document.pick,
        left_out=[*_left_out(turn.state, stage)] or None,
        round=stage.round if stage.round > 1 else None,
        due=stage.due_at.isoformat() if stage.due_at else None,
    )


def _count_anew(turn: Turn, stage: StageRun) -> None:
    """Let the answers in a stage count for those of its selectors that name their places now."""
    decisions = tuple(
        d.but(counts_for=selectors_naming(turn.state, stage, d.named)) if d.stage == stage.name else d
        for d in turn.state.decisions
    )
    turn.set(decisions=decisions)


def _remind_again(turn: Turn, stage: StageRun) -> StageRun:
    try:
        return clock.plan_reminders(turn, stage)
    except calendar.CalendarError:  # beyond the calendar's known years: the deadline still stands
        return stage


def _left_out(state: Approval, stage: StageRun) -> list[str]:
    """Return who is named and not active: it is said, and they are not waited for."""
    named = state.roster.named_by(stage.who)
    return [p for p in named if not state.roster.is_active(p)][:MAX_SAID]


def void(turn: Turn, stage: StageRun, why: Why, keep: Decision | None = None) -> None:
    """Let the answers in a stage count no more, but for one; they stay known, and their keys stay spent."""
    answers = tuple(d for d in turn.state.decisions if d.stage == stage.name and d != keep)
    if not answers:
        return
    turn.set(
        decisions=tuple(d for d in turn.state.decisions if d not in answers),
        voided=(*turn.state.voided, *(Voided(decision=d, why=why, at=turn.now) for d in answers)),
    )
    turn.record(
        "decisions_voided",
        f"decisions_voided:{stage.name}:{len(turn.state.voided)}",
        stage=stage.name,
        reason=why,
        decisions=[d.key for d in answers],
    )
