"""What stands above the vote: withdraw, amend, override, extend, take back.

Must not know: doors, how a change touches the stages (changing.py), whom an emergency alarms (glass.py).
"""

from datetime import datetime

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval import changing, clock, deciding, ending, glass, room, stages
from hitl_temporal.domain.approval.commands import Amend, Command, Extend, Override, Retract, Status, Withdraw
from hitl_temporal.domain.approval.eligibility import (
    bar,
    is_admin,
    is_operator,
    lasting_bar,
    may_act_anywhere,
    party_bar,
)
from hitl_temporal.domain.approval.records import Cooling, Decision, Kind, Voided, Withdrawal
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.approval.telling import notify
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.people import CLIENT, RUN, SUBJECT
from hitl_temporal.domain.words import moment

WITHDRAWING = frozenset({CLIENT, RUN, SUBJECT})
"""The machines that take a question back; a name that none of ours has would make the record tell an untruth."""

MAX_RETRACTED = 20
"""How often votes may be taken back: each stays known."""

OVERRIDE_STAGE = "override"
"""The stage of a decision that was made where none was open."""


# --- Withdraw ---------------------------------------------------------------------------------------------------------


def judge_withdraw(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a withdrawal."""
    if command.actor not in state.barred and command.actor not in WITHDRAWING:
        return "not_eligible", "only the requester may withdraw a request"
    return "counted", ""


def withdraw(turn: Turn, command: Command, at: datetime, key: str) -> None:
    """End the approval as its requester wants."""
    assert isinstance(command, Withdraw), "the table pairs `withdraw` with Withdraw"
    turn.record("withdrawn", "withdrawn", actor=command.actor, reason=command.reason or None)
    ending.end(turn, "withdrawn", command.reason or f"withdrawn by {command.actor}", live="withdrawn")
    done = Withdrawal(key=key, actor=command.actor, at=at, tally=of_approval(turn.state))
    turn.set(withdrawal=done)


# --- Amend ------------------------------------------------------------------------------------------------------------


def judge_amend(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a change of what is asked."""
    assert isinstance(command, Amend), "the table pairs `amend` with Amend"
    if command.actor not in state.barred:
        return "not_eligible", "only the requester may change a request"
    if len(state.amendments) >= changing.MAX_AMENDMENTS:
        return "invalid", f"it has been changed {changing.MAX_AMENDMENTS} times: withdraw it and ask anew"
    wrong = changing.unfit(state, command.changes, "set", command.reason)
    return ("counted", "") if wrong is None else ("invalid", wrong)


def amend(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Change what is asked; of a request that was sent back, that sends it in again."""
    assert isinstance(command, Amend), "the table pairs `amend` with Amend"
    info = turn.state.info
    if info is not None and info.rework:
        remark = changing.remark(turn, "resubmitted", command.actor, command.reason, to=info.by)
        turn.set(conversation=(*turn.state.conversation, remark), info=None)
        turn.record("resubmitted", f"remark:{remark.number}", began=info.since, actor=command.actor, to=info.by)
        changing.end_wait(turn, info)
    changing.amend(turn, command.actor, command.changes, command.reason)


# --- Override ---------------------------------------------------------------------------------------------------------


def judge_override(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a decision over everybody's head: it follows the same bars as every other."""
    assert isinstance(command, Override), "the table pairs `override` with Override"
    if state.ask.is_positive(command.outcome) is None:
        return "invalid", f"outcome {command.outcome[:100]!r} is not one of {', '.join(sorted(_outcomes(state)))}"
    if not is_admin(state, command.actor) and not glass.may_break(state, command.actor):
        return "not_eligible", f"{command.actor!r} is no admin" + (
            " and may not break the glass" if state.ask.break_glass else ""
        )
    reason = _why_not(state, command.actor)
    if reason is not None:
        return "not_eligible", reason
    mine = next((d for d in state.decisions if command.actor in {d.actor, d.place}), None)
    if mine is not None:
        done = "has already answered" if mine.actor == command.actor else f"has already had {mine.actor!r} answer"
        return "duplicate", f"{command.actor!r} {done} {mine.outcome!r}: one person is one vote"
    return deciding.step_up((s.document for s in _passed_over(state)), command.assurance) or ("counted", "")


def _passed_over(state: Approval) -> list[StageRun]:
    """Return the stages that are not asked to their end because one person decides; all, where each has agreed."""
    asked = [s for s in state.stages if s.state != "skipped"]
    return [s for s in asked if not state.ask.is_positive(s.state)] or asked


def _why_not(state: Approval, person: str) -> str | None:
    """Return what keeps a person from deciding alone: the bar of any stage that would not be asked because of it."""
    live = state.live_stages
    reason = bar(state, live[0], person) if live else None
    passed_over = _passed_over(state)
    bars = (lasting_bar(state, s, person) for s in passed_over)
    reason = reason or next((b for b in bars if b is not None), None)
    if reason is None and not passed_over:
        reason = party_bar(state, person)
    return reason or state.roster.stranger(person)


def override(turn: Turn, command: Command, at: datetime, key: str) -> None:
    """End the approval by one person's word; the decision says for ever that it was no vote."""
    assert isinstance(command, Override), "the table pairs `override` with Override"
    state, live = turn.state, turn.state.live_stages
    kind: Kind = "break_glass" if glass.may_break(state, command.actor) else "override"
    alarmed = glass.alarmed(state, command.actor) if kind == "break_glass" else may_act_anywhere(state)
    decision = Decision(
        key=key,
        actor=command.actor,
        stage=live[0].name if live else OVERRIDE_STAGE,
        outcome=command.outcome,
        comment=command.reason,
        via=command.via,
        assurance=command.assurance,
        kind=kind,
        at=at,
        digest=state.shown.digest,
    )
    deciding.add(turn, decision)
    turn.record(
        "glass_broken" if kind == "break_glass" else "overridden",
        "overridden",
        actor=command.actor,
        outcome=command.outcome,
        reason=command.reason,
        stages=[s.name for s in live],
        alarmed=list(alarmed[: stages.MAX_SAID]) if kind == "break_glass" else None,
    )
    word = "has broken the glass" if kind == "break_glass" else "has decided as admin"
    ending.end(turn, command.outcome, f"{kind} by {command.actor}: {command.reason}", live=command.outcome)
    text = f"{command.actor} {word}: {command.outcome}. {command.reason}"
    if kind == "break_glass":
        if not glass.has_reviewers(state, command.actor):
            text = f"Nobody can review this: {glass.review_id(state)!r} waits to be reassigned. {text}"
        glass.ask_for_review(turn, command.actor, command.outcome, command.reason)
    notify(turn, alarmed, text)
    deciding.say_tally(turn, decision)


# --- Extend -----------------------------------------------------------------------------------------------------------


def judge_extend(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a later deadline."""
    assert isinstance(command, Extend), "the table pairs `extend` with Extend"
    if not is_operator(state, command.actor):
        return "not_eligible", f"{command.actor!r} is neither operator nor admin"
    if (own := party_bar(state, command.actor)) is not None:
        return "not_eligible", f"{own}, nor how long it may take"
    with_deadline = [s for s in state.live_stages if s.due_at is not None]
    if not with_deadline:
        return "invalid", "by: no open stage has a deadline"
    if any(sum(m.by is not None for m in s.moves) >= clock.MAX_EXTENSIONS for s in with_deadline):
        return "invalid", f"by: the deadline has been extended {clock.MAX_EXTENSIONS} times: decide it"
    try:
        later = [clock.extended(state, stage, command.by) > stage.due_at for stage in with_deadline if stage.due_at]
    except calendar.CalendarError as error:
        return "invalid", f"by: {error}"
    if not all(later):
        return "invalid", f"by: {command.by!r} moves no deadline: say by how much"
    full = room.for_talk(state, command.reason * len(with_deadline))
    return ("counted", "") if full is None else ("invalid", f"reason: {full}")


def extend(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Move the deadline of every open stage."""
    assert isinstance(command, Extend), "the table pairs `extend` with Extend"
    for stage in turn.state.live_stages:
        if stage.due_at is not None:
            moved = clock.extend(turn, stage, command.by, f"extended by {command.actor}: {command.reason}")
            assert moved.due_at is not None, "extended"
            notify(turn, may_act_anywhere(turn.state), f"the deadline is now {moment(moved.due_at)}", moved)


# --- Retract ----------------------------------------------------------------------------------------------------------


def judge_retract(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge the taking back of a vote."""
    if state.cooling is None:
        return "not_eligible", "a vote may be taken back only while the decision cools off"
    if (stranger := state.roster.stranger(command.actor)) is not None:
        return "not_eligible", stranger
    if sum(v.why == "retracted" for v in state.voided) >= MAX_RETRACTED:
        return "invalid", f"votes have been taken back {MAX_RETRACTED} times: let it stand, or withdraw it"
    vote = _vote_to_retract(state, state.cooling, command.actor)
    if vote is None:
        return "not_eligible", f"the deciding vote in stage {state.cooling.stage!r} is not {command.actor!r}'s"
    stuck = changing.unfit_to_put_back(state, vote)
    return ("counted", "") if stuck is None else ("invalid", f"what it has changed can't be changed back: {stuck}")


def retract(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Take a vote back: the stage that it had decided is open again."""
    assert isinstance(command, Retract), "the table pairs `retract` with Retract"
    cooling = turn.state.cooling
    assert cooling is not None, "judged before"
    vote = _vote_to_retract(turn.state, cooling, command.actor)
    assert vote is not None, "judged before"
    turn.set(
        cooling=None,
        decisions=tuple(d for d in turn.state.decisions if d is not vote),
        voided=(*turn.state.voided, Voided(decision=vote, why="retracted", at=turn.now)),
    )
    why = "it had been decided, and cooled off"
    for beside in turn.state.live_stages:
        stages.run_again(turn, beside, cooling.since, why)
    stage = stages.take_up(turn, turn.state.stage(cooling.stage), cooling.since, why)
    turn.record(
        "retracted",
        f"retracted:{stage.name}:{stage.openings}",
        actor=command.actor,
        stage=stage.name,
        outcome=vote.outcome,
        decision=vote.key,
        reason=command.reason or None,
    )
    if vote.edited:
        changing.put_back(turn, vote, command.reason)
    if not turn.state.is_decided and turn.state.stage(stage.name).state == "open":
        stages.settle_votes(turn, turn.state.stage(stage.name))
    stages.see_who_is_left(turn)


def _vote_to_retract(state: Approval, cooling: Cooling, person: str) -> Decision | None:
    """Return the vote that has decided, if it is this person's."""
    vote = next(d for d in reversed(state.decisions) if d.stage == cooling.stage)  # what cools off was voted
    return vote if vote.actor == person else None


def _outcomes(state: Approval) -> frozenset[str]:
    return frozenset(o for o in state.ask.outcome_names if state.ask.is_positive(o) is not None)
