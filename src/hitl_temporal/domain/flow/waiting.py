"""A `wait`: for a time, an event, a file, another run.

Events are kept from the run's start: one that comes before anybody waits for it is not lost. Each is taken once, by the
step that has waited longest.

Must not know: who watches files and runs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hitl_temporal.domain.expressions import ExpressionError, evaluate, is_true, render
from hitl_temporal.domain.flow import closing, ends
from hitl_temporal.domain.flow.address import child_id
from hitl_temporal.domain.flow.cloud_event import CloudEvent, newest
from hitl_temporal.domain.flow.effects import StartCall
from hitl_temporal.domain.flow.keeping import no_place
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.state import Instead, Run, StepRun
from hitl_temporal.domain.flow.step import TIMED_OUT, Step
from hitl_temporal.domain.flow.times import after, duration_of
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.verbs import EventWait, Wait, as_moment
from hitl_temporal.domain.value import Json

WATCH_FILE = "hitl.watch_file"
WATCH_RUN = "hitl.watch_run"
"""The activities that look until there is something to tell."""

_LOOK_AGAIN = timedelta(seconds=1)
_LOOK_AGAIN_LATEST = timedelta(minutes=1)
_ONE_LOOK = timedelta(days=3650)
"""A watch ends when what it waits for has come, or when it is stopped; a lost worker is noticed by its heartbeat."""


def begin(turn: Turn, address: str, step: Step, n: int, now: dict[str, Json]) -> None:
    """Begin to wait; an event that has come already ends the wait at once.

    Raises:
        CalendarError: The time lies beyond what the calendar knows.
        ExpressionError: What is waited for can't be rendered.
        ValueError: It is no duration, or no moment.
    """
    wait = step.wait
    assert wait is not None, f"step {address!r} is no wait"
    until = _until(turn.run, step, wait, now)
    watch = _watch(turn.run, address, step, n, now)
    awaits = _awaited(wait, now)
    turn.set_step(
        address,
        started_at=turn.now,
        since=turn.now,
        until=until,
        error="",
        awaits=awaits,
        watch=None if watch is None else watch.arguments,
    )
    turn.record(
        "step.started",
        f"{address}:{n}:started",
        step=address,
        until=until.isoformat() if until else None,
        awaits=awaits or None,
    )
    if watch is not None:
        turn.effects.append(watch)
    elif wait.event is not None:
        _look_among_kept(turn, address, wait.event)


def _awaited(wait: Wait, now: dict[str, Json]) -> str:
    """Return what is waited for, as lists show it; empty: only time."""
    if wait.event is not None:
        return f"event:{render(wait.event.type, now)}"
    if wait.file is not None:
        return f"file:{render(wait.file.path, now)}"
    return "" if wait.run is None else f"run:{render(wait.run.id, now)}"


def _until(run: Run, step: Step, wait: Wait, now: dict[str, Json]) -> datetime | None:
    if wait.duration is not None:
        return after(run, run.now, duration_of(wait.duration, "wait.for", now))
    if wait.until is not None:
        return _moment(wait.until, now)
    return None if step.timeout is None else after(run, run.now, step.timeout)


def _moment(text: str, now: dict[str, Json]) -> datetime:
    """Return the moment that a text writes out, or gives."""
    given = as_moment(text)
    if given is None:
        found = render(text, now) if "{{" in text else evaluate(text, now)
        given = as_moment(found) if isinstance(found, str) else None
        if given is None:
            raise ValueError(f"wait.until gave {str(found)[:100]!r}; a moment such as 2026-12-24T18:00:00Z is needed")
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)


def _watch(run: Run, address: str, step: Step, n: int, now: dict[str, Json]) -> StartCall | None:
    """Return the effect that lets a worker look, None when nobody has to."""
    wait = step.wait
    assert wait is not None, f"step {address!r} is no wait"
    if wait.file is not None:
        written: dict[str, Json] = {
            "path": wait.file.path,
            "becomes": wait.file.becomes,
            "stable": wait.file.stable,
            "every": wait.file.every,
        }
        arguments = render(written, now)
    elif wait.run is not None:
        arguments = render({"id": wait.run.id}, now)
    else:
        return None
    assert isinstance(arguments, dict), "a mapping was rendered"
    return _look(run, address, n, arguments)


def watches(run: Run) -> tuple[StartCall, ...]:
    """Return the effects by which workers go on to look for what the steps of a run wait for."""
    waits = ((a, s) for a, s in _looked_for(run) if s.instead is None)
    return tuple(_look(run, address, step.n, step.watch or {}) for address, step in waits)


def left_looking(run: Run) -> tuple[tuple[str, int], ...]:
    """Return the steps for which a worker was being told to look no more, each with its start.

    A run that continues as new leaves the worker behind: nobody will tell that it has heard.
    """
    return tuple((address, step.n) for address, step in _looked_for(run) if step.instead is not None)


def _looked_for(run: Run) -> Iterator[tuple[str, StepRun]]:
    """Yield the steps for which a worker looks; not one that has parked since."""
    return ((a, s) for a, s in run.steps.items() if s.watch is not None and s.is_begun and s.state == "waiting")


def _look(run: Run, address: str, n: int, arguments: dict[str, Json]) -> StartCall:
    wait = run.definition.step(address).wait
    assert wait is not None, f"step {address!r} is no wait"
    name = WATCH_FILE if wait.file is not None else WATCH_RUN
    return StartCall(
        step=address,
        n=n,
        key=child_id(run.id, address, n),
        activity=name,
        arguments=arguments,
        summary=f"{address}: {name}",
        attempts=0,
        first_backoff=_LOOK_AGAIN,
        max_backoff=_LOOK_AGAIN_LATEST,
        timeout=_ONE_LOOK,
        budget=None,
        pool=run.definition.step(address).pool,
        is_watch=True,
    )


def seen(turn: Turn, address: str, outputs: dict[str, Json]) -> None:
    """End a wait for a file or a run: what was waited for is there."""
    wait = turn.step(address).wait
    assert wait is not None, f"step {address!r} is no wait"
    status = outputs.get("status")
    if wait.run is not None and wait.run.status and status not in wait.run.status:
        closing.fail(turn, address, f"the run ended {status}, not {' or '.join(wait.run.status)}")
    else:
        ends.succeed(turn, address, outputs)


# --- Events -----------------------------------------------------------------------------------------------------------


def hear(turn: Turn, event: CloudEvent) -> bool:
    """Give an event to the step that has waited longest for one like it, or keep it; tell whether it is new."""
    run = turn.run
    if event.mark in run.heard:
        return False
    turn.set(heard={**run.heard, event.mark: None})
    waits = [(a, s) for a, s in run.steps.items() if _waits_for_event(run, a, s)]
    for address, _ in sorted(waits, key=lambda found: found[1].since):
        wait = run.definition.step(address).wait
        assert wait is not None, f"step {address!r} is no wait"
        assert wait.event is not None, f"step {address!r} waits for no event"
        try:
            is_meant = _is_meant(run, address, wait.event, event)
        except ExpressionError as error:  # whether it was this one can't be told: never taken for a no
            ends.park(turn, address, told(run, error))
            continue
        if is_meant:
            _take(turn, address, event)
            return True
    turn.set(events=newest((*run.events, event)))
    return True


def _waits_for_event(run: Run, address: str, step: StepRun) -> bool:
    if not step.is_begun or step.state != "waiting":
        return False
    wait = run.definition.step(address).wait
    return wait is not None and wait.event is not None


def _look_among_kept(turn: Turn, address: str, wanted: EventWait) -> None:
    for event in turn.run.events:
        if _is_meant(turn.run, address, wanted, event):
            turn.set(events=tuple(e for e in turn.run.events if e is not event))
            _take(turn, address, event)
            return


def _take(turn: Turn, address: str, event: CloudEvent) -> None:
    if wrong := no_place(turn, event.outputs()):
        closing.fail(turn, address, f"what the event brings is {wrong}")
    else:
        ends.succeed(turn, address, event.outputs())


def _is_meant(run: Run, address: str, wanted: EventWait, event: CloudEvent) -> bool:
    """Tell whether an event is the one that a step waits for.

    Raises:
        ExpressionError: What it waits for can't be told.
    """
    now = {**scope(run, address), "event": event.outputs()}
    named = ((wanted.type, event.type), (wanted.source, event.source), (wanted.subject, event.subject))
    if any(template is not None and render(template, now) != given for template, given in named):
        return False
    return wanted.condition is None or is_true(wanted.condition, now)


# --- Time -------------------------------------------------------------------------------------------------------------


def pass_time(turn: Turn) -> None:
    """End the waits whose time has come: well, or as timed out."""
    for address, step in [*turn.run.steps.items()]:
        if step.is_begun and step.state == "waiting" and step.until is not None and step.until <= turn.now:
            _time_has_come(turn, address, step)


def _time_has_come(turn: Turn, address: str, step: StepRun) -> None:
    wait = turn.step(address).wait
    assert wait is not None, f"step {address!r} is no wait"
    if wait.is_timed:
        ends.succeed(turn, address, {})
    elif step.instead is None:
        late = Instead(state="failed", reason=f"timed out after {turn.step(address).timeout}", outcome=TIMED_OUT)
        closing.stop(turn, address, late)
