"""What rules have decided, or only would have, and how often people came to the same."""

from typing import Any

from hitl_temporal.domain.approval.shadow import MAX_NAMED, RuleReport, report
from hitl_temporal.domain.approval.state import Approval, Origin
from tests.domain.approval.playing import Play

RULES: list[Any] = [
    {"if": "amount < 10", "outcome": "approved", "reason": "small"},
    {"if": "amount > 1000", "outcome": "rejected"},
]


def ended(amount: int, *answers: str, number: int = 1, **ask: Any) -> Approval:
    """Return a request of a flow that these answers have ended."""
    play = Play({"who": "group:secops", "due": "1d"}, context={"amount": amount}, auto=RULES, **ask)
    for actor, outcome in zip(("cai", "dee"), answers, strict=False):
        play.decide(actor, outcome)
    if play.state.outcome is None:
        play.wait("1d")
    return play.state.but(id=f"r{number}.gate.1", origin=Origin(run=f"r{number}", step="gate", attempt=1, flow="f"))


def counts(found: RuleReport) -> dict[str, int]:
    """Return the numbers that are not zero."""
    return {name: n for name, n in found if isinstance(n, int) and n}


def test_a_rule_that_is_watched_is_compared_with_people() -> None:
    """Agreed, disagreed with the approval's name, or nobody answered."""
    small, large = report(
        [
            ended(5, "approved", shadow=True, number=1),
            ended(5, "rejected", shadow=True, number=2),
            ended(5, shadow=True, number=3),
            ended(500, "approved", shadow=True, number=4),
        ]
    )
    assert (small.step, small.rule, small.outcome) == ("gate", "amount < 10", "approved")
    assert counts(small) == {"watched": 3, "agreed": 1, "disagreed": 1, "unanswered": 1}
    assert small.disagreements == ("r2.gate.1",)
    assert (large.rule, counts(large)) == ("amount > 1000", {})


def test_a_rule_that_decides_is_counted_and_so_are_its_samples() -> None:
    """What it has decided is no agreement of people's."""
    play = Play(context={"amount": 5}, auto=RULES)
    (small, _) = report([play.state, ended(5, "approved", sample="100%")])[:2]
    assert counts(small) == {"decided": 1}
    drawn = report([ended(5, "approved", sample="100%")])[0]
    assert counts(drawn) == {"sampled": 1, "agreed": 1}


def test_a_vote_that_decided_nothing_is_no_disagreement() -> None:
    """The request was withdrawn, or silence ended it, after one of two had answered."""
    play = Play({"who": "group:secops", "approve": 2}, context={"amount": 5}, auto=RULES, shadow=True)
    play.decide("cai")
    play.withdraw("ann")
    assert counts(report([play.state])[0]) == {"watched": 1, "unanswered": 1}


def test_rules_are_told_apart_by_step_condition_and_outcome() -> None:
    """In the order in which they are met; a question of no flow has no step."""
    alone = Play(context={"amount": 5}, auto=RULES).state
    assert [(r.step, r.rule) for r in report([alone, ended(5, "approved", shadow=True)])] == [
        ("", "amount < 10"),
        ("", "amount > 1000"),
        ("gate", "amount < 10"),
        ("gate", "amount > 1000"),
    ]


def test_only_the_first_disagreements_are_named() -> None:
    """All are counted."""
    found = report(ended(5, "rejected", shadow=True, number=n) for n in range(MAX_NAMED + 5))[0]
    assert (found.disagreed, len(found.disagreements)) == (MAX_NAMED + 5, MAX_NAMED)


def test_silence_that_decides_against_who_has_answered_is_no_disagreement() -> None:
    """The only one who has answered came to what the rule says; the deadline said otherwise."""
    play = Play(
        {"who": "group:secops", "approve": 2, "due": "1h", "at_due": "reject"},
        context={"amount": 5},
        auto=RULES,
        shadow=True,
    )
    play.decide("cai")
    play.wait("1h")
    assert play.state.outcome == "rejected"
    assert counts(report([play.state])[0]) == {"watched": 1, "unanswered": 1}
