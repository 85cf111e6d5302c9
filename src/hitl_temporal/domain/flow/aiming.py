"""Which step an action means: without the turns that its address names, and of a grant the only one it can mean.

Must not know: what the action does, who may.
"""

from hitl_temporal.domain.flow import grants
from hitl_temporal.domain.flow.address import is_address, item_of, step_id, turns_in
from hitl_temporal.domain.flow.events import Operated
from hitl_temporal.domain.flow.state import Run

ON_GRANTS = frozenset({"revoke", "extend_grant"})
"""Allowed while a step runs as a grant."""

_MOST_LISTED = 30


def aimed(run: Run, event: Operated) -> Operated:
    """Return an action with the address of its step, where the run has that step."""
    if event.command.step is not None:
        address, turns = turns_in(event.command.step)
        is_now = bool(turns) and all(_turn_of(run, block) == turn for block, turn in turns.items())
        return _at(event, address) if is_now else event
    if event.action not in ON_GRANTS:
        return event
    granting = grants.granting(run)
    running = [step for step in granting if run.steps[step].granted is not None]
    meant = running if len(running) == 1 else granting
    return event if len(meant) != 1 else _at(event, meant[0])


def _at(event: Operated, address: str) -> Operated:
    return event.but(command=event.command.model_copy(update={"step": address}))


def _turn_of(run: Run, block: str) -> int | None:
    """Return the turn that a block is in, None when it is in none."""
    now = run.steps[block].block if block in run.steps else None
    return None if now is None else now.index


def over(run: Run, address: str) -> str | None:
    """Return why a step that the run does not have now was there before, None when it never was."""
    plain, turns = turns_in(address)
    for block, turn in turns.items():
        now = _turn_of(run, block)
        if now is not None and turn < now and plain in run.steps:
            return f"turn {turn} of {block!r} is over: it is in turn {now}"
    item = item_of(plain) if is_address(plain) else None
    each = None if item is None or item.each not in run.steps else run.steps[item.each].block
    if item is None or each is None or each.each is None or step_id(plain) not in run.definition.plan.spots:
        return None
    return f"item {item.index} of {item.each!r} is over" if item.index < each.each.started else None


def unknown(run: Run, address: str) -> str:
    """Return what is said of a step that the run does not have: what there is instead."""
    plain, turns = turns_in(address)
    if turns and plain in run.steps:
        now = ((block, _turn_of(run, block)) for block in turns)
        said = (f"{block!r} is in {'no turn' if turn is None else f'turn {turn}'}" for block, turn in now)
        return f"no step {address!r}: {', '.join(said)}"
    items = [a for a in run.steps if step_id(a) == step_id(plain) and a != plain]
    if items:
        return f"no step {address!r}; say of which item: {listed(items)}"
    return f"no step {address!r}; steps: {listed([*run.steps])}"


def listed(names: list[str]) -> str:
    """Return names in a row, no more than a person reads."""
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
