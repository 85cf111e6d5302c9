"""The life of one step: started, ended, parked, skipped, stopped.

Must not know: which steps follow (machine.py settles that after every event).
"""

from datetime import timedelta


from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval.opening import AskError, begin
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.approval.views import Result
from hitl_temporal.domain.audit import child_attributes
from hitl_temporal.domain.duration import backoff, fixed
from hitl_temporal.domain.expressions import ExpressionError, is_true, render
from hitl_temporal.domain.flow.definition import Step, Undo
from hitl_temporal.domain.flow.effects import StartAsk, StartCall, StopStep
from hitl_temporal.domain.flow.scope import scope, step_view
from hitl_temporal.domain.flow.state import Ending, RunStatus
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, digest

OUTCOME_STATUS: dict[str, RunStatus] = {"rejected": "rejected", "expired": "expired", "withdrawn": "withdrawn"}


def approval_id(run: str, step: str, n: int) -> str:
    """Return the workflow id of the question that the nth start of a step puts."""
    return f"{run}.{step}.{n}"


def start(turn: Turn, step: Step) -> None:
    """Begin a step whose needs are met, unless its own `if` says no; what fails to render parks it."""
    now = scope(turn.run)
    n = turn.run.steps[step.id].n + 1
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
    except (ExpressionError, AskError, calendar.CalendarError, ValueError) as error:
        turn.set_step(step.id, n=n, started_at=turn.now)
        park(turn, step.id, str(error))


def succeed(turn: Turn, step_id: str, outputs: dict[str, Json], outcome: str | None = None) -> None:
    """End a step well."""
    old = turn.run.steps[step_id]
    order = 1 + max(s.order for s in turn.run.steps.values())
    turn.set_step(step_id, state="succeeded", outputs=outputs, outcome=outcome, order=order, error="")
    turn.record(
        "step.succeeded",
        f"{step_id}:{old.n}:succeeded",
        began=old.started_at,
        step=step_id,
        outcome=outcome,
        outputs_digest=digest(outputs),
    )


def answer(turn: Turn, step_id: str, approval: str, result: Result) -> None:
    """End an ask with its outcome; a negative one that no step names ends the run."""
    old = turn.run.steps[step_id]
    by = tuple(d.actor for d in result.decisions)
    turn.record(
        "step.answered",
        f"{step_id}:{old.n}:answered",
        began=old.started_at,
        step=step_id,
        outcome=result.outcome,
        by=list(by),
        child=child_attributes(approval, result.evidence),
    )
    if turn.run.ending is not None and old.is_begun:
        turn.set_step(step_id, state="cancelled", outcome=result.outcome, by=by)
        return
    turn.set_step(step_id, positive=result.positive, by=by)
    succeed(turn, step_id, result.form, result.outcome)
    if not result.positive and not turn.run.definition.names(step_id, result.outcome):
        status = OUTCOME_STATUS.get(result.outcome, "rejected")
        end_early(turn, Ending(status=status, reason=f"step {step_id!r}: {result.outcome}"))


def fail(turn: Turn, step: Step, error: str) -> None:
    """A step has used up its retries: park it, unless the document says what follows."""
    named = turn.run.definition.names(step.id, "failed")
    choice = step.on_failure or ("end" if named else "park")
    if choice == "park":
        park(turn, step.id, error)
        return
    old = turn.set_step(step.id, state="failed", error=error)
    turn.record("step.failed", f"{step.id}:{old.n}:failed", began=old.started_at, step=step.id, reason=error)
    if choice == "fail":
        end_early(turn, Ending(status="failed", reason=f"step {step.id!r}: {error}"))


def park(turn: Turn, step_id: str, error: str) -> None:
    """Leave a step for an operator: nothing of it goes on, nothing is lost."""
    old = turn.set_step(step_id, state="parked", error=error)
    turn.record("step.parked", f"{step_id}:{old.n}:parked", began=old.started_at, step=step_id, reason=error)


def skip(turn: Turn, step_id: str, reason: str, *, passes_on: bool) -> None:
    """Leave a step out."""
    turn.set_step(step_id, state="skipped", outputs={}, outcome=None, error=reason, passes_on=passes_on)
    turn.record("step.skipped", f"{step_id}:{turn.run.steps[step_id].n}:skipped", step=step_id, reason=reason)


def stop(turn: Turn, step_id: str, reason: str) -> bool:
    """Stop what a step is doing; False when there is something to stop first and an event will tell its end."""
    step, old = turn.run.definition.step(step_id), turn.run.steps[step_id]
    busy = old.is_begun and old.state != "parked" and step.verb in {"call", "ask"}
    if busy:
        approval = approval_id(turn.run.id, step_id, old.n) if step.ask else None
        turn.effects.append(StopStep(step=step_id, n=old.n, approval=approval, reason=reason))
    return not busy


def cancel(turn: Turn, step_id: str, reason: str) -> None:
    """Mark a step as stopped from outside."""
    old = turn.set_step(step_id, state="cancelled", error=reason)
    turn.record("step.cancelled", f"{step_id}:{old.n}:cancelled", began=old.started_at, step=step_id, reason=reason)


def end_early(turn: Turn, ending: Ending) -> None:
    """Let the run end before its time: stop what goes on, then undo what was done. The first ending stands."""
    if turn.run.ending is not None or turn.run.status is not None:
        return
    turn.set(ending=ending)
    turn.record("run.ending", "ending", status=ending.status, reason=ending.reason, undo=ending.undo)
    for step_id, step in turn.run.steps.items():
        if step.is_begun and stop(turn, step_id, ending.reason):
            cancel(turn, step_id, ending.reason)


def start_undo(turn: Turn, step_id: str) -> None:
    """Begin the compensation of one step."""
    old = turn.run.steps[step_id]
    undo = turn.run.definition.step(step_id).undo
    assert undo is not None, f"step {step_id!r} has no undo"
    turn.set_step(step_id, undo="running")
    turn.record("step.undo_started", f"{step_id}:{old.n}:undo_started", step=step_id, call=undo.call)
    try:
        arguments = _arguments(undo.arguments, {**scope(turn.run), "self": step_view(old)})
    except ExpressionError as error:
        park_undo(turn, step_id, str(error))
        return
    turn.effects.append(_call(turn, step_id, old.n, undo, arguments))


def park_undo(turn: Turn, step_id: str, error: str) -> None:
    """Leave a compensation for an operator: `rerun` tries it again, `skip` goes on without it."""
    old = turn.set_step(step_id, undo="parked", error=error)
    turn.record("step.undo_parked", f"{step_id}:{old.n}:undo_parked", step=step_id, reason=error)


def _start_call(turn: Turn, step: Step, n: int, now: dict[str, Json]) -> None:
    effect = _call(turn, step.id, n, step, _arguments(step.arguments, now))
    turn.set_step(step.id, state="running", n=n, started_at=turn.now, error="")
    turn.record(
        "step.started",
        f"{step.id}:{n}:started",
        step=step.id,
        call=step.call,
        arguments_digest=digest(effect.arguments),
    )
    turn.effects.append(effect)


def _call(turn: Turn, step_id: str, n: int, what: Step | Undo, arguments: dict[str, Json]) -> StartCall:
    is_undo = isinstance(what, Undo)
    first, longest = backoff(what.retry.backoff)
    assert what.call is not None, f"step {step_id!r} is no call"
    return StartCall(
        step=step_id,
        n=n,
        key=f"{turn.run.id}.{step_id}.{n}" + (".undo" if is_undo else ""),
        activity=what.call,
        arguments=arguments,
        summary=f"{'undo ' if is_undo else ''}{step_id}: {what.call}",
        attempts=what.retry.max,
        first_backoff=first,
        max_backoff=longest,
        timeout=_clock_time(what.timeout),
        budget=None if what.retry.budget is None else _clock_time(what.retry.budget),
        pool=None if isinstance(what, Undo) else what.pool,
        undo=is_undo,
    )


def _start_ask(turn: Turn, step: Step, n: int, now: dict[str, Json]) -> None:
    assert step.ask is not None, f"step {step.id!r} is no ask"
    run, approval = turn.run, approval_id(turn.run.id, step.id, n)
    ask = step.ask if step.ask.calendar or not run.definition.calendar else step.ask.but(calendar=run.definition.calendar)
    origin = Origin(run=run.id, step=step.id, attempt=n, flow=run.definition.flow)
    # Put here once for its errors alone: what can't be asked parks this step with the reason.
    begin(approval, ask, requester=run.requester, on_behalf_of=run.on_behalf_of, context=now, at=turn.now)
    turn.set_step(step.id, state="waiting", n=n, started_at=turn.now, since=turn.now, error="")
    turn.record("step.started", f"{step.id}:{n}:started", step=step.id, approval=approval)
    turn.effects.append(
        StartAsk(
            step=step.id,
            n=n,
            approval=approval,
            ask=ask,
            requester=run.requester,
            on_behalf_of=run.on_behalf_of,
            origin=origin,
            context=now,
        )
    )


def _start_wait(turn: Turn, step: Step, n: int, now: dict[str, Json]) -> None:
    assert step.wait is not None, f"step {step.id!r} is no wait"
    duration = render(step.wait.duration, now)
    if not isinstance(duration, str):
        raise ValueError(f"wait.for gave {duration!r}; a duration such as 2h is needed")
    until = calendar.add(turn.now, duration, calendar.choose(turn.run.calendars, turn.run.definition.calendar, duration))
    turn.set_step(step.id, state="waiting", n=n, started_at=turn.now, since=turn.now, until=until, error="")
    turn.record("step.started", f"{step.id}:{n}:started", step=step.id, until=until.isoformat())


def _arguments(templates: dict[str, Json], now: dict[str, Json]) -> dict[str, Json]:
    return {name: render(value, now) for name, value in templates.items()}


def _clock_time(duration: str) -> timedelta:
    length = fixed(duration)
    if length is None:
        raise ValueError(f"{duration!r} counts business time; a timeout needs s, m, h, d or w")
    return length
