"""The one judge for every door: what becomes of an answer, in the order the contract promises.

Judging changes nothing, so a validator may ask it as well as `advance`.

Must not know: signals, updates, HTTP.
"""

from hitl_temporal.domain.approval.commands import Decide, Receipt, Status
from hitl_temporal.domain.approval.eligibility import may_act, refusal, voters
from hitl_temporal.domain.approval.state import MAX_REFUSALS, MAX_REFUSALS_BY_ACTOR, Approval
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.value import digest


def judge(state: Approval, decide: Decide, roster: Roster) -> Receipt:
    """Return the receipt of an answer, judged on `roster`; `counted` means that it is to be counted."""
    key = key_of(state, decide)
    if any(d.key == key and d.actor == decide.actor for d in state.decisions):
        return Receipt(status="counted", reason="counted before", tally=of_approval(state), key=key)
    status, reason = _verdict(state, decide, roster)
    return Receipt(status=status, reason=reason, tally=of_approval(state), key=key)


def flooded(state: Approval, decide: Decide) -> Receipt | None:
    """Return the receipt to refuse with, without recording it, once refusals have reached their bound.

    Only what would be refused on the people last read is turned away: nobody eligible is locked out by others.
    """
    if state.refused.get(decide.actor, 0) < MAX_REFUSALS_BY_ACTOR and state.total_refused < MAX_REFUSALS:
        return None
    receipt = judge(state, decide, state.roster)
    return None if receipt.status == "counted" else receipt


def key_of(state: Approval, decide: Decide) -> str:
    """Return the answer's key: the sender's, else one that the same click always has."""
    return decide.key or default_key(state.id, decide.actor, _stage_of(state, decide.actor), decide.outcome)


def default_key(approval: str, actor: str, stage: str, outcome: str) -> str:
    """Return the key of an answer that came without one."""
    return digest([approval, actor, stage, outcome])[:32]


def _stage_of(state: Approval, actor: str) -> str:
    live = state.live_stage
    if live is not None and actor in may_act(state, live):
        return live.name
    counted = [d.stage for d in state.decisions if d.actor == actor]
    return counted[-1] if counted else (live.name if live else "")


def _verdict(state: Approval, decide: Decide, roster: Roster) -> tuple[Status, str]:
    invalid = _invalid(state, decide)
    if invalid is not None:
        return "invalid", invalid
    if state.outcome is not None:
        return "closed", f"already {state.outcome}"
    if decide.digest is not None and decide.digest != state.shown.digest:
        return "superseded", "what is asked has changed since you saw it: look again"
    stage = state.live_stage
    if stage is None:
        return "not_eligible", state.reason or "no stage is open"
    if decide.on_behalf_of not in {None, decide.actor}:
        return "not_eligible", f"{decide.actor!r} does not stand in for {decide.on_behalf_of!r}"
    reason = refusal(state, stage, roster, decide.actor)
    if reason is not None:
        return "not_eligible", reason
    if decide.actor in voters(state, stage):
        first = next(d.outcome for d in state.decisions if d.actor == decide.actor and d.stage == stage.name)
        return "duplicate", f"{decide.actor!r} has already answered {first!r}; the first answer stands"
    return "counted", ""


def _invalid(state: Approval, decide: Decide) -> str | None:
    names = state.ask.outcome_names
    if decide.outcome not in names:
        return f"outcome {decide.outcome[:100]!r} is not one of {', '.join(sorted(names))}"
    negative = not state.ask.is_positive(decide.outcome)
    wanted = state.ask.comment == "required" or (state.ask.comment == "on_reject" and negative)
    if wanted and not decide.comment.strip():
        return f"a comment is required with {decide.outcome!r}"
    if decide.form:
        return f"this approval has no form, but {', '.join(sorted(decide.form))[:200]} was sent"
    return None
