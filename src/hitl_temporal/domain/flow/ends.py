"""The ways in which a step comes to an end, or to a stop: each is a change of state and a fact.

Must not know: which of them comes when (closing.py), which steps follow (settling.py).
"""

from hitl_temporal.domain.flow import ledger
from hitl_temporal.domain.flow.state import StepRun
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, digest


def succeed(turn: Turn, address: str, outputs: dict[str, Json], outcome: str | None = None) -> None:
    """End a step well."""
    if not turn.run.steps[address].has_given:
        ledger.keep(turn, address, outputs, outcome)
    old = turn.set_step(address, state="succeeded", outputs=outputs, outcome=outcome, error="")
    turn.record(
        "step.succeeded",
        f"{address}:{old.mark}:succeeded",
        began=old.started_at,
        step=address,
        outcome=outcome,
        outputs_digest=digest(outputs),
    )


def fail(turn: Turn, address: str, error: str, outcome: str | None = None, *, caught: bool = False) -> None:
    """End a step badly; what was `caught` lets its followers go on."""
    old = turn.set_step(address, state="failed", error=error, outcome=outcome, caught=caught)
    turn.record("step.failed", f"{address}:{old.mark}:failed", began=old.started_at, step=address, reason=error)


def park(turn: Turn, address: str, error: str) -> None:
    """Leave a step for an operator: nothing of it goes on, nothing is lost."""
    old = turn.set_step(address, state="parked", error=error)
    turn.record("step.parked", f"{address}:{old.mark}:parked", began=old.started_at, step=address, reason=error)


def skip(turn: Turn, address: str, reason: str, *, passes_on: bool) -> None:
    """Leave a step out."""
    old = turn.set_step(address, state="skipped", outputs={}, outcome=None, error=reason, passes_on=passes_on)
    turn.record("step.skipped", f"{address}:{old.mark}:skipped", step=address, reason=reason)


def cancel(turn: Turn, address: str, reason: str) -> None:
    """End a step that was begun and is stopped."""
    old = turn.set_step(address, state="cancelled", outcome=None, error=reason)
    turn.record("step.cancelled", f"{address}:{old.mark}:cancelled", began=old.started_at, step=address, reason=reason)


def fresh(turn: Turn, old: StepRun, *, keeps_outputs: bool = False) -> StepRun:
    """Return a step as it was before it began, one start further if it had begun, or was left out.

    Args:
        turn: The one in the making.
        old: The step as it stands.
        keeps_outputs: Whether it is another turn: expressions go on to see what it gave, until it gives something else,
            and what somebody has changed of its arguments was for the turn before.
    """
    kept = {"outputs": old.outputs, "outcome": old.outcome} if keeps_outputs else {"edited": old.edited}
    return StepRun(
        since=turn.now,
        n=old.n + 1 if old.n or old.is_final else 0,
        held=old.held,
        hold=old.hold,
        undos=old.undos,
        extensions=tuple(e for e in old.extensions if e.is_out),
    ).but(**kept)
