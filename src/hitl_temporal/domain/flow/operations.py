"""What operators do to a run: who may, when, and what it changes.

Must not know: doors; what follows (machine.py settles that).
"""

from collections.abc import Callable

from hitl_temporal.domain.flow import steps
from hitl_temporal.domain.flow.commands import Cancel, Finish, Operate, Receipt, SetValue
from hitl_temporal.domain.flow.effects import Reply
from hitl_temporal.domain.flow.events import Operated
from hitl_temporal.domain.flow.state import Ending
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import digest

ROLES = frozenset({"operator", "admin"})
NEEDS_STEP = frozenset({"skip", "finish", "rerun", "cancel_step"})


def operate(turn: Turn, event: Operated) -> None:
    """Judge an operator's command, carry it out, and answer it; the same key is answered the same again."""
    command = event.command
    key = command.key or digest([turn.run.id, event.action, command.model_dump(mode="json"), turn.now.isoformat()])[:32]
    spent = turn.run.receipts.get(f"{command.actor}:{key}")
    receipt = spent or _judge(turn, event)
    if spent is None and receipt.status == "done" and not command.dry_run:
        changes = _DO[event.action](turn, command)
        receipt = receipt.but(changes=changes)
        turn.record(
            "run.operated",
            f"operated:{command.actor}:{key}",
            action=event.action,
            actor=command.actor,
            step=command.step,
            reason=command.reason or None,
            changes=list(changes),
        )
        turn.set(receipts={**turn.run.receipts, f"{command.actor}:{key}": receipt.but(key=key)})
    turn.effects.append(Reply(receipt=receipt.but(key=key)))


def _judge(turn: Turn, event: Operated) -> Receipt:
    run, command, action = turn.run, event.command, event.action
    refused = _not_eligible(turn, event)
    if refused is not None:
        return Receipt(status="not_eligible", reason=refused)
    if action in NEEDS_STEP and command.step is None:
        return Receipt(status="invalid", reason=f"{action} needs a step; steps: {', '.join(run.steps)}")
    if command.step is not None and command.step not in run.steps:
        return Receipt(status="invalid", reason=f"no step {command.step!r}; steps: {', '.join(run.steps)}")
    if run.status is not None:
        return Receipt(status="closed", reason=f"the run has ended: {run.status}")
    if action == "cancel":
        closed = run.ending is not None
        return Receipt(status="closed", reason=f"already {run.state}") if closed else Receipt(status="done")
    if command.step is None:
        return Receipt(status="done")
    step = run.steps[command.step]
    undo_parked = step.undo == "parked" and action in {"rerun", "skip"}
    if run.ending is not None and not undo_parked:
        return Receipt(status="closed", reason=f"the run is ending: {run.ending.reason}")
    if not undo_parked and step.state not in _ALLOWED.get(action, frozenset()):
        return Receipt(status="closed", reason=f"step {command.step!r} is {step.state}")
    return Receipt(status="done")


_ALLOWED = {
    "hold": frozenset({"waiting"}),
    "release": frozenset({"waiting"}),
    "skip": frozenset({"waiting", "running", "parked"}),
    "finish": frozenset({"waiting", "running", "parked"}),
    "rerun": frozenset({"parked", "succeeded", "failed", "skipped", "cancelled"}),
    "cancel_step": frozenset({"waiting", "running", "parked"}),
}


def _not_eligible(turn: Turn, event: Operated) -> str | None:
    actor = event.command.actor
    if actor.startswith(SYSTEM):
        return None
    if event.action == "cancel" and actor in {turn.run.requester, turn.run.on_behalf_of}:
        return None
    card = event.roster.cards.get(actor)
    if card is None or not card.active:
        return f"{actor!r} is not an active person of the directory"
    if not ROLES.intersection(card.roles):
        return f"{event.action} needs the role operator or admin, which {actor!r} does not have"
    step = turn.run.definition.step(event.command.step) if event.command.step in turn.run.steps else None
    if step is not None and step.ask is not None and event.action in {"skip", "finish"} and "admin" not in card.roles:
        return f"passing the ask {step.id!r} is an override and needs the role admin, which {actor!r} does not have"
    return None


def _hold(turn: Turn, command: Operate) -> tuple[str, ...]:
    if command.step is None:
        turn.set(held=True)
        return ("run: held",)
    turn.set_step(command.step, held=True)
    return (f"{command.step}: held",)


def _release(turn: Turn, command: Operate) -> tuple[str, ...]:
    if command.step is None:
        turn.set(held=False)
        return ("run: released",)
    turn.set_step(command.step, held=False)
    return (f"{command.step}: released",)


def _skip(turn: Turn, command: Operate) -> tuple[str, ...]:
    step = command.step or ""
    if turn.run.steps[step].undo == "parked":
        turn.set_step(step, undo="done")
        return (f"{step}: undo skipped",)
    steps.stop(turn, step, f"skipped by {command.actor}")
    steps.skip(turn, step, f"skipped by {command.actor}", passes_on=False)
    return (f"{step}: skipped",)


def _finish(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, Finish), "the table pairs `finish` with Finish"
    step = command.step or ""
    ask = turn.run.definition.step(step).ask
    steps.stop(turn, step, f"finished by {command.actor}")
    if ask is not None:
        outcome = command.outcome or "approved"
        turn.set_step(step, positive=bool(ask.is_positive(outcome)), by=(command.actor,))
        steps.succeed(turn, step, command.outputs, outcome)
        return (f"{step}: succeeded ({outcome})",)
    steps.succeed(turn, step, command.outputs, command.outcome)
    return (f"{step}: succeeded",)


def _rerun(turn: Turn, command: Operate) -> tuple[str, ...]:
    step = command.step or ""
    if turn.run.steps[step].undo == "parked":
        turn.set_step(step, undo="none")
        return (f"{step}: undo again",)
    turn.set_step(
        step, state="running", outputs={}, outcome=None, positive=None, order=0, passes_on=False, error="", until=None
    )
    steps.start(turn, turn.run.definition.step(step))
    return (f"{step}: started again",)


def _cancel_step(turn: Turn, command: Operate) -> tuple[str, ...]:
    step = command.step or ""
    steps.stop(turn, step, f"cancelled by {command.actor}")
    steps.cancel(turn, step, f"cancelled by {command.actor}")
    return (f"{step}: cancelled",)


def _cancel(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, Cancel), "the table pairs `cancel` with Cancel"
    reason = f"cancelled by {command.actor}" + (f": {command.reason}" if command.reason else "")
    steps.end_early(turn, Ending(status="cancelled", reason=reason, undo=not command.no_undo))
    return ("run: cancelling",)


def _set_value(turn: Turn, command: Operate) -> tuple[str, ...]:
    assert isinstance(command, SetValue), "the table pairs `set_value` with SetValue"
    turn.set(vars={**turn.run.vars, **command.values})
    return tuple(f"vars.{name}: set" for name in sorted(command.values))


_DO: dict[str, Callable[[Turn, Operate], tuple[str, ...]]] = {
    "hold": _hold,
    "release": _release,
    "skip": _skip,
    "finish": _finish,
    "rerun": _rerun,
    "cancel_step": _cancel_step,
    "cancel": _cancel,
    "set_value": _set_value,
}
