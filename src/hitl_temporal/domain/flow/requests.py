"""What a step wants of the world, as effects: everything is rendered, nothing has begun.

Must not know: whether it may start, what becomes of it.
"""

from collections.abc import Mapping
from datetime import timedelta

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.duration import DurationError, backoff, fixed
from hitl_temporal.domain.flow.attempts import SPARE_STARTS
from hitl_temporal.domain.flow.editing import changed
from hitl_temporal.domain.flow.effects import StartAsk, StartCall, StartFlow
from hitl_temporal.domain.flow.job import Job, Prepared, prepare
from hitl_temporal.domain.flow.keeping import MAX_ARGUMENT_BYTES
from hitl_temporal.domain.flow.scope import scope_of
from hitl_temporal.domain.flow.secrets import harmless, with_references
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.step import Retry, Step, Undo
from hitl_temporal.domain.value import Json, weigh

RUN_COMMAND = "hitl.run_command"
"""The activity that runs a command."""

MAX_DEPTH = 20
"""Runs within runs: a flow may name itself."""


def job(
    address: str,
    n: int,
    key: str,
    what: Step | Undo,
    now: dict[str, Json],
    edited: Mapping[str, Json] | None = None,
    *,
    priority: int,
) -> StartCall:
    """Return the effect that calls, or runs, what a step or its `undo` names.

    Args:
        address: The step's.
        n: Which start of it this is.
        key: The idempotency key.
        what: The step, or its `undo`.
        now: The scope.
        edited: Arguments that somebody has given in place of those of the document.
        priority: 1 goes first, 5 last.

    Raises:
        ExpressionError: An argument can't be rendered over `now`.
        ValueError: A time counts business hours, or what was given by hand does not fit.
    """
    is_undo, command = isinstance(what, Undo), what.run
    retry = what.retry or Retry()
    first, longest = backoff(retry.backoff)
    name = what.call or RUN_COMMAND
    return StartCall(
        step=address,
        n=n,
        key=key,
        activity=name,
        arguments={} if command else _bounded({**_rendered(what.arguments, now), **harmless(edited or {})}),
        command=None if command is None else _prepared(changed(prepare(command, now), edited or {})),
        summary=f"{'undo ' if is_undo else ''}{address}: {_first_word(command) if command else name}",
        attempts=retry.max or (5 if command is None else 1),
        first_backoff=first,
        max_backoff=longest,
        timeout=clock_time(what.timeout or ("5m" if command is None else "1h")),
        budget=None if retry.budget is None else clock_time(retry.budget),
        pool=what.pool or (command.pool if command else None),
        undo=is_undo,
        is_idempotent=command is None or command.idempotent,
        spare_starts=SPARE_STARTS if command is not None and command.idempotent and retry.max is None else 0,
        priority=priority,
    )


def _rendered(arguments: Mapping[str, Json], now: dict[str, Json]) -> dict[str, Json]:
    return {name: with_references(value, now) for name, value in arguments.items()}


def _bounded(arguments: dict[str, Json]) -> dict[str, Json]:
    """Pass what one message of Temporal's can hold.

    Raises:
        ValueError: It is more.
    """
    if (size := weigh(arguments)) > MAX_ARGUMENT_BYTES:
        raise ValueError(f"with: the arguments have {size:,} bytes, at most {MAX_ARGUMENT_BYTES:,} are given")
    return arguments


def _prepared(command: Prepared) -> Prepared:
    _bounded(command.model_dump(mode="json"))
    return command


def _first_word(command: Job) -> str:
    return str(command.script or command.words[0])[:100]


def child_run(
    run: Run,
    address: str,
    n: int,
    child: str,
    what: Step | Undo,
    now: dict[str, Json],
    edited: Mapping[str, Json] | None = None,
) -> StartFlow:
    """Return the effect that starts a run within this one, of the definition that was pinned with this one's own.

    Args:
        run: The one within which it is started.
        address: The step's.
        n: Which start of it this is.
        child: Its workflow id.
        what: The step, or its `undo`.
        now: The scope.
        edited: Inputs that somebody has given in place of those of the document.

    Raises:
        ExpressionError: An input can't be rendered over `now`.
        ValueError: Runs are nested too deeply, or the flow was not there when this run began.
    """
    name = what.flow
    assert name is not None, f"step {address!r} starts no flow"
    if run.depth + 1 >= MAX_DEPTH:
        raise ValueError(f"flow: {name!r} would be run {run.depth + 2} deep, at most {MAX_DEPTH}: end the recursion")
    if name not in run.flows:
        raise ValueError(f"flow: there was no flow {name!r} when this run began; start it again")
    return StartFlow(
        step=address,
        n=n,
        child=child,
        flow=name,
        inputs=_bounded({**_rendered(what.arguments, now), **harmless(edited or {})}),
        requester=run.requester,
        on_behalf_of=run.on_behalf_of,
        undo=isinstance(what, Undo),
    )


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


def clock_time(duration: str) -> timedelta:
    """Return a length of time that needs no calendar.

    Raises:
        DurationError: It counts business time.
    """
    length = fixed(duration)
    if length is None:
        raise DurationError(f"{duration!r} counts business time; a timeout needs s, m, h, d or w")
    return length
