"""The judge for an approval whose workflow has ended: the same answers, from its result alone.

Must not know: how the result was read.
"""

from collections.abc import Collection

from hitl_temporal.domain.approval.commands import Command, Decide, Receipt, Withdraw
from hitl_temporal.domain.approval.judge import counted_before, default_key, receipt_of, unfit, withdrawal_key
from hitl_temporal.domain.approval.views import Result


def judge_closed(
    approval: str,
    result: Result | None,
    outcomes: Collection[str],
    command: Command,
    comment_on: Collection[str] = (),
) -> Receipt:
    """Return the receipt of a command that comes after the end.

    What was counted gets its receipt again; everything else is told that it is too late.

    Args:
        approval: The approval's id.
        result: Its result; None when it ended without one (terminated, or its input was refused).
        outcomes: The outcomes a person could choose; empty when not known.
        command: What was sent.
        comment_on: The outcomes that needed a comment.
    """
    match command:
        case Decide():
            mine = [d for d in result.decisions if d.actor == command.actor] if result else []
            stage = mine[-1].stage if mine else ""
            key = command.key or default_key(approval, command.actor, stage, command.outcome)
            done = counted_before(mine, command.actor, key)
            wrong = unfit(command, outcomes, comment_on) if outcomes else None
        case Withdraw():
            key, wrong = withdrawal_key(approval, command), None
            withdrawals = [result.withdrawal] if result and result.withdrawal else []
            done = counted_before(withdrawals, command.actor, key)
        case _:
            key, wrong, done = command.key or "", None, None
    if done is not None:
        return receipt_of(done)
    if wrong is not None:
        return Receipt(status="invalid", reason=wrong, key=key)
    ended = f"already {result.outcome}" if result else "it has ended without an outcome"
    return Receipt(status="closed", reason=ended, key=key)
