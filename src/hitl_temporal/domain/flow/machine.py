"""The flow machine: `advance(run, event) -> (run, effects)`.

Each event changes one thing; then the run settles: whatever may start now is started, whatever can't any more is
skipped, and when nothing goes on the run ends. The same function serves live runs, replays, scenarios and properties.

Must not know: clocks, randomness, I/O, Temporal.
"""

from datetime import datetime
from typing import assert_never

from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.expressions import ExpressionError, render
from hitl_temporal.domain.flow import operations, steps
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.effects import Effect
from hitl_temporal.domain.flow.events import (
    AskAnswered,
    AttemptTaken,
    Begun,
    Event,
    JobCancelled,
    JobFailed,
    JobSucceeded,
    Operated,
    TimePassed,
    UndoFailed,
    UndoSucceeded,
)
from hitl_temporal.domain.flow.readiness import readiness
from hitl_temporal.domain.flow.scope import initial_vars, scope
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, digest


def new_run(
    run_id: str,
    definition: Flow,
    inputs: dict[str, Json],
    *,
    requester: str,
    at: datetime,
    on_behalf_of: str | None = None,
    calendars: dict[str, Calendar] | None = None,
) -> Run:
    """Return a run that has not begun; `inputs` have been checked and completed with their defaults.

    Raises:
        ExpressionError: A variable can't be evaluated over these inputs.
    """
    run = Run(
        id=run_id,
        definition=definition,
        requester=requester,
        on_behalf_of=on_behalf_of,
        inputs=inputs,
        calendars=calendars or {},
        started_at=at,
        now=at,
        steps={s.id: StepRun(since=at) for s in definition.steps},
    )
    return run.but(vars=initial_vars(definition, scope(run)))


def advance(run: Run, event: Event) -> tuple[Run, tuple[Effect, ...]]:
    """Return the run after an event, and what is to be done, in order."""
    turn = Turn(run.but(now=max(run.now, event.at)))
    if run.status is None or isinstance(event, Operated):
        _take(turn, event)
    if turn.run.status is None:
        _settle(turn)
    return turn.run, tuple(turn.effects)


def next_moment(run: Run) -> datetime | None:
    """Return when `TimePassed` is due next, None when no step waits for a time."""
    waits = [s.until for s in run.steps.values() if s.is_begun and s.state == "waiting" and s.until is not None]
    return min(waits, default=None)


def _take(turn: Turn, event: Event) -> None:
    match event:
        case Begun():
            _begin(turn)
        case JobSucceeded():
            if _is_current(turn, event):
                steps.succeed(turn, event.step, event.outputs)
        case JobFailed():
            if _is_current(turn, event):
                _failed(turn, event)
        case JobCancelled():
            if _is_current(turn, event):
                steps.cancel(turn, event.step, "stopped")
        case AskAnswered():
            if _is_current(turn, event):
                steps.answer(turn, event.step, event.approval, event.result)
        case AttemptTaken():
            if _is_current(turn, event):
                turn.set_step(event.step, state="waiting", started_at=None)
                steps.start(turn, turn.run.definition.step(event.step))
        case UndoSucceeded():
            _undone(turn, event.step)
        case UndoFailed():
            if turn.run.steps[event.step].undo == "running":
                steps.park_undo(turn, event.step, event.error)
        case Operated():
            operations.operate(turn, event)
        case TimePassed():
            _pass_time(turn)
        case _:
            assert_never(event)


def _is_current(turn: Turn, event: JobSucceeded | JobFailed | JobCancelled | AskAnswered | AttemptTaken) -> bool:
    """Tell whether the event is about what the step is doing now, not about an earlier start of it."""
    step = turn.run.steps.get(event.step)
    return step is not None and step.is_begun and step.n == event.n and step.state != "parked"


def _begin(turn: Turn) -> None:
    run = turn.run
    turn.record(
        "run.started",
        "started",
        flow=run.definition.flow,
        version=run.definition.version,
        definition_digest=run.definition.digest,
        requester=run.requester,
        on_behalf_of=run.on_behalf_of,
        inputs_digest=digest(run.inputs),
    )


def _failed(turn: Turn, event: JobFailed) -> None:
    if turn.run.ending is not None:
        steps.cancel(turn, event.step, event.error)
    else:
        steps.fail(turn, turn.run.definition.step(event.step), event.error)


def _undone(turn: Turn, step_id: str) -> None:
    step = turn.run.steps[step_id]
    if step.undo == "running":
        turn.set_step(step_id, undo="done")
        turn.record("step.undone", f"{step_id}:{step.n}:undone", step=step_id)


def _pass_time(turn: Turn) -> None:
    for step_id, step in turn.run.steps.items():
        if step.is_begun and step.state == "waiting" and step.until is not None and step.until <= turn.now:
            steps.succeed(turn, step_id, {})


def _settle(turn: Turn) -> None:
    """Start, skip and end whatever the last change has made possible, until nothing changes any more."""
    if turn.run.ending is None:
        needs = turn.run.definition.all_needs
        changed = True
        while changed and turn.run.ending is None:
            changed = False
            for step in turn.run.definition.steps:
                now = turn.run.steps[step.id]
                if now.state != "waiting" or now.is_begun:
                    continue
                match readiness(turn.run, needs[step.id]):
                    case "impossible":
                        steps.skip(turn, step.id, "its needs can't be met any more", passes_on=True)
                        changed = True
                    case "met" if not (turn.run.held or now.held):
                        steps.start(turn, step)
                        changed = True
                    case _:
                        pass
    if turn.run.ending is not None:
        _unwind(turn)
    elif all(s.is_final for s in turn.run.steps.values()):
        _complete(turn)


def _unwind(turn: Turn) -> None:
    """Bring an ending run to its end: what goes on must stop first, then done work is undone, the last done first."""
    ending, run = turn.run.ending, turn.run
    assert ending is not None, "only an ending run is unwound"
    if any(s.is_begun or s.undo in {"running", "parked"} for s in run.steps.values()):
        return
    if ending.undo:
        done = [s.id for s in run.definition.steps if s.undo is not None and _may_be_undone(run.steps[s.id])]
        if done:
            steps.start_undo(turn, max(done, key=lambda step: run.steps[step].order))
            return
    for step_id, step in run.steps.items():
        if not step.is_final:
            steps.skip(turn, step_id, ending.reason, passes_on=True)
    _end(turn, ending.status, ending.reason)


def _may_be_undone(step: StepRun) -> bool:
    return step.state == "succeeded" and step.undo == "none"


def _complete(turn: Turn) -> None:
    run = turn.run
    outputs: dict[str, Json] = {}
    for name, template in run.definition.outputs.items():
        try:
            outputs[name] = render(template, scope(run))
        except ExpressionError as error:  # the work is done: an output that can't be told is null, and said
            outputs[name] = None
            turn.record("run.output_failed", f"output:{name}", output=name, reason=str(error))
    turn.set(outputs=outputs)
    _end(turn, "completed", "")


def _end(turn: Turn, status: str, reason: str) -> None:
    turn.set(status=status, reason=reason)
    turn.record("run.ended", "ended", began=turn.run.started_at, status=status, reason=reason or None)
