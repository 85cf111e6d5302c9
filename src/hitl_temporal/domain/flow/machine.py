"""The flow machine: `advance(run, event) -> (run, effects)`.

Each event changes one thing; then the run settles: whatever may start now is started, whatever can't any more is
skipped, and when nothing goes on the run ends. The same function serves live runs, replays, scenarios and properties.

Must not know: clocks, randomness, I/O, Temporal.
"""

from datetime import datetime
from typing import assert_never

from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.expressions import ExpressionError, render
from hitl_temporal.domain.flow import extensions, grants, operations, steps, undoing
from hitl_temporal.domain.flow.commands import unfit
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.effects import Effect
from hitl_temporal.domain.flow.events import (
    AskAnswered,
    AttemptTaken,
    Begun,
    Event,
    ExtensionAnswered,
    ExtensionFailed,
    ExtensionTaken,
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
from hitl_temporal.domain.flow.starting import start, told
from hitl_temporal.domain.flow.state import Run, RunStatus, StepRun
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
    if run.status is None:
        grants.end_due(turn)
    if run.status is None or isinstance(event, Operated):
        _take(turn, event)
    if turn.run.begun and turn.run.status is None:
        _settle(turn)
    return turn.run, tuple(turn.effects)


def next_moment(run: Run) -> datetime | None:
    """Return when `TimePassed` is due next, None when no step waits for a time and no grant runs."""
    waits = [s.until for s in run.steps.values() if s.is_begun and s.state == "waiting" and s.until is not None]
    ends = [s.granted.until for s in run.steps.values() if s.granted is not None]
    return min([*waits, *ends], default=None)


def _take(turn: Turn, event: Event) -> None:
    match event:
        case Begun():
            _begin(turn)
        case JobSucceeded() | JobFailed() | JobCancelled() | AskAnswered() | AttemptTaken():
            if _is_current(turn.run, event):
                _hear(turn, event)
        case ExtensionAnswered() | ExtensionFailed() | ExtensionTaken():
            extensions.hear(turn, event)
        case UndoSucceeded() | UndoFailed():
            _hear_of_undo(turn, event)
        case Operated():
            operations.operate(turn, event)
        case TimePassed():
            _pass_time(turn)
        case _:
            assert_never(event)


_News = JobSucceeded | JobFailed | JobCancelled | AskAnswered | AttemptTaken


def _is_current(run: Run, event: _News) -> bool:
    """Tell whether the event is about what the step is doing now, not about an earlier start of it."""
    step = run.steps.get(event.step)
    if step is None or not step.is_begun or step.state == "parked" or step.n != event.n or step.has_given:
        return False
    match event:
        case JobSucceeded():
            return run.definition.step(event.step).call is not None
        case AskAnswered() | AttemptTaken():
            return run.definition.step(event.step).ask is not None
        case _:
            return run.definition.step(event.step).wait is None


def _hear(turn: Turn, event: _News) -> None:
    """Take the news of a job or a question that is out; of one being stopped, they say how far the stop has got."""
    instead = turn.run.steps[event.step].instead
    match event:
        case JobSucceeded() if wrong := unfit(event.outputs):
            _failed(turn, event.step, f"its outputs are {wrong}")
        case JobSucceeded():
            steps.give(turn, event.step, event.outputs)
        case JobFailed():
            _failed(turn, event.step, event.error)
        case AskAnswered() if wrong := unfit(event.result.form):
            _failed(turn, event.step, f"its form is {wrong}")
        case AskAnswered():
            steps.answer(turn, event.step, event.approval, event.result)
        case AttemptTaken() if instead is None:
            steps.reset(turn, event.step)
            start(turn, turn.run.definition.step(event.step))
        case JobCancelled() | AttemptTaken():
            steps.become(turn, event.step, instead or steps.STOPPED)
        case _:
            assert_never(event)


def _begin(turn: Turn) -> None:
    run = turn.run
    if run.begun:
        return
    turn.set(begun=True)
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


def _failed(turn: Turn, step_id: str, error: str) -> None:
    instead = turn.run.steps[step_id].instead
    if instead is None:
        steps.fail(turn, turn.run.definition.step(step_id), error)
    else:
        steps.become(turn, step_id, instead.but(reason=f"{instead.reason}; {error}"))


def _hear_of_undo(turn: Turn, event: UndoSucceeded | UndoFailed) -> None:
    step = turn.run.steps.get(event.step)
    if step is None or step.undo != "running":
        return
    match event:
        case UndoSucceeded():
            undoing.end_undo(turn, event.step)
        case UndoFailed():
            undoing.park_undo(turn, event.step, event.error)
        case _:
            assert_never(event)


def _pass_time(turn: Turn) -> None:
    for step_id, step in turn.run.steps.items():
        if step.is_begun and step.state == "waiting" and step.until is not None and step.until <= turn.now:
            steps.succeed(turn, step_id, {})


def _settle(turn: Turn) -> None:
    """Start, skip and end whatever the last change has made possible, until nothing changes any more."""
    for step_id in grants.to_take_back(turn.run):
        undoing.start_undo(turn, step_id)
    while turn.run.ending is None and _move(turn):
        pass
    if turn.run.ending is not None:
        _unwind(turn)
    elif all(s.is_final for s in turn.run.steps.values()) and not any(extensions.out(turn.run)):
        _complete(turn)


def _move(turn: Turn) -> bool:
    """Start or skip each step that has not begun and may, in document order; tell whether there was one."""
    before = turn.run
    for step in turn.run.definition.steps:
        now = turn.run.steps[step.id]
        if now.state != "waiting" or now.is_begun:
            continue
        match "met" if now.again else readiness(turn.run, turn.run.definition.all_needs[step.id]):
            case "impossible":
                steps.skip(turn, step.id, "its needs can't be met any more", passes_on=True)
            case "met" if not (turn.run.held or now.held):
                start(turn, step)
            case _:
                pass
    return turn.run is not before


def _unwind(turn: Turn) -> None:
    """Bring an ending run to its end: what goes on must stop first, then done work is undone, the last done first."""
    ending, run = turn.run.ending, turn.run
    assert ending is not None, "only an ending run is unwound"
    if any(s.is_begun or s.undo in {"running", "parked"} for s in run.steps.values()):
        return
    if ending.undo:
        done = [(s.done.order, step_id) for step_id, s in run.steps.items() if s.done and s.undo == "none"]
        if done:
            undoing.start_undo(turn, max(done)[1])
            return
    if any(extensions.out(run)):  # what is undone need not wait for a question to come back, but the end does
        return
    for step_id, step in run.steps.items():
        if not step.is_final:
            steps.skip(turn, step_id, ending.reason, passes_on=True)
    _end(turn, ending.status, ending.reason)


def _complete(turn: Turn) -> None:
    outputs: dict[str, Json] = {}
    failed: list[str] = []
    now = scope(turn.run)
    for name, template in turn.run.definition.outputs.items():
        try:
            outputs[name] = render(template, now)
        except ExpressionError as error:  # the work is done: an output that can't be told is null, and said
            outputs[name], reason = None, told(turn.run, error)
            failed.append(f"output {name!r}: {reason}")
            turn.record("run.output_failed", f"output:{name}", output=name, reason=reason)
    turn.set(outputs=outputs)
    _end(turn, "completed", "; ".join(failed)[:1000])


def _end(turn: Turn, status: RunStatus, reason: str) -> None:
    turn.set(status=status, reason=reason)
    turn.record("run.ended", "ended", began=turn.run.started_at, status=status, reason=reason or None)
