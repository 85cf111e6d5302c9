"""People are asked what to do about a failure: again, again with other inputs, without it, undo, or end as it is.

The step stays parked while they are asked, so that an operator can act as well; then nobody is asked any more.

Must not know: what each answer does (answering.py).
"""

from hitl_temporal.domain.approval.opening import AskError
from hitl_temporal.domain.flow import ends
from hitl_temporal.domain.flow.address import child_id
from hitl_temporal.domain.flow.effects import StopStep
from hitl_temporal.domain.flow.requests import question
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.state import Asking
from hitl_temporal.domain.flow.step import Repair, repair_by
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json


def ask(turn: Turn, address: str, error: str) -> None:
    """Park a failed step and put the question; where nobody can be asked it is parked alone, and says so."""
    ends.park(turn, address, error)
    step, now, owner = turn.step(address), turn.run.steps[address], turn.run.definition.owner
    if not isinstance(step.on_failure, Repair) and owner is None:
        turn.set_step(address, error=f"{error}; nobody was asked what to do: the flow has no owner")
        return
    document = step.on_failure.ask if isinstance(step.on_failure, Repair) else repair_by((str(owner),))
    approval = f"{child_id(turn.run.id, address, now.n)}.repair" + (f".{now.repairs + 1}" if now.repairs else "")
    failure = dict[str, Json](step=address, error=error, attempts=now.n)
    seen: dict[str, Json] = {**scope(turn.run, address, everything=True), "failure": failure}
    try:
        effect = question(
            turn.run,
            address,
            now.n,
            approval,
            document,
            requester=turn.run.requester,
            on_behalf_of=turn.run.on_behalf_of,
            now=seen,
        )
    except AskError as wrong:
        turn.set_step(address, error=f"{error}; nobody was asked what to do: {told(turn.run, wrong)}")
        return
    turn.set_step(address, repairs=now.repairs + 1, repair=Asking(approval=approval))
    turn.record(
        "step.repair_asked", f"{address}:{now.n}:repair:{now.repairs + 1}:asked", step=address, approval=approval
    )
    turn.effects.append(effect.but(is_repair=True))


def withdraw(turn: Turn, address: str, reason: str) -> None:
    """Ask nobody any longer what to do about a failure."""
    old = turn.run.steps[address]
    if old.repair is not None and not old.repair.is_over:
        turn.effects.append(StopStep(step=address, n=old.n, child=old.repair.approval, reason=reason))
        turn.set_step(address, repair=old.repair.but(is_over=True))
