"""The life of stages: opened block by block, reminded, escalated, due, parked, ended.

Must not know: who submitted what.
"""

from datetime import datetime
from typing import assert_never

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval import clock
from hitl_temporal.domain.approval.automatic import compare_with_people
from hitl_temporal.domain.approval.eligibility import eligible, filled, may_act
from hitl_temporal.domain.approval.lineup import line_up, why_stuck
from hitl_temporal.domain.approval.opening import material
from hitl_temporal.domain.approval.records import Cooling, Decision, Voided, Why
from hitl_temporal.domain.approval.state import Approval, StageRun, Way
from hitl_temporal.domain.approval.tally import needed, out_of_reach, reached, selectors_naming
from hitl_temporal.domain.approval.telling import (
    ask_people,
    notify,
    remind_people,
    settle,
    tell_escalation,
    tell_requester,
)
from hitl_temporal.domain.approval.turn import Turn

ALL_SKIPPED = "no stage applies: every `when` is false"
NO_ROW = "no stage applies: no row of its route holds"
OVERTAKEN = "the approval has ended"
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
    if state.outcome is not None or state.cooling is not None or state.live_stages or state.is_unread:
        return
    last = next((s for s in reversed(state.stages) if s.state != "skipped" and not s.is_added), None)
    if last is None:
        reason = ALL_SKIPPED if any(s.reason != NO_ROW for s in state.stages) else NO_ROW
        turn.set(reason=reason)
        turn.record("parked", f"parked:approval:{len(state.amendments)}", reason=reason)
    else:
        conclude(turn, last.state, "", decided or last.name)


def open_block(turn: Turn) -> None:
    """Open all pending stages of the first block that is not passed."""
    while turn.state.outcome is None and turn.state.cooling is None:
        state = turn.state
        waiting = [s for s in state.stages if s.state == "pending"]
        block = min((s.block for s in (*waiting, *state.live_stages)), default=None)
        ready = [s for s in waiting if s.block == block]
        if not ready:
            return
        if not turn.has_read and _names_strangers(state, ready[0]):
            turn.set(is_unread=True)
            return
        _open(turn, ready[0])


def _names_strangers(state: Approval, stage: StageRun) -> bool:
    """Tell whether a stage names people whom nobody has asked the directory for: the last change brought them in."""
    return any(not state.roster.knows(s) for s in (*stage.who, *stage.cast.everybody))


def settle_votes(turn: Turn, stage: StageRun) -> None:
    """End a stage whose votes have reached an outcome."""
    outcome = reached(turn.state, stage)
    if outcome is not None:
        end_stage(turn, stage, outcome)


def see_who_is_left(turn: Turn) -> None:
    """End each open stage that waited for nobody but leavers, and park each that those left can't decide any more.

    What was sent back waits for its requester, not for those who answer: they are asked again afterwards.
    """
    if turn.state.info is not None and turn.state.info.rework:
        return
    for name in [s.name for s in turn.state.live_stages if s.document.wait_for_all]:
        stage = turn.state.stage(name)
        if stage.state == "open":
            settle_votes(turn, stage)
    if turn.state.outcome is not None or turn.state.cooling is not None:
        return
    for stage in turn.state.live_stages:
        reason = out_of_reach(turn.state, stage)
        if reason is not None:
            park(turn, stage, reason)


def conclude(turn: Turn, outcome: str, reason: str, stage: str) -> None:
    """End with what votes have decided, once it has cooled off if the ask says so."""
    state, delay = turn.state, turn.state.ask.cooling_off
    if delay is None or not any(d.kind == "vote" and d.stage == stage for d in state.decisions):
        end(turn, outcome, reason)
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


def end(turn: Turn, outcome: str, reason: str, *, live: str = "skipped") -> None:
    """End the approval and bring every message that was sent up to date.

    Args:
        turn: The event being worked on.
        outcome: The approval's.
        reason: Why, for people.
        live: What the stages become that are open: the outcome too, when it is theirs.
    """
    for stage in turn.state.live_stages:
        said = OVERTAKEN if live == "skipped" else stage.reason
        turn.set_stage(stage, state=live, reason=said, claim=None)
    turn.set(outcome=outcome, reason=reason, ended_at=turn.now, info=None, cooling=None, intents=())
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


def pass_time(turn: Turn, until: datetime) -> None:
    """Do what has become due by `until`: each in the order of its moment, at equal ones reminders first.

    Reminders that were missed together are one reminder: nobody wants five messages after an outage.

    Args:
        turn: The event being worked on.
        until: The event's own time. It may lie before `turn.now`, and then a deadline between the two has not passed
            for it: an answer that the server had in time counts, whatever was worked on before it.
    """
    while (moment := min(clock.moments(turn.state), default=None)) is not None and moment.at <= until:
        stage = turn.state.stage(moment.stage)
        match moment.kind:
            case "lapse":
                _lapse(turn, stage)
            case "remind":
                _remind(turn, stage, until)
            case "escalate":
                _escalate(turn, stage, moment.number)
            case "due":
                _fall_due(turn, stage)
            case "cool":
                _cool_off(turn)
            case _:
                assert_never(moment.kind)


def ask_again(turn: Turn, stage: StageRun) -> None:
    """Make a stage as it was before it was opened, one round further: what it was asked about has changed."""
    settle(turn, stage, text="what was asked has changed")
    turn.set(intents=tuple(i for i in turn.state.intents if i.stage != stage.name))
    turn.set_stage(
        stage,
        state="pending",
        reason="",
        round=stage.round + 1,
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


def end_stage(turn: Turn, stage: StageRun, outcome: str) -> None:
    """End a stage; a positive outcome goes on to the next, any other ends the approval."""
    stage = turn.set_stage(stage, state=outcome, claim=None)
    turn.record(
        "stage_ended",
        f"stage_ended:{stage.name}{stage.again}",
        began=stage.opened_at,
        stage=stage.name,
        outcome=outcome,
    )
    if turn.state.ask.is_positive(outcome):
        open_next(turn, stage.name)
    else:
        conclude(turn, outcome, f"stage {stage.name!r}", stage.name)


def park(turn: Turn, stage: StageRun, reason: str) -> None:
    """Stop asking until an operator helps; the stage's deadline goes on."""
    if stage.state != "parked":
        number = stage.parkings + 1
        turn.record(
            "parked", f"parked:{stage.name}" + (f":{number}" if number > 1 else ""), stage=stage.name, reason=reason
        )
        stage = turn.set_stage(stage, parkings=number)
    turn.set_stage(stage, state="parked", reason=reason, remind_at=None, claim=None)


def reopen(turn: Turn, stage: StageRun) -> None:
    """Let a parked stage go on if it can now: it has been given people."""
    if not stage.asked:
        _open(turn, turn.set_stage(stage, state="pending", reason=""))
        return
    opened = turn.set_stage(stage, state="open", reason="")
    reason = out_of_reach(turn.state, opened)
    if reason is not None:
        turn.set_stage(opened, state="parked", reason=reason)
        return
    ask_people(turn, _remind_again(turn, opened))


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
    turn.record(
        "asked",
        f"asked:{stage.name}{stage.again}",
        stage=stage.name,
        who=list(stage.who),
        people=list(may_act(turn.state, stage)),
        approve=stage.ways[0].needed if len(stage.ways) == 1 else [w.needed for w in stage.ways],
        reject=stage.reject,
        fallback=line.is_fallback or None,
        picked=stage.document.pick,
        left_out=[*_left_out(turn.state, stage)] or None,
        round=stage.round if stage.round > 1 else None,
        due=stage.due_at.isoformat() if stage.due_at else None,
    )
    ask_people(turn, stage)
    if filled(turn.state, stage):  # who has changed what is asked has answered it with that
        _count_anew(turn, stage)
        settle_votes(turn, stage)


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


def _remind(turn: Turn, stage: StageRun, until: datetime) -> None:
    bound = until if stage.due_at is None else min(until, stage.due_at)
    try:
        passed, remind_at = clock.reminders(turn.state, stage, bound)
        reminded = max(passed, stage.reminded + 1)  # a changed calendar may count fewer than there were
    except calendar.CalendarError:  # beyond the calendar's known years: the deadline still stands
        reminded, remind_at = stage.reminded + 1, None
    stage = turn.set_stage(stage, reminded=reminded, remind_at=remind_at)
    people = may_act(turn.state, stage)
    key = f"reminded:{stage.name}{stage.again}:{reminded}"
    turn.record("reminded", key, stage=stage.name, people=list(people))
    remind_people(turn, stage, reminded)


def _escalate(turn: Turn, stage: StageRun, index: int) -> None:
    step, to = stage.document.escalate[index], stage.cast.escalate[index]
    stage = turn.set_stage(stage, escalated=(*stage.escalated, index), claim=None)
    turn.record(
        "escalated",
        f"escalated:{stage.name}{stage.again}:{index + 1}",
        stage=stage.name,
        how=step.how,
        to=list(to) or None,
        outcome=step.outcome,
    )
    if step.outcome is not None:
        _end_by_silence(turn, stage, step.outcome)
        return
    before = frozenset(may_act(turn.state, stage))
    if step.how == "notify":
        named = turn.state.roster.named_by(to)
        out = before.union(turn.state.barred)
        tell_escalation(turn, stage, [p for p in named if turn.state.roster.is_active(p) and p not in out], index + 1)
        return
    stage = _bring_in(turn, stage, to, instead=step.how == "replace")
    if stage.state == "parked":
        reopen(turn, stage)
        return
    tell_escalation(turn, stage, [p for p in may_act(turn.state, stage) if p not in before], index + 1)
    ask_people(turn, stage)
    see_who_is_left(turn)


def _bring_in(turn: Turn, stage: StageRun, to: tuple[str, ...], *, instead: bool) -> StageRun:
    """Let those act whom an escalation names: beside those who were asked, or instead of them."""
    if not stage.asked:
        return turn.set_stage(stage, let_in=tuple(dict.fromkeys((*stage.let_in, *to))))
    people = tuple(dict.fromkeys(s.named for s in eligible(turn.state, stage, to)))
    if not instead or not people:  # an escalation to nobody takes the question from nobody
        return turn.set_stage(stage, who=tuple(dict.fromkeys((*stage.who, *to))))
    # It is as if the stage were opened for them: thresholds are taken of who can decide now.
    ways = [Way(entries=tuple((s,) for s in to) if a.approve == "each" else (to,)) for a in stage.document.alternatives]
    counted, reject = needed(turn.state.roster, stage, ways, people)
    settle(turn, stage, text="it has gone to others")
    void(turn, stage, "replaced")
    kept = tuple(h for h in stage.handovers if h.giver is not None)  # whom an operator had added, is replaced too
    return turn.set_stage(stage, who=to, ways=counted, asked=people, reject=reject, handovers=kept)


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


def _lapse(turn: Turn, stage: StageRun) -> None:
    claim = stage.claim
    assert claim is not None, f"stage {stage.name!r} of {turn.state.id!r} is not claimed"
    stage = turn.set_stage(stage, claim=None)
    turn.record(
        "claim_lapsed",
        f"claim_lapsed:{stage.name}:{stage.claims}",
        began=claim.since,
        stage=stage.name,
        actor=claim.holder,
    )
    notify(turn, may_act(turn.state, stage), f"the claim of {claim.holder} has lapsed: it is yours to decide", stage)


def _fall_due(turn: Turn, stage: StageRun) -> None:
    at_due = stage.document.at_due
    outcome = {"expire": "expired", "reject": "rejected"}.get(at_due, at_due)
    key = f"due_passed:{stage.name}{stage.again}"
    turn.record("due_passed", key, stage=stage.name, at_due=at_due)
    if not _end_by_silence(turn, stage, outcome):
        turn.set_stage(turn.state.stage(stage.name), due_at=None)


def _end_by_silence(turn: Turn, stage: StageRun, outcome: str) -> bool:
    """End a stage that nobody has decided, else park it: silence speaks only where somebody could have spoken."""
    state = turn.state
    obstacle = stage.reason if stage.state == "parked" else out_of_reach(state, stage)
    if obstacle is None or not state.ask.is_positive(outcome):
        end_stage(turn, stage, outcome)
        return True
    park(turn, stage, f"{obstacle}; so it can't be {outcome} by silence either")
    return False


def _cool_off(turn: Turn) -> None:
    cooling = turn.state.cooling
    assert cooling is not None, f"approval {turn.state.id!r} is not cooling off"
    turn.set(cooling=None)
    end(turn, cooling.outcome, cooling.reason)
