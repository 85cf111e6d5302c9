"""What rules have decided, or only would have, and how often people came to the same: evidence for or against a rule.

Must not know: where records are kept.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hitl_temporal.domain.approval.ask import Auto
from hitl_temporal.domain.approval.automatic import decision_of
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.value import Value

MAX_NAMED = 20
"""How many approvals a report names on which people disagreed; their number is always whole."""


class RuleReport(Value):
    """One rule of `auto` over some requests that have ended.

    Attributes:
        step: The step that asks.
        rule: Its condition.
        decided: How often it has decided by itself.
        watched: How often it would have, under `shadow`, while people decided.
        sampled: How often it would have, and was drawn for people to decide.
        agreed: How often people came to the same.
        disagreed: How often they did not.
        unanswered: How often nobody answered: it was withdrawn, or silence ended it.
        disagreements: The first of the approvals on which people disagreed.
    """

    step: str
    rule: str
    outcome: str
    decided: int = 0
    watched: int = 0
    sampled: int = 0
    agreed: int = 0
    disagreed: int = 0
    unanswered: int = 0
    disagreements: tuple[str, ...] = ()


class _Name(NamedTuple):
    step: str
    rule: str
    outcome: str


def report(records: Iterable[Approval]) -> tuple[RuleReport, ...]:
    """Return one entry per rule that any of these requests was judged by, in the order of their first appearance."""
    found: dict[_Name, RuleReport] = {}
    for record in records:
        step = record.origin.step if record.origin else ""
        for rule in record.ask.auto:
            name = _Name(step, rule.condition, rule.outcome)
            known = found.get(name) or RuleReport(**name._asdict())
            found[name] = _counted(known, record, rule)
    return tuple(found.values())


def _counted(known: RuleReport, record: Approval, rule: Auto) -> RuleReport:
    own = decision_of(record, rule)
    if any(d.key == own.key and d.outcome == own.outcome for d in record.decisions if d.kind == "auto"):
        return known.but(decided=known.decided + 1)
    seen = record.shadowed
    if seen is None or (seen.rule, seen.outcome) != (rule.condition, rule.outcome):
        return known
    known = known.but(watched=known.watched + 1) if seen.because == "shadow" else known.but(sampled=known.sampled + 1)
    if seen.agrees is None:
        return known.but(unanswered=known.unanswered + 1)
    if seen.agrees:
        return known.but(agreed=known.agreed + 1)
    named = (*known.disagreements, record.id)[:MAX_NAMED]
    return known.but(disagreed=known.disagreed + 1, disagreements=named)
