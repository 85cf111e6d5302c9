"""The judge for an approval whose workflow has ended: the same answers, from its result alone.

Must not know: how the result was read.
"""

from typing import Literal

from hitl_temporal.domain.approval.ask import Answers
from hitl_temporal.domain.approval.commands import Command, Decide, Receipt, Withdraw
from hitl_temporal.domain.approval.cut import Cut, why_cut
from hitl_temporal.domain.approval.deciding import unfit
from hitl_temporal.domain.approval.judge import (
    closed_verdict,
    default_key,
    stage_key,
    taken_by,
    why_taken,
    withdrawal_key,
)
from hitl_temporal.domain.approval.result import Result

Ended = Literal["withdrawn"] | Cut
"""How an approval ended that left no result: Temporal's own cancellation is a withdrawal."""


def judge_closed(
    approval: str,
    result: Result | None,
    answers: Answers | None,
    verb: str,
    command: Command,
    *,
    ended: Ended | None = None,
) -> Receipt:
    """Return the receipt of a command that comes after the end.

    What was done gets its receipt again; everything else is told that it is too late.

    Args:
        approval: The approval's id.
        result: Its result; None when it ended without one (cancelled, terminated, or its input was refused).
        answers: What could be answered; None when that is not known.
        verb: What was sent.
        command: What was sent with it.
        ended: How it ended without a result; None when that is not known.
    """
    key = _key(approval, result, command)
    taken = taken_by(result, command, key) if result is not None else None
    if taken is not None:
        known, receipt = taken
        return receipt if known == verb else Receipt(status="invalid", reason=why_taken(known), key=key)
    wrong = unfit(command, answers) if isinstance(command, Decide) and answers is not None else None
    if wrong is not None:
        return Receipt(status="invalid", reason=wrong, key=key)
    if result is None and ended != "withdrawn":
        reason = "it has ended without an outcome" if ended is None else why_cut(ended)
        return Receipt(status="closed", reason=reason, key=key)
    status, reason = closed_verdict(verb, result.outcome if result is not None else "withdrawn")
    return Receipt(status=status, reason=reason, key=key)


def _key(approval: str, result: Result | None, command: Command) -> str:
    match command:
        case Decide() if command.key is None:
            mine = [d for d in result.decisions if d.actor == command.actor] if result else []
            stage = mine[-1].stage if mine else ""
            at = stage_key(result, stage, command.actor) if result else stage
            return default_key(approval, command.actor, at, command.outcome)
        case Withdraw():
            return withdrawal_key(approval, command)
        case _:
            return command.key or ""
