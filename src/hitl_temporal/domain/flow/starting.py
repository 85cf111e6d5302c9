"""How a step starts: what it needs is rendered, and a job, a question, a wait or a block begins.

Must not know: whether it may start (settling.py), what comes of it (closing.py).
"""

from collections.abc import Mapping

from hitl_temporal.domain.approval.opening import AskError, material
from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.expressions import ExpressionError, is_true
from hitl_temporal.domain.flow import blocks, ends, waiting
from hitl_temporal.domain.flow.address import child_id
from hitl_temporal.domain.flow.grants import promise
from hitl_temporal.domain.flow.requests import child_run, job, question
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.step import BLOCKS, Step
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, canonical, digest


def start(turn: Turn, address: str) -> None:
    """Begin a step whose needs are met, unless its own `if` says no; what fails to render parks it."""
    step = turn.step(address)
    n = turn.set_step(address, n=max(turn.run.steps[address].n, 1), again=False).n
    try:
        now = scope(turn.run, address, everything=step.ask is not None or bool(step.demand))
        if step.condition is not None and not is_true(step.condition, now):
            ends.skip(turn, address, f"if: {step.condition}", passes_on=False)
            return
        match step.verb:
            case "call" | "run":
                _start_job(turn, address, step, n, now)
            case "ask":
                _start_ask(turn, address, step, n, now)
            case "flow":
                _start_flow(turn, address, step, n, now)
            case "wait":
                waiting.begin(turn, address, step, n, now)
            case block:
                assert block in BLOCKS, f"step {address!r} has no verb"
                blocks.begin(turn, address, step)
    except (ExpressionError, AskError, CalendarError, ValueError) as error:
        ends.park(turn, address, told(turn.run, error))


def _refuse_undecided(run: Run, address: str, step: Step, now: dict[str, Json]) -> None:
    """Raise when what a call carries out is not what was decided: it may have been changed since.

    An operator may have set a variable, or finished the ask by hand, or nobody has answered and its silence was taken
    for a yes; then an operator has to see to it.
    """
    for name in step.demand:
        seen_at = run.definition.plan.see(address, name)
        assert seen_at is not None, f"step {name!r} can't be seen"
        asked = run.steps[seen_at]
        if asked.decided is None or not asked.positive:
            raise ValueError(
                f"demand: {name!r} has no decision that lets it go on (it is {asked.outcome or asked.state})"
            )
        if not asked.decided.by:
            raise ValueError(f"demand: nobody has decided {name!r}: it was {asked.outcome} by silence")
        present = material(tuple(asked.decided.material), now)
        changed = [p for p, value in asked.decided.material.items() if canonical(present[p]) != canonical(value)]
        if changed:
            raise ValueError(f"demand: {_difference(run, changed[0], asked.decided.material, present)}: ask again")


def _difference(run: Run, path: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> str:
    """Return what is not as it was decided; everybody who sees the run reads it, so nothing sensitive stands in it."""
    if run.definition.hides(path):
        return f"{path} is not as it was decided"
    was, now_is = canonical(before[path]), canonical(after[path])
    return f"{path} was decided as {was[:100]} and is {now_is[:100]} now"


def _start_job(turn: Turn, address: str, step: Step, n: int, now: dict[str, Json]) -> None:
    _refuse_undecided(turn.run, address, step, now)
    effect = job(
        address,
        n,
        child_id(turn.run.id, address, n),
        step,
        now,
        turn.run.steps[address].edited,
        priority=turn.run.definition.priority_of(address),
    )
    what = effect.arguments if effect.command is None else effect.command.model_dump(mode="json")
    grant = promise(turn.run, step, now)
    turn.set_step(address, state="running", started_at=turn.now, error="", grant=grant)
    turn.record(
        "step.started", f"{address}:{n}:started", step=address, call=effect.activity, arguments_digest=digest(what)
    )
    turn.effects.append(effect)


def _start_ask(turn: Turn, address: str, step: Step, n: int, now: dict[str, Json]) -> None:
    assert step.ask is not None, f"step {address!r} is no ask"
    run, approval = turn.run, child_id(turn.run.id, address, n)
    effect = question(
        run, address, n, approval, step.ask, requester=run.requester, on_behalf_of=run.on_behalf_of, now=now
    )
    turn.set_step(address, started_at=turn.now, since=turn.now, error="")
    turn.record("step.started", f"{address}:{n}:started", step=address, approval=approval)
    turn.effects.append(effect.but(fields=run.definition.fields))


def _start_flow(turn: Turn, address: str, step: Step, n: int, now: dict[str, Json]) -> None:
    child, edited = child_id(turn.run.id, address, n), turn.run.steps[address].edited
    effect = child_run(turn.run, address, n, child, step, now, edited)
    turn.set_step(address, state="running", started_at=turn.now, error="")
    turn.record(
        "step.started",
        f"{address}:{n}:started",
        step=address,
        flow=effect.flow,
        run=effect.child,
        arguments_digest=digest(effect.inputs),
    )
    turn.effects.append(effect)
