"""The judge for an approval whose workflow has ended: the same answers, from its result alone.

Must not know: how the result was read.
"""

from collections.abc import Collection

from hitl_temporal.domain.approval.commands import Decide, Receipt
from hitl_temporal.domain.approval.judge import default_key
from hitl_temporal.domain.approval.views import Result


def judge_closed(approval: str, result: Result | None, outcomes: Collection[str], decide: Decide) -> Receipt:
    """Return the receipt of an answer that comes after the end.

    The same click that was counted gets its receipt again; everything else is told that it is too late.

    Args:
        approval: The approval's id.
        result: Its result; None when it ended without one (terminated, or its input was refused).
        outcomes: The outcomes a person could choose; empty when not known.
        decide: The answer.
    """
    mine = [d for d in result.decisions if d.actor == decide.actor] if result else []
    key = decide.key or default_key(approval, decide.actor, mine[-1].stage if mine else "", decide.outcome)
    if any(d.key == key for d in mine):
        return Receipt(status="counted", reason="counted before", key=key)
    if outcomes and decide.outcome not in outcomes:
        known = ", ".join(sorted(outcomes))
        return Receipt(status="invalid", reason=f"outcome {decide.outcome[:100]!r} is not one of {known}", key=key)
    ended = f"already {result.outcome}" if result else "it has ended without an outcome"
    return Receipt(status="closed", reason=ended, key=key)
