"""Actions that people are asked about before they are done: put as a question, taken back when the run ends.

An answer comes when it comes: what it allows is judged anew, on the run as it then is (operations.py).

Must not know: which actions need an answer (policies.py), what they do.
"""

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import AskError
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.audit import child_attributes
from hitl_temporal.domain.flow.commands import Operate, Receipt
from hitl_temporal.domain.flow.effects import StartAsk, StopStep
from hitl_temporal.domain.flow.events import Operated
from hitl_temporal.domain.flow.keeping import count, no_place
from hitl_temporal.domain.flow.passing import passed
from hitl_temporal.domain.flow.requests import question
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.state import Proposal, Run
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, weigh

MAX_PROPOSALS = 50
"""Out at a time in one run: each is a workflow of its own, and travels with the run."""

SMALL_BYTES = 4 * 1024
"""Of an action as JSON: it has a place in any case, so that a run which keeps all that it may can be mended."""


def propose(turn: Turn, event: Operated, ask: Ask, key: str, changes: tuple[str, ...]) -> Receipt:
    """Ask people about an action, once while they have not answered; return the receipt.

    Args:
        turn: The one in the making.
        event: The action, which may be done as the run stands.
        ask: Who must agree.
        key: The action's idempotency key.
        changes: What it would change as the run stands.
    """
    run, wanted = turn.run, _wanted(event.command)
    same = next((p for p in run.proposals if not p.is_over and (p.action, p.wanted) == (event.action, wanted)), None)
    if same is not None:
        return _asked(same.approval, changes, key)
    if len(run.proposals) >= MAX_PROPOSALS:
        return Receipt(status="closed", reason=f"people are asked about {MAX_PROPOSALS} actions already", key=key)
    approval = f"{run.id}.op-{run.proposed + 1}"
    try:
        effect = _question(run, event, ask, approval, changes)
    except AskError as error:
        return Receipt(status="invalid", reason=f"nobody can be asked: {told(run, error)}", key=key)
    command = event.command.model_dump(mode="json", by_alias=True, exclude_none=True)
    if weigh(command) > SMALL_BYTES and (wrong := no_place(Turn(run), command)) is not None:
        return Receipt(status="invalid", reason=f"what people would be asked about is {wrong}", key=key)
    if event.command.dry_run:
        return Receipt(status="asked", reason="people would be asked first", changes=changes, key=key)
    proposal = Proposal(
        approval=approval,
        action=event.action,
        command=command,
        wanted=wanted,
        key=key,
        since=turn.now,
    )
    turn.set(proposals=(*run.proposals, proposal), proposed=run.proposed + 1)
    count(turn)
    turn.record(
        "run.operation_asked",
        f"operation:{run.proposed + 1}:asked",
        action=event.action,
        actor=event.command.actor,
        step=event.command.step,
        reason=event.command.reason or None,
        approval=approval,
    )
    turn.effects.append(effect)
    return _asked(approval, changes, key)


def _asked(approval: str, changes: tuple[str, ...], key: str) -> Receipt:
    return Receipt(status="asked", reason=f"it waits for an answer to {approval}", changes=changes, key=key)


def _wanted(command: Operate) -> dict[str, Json]:
    """Return what a command asks for, whoever sends it and why."""
    said: dict[str, Json] = command.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in said.items() if name not in {"actor", "reason", "key", "dry_run"}}


def _question(run: Run, event: Operated, ask: Ask, approval: str, changes: tuple[str, ...]) -> StartAsk:
    """Return the effect that asks people; who wants it may not decide, nor who may not decide what it passes by.

    Raises:
        AskError: What is asked can't be rendered.
    """
    command = event.command
    own = [p for p in dict.fromkeys((run.requester, run.on_behalf_of)) if p is not None and p != command.actor]
    profiting = own if passed(run, event.action, command) else []
    free = [key for key, written in (("beneficiary", ask.beneficiary), ("author", ask.author)) if written is None]
    operation: dict[str, Json] = {
        "action": event.action,
        "step": command.step,
        "what": what(event.action, command.step),
        "actor": command.actor,
        "reason": command.reason,
        "changes": "; ".join(changes)[:1000],
    }
    effect = question(
        run,
        command.step or "",
        0,
        approval,
        ask.but(**dict(zip(free, profiting[1:], strict=False))),
        requester=command.actor,
        on_behalf_of=next(iter(profiting), None),
        now={**scope(run, command.step, everything=True), "operation": operation},
    )
    return effect.but(is_proposal=True)


def what(action: str, step: str | None) -> str:
    """Return an action in words: `skip apply`."""
    return f"{action.replace('_', ' ')} {step or ''}".rstrip()


def heard(turn: Turn, proposal: Proposal, result: Result) -> None:
    """Note the answer to a question about an action, which is out no longer."""
    is_late = proposal.is_over and result.positive
    forget(turn, proposal)
    turn.record(
        "run.operation_answered",
        f"{proposal.approval}:answered",
        began=proposal.since,
        action=proposal.action,
        outcome=result.outcome,
        by=[d.actor for d in result.decisions],
        reason="too late: it was taken back already, and nothing changes" if is_late else None,
        child=child_attributes(proposal.approval, result.evidence),
    )


def forget(turn: Turn, proposal: Proposal) -> None:
    """Have a question out no longer."""
    turn.set(proposals=tuple(p for p in turn.run.proposals if p is not proposal))


def recall(turn: Turn, reason: str) -> None:
    """Take back every question about an action: the run ends, and nothing can be done to it any more."""
    for proposal in turn.run.proposals:
        if not proposal.is_over:
            turn.effects.append(StopStep(step="", n=0, child=proposal.approval, reason=reason))
    if not all(p.is_over for p in turn.run.proposals):
        turn.set(proposals=tuple(p.but(is_over=True) for p in turn.run.proposals))
