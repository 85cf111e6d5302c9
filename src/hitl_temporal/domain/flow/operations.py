"""What operators do to a run: when, and what it changes.

Must not know: doors, who may (policy.py), what follows (machine.py settles that).
"""

from collections.abc import Callable
from typing import assert_never

from hitl_temporal.domain.approval.judge import why_taken
from hitl_temporal.domain.flow import (
    alarms,
    closing,
    extensions,
    grants,
    holding,
    keeping,
    migrating,
    proposals,
    rerunning,
    undoing,
    waiting,
)
from hitl_temporal.domain.flow.aiming import ON_GRANTS, aimed, listed, over, unknown
from hitl_temporal.domain.flow.commands import (
    WAIVED,
    Cancel,
    ExtendGrant,
    Finish,
    Migrate,
    Operate,
    Receipt,
    Rerun,
    SetValue,
    StartStep,
    Tell,
    parse,
)
from hitl_temporal.domain.flow.editing import unfit_change
from hitl_temporal.domain.flow.effects import Reply
from hitl_temporal.domain.flow.events import Operated, ProposalAnswered, ProposalFailed
from hitl_temporal.domain.flow.policy import policy_of, refusal
from hitl_temporal.domain.flow.state import Ending, Hold, Instead, Proposal, Run
from hitl_temporal.domain.flow.step import COMPLETED
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import digest

MAX_RECEIPTS = 200
"""How many receipts a run keeps for commands sent again; a repeat comes within minutes, not after 200 others."""

_NOT_FINAL = frozenset({"waiting", "running", "parked"})
_ALLOWED = {
    "hold": frozenset({"waiting"}),
    "release": frozenset({"waiting"}),
    "start_step": frozenset({"waiting"}),
    "skip": _NOT_FINAL,
    "finish": _NOT_FINAL,
    "rerun": frozenset({"parked", "succeeded", "failed", "skipped", "cancelled"}),
    "cancel_step": _NOT_FINAL,
}
"""The states of a step in which an action on it is allowed."""

_NEEDS_STEP = frozenset({"start_step", "skip", "finish", "rerun", "cancel_step", "revoke", "extend_grant"})

_BRINGS = frozenset({"finish", "migrate", "rerun", "set_value"})
"""The actions that bring values which the run then keeps."""

_WHILE_ENDING = frozenset({"set_value", "event", "acknowledge"})


def hear(turn: Turn, event: Operated | ProposalAnswered | ProposalFailed) -> None:
    """Take a command, or what people say about one that waits for them."""
    if isinstance(event, Operated):
        _operate(turn, event)
    else:
        _hear_answer(turn, event)


def _operate(turn: Turn, event: Operated) -> None:
    """Judge an operator's command, carry it out, and answer it; the same action with the same key is answered again."""
    command = event.command
    key = command.key or digest([turn.run.id, event.action, command.model_dump(mode="json"), turn.now.isoformat()])[:32]
    spent = _spent(turn.run, event.action, command.actor, key)
    receipt = spent or _carry_out(turn, aimed(turn.run, event), key)
    turn.effects.append(Reply(receipt=receipt.but(key=key)))


def _spent(run: Run, action: str, actor: str, key: str) -> Receipt | None:
    """Return the receipt of what was done with this key; None: nothing was. A key of another action is refused.

    Else a `revoke` under the key of an `extend_grant` would be answered `done`, and nothing would have been revoked.
    """
    for name, receipt in run.receipts.items():
        done, _, whose = name.partition(":")
        if whose == f"{actor}:{key}":
            return receipt if done == action else Receipt(status="invalid", reason=why_taken(done))
    return None


def _carry_out(turn: Turn, event: Operated, key: str) -> Receipt:
    receipt = _judge(turn.run, event)
    if receipt.status not in {"done", "asked"}:
        return receipt
    trial = Turn(turn.run)
    receipt = receipt.but(key=key, changes=_tried(trial, event))
    if (too_much := _too_much(trial, event, turn.run)) is not None:
        return too_much
    policy = policy_of(turn.run, event)
    if policy is not None and policy.ask is not None:
        receipt = proposals.propose(turn, event, policy.ask, key, receipt.changes)
        if receipt.status == "asked" and not event.command.dry_run:
            _keep(turn, event.action, event.command.actor, receipt)
        return receipt
    if not event.command.dry_run:
        _do(turn, event, trial, receipt)
    return receipt


def _too_much(trial: Turn, event: Operated, before: Run) -> Receipt | None:
    """Return the receipt of an action that brings more than the run can keep; None: it does not."""
    reason = keeping.grows_too_large(trial, before) if event.action in _BRINGS else None
    return None if reason is None else Receipt(status="invalid", reason=f"what the run would keep is {reason}")


def _tried(trial: Turn, event: Operated) -> tuple[str, ...]:
    """Do an action to see what it changes; it has been judged."""
    if event.present is not None:
        return migrating.migrate(trial, event.present)
    return _DO[event.action](trial, event.command)


def _do(turn: Turn, event: Operated, trial: Turn, receipt: Receipt, approval: str | None = None) -> None:
    """Let what was tried stand: an action of somebody who may, and to which people have agreed if need be."""
    command = event.command
    turn.record(
        "run.operated",
        f"operated:{turn.run.operations + 1}",
        action=event.action,
        actor=command.actor,
        step=command.step,
        reason=command.reason or None,
        changes=list(receipt.changes),
        approval=approval,
    )
    turn.take(trial)
    turn.set(operations=turn.run.operations + 1)
    _keep(turn, event.action, command.actor, receipt)


def _keep(turn: Turn, action: str, actor: str, receipt: Receipt) -> None:
    """Keep a receipt for the command when it comes again."""
    name = f"{action}:{actor}:{receipt.key}"
    others = {n: r for n, r in turn.run.receipts.items() if n != name}
    turn.set(receipts={**dict([*others.items()][1 - MAX_RECEIPTS :]), name: receipt})


def _hear_answer(turn: Turn, event: ProposalAnswered | ProposalFailed) -> None:
    """Take the answer of people to an action: what they allow is done if it may be done now, as the run stands."""
    proposal = next((p for p in turn.run.proposals if p.approval == event.approval), None)
    if proposal is None:
        return
    command = parse(proposal.action, proposal.command)
    assert isinstance(command, Operate), "it was parsed when it was sent"
    match event:
        case ProposalFailed():
            proposals.forget(turn, proposal)
            receipt = Receipt(status="closed", reason=f"{event.approval} was lost: {event.error}"[:1000])
        case ProposalAnswered():
            proposals.heard(turn, proposal, event.result)
            receipt = _agreed(turn, event, proposal, command)
        case _:
            assert_never(event)
    receipt = receipt.but(key=proposal.key)
    if receipt.status not in {"done", "asked"}:
        turn.record(
            "run.operation_refused",
            f"{event.approval}:refused",
            action=proposal.action,
            actor=command.actor,
            step=command.step,
            status=receipt.status,
            reason=receipt.reason,
            approval=event.approval,
        )
    _keep(turn, proposal.action, command.actor, receipt)


def _agreed(turn: Turn, event: ProposalAnswered, proposal: Proposal, command: Operate) -> Receipt:
    """Do what people have agreed to, as it is judged now; return the receipt."""
    if not event.result.positive:
        return Receipt(status="not_eligible", reason=f"{event.approval} was {event.result.outcome}")
    if proposal.is_over:
        return Receipt(status="closed", reason=f"{event.approval} was answered too late: the run ends")
    wish = Operated(
        at=event.at,
        action=proposal.action,
        command=command,
        roster=event.roster,
        policies=event.policies,
        present=event.present,
    )
    receipt = _judge(turn.run, wish)
    if receipt.status not in {"done", "asked"}:
        return receipt
    trial = Turn(turn.run)
    receipt = receipt.but(key=proposal.key, changes=_tried(trial, wish))
    if (too_much := _too_much(trial, wish, turn.run)) is not None:  # others have brought something meanwhile
        return too_much
    _do(turn, wish, trial, receipt, event.approval)
    return receipt


def _judge(run: Run, event: Operated) -> Receipt:
    refused = refusal(run, event)
    if refused is not None:
        return Receipt(status="not_eligible", reason=refused)
    if event.command.step is not None and event.command.step not in run.steps:
        gone = over(run, event.command.step)
        if gone is not None:
            return Receipt(status="closed", reason=gone)
    policy = policy_of(run, event)
    if policy is not None and policy.reason == "required" and not event.command.reason.strip():
        return Receipt(status="invalid", reason=f"reason: {event.action} of {run.definition.flow!r} needs one; say why")
    invalid = _invalid(run, event)
    if invalid is not None:
        return Receipt(status="invalid", reason=invalid)
    closed = _closed(run, event)
    if closed is not None:
        return Receipt(status="closed", reason=closed)
    if event.action == "acknowledge" and (nothing := alarms.nothing_told(run, event.command.step)) is not None:
        return Receipt(status="closed", reason=nothing)
    match event.command:
        case ExtendGrant() as wish:
            return _judge_extension(run, wish)
        case Migrate() as wish:
            return migrating.judged(run, wish, event.present)
        case _:
            return Receipt(status="done")


def _judge_extension(run: Run, command: ExtendGrant) -> Receipt:
    step = _step_of(command)
    impossible = extensions.impossible(run, step, command)
    if impossible is not None:
        return Receipt(status="invalid", reason=impossible)
    return Receipt(status="asked" if extensions.asks_people(run, step) else "done")


def _invalid(run: Run, event: Operated) -> str | None:
    command = event.command
    needs_step = event.action in _NEEDS_STEP and not (isinstance(command, Rerun) and command.scope in _WHOLE)
    if needs_step and command.step is None:
        return f"{event.action} needs a step; steps: {listed([*run.steps])}"
    if command.step is not None and command.step not in run.steps:
        return unknown(run, command.step)
    if isinstance(command, Finish) and command.step is not None and command.outcome is not None:
        document = run.definition.step(command.step)
        names = document.ask.outcome_names if document.ask is not None else document.outcomes
        if names and command.outcome not in names:
            return f"as: {command.outcome!r} is not one of {', '.join(sorted(names))}"
    if isinstance(command, Rerun) and command.inputs and command.step is not None:
        document = run.definition.step(command.step)
        if command.scope not in {"step", "from"} or document.verb not in _EDITABLE:
            return "with: only a `call`, a `run` or a `flow` that is done again takes other arguments"
        if document.run is not None and (wrong := unfit_change(document.run, command.inputs)) is not None:
            return wrong
    if isinstance(command, ExtendGrant) and command.step is not None and extensions.is_ruled_out(run, command.step):
        return f"step {command.step!r} can't be extended: its `grant` has no `extend`"
    if isinstance(command, SetValue) and (strange := sorted(command.values.keys() - run.vars.keys())):
        return f"with: no variable {strange[0]!r}; variables: {', '.join(run.vars) or 'none'}"
    return None


_WHOLE = frozenset({"failed", "all"})
"""What a `rerun` may be about beside one step."""
_EDITABLE = frozenset({"call", "run", "flow"})


def _closed(run: Run, event: Operated) -> str | None:
    """Return the state that forbids an action, None when it is allowed."""
    action, step_id = event.action, event.command.step
    if run.status is not None:
        return f"the run has ended: {run.status}"
    if step_id is not None and run.steps[step_id].undo == "parked" and action in {"rerun", "skip"}:
        return None
    if run.ending is not None and action not in _WHILE_ENDING and not (run.ending.undo and _leaves_undo_out(event)):
        return f"the run is ending: {run.ending.reason}"
    if step_id is not None and action in ON_GRANTS:
        return grants.forbidding(run, step_id)
    if isinstance(event.command, Rerun) and event.command.scope in _WHOLE:
        return _why_not_whole(run, event.command)
    if step_id is None or action not in _ALLOWED:
        return None
    state = run.steps[step_id].state
    if run.steps[step_id].undo == "parked":
        return f"step {step_id!r} is {state}: its undo failed; rerun tries it again, skip goes on without"
    if state not in _ALLOWED[action]:
        return f"step {step_id!r} is {state}"
    if action == "rerun":
        return _why_not_again(run, step_id, event.command)
    return None


def _leaves_undo_out(event: Operated) -> bool:
    return isinstance(event.command, Cancel) and event.command.no_undo


def _why_not_whole(run: Run, command: Rerun) -> str | None:
    if command.scope == "failed":
        return None if rerunning.unmended(run) else "no step has parked or failed"
    steps = run.steps.items()
    going = next((a for a, s in steps if s.is_begun and s.block is None and s.state != "parked"), None)
    undoing = next((a for a, s in steps if s.undo in {"running", "parked"}), None)
    if going is None and undoing is None:
        return None
    return f"step {undoing!r} is being undone" if going is None else f"step {going!r} is {run.steps[going].state}"


def _why_not_again(run: Run, step_id: str, command: Operate) -> str | None:
    forbidden = rerunning.forbidding(run, step_id)
    if forbidden is not None:
        return forbidden
    going = rerunning.in_the_way(run, step_id) if isinstance(command, Rerun) and command.scope == "from" else None
    return None if going is None else f"step {going!r}, which follows, is {run.steps[going].state}: cancel it first"


def _hold(turn: Turn, command: Operate) -> tuple[str, ...]:
    return _set_hold(turn, command.step, Hold(by=command.actor, since=turn.now))


def _release(turn: Turn, command: Operate) -> tuple[str, ...]:
    return _set_hold(turn, command.step, None)


def _set_hold(turn: Turn, step: str | None, hold: Hold | None) -> tuple[str, ...]:
    is_held = hold is not None
    if step is None:
        turn.set(held=is_held, hold=hold)
        turn.touch(turn.run.steps)
    else:
        turn.set_step(step, held=is_held, hold=hold, freed=False)
    return (f"{step or 'run'}: {'held' if is_held else 'released'}",)


def _start_step(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, StartStep), "the table pairs `start_step` with StartStep"
    address, waived = _step_of(command), frozenset(command.waive) or WAIVED
    now = turn.run.steps[address]
    if now.is_begun:
        return _pass(turn, address, command.actor, waived)
    again = now.again or "predecessor" in waived
    turn.set_step(address, again=again)
    if "hold" in waived:
        turn.set_step(address, held=False, hold=None, freed=turn.run.held)
    if "resource" in waived:
        holding.waive(turn, address)
    return (f"{address}: waived {', '.join(sorted(waived))}",)


def _pass(turn: Turn, address: str, actor: str, waived: frozenset[str]) -> tuple[str, ...]:
    """Let a wait or an ask that is open count as done, if what it waits for is waived."""
    document = turn.step(address)
    kind = "answer" if document.ask is not None else "event" if turn.run.steps[address].awaits else "time"
    if kind not in waived:
        return (f"{address}: still waits for {kind}",)
    if document.ask is not None:
        return _end_instead(turn, address, Instead(state="skipped", reason=f"passed by {actor}"))
    return _end_instead(turn, address, Instead(state="succeeded", reason=f"started by {actor}"))


def _skip(turn: Turn, command: Operate) -> tuple[str, ...]:
    step = _step_of(command)
    if turn.run.steps[step].undo == "parked":
        closing.skip_undo(turn, step, _left_standing(command))
        return (f"{step}: undo skipped",)
    return _end_instead(turn, step, Instead(state="skipped", reason=f"skipped by {command.actor}"))


def _finish(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, Finish), "the table pairs `finish` with Finish"
    step = _step_of(command)
    document = turn.step(step)
    is_ask = document.ask is not None
    default = "approved" if is_ask else COMPLETED if document.flow is not None else None
    instead = Instead(
        state="succeeded",
        reason=f"finished by {command.actor}",
        outputs=command.outputs,
        outcome=command.outcome or default,
        by=(command.actor,) if is_ask else (),
    )
    return _end_instead(turn, step, instead)


def _cancel_step(turn: Turn, command: Operate) -> tuple[str, ...]:
    return _end_instead(turn, _step_of(command), Instead(state="cancelled", reason=f"cancelled by {command.actor}"))


def _end_instead(turn: Turn, step: str, instead: Instead) -> tuple[str, ...]:
    closing.stop(turn, step, instead)
    becomes, now = instead.state + (f" ({instead.outcome})" if instead.outcome else ""), turn.run.steps[step]
    once = " once its undo has run" if now.has_given else " once it has stopped"
    return (f"{step}: {becomes}" + ("" if now.is_final else once),)


def _rerun(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, Rerun), "the table pairs `rerun` with Rerun"
    before = turn.run
    match command.scope:
        case "failed":
            found = rerunning.mend(turn)
        case "all":
            found = rerunning.everything(turn)
        case "from":
            _edit(turn, _step_of(command), command)
            found = rerunning.from_here(turn, _step_of(command))
        case _:
            found, changes = (_step_of(command),), _rerun_step(turn, _step_of(command), command)
            return (*changes, *(f"{what}: goes on with it" for what in rerunning.resumed(before, turn.run, found)))
    more = (f"{what}: goes on with it" for what in rerunning.resumed(before, turn.run, found))
    return (*(f"{address}: again" for address in found), *more)


def _rerun_step(turn: Turn, step: str, command: Rerun) -> tuple[str, ...]:
    if turn.run.steps[step].undo == "parked":
        undoing.undo_again(turn, step)
        return (f"{step}: undo again",)
    rerunning.again(turn, step, edited=command.inputs or None)
    return (f"{step}: again" + (" with other arguments" if command.inputs else ""),)


def _edit(turn: Turn, step: str, command: Rerun) -> None:
    if command.inputs:
        turn.set_step(step, edited={**(turn.run.steps[step].edited or {}), **command.inputs})


def _event(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, Tell), "the table pairs `event` with Tell"
    open_before = [address for address, step in turn.run.steps.items() if step.state == "waiting" and step.is_begun]
    is_new = waiting.hear(turn, command.event)
    moved = [address for address in open_before if turn.run.steps[address].state != "waiting"]
    return (
        f"event {command.event.type} of {command.event.source}" + ("" if is_new else ": known already"),
        *(f"{address}: {turn.run.steps[address].state}" for address in moved),
    )


def _cancel(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, Cancel), "the table pairs `cancel` with Cancel"
    reason = grants.by_word("cancelled", command.actor, command.reason)
    left = _left_standing(command) if command.no_undo else ""
    if turn.run.ending is not None:
        closing.undo_no_more(turn, left)
        return ("run: nothing more is undone",)
    closing.end_early(turn, Ending(status="cancelled", reason=reason, undo=not command.no_undo, left=left))
    return ("run: cancelling",)


def _left_standing(command: Operate) -> str:
    return grants.by_word("left standing", command.actor, command.reason)


def _set_value(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, SetValue), "the table pairs `set_value` with SetValue"
    turn.set(vars={**turn.run.vars, **command.values})
    return tuple(f"vars.{name}: set" for name in sorted(command.values))


def _revoke(turn: Turn, command: Operate) -> tuple[str, ...]:
    step = _step_of(command)
    grants.end(turn, step, f"revoked by {command.actor}")
    return (f"{step}: its grant ends now, with its undo",)


def _extend_grant(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, ExtendGrant), "the table pairs `extend_grant` with ExtendGrant"
    return extensions.wish(turn, _step_of(command), command)


def _acknowledge(turn: Turn, command: Operate) -> tuple[str, ...]:
    return alarms.acknowledge(turn, command.step, command.actor)


def _step_of(command: Operate) -> str:
    assert command.step is not None, "judged before"
    return command.step


_DO: dict[str, Callable[[Turn, Operate], tuple[str, ...]]] = {
    "hold": _hold,
    "release": _release,
    "start_step": _start_step,
    "skip": _skip,
    "finish": _finish,
    "rerun": _rerun,
    "cancel_step": _cancel_step,
    "cancel": _cancel,
    "set_value": _set_value,
    "event": _event,
    "revoke": _revoke,
    "extend_grant": _extend_grant,
    "acknowledge": _acknowledge,
}
