"""What happens by itself when its moment has come: reminders, escalations, deadlines, claims that lapse, cooling off.

Must not know: who submitted what, when each moment is (clock.py).
"""

from datetime import datetime
from typing import assert_never

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval import clock, room, stages
from hitl_temporal.domain.approval.eligibility import eligible, may_act
from hitl_temporal.domain.approval.ending import end
from hitl_temporal.domain.approval.state import StageRun, Way
from hitl_temporal.domain.approval.tally import needed, out_of_reach
from hitl_temporal.domain.approval.telling import ask_people, notify, remind_people, settle, tell_escalation
from hitl_temporal.domain.approval.turn import Turn


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


def _remind(turn: Turn, stage: StageRun, until: datetime) -> None:
    bound = until if stage.due_at is None else min(until, stage.due_at)
    try:
        passed, remind_at = clock.reminders(turn.state, stage, bound)
        reminded = max(passed, stage.reminded + 1)  # a changed calendar may count fewer than there were
    except calendar.CalendarError:  # beyond the calendar's known years: the deadline still stands
        reminded, remind_at = stage.reminded + 1, None
    stage = turn.set_stage(stage, reminded=reminded, remind_at=remind_at)
    people = remind_people(turn, stage, reminded)
    key = f"reminded:{stage.name}{stage.again}:{reminded}"
    turn.record("reminded", key, stage=stage.name, people=list(people))


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
        _end_by_silence(turn, stage, step.outcome, f"nobody had decided after {step.after}, so it was escalated")
        return
    before = frozenset(may_act(turn.state, stage))
    if step.how == "notify":
        named = turn.state.roster.named_by(to)
        out = before.union(turn.state.barred)
        tell_escalation(turn, stage, [p for p in named if turn.state.roster.is_active(p) and p not in out], index + 1)
        return
    stage = _bring_in(turn, stage, to, instead=step.how == "replace")
    if stage.state == "parked":
        stages.reopen(turn, stage)
        return
    tell_escalation(turn, stage, [p for p in may_act(turn.state, stage) if p not in before], index + 1)
    ask_people(turn, stage)
    stages.see_who_is_left(turn)


def _bring_in(turn: Turn, stage: StageRun, to: tuple[str, ...], *, instead: bool) -> StageRun:
    """Let those act whom an escalation names: beside those who were asked, or instead of them."""
    if not stage.asked:
        return turn.set_stage(stage, let_in=tuple(dict.fromkeys((*stage.let_in, *to))))
    kept = tuple(h for h in stage.handovers if h.giver is not None)  # whom an operator had added, is replaced too
    people = tuple(dict.fromkeys(s.named for s in eligible(turn.state, stage.but(handovers=kept), to)))
    beside = () if instead else tuple(s.named for s in eligible(turn.state, stage, stage.who))
    all_asked = tuple(dict.fromkeys((*beside, *people)))
    if (full := room.for_places(turn.state, stage.but(asked=all_asked))) is not None:
        stages.tell_who_answers(turn, f"stage {stage.name!r} can't go to those whom it escalates to: {full}", stage)
        return stage
    if not instead or not people:  # an escalation to nobody takes the question from nobody
        return turn.set_stage(stage, who=tuple(dict.fromkeys((*stage.who, *to))))
    # It is as if the stage were opened for them: thresholds are taken of who can decide now.
    ways = [Way(entries=tuple((s,) for s in to) if a.approve == "each" else (to,)) for a in stage.document.alternatives]
    counted, reject = needed(turn.state.roster, stage, ways, people)
    settle(turn, stage, text="it has gone to others")
    stages.void(turn, stage, "replaced")
    return turn.set_stage(stage, who=to, ways=counted, asked=people, reject=reject, handovers=kept)


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
    if not _end_by_silence(turn, stage, outcome, "nobody had decided when it was due"):
        turn.set_stage(turn.state.stage(stage.name), due_at=None, is_untimed=False)


def _end_by_silence(turn: Turn, stage: StageRun, outcome: str, why: str) -> bool:
    """End a stage that nobody has decided, else park it: silence speaks only where somebody could have spoken."""
    state = turn.state
    obstacle = stage.reason if stage.state == "parked" else out_of_reach(state, stage)
    if obstacle is None or not state.ask.is_positive(outcome):
        stages.end_stage(turn, stage, outcome, why, by_silence=True)
        return True
    stages.park(turn, stage, f"{obstacle}; so it can't be {outcome} by silence either")
    return False


def _cool_off(turn: Turn) -> None:
    cooling = turn.state.cooling
    assert cooling is not None, f"approval {turn.state.id!r} is not cooling off"
    turn.set(cooling=None)
    end(turn, cooling.outcome, cooling.reason)
