"""How a run begins: from the documents, from what was pinned within another run, or from a run that has ended.

What can't begin is refused before anything has been done.

Must not know: how a run goes on.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.expressions import ExpressionError
    from hitl_temporal.domain.flow import events, seeding
    from hitl_temporal.domain.flow.commands import Receipt, Rerun, parse
    from hitl_temporal.domain.flow.definition import Flow as Definition
    from hitl_temporal.domain.flow.machine import new_run
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.problems import first_problem
    from hitl_temporal.domain.schedules import render_inputs, time_event
    from hitl_temporal.domain.value import Json
    from hitl_temporal.messages import (
        LOAD_FLOW,
        READ_SEED,
        FlowCarried,
        FlowLoaded,
        LoadFlow,
        ReadSeed,
        Seed,
        SeedRead,
        StartedBy,
    )

from hitl_temporal.engine.clock import Clock
from hitl_temporal.engine.judging import read_people
from hitl_temporal.engine.reading import read


class Begun(NamedTuple):
    """A run that nothing has happened to yet.

    Attributes:
        inputs: As they are carried on, complete.
        is_followed: Whether somebody wants to hear of its end.
    """

    run: Run
    inputs: Json
    is_followed: bool


class Given(NamedTuple):
    """What an execution was given.

    Attributes:
        carried: By the run before it in its chain; None: it is the first.
        refused: The failure that a bad payload is.
    """

    inputs: Json
    started_by: StartedBy
    carried: FlowCarried | None
    refused: ApplicationError | None


async def begin(clock: Clock, inputs: Json, started_by: StartedBy) -> Begun:
    """Return the run that this execution is.

    Raises:
        ApplicationError: There is no such flow, or the inputs do not fit.
    """
    if started_by.seed is not None:
        return await _begin_again(clock, started_by.seed)
    within = started_by.within
    inputs = _triggered(inputs, started_by)
    loaded = await _load(clock, inputs, within.definition if within else None)
    if loaded.definition is None:
        raise ApplicationError(loaded.reason, type="UnknownFlow", non_retryable=True)
    flows = within.flows if within else loaded.flows
    run = _fresh(loaded, loaded.definition, flows, started_by.requester, started_by.on_behalf_of)
    return Begun(run.but(depth=within.depth) if within else run, inputs, loaded.is_followed)


async def _begin_again(clock: Clock, seed: Seed) -> Begun:
    """Begin with what a run has done that has ended; that it may be is judged here, whoever starts it."""
    info = workflow.info()
    asked = ReadSeed(
        workflow_id=seed.workflow_id,
        first_run_id=seed.first_run_id,
        flow=info.workflow_type,
        task_queue=info.task_queue,
    )
    read_seed = await read(READ_SEED, asked, SeedRead)
    command, old = parse("rerun", seed.command), read_seed.run
    if old is None or not isinstance(command, Rerun):
        reason = command.reason if isinstance(command, Receipt) else read_seed.reason
        raise ApplicationError(f"seed: {reason}", type="InvalidInput", non_retryable=True)
    found = await read_people(clock, old, "rerun", command, clock.now)
    wish = events.Operated(at=clock.now, action="rerun", command=command, roster=found.roster, policies=found.policies)
    receipt = seeding.judged(old, wish)
    if receipt.status != "done":
        raise ApplicationError(f"seed: {receipt.reason}", type="InvalidInput", non_retryable=True)
    inputs = seeding.inputs_of(old, command)
    loaded = await _load(clock, inputs, old.definition)
    fresh = _fresh(loaded, old.definition, old.flows, old.requester, old.on_behalf_of)
    run = seeding.seeded(old, fresh, command, seed.first_run_id).but(depth=old.depth)
    return Begun(run, inputs, is_followed=False)


async def _load(clock: Clock, inputs: Json, pinned: Definition | None) -> FlowLoaded:
    asked = LoadFlow(flow=workflow.info().workflow_type, inputs=inputs, pinned=pinned, at=clock.now)
    loaded = await read(LOAD_FLOW, asked, FlowLoaded)
    clock.hold(loaded.at)
    if loaded.refused is not None:
        raise ApplicationError(loaded.reason, type=loaded.refused, non_retryable=True)
    return loaded


def _fresh(
    loaded: FlowLoaded, definition: Definition, flows: dict[str, Definition], requester: str, on_behalf_of: str | None
) -> Run:
    """Return a run of a definition that has not begun; inputs for which a variable can't be evaluated are refused."""
    try:
        run = new_run(
            workflow.info().workflow_id,
            definition,
            loaded.inputs,
            requester=requester,
            on_behalf_of=on_behalf_of,
            calendars=loaded.calendars,
            at=workflow.info().workflow_start_time,
            flows=flows,
        )
    except ExpressionError as error:
        raise ApplicationError(error.told(definition.hides), type="InvalidInput", non_retryable=True) from error
    return run.but(watch=run.watch.but(routes=loaded.notify))


def _triggered(inputs: Json, started_by: StartedBy) -> Json:
    """Return the inputs of a run that a schedule has started: they may tell the time for which it was planned."""
    if started_by.trigger is None or not started_by.trigger.startswith(SCHEDULE) or not isinstance(inputs, dict):
        return inputs
    planned = workflow.info().typed_search_attributes.get(_PLANNED) or workflow.info().workflow_start_time
    try:
        return render_inputs(inputs, time_event(planned))
    except ExpressionError as error:
        raise ApplicationError(f"trigger: {error}", type="InvalidInput", non_retryable=True) from error


SCHEDULE = "schedule:"
_PLANNED = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


def given(args: Sequence[RawValue]) -> Given:
    """Return inputs, who started it, and what was carried over; or the failure that a bad payload is."""
    most = len(_TYPES) if workflow.info().continued_run_id else 2
    if len(args) > most:
        text = f"a flow takes its inputs and who asks, and got {len(args)} inputs"
        return Given({}, StartedBy(), None, ApplicationError(text, type="InvalidInput", non_retryable=True))
    try:
        convert = workflow.payload_converter()
        values: list[Any] = [convert.from_payload(a.payload, t) for a, t in zip(args, _TYPES, strict=False)]
    except (ValidationError, ValueError, TypeError) as error:
        what = first_problem(error) if isinstance(error, ValidationError) else str(error)[:300]
        refused = ApplicationError(f"the input can't be read: {what}", type="InvalidInput", non_retryable=True)
        return Given({}, StartedBy(), None, refused)
    inputs, started_by, carried = (*values, *(None,) * (3 - len(values)))
    return Given({} if inputs is None else inputs, started_by or StartedBy(), carried, None)


_TYPES: tuple[Any, ...] = (Any, StartedBy | None, FlowCarried | None)
