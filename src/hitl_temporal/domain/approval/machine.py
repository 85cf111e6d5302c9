"""The approval machine: `advance(state, event) -> (state, effects)`.

Whatever happens to a question to people happens here: opening, votes, time, withdrawal, deliveries. The same function
serves live approvals, replays, scenarios and property tests.

Must not know: clocks, randomness, I/O, Temporal.
"""

from typing import assert_never

from hitl_temporal.domain.approval import stages
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.effects import Effect, Reply
from hitl_temporal.domain.approval.events import (
    Closed,
    DecisionSubmitted,
    DeliveryEnded,
    Event,
    PeopleResolved,
    TimePassed,
    WithdrawSubmitted,
)
from hitl_temporal.domain.approval.judge import judge
from hitl_temporal.domain.approval.state import MAX_REFUSALS, Approval, Decision, Refusal
from hitl_temporal.domain.approval.tally import judge_votes, of_approval
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.expressions import ExpressionError, is_true
from hitl_temporal.domain.people import SYSTEM
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
            stages.pass_time(turn)
            _decide(turn, event)
        case WithdrawSubmitted():
            stages.pass_time(turn)
            _withdraw(turn, event)
        case TimePassed():
            stages.pass_time(turn)
        case DeliveryEnded():
            _deliver(turn, event)
        case Closed():
            stages.close(turn)
        case _:
            assert_never(event)
    return turn.state, tuple(turn.effects)


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
    holding: list[int] = []
    for index, rule in enumerate(turn.state.ask.auto):
        try:
            holds = is_true(rule.condition, turn.state.context)
            turn.record("rule_evaluated", f"auto:{index}", rule=rule.condition, holds=holds, outcome=rule.outcome)
        except ExpressionError as error:  # a broken rule decides nothing: people do
            turn.record("rule_failed", f"auto:{index}", rule=rule.condition, reason=str(error))
            continue
        if holds:
            holding.append(index)
    if not holding:
        return False
    rules = turn.state.ask.auto
    rule = rules[next((i for i in holding if not turn.state.ask.is_positive(rules[i].outcome)), holding[0])]
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
    turn.set(roster=event.roster)
    decide, receipt = event.decide, judge(turn.state, event.decide, event.roster)
    if receipt.status != "counted":
        _refuse(turn, decide.actor, receipt)
        return
    stage = turn.state.live_stage
    if stage is None or any(d.key == receipt.key and d.actor == decide.actor for d in turn.state.decisions):
        turn.effects.append(Reply(receipt=receipt))
        return
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
        at=turn.now,
        digest=turn.state.shown.digest,
    )
    _count(turn, decision)
    verdict = judge_votes(turn.state, stage, event.roster)
    if verdict.outcome is not None:
        stages.end_stage(turn, stage, verdict.outcome)
    elif verdict.parked is not None:
        stages.park(turn, stage, verdict.parked)
    turn.effects.append(Reply(receipt=receipt.but(tally=of_approval(turn.state))))


def _count(turn: Turn, decision: Decision) -> None:
    turn.set(decisions=(*turn.state.decisions, decision))
    turn.record(
        "decided",
        f"decided:{decision.actor}:{decision.key}",
        began=turn.state.live_stage.opened_at if turn.state.live_stage else None,
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
    turn.set(refused={**state.refused, actor: state.refused.get(actor, 0) + 1})
    number = turn.state.total_refused
    if number <= MAX_REFUSALS:
        refusal = Refusal(actor=actor, at=turn.now, receipt=receipt)
        turn.set(refusals=(*state.refusals, refusal))
        turn.record("refused", f"refused:{number}", actor=actor, status=receipt.status, reason=receipt.reason)
    turn.effects.append(Reply(receipt=receipt))


def _withdraw(turn: Turn, event: WithdrawSubmitted) -> None:
    withdraw, state = event.withdraw, turn.state
    key = withdraw.key or digest([state.id, withdraw.actor, "withdraw"])[:32]
    by_requester = withdraw.actor in {state.requester, state.on_behalf_of} or withdraw.actor.startswith(SYSTEM)
    if state.outcome is not None:
        mine = state.outcome == "withdrawn" and state.withdrawn_by == withdraw.actor
        receipt = Receipt(status="counted" if mine else "closed", reason=f"already {state.outcome}", key=key)
    elif not by_requester:
        receipt = Receipt(status="not_eligible", reason="only the requester may withdraw a request", key=key)
    else:
        turn.set(withdrawn_by=withdraw.actor)
        turn.record("withdrawn", f"withdrawn:{key}", actor=withdraw.actor, reason=withdraw.reason or None)
        stages.end(turn, "withdrawn", withdraw.reason or f"withdrawn by {withdraw.actor}")
        receipt = Receipt(status="counted", key=key)
    if receipt.status == "counted":
        turn.effects.append(Reply(receipt=receipt.but(tally=of_approval(turn.state))))
    else:
        _refuse(turn, withdraw.actor, receipt)


def _deliver(turn: Turn, event: DeliveryEnded) -> None:
    known = next((d for d in turn.state.deliveries if d.id == event.delivery), None)
    if known is None or known.state != "sending":
        return
    ended = known.but(state=event.state, reason=event.reason, channel=event.channel)
    turn.set(deliveries=tuple(ended if d.id == known.id else d for d in turn.state.deliveries))
    turn.record(
        "delivered" if event.state == "delivered" else "delivery_failed",
        f"delivery:{known.id}",
        person=known.person,
        occasion=known.occasion,
        stage=known.stage,
        channel=event.channel,
        reason=event.reason or None,
    )
