"""The one judge for every door: what becomes of a command, in the order the contract promises.

Judging changes nothing, so a validator may ask it as well as `advance`. It judges on the people last read; the shell
reads them for each command, and keeps what arrives before the first reading.

Must not know: signals, updates, HTTP, what each verb does (the verbs' modules).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from hitl_temporal.domain.approval import deciding, dialogue, handing, overruling
from hitl_temporal.domain.approval.commands import VERBS, Command, Decide, Receipt, Status, Withdraw
from hitl_temporal.domain.approval.records import Decision, Voided, Why, Withdrawal, times_voided
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.approval.votes import book_of
from hitl_temporal.domain.value import digest

_Done = TypeVar("_Done", Decision, Withdrawal)


class Rule(NamedTuple):
    """How one verb is judged and done.

    Attributes:
        judge: The verdict on a command at a time, on an approval that is open.
        do: Carries it out; the last argument is its key.
    """

    judge: Callable[[Approval, Command, datetime], tuple[Status, str]]
    do: Callable[[Turn, Command, datetime, str], None]


class Verdict(NamedTuple):
    """What becomes of a command.

    Attributes:
        is_new: Whether it is judged for the first time; else its receipt is the one that it had before.
    """

    receipt: Receipt
    is_new: bool = True


RULES: Mapping[str, Rule] = {
    "decide": Rule(deciding.verdict, deciding.count),
    "comment": Rule(dialogue.judge_comment, dialogue.comment),
    "request_info": Rule(dialogue.judge_request_info, dialogue.request_info),
    "provide_info": Rule(dialogue.judge_provide_info, dialogue.provide_info),
    "delegate": Rule(handing.judge_delegate, handing.delegate),
    "reassign": Rule(handing.judge_reassign, handing.reassign),
    "add_approver": Rule(handing.judge_add, handing.add_approver),
    "claim": Rule(handing.judge_claim, handing.claim),
    "release_claim": Rule(handing.judge_release, handing.release_claim),
    "withdraw": Rule(overruling.judge_withdraw, overruling.withdraw),
    "amend": Rule(overruling.judge_amend, overruling.amend),
    "override": Rule(overruling.judge_override, overruling.override),
    "extend": Rule(overruling.judge_extend, overruling.extend),
    "retract": Rule(overruling.judge_retract, overruling.retract),
}
"""One entry per verb of `VERBS`."""


WHILE_COOLING = frozenset({"decide", "comment", "withdraw", "override", "retract"})
"""What is judged by its own rule while a decision cools off; all else comes too late."""


def judge(state: Approval, verb: str, command: Command, at: datetime) -> Receipt:
    """Return the receipt of a command; `counted` means that it is to be done, or that it was before."""
    return judge_with(state, verb, command, at, key_of(state, verb, command, at)).receipt


def judge_with(state: Approval, verb: str, command: Command, at: datetime, key: str) -> Verdict:
    """Return the verdict on a command under this key: what it was answered before goes before everything else."""
    taken = taken_by(state, command, key)
    if taken is not None and taken[0] == verb:
        return Verdict(taken[1], is_new=False)
    if taken is not None:
        status, reason = "invalid", why_taken(taken[0])
    elif verb != "decide" and state.outcome is not None:
        status, reason = closed_verdict(verb, state.outcome)
    elif state.cooling is not None and verb not in WHILE_COOLING:
        status, reason = "closed", deciding.why_cooling(state.cooling)
    else:
        status, reason = RULES[verb].judge(state, command, at)
    if status == "counted":  # it has a tally once it has been counted
        return Verdict(Receipt(status=status, reason=reason, key=key))
    # How it stands, and what would be an answer, is for those who take part.
    takes_part = dialogue.may_see(state, command.actor)
    tally = of_approval(state) if takes_part else ""
    if status == "invalid" and not takes_part:
        reason = "it is no answer to this, and you take no part in it"
    # A key that is not spent may as well be what the door knows it by.
    return Verdict(Receipt(status=status, reason=reason, tally=tally, key=command.key or command.click or key))


def flooded(state: Approval, verb: str, command: Command, at: datetime) -> Receipt | None:
    """Return the receipt to refuse with, without recording it, once refusals or intents have reached their bound.

    Only what would be refused on the people last read is turned away: nobody eligible is locked out by others. Intents
    have a bound of their own, which no refusal uses up, and an answer with the needed assurance counts beyond it.
    """
    too_many_refused, too_many_intended = state.is_flooded_by(command.actor), state.has_enough_intents_of(command.actor)
    if not too_many_refused and not too_many_intended:
        return None
    receipt = judge(state, verb, command, at)
    if command.actor not in state.roster.cards:  # the directory was last asked for others: what it said then holds
        told = (r.receipt.reason for r in reversed(state.refusals) if r.actor == command.actor)
        receipt = receipt.but(reason=next(told, receipt.reason))
    if receipt.status == "counted":
        return None
    is_too_many = too_many_intended if is_intent(verb, receipt) else too_many_refused
    return receipt if is_too_many else None


def is_intent(verb: str, receipt: Receipt) -> bool:
    """Tell whether what was judged is kept until its author proves who they are; other verbs are just refused."""
    return verb == "decide" and receipt.status == "needs_step_up"


def closed_verdict(verb: str, outcome: str) -> tuple[Status, str]:
    """Return what a command other than an answer is told after the end."""
    assert verb in VERBS, f"{verb!r} is no verb"
    return "closed", f"already {outcome}"


class Remembering(Protocol):
    """What keeps the keys that were spent: an approval, its status, its result."""

    decisions: tuple[Decision, ...]
    withdrawal: Withdrawal | None
    voided: tuple[Voided, ...]
    spent: dict[str, str]


def spent(known: Remembering, actor: str, key: str) -> Receipt | None:
    """Return the receipt that a key of this actor has been answered with, None when it is new."""
    found = spent_on(known, actor, key)
    return found[1] if found is not None else None


def spent_on(known: Remembering, actor: str, key: str) -> tuple[str, Receipt] | None:
    """Return the verb that a key of this actor was spent on, and the receipt; None when it is new."""
    # Most who send something have answered nothing yet: then no answer need be looked at.
    done = counted_before(known.decisions, actor, key) if actor in book_of(known.decisions).stages_of else None
    if done is not None:
        return _verb_of(done), receipt_of(done)
    withdrawn = counted_before([known.withdrawal], actor, key) if known.withdrawal is not None else None
    if withdrawn is not None:
        return "withdraw", receipt_of(withdrawn)
    voided = reversed(known.voided)
    void = next((v for v in voided if v.decision.actor == actor and _is_known_by(v.decision, key)), None)
    if void is not None:
        return _verb_of(void.decision), receipt_of_void(void)
    kept = known.spent.get(ledger_name(actor, key)) if known.spent else None  # mostly people have only answered
    if kept is None:
        return None
    verb, _, tally = kept.partition(" ")
    return verb, Receipt(status="counted", tally=tally, key=key)


def taken_by(known: Remembering, command: Command, key: str) -> tuple[str, Receipt] | None:
    """Return on what a command was spent already, by its key or by the click that it came with."""
    keys = (k for k in (command.click, key) if k)
    return next((taken for k in keys if (taken := spent_on(known, command.actor, k)) is not None), None)


def why_taken(verb: str) -> str:
    """Return what somebody is told who sends something else with a key that was spent: nothing is swallowed."""
    return f"key: you have already sent a {verb!r} with it: send another key with this"


def _verb_of(decision: Decision) -> str:
    return "decide" if decision.kind == "vote" else "override"


def counted_before(done: Sequence[_Done], actor: str, key: str) -> _Done | None:
    """Return the one of `done` that has spent this key, or this click, of this actor; None when there is none."""
    return next((d for d in reversed(done) if d.actor == actor and _is_known_by(d, key)), None)  # mostly the newest


def _is_known_by(done: Decision | Withdrawal, key: str) -> bool:
    return done.key == key or (isinstance(done, Decision) and key in done.clicks)


def receipt_of(done: Decision | Withdrawal) -> Receipt:
    """Return the receipt of what was counted: the same whenever its key is sent again."""
    return Receipt(status="counted", tally=done.tally, key=done.key)


_WHY_VOID: Mapping[Why, str] = {
    "changed": "what you answered to has changed since: look again",
    "sent_back": "it was sent back and has come again since: look again",
    "replaced": "others were asked instead, before it was decided",
}


def receipt_of_void(void: Voided) -> Receipt:
    """Return the receipt of an answer that counts no more: sent again, it must not count again by mistake."""
    key = void.decision.key
    if void.why == "retracted":
        return Receipt(status="duplicate", reason="you have taken this answer back; a new one needs a new key", key=key)
    return Receipt(status="superseded", reason=_WHY_VOID[void.why], key=key)


def key_of(state: Approval, verb: str, command: Command, at: datetime) -> str:
    """Return a command's key: the sender's, else one that the same click always has."""
    if command.key is not None:
        return command.key
    match command:
        case Decide():
            stage = _stage_key(state, command)
            owner = command.on_behalf_of if command.on_behalf_of != command.actor else None
            return default_key(state.id, command.actor, f"{stage} for {owner}" if owner else stage, command.outcome)
        case Withdraw():
            return withdrawal_key(state.id, command)
        case _:
            # Said or done twice without a key is meant twice: only the same moment makes it one.
            content = command.model_dump(mode="json")
            return digest([state.id, verb, content, at.isoformat()])[:32]


def default_key(approval: str, actor: str, stage: str, outcome: str) -> str:
    """Return the key of an answer that came without one."""
    return digest([approval, actor, stage, outcome])[:32]


def withdrawal_key(approval: str, withdraw: Command) -> str:
    """Return the withdrawal's key: the sender's, else one that the same click always has."""
    return withdraw.key or default_key(approval, withdraw.actor, "", "withdrawn")


def ledger_name(actor: str, key: str) -> str:
    """Return under which name a spent key is kept."""
    return digest([actor, key])[:24]


def stage_key(known: Remembering, stage: str, actor: str) -> str:
    """Return what a key without a sender's own is made of: the stage, and which of its rounds an answer is for."""
    void = times_voided(known.voided, stage, actor)
    return stage if not void else f"{stage}#{void + 1}"


def _stage_key(state: Approval, decide: Decide) -> str:
    """Return the stage an answer is for: the open one where its author may act, else the last that counted them."""
    place = deciding.place_for(state, decide)
    if place is not None:
        return stage_key(state, place.stage.name, decide.actor)
    counted = [d.stage for d in state.decisions if d.actor == decide.actor]
    if counted:
        return stage_key(state, counted[-1], decide.actor)
    live = deciding.stage_of(state, decide)
    return stage_key(state, live.name, decide.actor) if live is not None else ""
