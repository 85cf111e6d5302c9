"""The flow machine: `advance(run, event) -> (run, effects)`.

Each event changes one thing; then the run settles: whatever may start now is started, whatever can't any more is
skipped, and when nothing goes on the run ends. The same function serves live runs, replays, scenarios and properties.

Must not know: clocks, randomness, I/O, Temporal.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.expressions import render
from hitl_temporal.domain.flow import (
    answering,
    attending,
    closing,
    ends,
    extensions,
    grants,
    holding,
    keeping,
    lateness,
    operations,
    tickets,
    undoing,
    waiting,
)
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
    FlowEnded,
    JobCancelled,
    JobFailed,
    JobSucceeded,
    Operated,
    ProposalAnswered,
    ProposalFailed,
    RepairAnswered,
    RepairFailed,
    TimePassed,
    UndoFailed,
    UndoSucceeded,
    UnitsGranted,
    UnitsRefused,
)
from hitl_temporal.domain.flow.scope import initial_vars, scope
from hitl_temporal.domain.flow.settling import settle
from hitl_temporal.domain.flow.starting import start
from hitl_temporal.domain.flow.state import Concurrency, Run, Seeded, StepRun
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.watch import Watch
from hitl_temporal.domain.resources.names import flow_pool
from hitl_temporal.domain.value import Json, canonical, digest


def new_run(
    run_id: str,
    definition: Flow,
    inputs: dict[str, Json],
    *,
    requester: str,
    at: datetime,
    on_behalf_of: str | None = None,
    calendars: dict[str, Calendar] | None = None,
    flows: Mapping[str, Flow] | None = None,
) -> Run:
    """Return a run that has not begun; `inputs` have been checked and completed with their defaults.

    Args:
        run_id: The workflow's.
        definition: What is done.
        inputs: What it is given.
        requester: Who asks.
        at: When it starts.
        on_behalf_of: For whom; None: for themselves.
        calendars: By name, those that the definition may need.
        flows: The definitions of the runs within it, at any depth.

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
        steps={name: StepRun(since=at) for name in definition.plan.standing},
        flows=dict(flows or {}),
    )
    run = run.but(watch=Watch(expected=lateness.expected(run)))
    now = scope(run)
    run = run.but(vars=initial_vars(definition, now), concurrency=_concurrency(definition, now))
    return run.but(kept=keeping.kept_bytes(run))


def _concurrency(definition: Flow, now: dict[str, Json]) -> Concurrency | None:
    limit = definition.concurrency
    if limit is None:
        return None
    key = None if limit.key is None else canonical(render(limit.key, now)).strip('"')
    return Concurrency(pool=flow_pool(definition.flow, key), units=limit.limit)


def advance(run: Run, event: Event) -> tuple[Run, tuple[Effect, ...]]:
    """Return the run after an event, and what is to be done, in order."""
    turn = Turn(run.but(now=max(run.now, event.at)))
    if run.status is None:
        attending.before(turn)
        grants.end_due(turn)
    if run.status is None or isinstance(event, Operated | UnitsGranted):
        _take(turn, event)
        attending.hear(turn, event, len(run.heard))
    if turn.run.begun and turn.run.status is None:
        settle(turn)
    attending.attend(turn, event)
    if turn.run.holdings:
        holding.give_back(turn)
    return turn.run, tuple(turn.effects)


def next_moment(run: Run) -> datetime | None:
    """Return when `TimePassed` is due next, None when no step waits for a time, no grant runs and nobody watches."""
    waiting_now = (s for s in run.steps.values() if s.is_begun and s.state == "waiting" and s.instead is None)
    waits = [s.until for s in waiting_now if s.until is not None]
    ends = [s.granted.until for s in run.steps.values() if s.granted is not None]
    watched = attending.next_moment(run)
    return min([*waits, *ends, *(() if watched is None else (watched,))], default=None)


def _take(turn: Turn, event: Event) -> None:
    match event:
        case Begun():
            _begin(turn)
        case JobSucceeded() | JobFailed() | JobCancelled() | AskAnswered() | AttemptTaken() | FlowEnded():
            if _is_current(turn.run, event):
                _hear(turn, event)
        case ExtensionAnswered() | ExtensionFailed() | ExtensionTaken():
            extensions.hear(turn, event)
        case RepairAnswered() | RepairFailed():
            answering.hear_repair(turn, event)
        case UndoSucceeded() | UndoFailed():
            _hear_of_undo(turn, event)
        case UnitsGranted() | UnitsRefused():
            holding.hear(turn, event)
        case Operated() | ProposalAnswered() | ProposalFailed():
            operations.hear(turn, event)
        case TimePassed():
            waiting.pass_time(turn)
        case _:
            attending.take(turn, event)


_News = JobSucceeded | JobFailed | JobCancelled | AskAnswered | AttemptTaken | FlowEnded


def _is_current(run: Run, event: _News) -> bool:
    """Tell whether the event is about what the step is doing now, not about an earlier start of it."""
    step = run.steps.get(event.step)
    if step is None or not step.is_begun or step.state == "parked" or step.n != event.n or step.has_given:
        return False
    if step.block is not None:
        return False
    document = run.definition.step(event.step)
    is_job = document.verb in {"call", "run"} or step.watched
    match event:
        case JobSucceeded():
            return is_job
        case AskAnswered():
            return document.ask is not None
        case FlowEnded():
            return document.flow is not None
        case AttemptTaken():
            return document.has_signs
        case _:
            return is_job or document.has_signs


def _hear(turn: Turn, event: _News) -> None:
    """Take the news of a job or a child that is out; of one being stopped, they say how far the stop has got."""
    old = turn.run.steps[event.step]
    match event:
        case JobSucceeded():
            _hear_success(turn, event)
        case JobFailed() if event.is_in_doubt and old.instead is None:
            ends.park(turn, event.step, f"in_doubt: {event.error}")
        case JobFailed():
            _failed(turn, event.step, event.error, event.outcome, event.outputs)
        case AskAnswered() if wrong := keeping.no_place(turn, event.result.form):
            _failed(turn, event.step, f"its form is {wrong}")
        case AskAnswered():
            answering.answer(turn, event.step, event.approval, event.result)
        case FlowEnded():
            answering.hear_flow(turn, event)
        case AttemptTaken() if old.instead is None:
            turn.put(event.step, ends.fresh(turn, old))
            start(turn, event.step)
        case JobCancelled() | AttemptTaken():
            closing.become(turn, event.step, old.instead or closing.STOPPED)
        case _:
            assert_never(event)


def _hear_success(turn: Turn, event: JobSucceeded) -> None:
    if wrong := keeping.no_place(turn, event.outputs):
        _failed(turn, event.step, f"its outputs are {wrong}")
    elif turn.run.steps[event.step].watched:
        waiting.seen(turn, event.step, event.outputs)
    else:
        closing.give(turn, event.step, event.outputs, event.outcome)


def _begin(turn: Turn) -> None:
    run = turn.run
    if run.begun:
        return
    turn.set(begun=True)
    turn.touch(run.steps)
    turn.look_anew(run.steps)
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
    if run.seed is not None:
        _record_seed(turn, run.seed)


def _record_seed(turn: Turn, seed: Seeded) -> None:
    turn.record(
        "run.rerun_of",
        "rerun_of",
        run=seed.run,
        first_run_id=seed.first_run_id,
        scope=seed.scope,
        step=seed.step,
        actor=seed.actor,
        reason=seed.reason or None,
        kept=list(seed.kept),
    )
    tickets.take_over(turn, seed.run, seed.actor)


def _failed(
    turn: Turn, step_id: str, error: str, outcome: str | None = None, outputs: Mapping[str, Json] | None = None
) -> None:
    instead = turn.run.steps[step_id].instead
    if instead is not None:
        closing.become(turn, step_id, instead.but(reason=f"{instead.reason}; {error}"))
        return
    turn.set_step(step_id, outputs={} if outputs is None or keeping.no_place(turn, outputs) else dict(outputs))
    closing.fail(turn, step_id, error, outcome)


def _hear_of_undo(turn: Turn, event: UndoSucceeded | UndoFailed) -> None:
    step = turn.run.steps.get(event.step)
    if step is None or step.undo != "running":
        return
    match event:
        case UndoSucceeded():
            closing.end_undo(turn, event.step)
        case UndoFailed() if turn.run.ending is not None and not turn.run.ending.undo:
            closing.skip_undo(turn, event.step, turn.run.ending.left)  # nobody wants it any more
        case UndoFailed():
            undoing.park_undo(turn, event.step, f"in_doubt: {event.error}" if event.is_in_doubt else event.error)
        case _:
            assert_never(event)
