"""The one judge for every door: what becomes of an answer, in the order the contract promises.

Judging changes nothing, so a validator may ask it as well as `advance`. It judges on the people last read; the shell
reads them for each answer, and keeps what arrives before the first reading.

Must not know: signals, updates, HTTP.
"""

from collections.abc import Collection, Iterable
from typing import TypeVar

from hitl_temporal.domain.approval.commands import Decide, Receipt, Status, Withdraw
from hitl_temporal.domain.approval.eligibility import may_act, refusal
from hitl_temporal.domain.approval.state import Approval, Decision, Withdrawal
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import digest

_Done = TypeVar("_Done", Decision, Withdrawal)


def judge(state: Approval, decide: Decide) -> Receipt:
    """Return the receipt of an answer; `counted` means that it is to be counted, or that it was before."""
    key = key_of(state, decide)
    earlier = counted_before(state.decisions, decide.actor, key)
    if earlier is not None:
        return receipt_of(earlier)
    status, reason = _verdict(state, decide)
    return Receipt(status=status, reason=reason, tally=of_approval(state), key=key)


def judge_withdrawal(state: Approval, withdraw: Withdraw) -> Receipt:
    """Return the receipt of a withdrawal; `counted` means that it is to be done, or that it was before."""
    key = withdrawal_key(state.id, withdraw)
    if state.withdrawal is not None and counted_before([state.withdrawal], withdraw.actor, key):
        return receipt_of(state.withdrawal)
    status, reason = _withdrawal_verdict(state, withdraw.actor)
    return Receipt(status=status, reason=reason, tally=of_approval(state), key=key)


def flooded(state: Approval, decide: Decide) -> Receipt | None:
    """Return the receipt to refuse with, without recording it, once refusals have reached their bound.

    Only what would be refused on the people last read is turned away: nobody eligible is locked out by others.
    """
    if not state.is_flooded_by(decide.actor):
        return None
    receipt = judge(state, decide)
    return None if receipt.status == "counted" else receipt


def counted_before(done: Iterable[_Done], actor: str, key: str) -> _Done | None:
    """Return the one of `done` that has spent this key of this actor, None when there is none."""
    return next((d for d in done if d.key == key and d.actor == actor), None)


def receipt_of(done: Decision | Withdrawal) -> Receipt:
    """Return the receipt of what was counted: the same whenever its key is sent again."""
    return Receipt(status="counted", tally=done.tally, key=done.key)


def unfit(decide: Decide, outcomes: Collection[str], comment_on: Collection[str]) -> str | None:
    """Return what is wrong with an answer in itself, whoever gives it and whenever; None when it is well formed.

    Args:
        decide: The answer.
        outcomes: Those that a person may choose.
        comment_on: Those of them that need a comment.
    """
    if decide.outcome not in outcomes:
        return f"outcome {decide.outcome[:100]!r} is not one of {', '.join(sorted(outcomes))}"
    if decide.outcome in comment_on and not decide.comment.strip():
        return f"a comment is required with {decide.outcome!r}"
    if decide.form:
        return f"this approval has no form, but {', '.join(sorted(decide.form))[:200]} was sent"
    return None


def key_of(state: Approval, decide: Decide) -> str:
    """Return the answer's key: the sender's, else one that the same click always has."""
    return decide.key or default_key(state.id, decide.actor, _stage_of(state, decide.actor), decide.outcome)


def default_key(approval: str, actor: str, stage: str, outcome: str) -> str:
    """Return the key of an answer that came without one."""
    return digest([approval, actor, stage, outcome])[:32]


def withdrawal_key(approval: str, withdraw: Withdraw) -> str:
    """Return the withdrawal's key: the sender's, else one that the same click always has."""
    return withdraw.key or default_key(approval, withdraw.actor, "", "withdrawn")


def _stage_of(state: Approval, actor: str) -> str:
    live = state.live_stage
    if live is not None and actor in may_act(state, live):
        return live.name
    counted = [d.stage for d in state.decisions if d.actor == actor]
    return counted[-1] if counted else (live.name if live else "")


def _verdict(state: Approval, decide: Decide) -> tuple[Status, str]:
    """Return the first row of the contract's table that applies."""
    wrong = unfit(decide, state.ask.outcome_names, state.ask.comment_on)
    if wrong is not None:
        return "invalid", wrong
    if state.outcome is not None:
        return "closed", f"already {state.outcome}"
    if decide.digest not in {None, state.shown.digest}:
        return "superseded", "what is asked has changed since you saw it: look again"
    stage = state.live_stage
    if stage is None:
        return "not_eligible", state.reason or "nobody is asked yet"
    if decide.on_behalf_of not in {None, decide.actor}:
        return "not_eligible", f"{decide.actor!r} does not stand in for {decide.on_behalf_of!r}"
    reason = refusal(state, stage, decide.actor)
    if reason is not None:
        return "not_eligible", reason
    first = next((d.outcome for d in state.decisions if d.actor == decide.actor and d.stage == stage.name), None)
    if first is not None:
        return "duplicate", f"{decide.actor!r} has already answered {first!r}; the first answer stands"
    return "counted", ""


def _withdrawal_verdict(state: Approval, actor: str) -> tuple[Status, str]:
    if state.outcome is not None:
        return "closed", f"already {state.outcome}"
    if actor not in state.barred and not actor.startswith(SYSTEM):
        return "not_eligible", "only the requester may withdraw a request"
    return "counted", ""
