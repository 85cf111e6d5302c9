"""What an approval comes to: the result of its workflow, and the token that binds it.

Must not know: who waits for it.
"""

from pydantic import Field

from hitl_temporal.domain.approval.records import (
    Decision,
    Shadowed,
    Voided,
    Withdrawal,
)
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.value import Json, Value, digest

MAX_SPENT_KEPT = 100
"""How many spent keys others see: a repeat, or a look at what became of it, comes within minutes."""


class Result(Value):
    """What the workflow `Approval` returns.

    Attributes:
        token: Binds the decision to the digest of what was approved: a following step may demand it.
        digest: Of what was approved.
        material: What the decision is bound to: path to value.
        decisions: Counted ones, in order.
        voided: Those that were counted and are no more.
        amended: Path to value of what was changed on the way.
        overridden: Whether one person has decided over the heads of those who were asked.
        shadow: What a rule would have decided, and whether people agreed.
        spent: Of the last keys of other verbs the verb, a blank, and the tally after it.
    """

    outcome: str
    positive: bool
    decisions: tuple[Decision, ...]
    form: dict[str, Json] = Field(default_factory=dict)
    token: str
    evidence: Evidence
    reason: str = ""
    withdrawal: Withdrawal | None = None
    digest: str = ""
    material: dict[str, Json] = Field(default_factory=dict)
    voided: tuple[Voided, ...] = ()
    amended: dict[str, Json] = Field(default_factory=dict)
    overridden: bool = False
    shadow: Shadowed | None = None
    spent: dict[str, str] = Field(default_factory=dict)


def result(state: Approval, evidence: Evidence) -> Result:
    """Return the result of an approval that has ended."""
    assert state.outcome is not None, f"approval {state.id!r} is open"
    return Result(
        outcome=state.outcome,
        positive=bool(state.ask.is_positive(state.outcome)),
        decisions=state.decisions,
        form=state.decisions[-1].form if state.decisions else {},
        token=token_of(state),
        evidence=evidence,
        reason=state.reason,
        withdrawal=state.withdrawal,
        digest=state.shown.digest,
        material=state.shown.material,
        voided=state.voided,
        amended=state.amended,
        overridden=any(d.kind in {"override", "break_glass"} for d in state.decisions),
        shadow=state.shadowed,
        spent=last_spent(state),
    )


def token(approval: str, outcome: str, shown: str, decisions: tuple[Decision, ...]) -> str:
    """Return the decision token: anybody who has the result can recompute it, nobody can reuse it for other content."""
    return digest([approval, outcome, shown, [d.key for d in decisions]])


def token_of(state: Approval) -> str:
    """Return the decision token of an approval that has an outcome."""
    assert state.outcome is not None, f"approval {state.id!r} is open"
    return token(state.id, state.outcome, state.shown.digest, state.decisions)


def last_spent(state: Approval) -> dict[str, str]:
    """Return the keys of verbs other than `decide` that others may still ask about."""
    return dict(list(state.spent.items())[-MAX_SPENT_KEPT:])
