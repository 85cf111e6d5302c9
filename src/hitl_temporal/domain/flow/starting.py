"""How a step starts: what it needs is rendered, and a call, a question or a wait begins.

Must not know: whether it may start (readiness.py), what comes of it (steps.py).
"""

from collections.abc import Mapping
from datetime import timedelta

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import AskError, begin, material
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.duration import DurationError, backoff, fixed
from hitl_temporal.domain.expressions import ExpressionError, is_true, render
from hitl_temporal.domain.flow.definition import Step, Undo
from hitl_temporal.domain.flow.effects import StartAsk, StartCall
from hitl_temporal.domain.flow.grants import promise
from hitl_temporal.domain.flow.scope import scope, scope_of
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.steps import approval_id, park, skip
from hitl_temporal.domain.flow.times import after, duration_of
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, canonical, digest


def start(turn: Turn, step: Step) -> None:
    """Begin a step whose needs are met, unless its own `if` says no; what fails to render parks it."""
    now = scope(turn.run)
    n = turn.set_step(step.id, n=max(turn.run.steps[step.id].n, 1), again=False).n
    try:
        if step.condition is not None and not is_true(step.condition, now):
            skip(turn, step.id, f"if: {step.condition}", passes_on=False)
            return
        match step.verb:
            case "call":
                _start_call(turn, step, n, now)
            case "ask":
                _start_ask(turn, step, n, now)
            case _:
                _start_wait(turn, step, n, now)
    except (ExpressionError, AskError, CalendarError, ValueError) as error:
        park(turn, step.id, told(turn.run, error))


def told(run: Run, error: ExpressionError | AskError | CalendarError | ValueError) -> str:
    """Return what kept a step from starting as people may see it."""
    if isinstance(error, ExpressionError | AskError):
        return error.told(run.definition.hides)
    return str(error)


def call(step_id: str, n: int, key: str, what: Step | Undo, now: dict[str, Json]) -> StartCall:
    """Return the effect that calls what a step, or its `undo`, names.

    Raises:
        ExpressionError: An argument can't be rendered over `now`.
        ValueError: A time counts business hours.
    """
    is_undo = isinstance(what, Undo)
    first, longest = backoff(what.retry.backoff)
    assert what.call is not None, f"step {step_id!r} is no call"
    return StartCall(
        step=step_id,
        n=n,
        key=key,
        activity=what.call,
        arguments={name: render(value, now) for name, value in what.arguments.items()},
        summary=f"{'undo ' if is_undo else ''}{step_id}: {what.call}",
        attempts=what.retry.max,
        first_backoff=first,
        max_backoff=longest,
        timeout=_clock_time(what.timeout),
        budget=None if what.retry.budget is None else _clock_time(what.retry.budget),
        pool=None if isinstance(what, Undo) else what.pool,
        undo=is_undo,
    )


def _refuse_undecided(run: Run, step: Step, now: dict[str, Json]) -> None:
    """Raise when what a call carries out is not what was decided: it may have been changed since.

    An operator may have set a variable, or finished the ask by hand, or nobody has answered and its silence was taken
    for a yes; then an operator has to see to it.
    """
    for name in step.demand:
        asked = run.steps[name]
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


def _start_call(turn: Turn, step: Step, n: int, now: dict[str, Json]) -> None:
    _refuse_undecided(turn.run, step, now)
    effect = call(step.id, n, f"{turn.run.id}.{step.id}.{n}", step, now)
    arguments_digest = digest(effect.arguments)
    grant = promise(turn.run, step, now)
    turn.set_step(step.id, state="running", started_at=turn.now, error="", grant=grant)
    turn.record(
        "step.started", f"{step.id}:{n}:started", step=step.id, call=step.call, arguments_digest=arguments_digest
    )
    turn.effects.append(effect)


def question(
    run: Run,
    step: str,
    n: int,
    approval: str,
    ask: Ask,
    *,
    requester: str,
    on_behalf_of: str | None,
    now: dict[str, Json],
) -> StartAsk:
    """Return the effect that asks people, in the flow's calendar unless the ask names one.

    Raises:
        AskError: What is asked can't be rendered over `now`.
    """
    default = run.definition.calendar
    ask = ask if ask.calendar or default is None else ask.but(calendar=default)
    now = scope_of(ask, now)
    # Put here once for its errors alone: what can't be asked is not asked, with the reason.
    begin(approval, ask, requester=requester, on_behalf_of=on_behalf_of, context=now, at=run.now)
    origin = Origin(run=run.id, step=step, attempt=n, flow=run.definition.flow, owner=run.definition.owner)
    return StartAsk(
        step=step,
        n=n,
        approval=approval,
        ask=ask,
        requester=requester,
        on_behalf_of=on_behalf_of,
        origin=origin,
        context=now,
    )


def _start_ask(turn: Turn, step: Step, n: int, now: dict[str, Json]) -> None:
    assert step.ask is not None, f"step {step.id!r} is no ask"
    run, approval = turn.run, approval_id(turn.run.id, step.id, n)
    effect = question(
        run, step.id, n, approval, step.ask, requester=run.requester, on_behalf_of=run.on_behalf_of, now=now
    )
    turn.set_step(step.id, started_at=turn.now, since=turn.now, error="")
    turn.record("step.started", f"{step.id}:{n}:started", step=step.id, approval=approval)
    turn.effects.append(effect.but(fields=run.definition.fields))


def _start_wait(turn: Turn, step: Step, n: int, now: dict[str, Json]) -> None:
    assert step.wait is not None, f"step {step.id!r} is no wait"
    until = after(turn.run, turn.now, duration_of(step.wait.duration, "wait.for", now))
    turn.set_step(step.id, started_at=turn.now, since=turn.now, until=until, error="")
    turn.record("step.started", f"{step.id}:{n}:started", step=step.id, until=until.isoformat())


def _clock_time(duration: str) -> timedelta:
    length = fixed(duration)
    if length is None:
        raise DurationError(f"{duration!r} counts business time; a timeout needs s, m, h, d or w")
    return length
