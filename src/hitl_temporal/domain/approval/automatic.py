"""What rules decide without people, and what they only would have.

Must not know: stages, votes.
"""

from hitl_temporal.domain.approval.ask import RESERVED_OUTCOMES, Auto
from hitl_temporal.domain.approval.notation import percent_of
from hitl_temporal.domain.approval.opening import deciding_rule, rules_that_hold
from hitl_temporal.domain.approval.records import Decision, Shadowed
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import digest

AUTO = f"{SYSTEM}auto"
AUTO_STAGE = "auto"


def rule_to_follow(turn: Turn) -> Auto | None:
    """Judge the `auto` rules once: a negative row that holds wins over positive ones, else the first.

    Returns:
        The rule that decides; None when people decide, because no rule holds, because the rules are only
        watched (`shadow`), or because this one was drawn for a human sample.
    """
    state = turn.state
    holding = rules_that_hold(state.ask, state.context)
    for index, rule in enumerate(state.ask.auto):
        holds = rule in holding
        turn.record("rule_evaluated", f"auto:{index}", rule=rule.condition, holds=holds, outcome=rule.outcome)
    if not holding:
        return None
    rule = deciding_rule(state.ask, holding)
    if state.ask.shadow:
        _watch(turn, Shadowed(outcome=rule.outcome, rule=rule.condition, because="shadow"))
        return None
    if state.ask.is_positive(rule.outcome) and _is_sampled(state):
        _watch(turn, Shadowed(outcome=rule.outcome, rule=rule.condition, because="sample"))
        return None
    return rule


def _watch(turn: Turn, shadowed: Shadowed) -> None:
    turn.set(shadowed=shadowed)
    turn.record(
        "rule_withheld", "rule_withheld", rule=shadowed.rule, outcome=shadowed.outcome, because=shadowed.because
    )


def _is_sampled(state: Approval) -> bool:
    """Draw whether people look at an automatic outcome: from a seed that nobody could choose."""
    if state.ask.sample is None:
        return False
    return int(digest([state.seed, state.id, "sample"])[:12], 16) % 100 < percent_of(state.ask.sample)


def compare_with_people(turn: Turn, outcome: str) -> None:
    """Say whether people came to what a rule would have decided."""
    shadowed = turn.state.shadowed
    if shadowed is None or outcome in RESERVED_OUTCOMES:
        return
    agrees = shadowed.outcome == outcome
    turn.set(shadowed=shadowed.but(agrees=agrees))
    turn.record(
        "shadow_compared",
        "shadow_compared",
        rule=shadowed.rule,
        outcome=outcome,
        rule_outcome=shadowed.outcome,
        agrees=agrees,
    )


def decision_of(state: Approval, rule: Auto) -> Decision:
    """Return the decision that a rule has made: by `system:auto`, and never looking like a person's."""
    return Decision(
        key=digest([state.id, AUTO, rule.condition])[:32],
        actor=AUTO,
        stage=AUTO_STAGE,
        outcome=rule.outcome,
        comment=rule.reason,
        via=AUTO_STAGE,
        kind="auto",
        at=state.now,
        digest=state.shown.digest,
    )
