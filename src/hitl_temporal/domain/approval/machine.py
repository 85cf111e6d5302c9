"""The approval machine: `advance(state, event) -> (state, effects)`.

Whatever happens to a question to people happens here: opening, votes, time, withdrawal, deliveries. The same function
serves live approvals, replays, scenarios and property tests.

Must not know: clocks, randomness, I/O, Temporal.
"""

from datetime import datetime
from typing import assert_never

from hitl_temporal.domain.approval import stages
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.effects import Effect
from hitl_temporal.domain.approval.events import (
    Closed,
    DecisionSubmitted,
    DeliveryEnded,
    Event,
    PeopleResolved,
    TimePassed,
    WithdrawSubmitted,
)
from hitl_temporal.domain.approval.judge import counted_before, judge, judge_withdrawal, receipt_of
from hitl_temporal.domain.approval.opening import rules_that_hold
from hitl_temporal.domain.approval.state import Approval, Decision, Refusal, Withdrawal
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.people import SYSTEM, Roster
from hitl_temporal.domain.value import digest

AUTO = f"{SYSTEM}auto"
AUTO_STAGE = "auto"


def advance(state: Approval, event: Event) -> tuple[Approval, tuple[Effect, ...]]:
    """Return the approval after an event, and what is to be done, in order."""
    turn = Turn(state.but(now=max(state.now, event.at)))
    match event:
        case PeopleResolved():
            _resolve(turn, event)
        case DecisionSubmitted():
            _read(turn, event.roster)
            stages.pass_time(turn, event.at)
            _decide(turn, event)
            stages.park_if_out_of_reach(turn)
        case WithdrawSubmitted():
            stages.pass_time(turn, event.at)
            _withdraw(turn, event)
        case TimePassed():
            _read(turn, event.roster)
            stages.pass_time(turn, event.at)
            stages.park_if_out_of_reach(turn)
        case DeliveryEnded():
            _deliver(turn, event)
        case Closed():
            stages.close(turn)
        case _:
            assert_never(event)
    return turn.state, tuple(turn.effects)


def _read(turn: Turn, roster: Roster | None) -> None:
    """Take over the directory as read now; an ended approval keeps the people whom it tells its end."""
    if roster is not None and turn.state.outcome is None:
        turn.set(roster=roster)


def _resolve(turn: Turn, event: PeopleResolved) -> None:
    if turn.state.is_open or turn.state.outcome is not None:
        return
    turn.set(is_open=True, roster=event.roster, calendars=event.calendars)
    state = turn.state
    turn.record(
        "opened",
        "opened",
        title=state.shown.title,
        requester=state.requester,
        on_behalf_of=state.on_behalf_of,
        digest=state.shown.digest,
        approval=state.id,
    )
    if not _decide_by_rule(turn):
        stages.open_next(turn)


def _decide_by_rule(turn: Turn) -> bool:
    """Judge the `auto` rules once: a negative row that holds wins over positive ones, else the first."""
    ask = turn.state.ask
    holding = rules_that_hold(ask, turn.state.context)
    for index, rule in enumerate(ask.auto):
        holds = rule in holding
        turn.record("rule_evaluated", f"auto:{index}", rule=rule.condition, holds=holds, outcome=rule.outcome)
    if not holding:
        return False
    rule = next((r for r in holding if not ask.is_positive(r.outcome)), holding[0])
    decision = Decision(
        key=digest([turn.state.id, AUTO, rule.condition])[:32],
        actor=AUTO,
        stage=AUTO_STAGE,
        outcome=rule.outcome,
        comment=rule.reason,
        via=AUTO_STAGE,
        at=turn.now,
        digest=turn.state.shown.digest,
    )
    _count(turn, decision)
    stages.end(turn, rule.outcome, rule.reason or f"rule: {rule.condition}")
    return True


def _decide(turn: Turn, event: DecisionSubmitted) -> None:
    decide, receipt = event.decide, judge(turn.state, event.decide)
    if receipt.status != "counted":
        _refuse(turn, decide.actor, receipt)
        return
    if counted_before(turn.state.decisions, decide.actor, receipt.key) is not None:
        turn.reply(receipt)
        return
    stage = turn.state.live_stage
    assert stage is not None, "the judge counts only where a stage is open"
    decision = Decision(
        key=receipt.key,
        actor=decide.actor,
        on_behalf_of=decide.on_behalf_of,
        stage=stage.name,
        outcome=decide.outcome,
        comment=decide.comment,
        form=decide.form,
        via=decide.via,
        assurance=decide.assurance,
        at=event.at,
        digest=turn.state.shown.digest,
    )
    _count(turn, decision, began=stage.opened_at)
    stages.settle_votes(turn, stage)
    stages.park_if_out_of_reach(turn)
    decision = decision.but(tally=of_approval(turn.state))
    turn.set(decisions=(*turn.state.decisions[:-1], decision))
    turn.reply(receipt_of(decision))


def _count(turn: Turn, decision: Decision, began: datetime | None = None) -> None:
    turn.set(decisions=(*turn.state.decisions, decision))
    turn.record(
        "decided",
        f"decided:{decision.stage}:{decision.actor}",
        began=began,
        actor=decision.actor,
        stage=decision.stage,
        outcome=decision.outcome,
        comment_digest=digest(decision.comment) if decision.comment else None,
        via=decision.via,
        assurance=decision.assurance,
        digest=decision.digest,
        decision=decision.key,
    )


def _refuse(turn: Turn, actor: str, receipt: Receipt) -> None:
    """Keep a refused attempt as a value, bounded; beyond the bound only its number grows."""
    state = turn.state
    if state.is_flooded_by(actor):
        turn.set(unrecorded=state.unrecorded + 1)
    else:
        refusal = Refusal(actor=actor, at=turn.now, receipt=receipt)
        turn.set(refusals=(*state.refusals, refusal))
        number = len(turn.state.refusals)
        turn.record("refused", f"refused:{number}", actor=actor, status=receipt.status, reason=receipt.reason)
    turn.reply(receipt)


def _withdraw(turn: Turn, event: WithdrawSubmitted) -> None:
    withdraw, receipt = event.withdraw, judge_withdrawal(turn.state, event.withdraw)
    if receipt.status != "counted":
        _refuse(turn, withdraw.actor, receipt)
        return
    if turn.state.withdrawal is None:
        turn.record("withdrawn", "withdrawn", actor=withdraw.actor, reason=withdraw.reason or None)
        stages.end(turn, "withdrawn", withdraw.reason or f"withdrawn by {withdraw.actor}")
        receipt = receipt.but(tally=of_approval(turn.state))
        done = Withdrawal(key=receipt.key, actor=withdraw.actor, at=event.at, tally=receipt.tally)
        turn.set(withdrawal=done)
    turn.reply(receipt)


def _deliver(turn: Turn, event: DeliveryEnded) -> None:
    deliveries = turn.state.deliveries
    place = next((n for n, d in enumerate(deliveries) if d.id == event.delivery), None)
    if place is None or deliveries[place].state != "sending":
        return
    known = deliveries[place]
    ended = known.but(state=event.state, reason=event.reason, channel=event.channel)
    turn.set(deliveries=(*deliveries[:place], ended, *deliveries[place + 1 :]))
    turn.record(
        "delivered" if event.state == "delivered" else "delivery_failed",
        f"delivery:{known.id}",
        person=known.person,
        occasion=known.occasion,
        stage=known.stage,
        channel=event.channel,
        reason=event.reason or None,
    )
