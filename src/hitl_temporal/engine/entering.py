"""How the input of an approval becomes its state, or is refused: before anybody is asked.

Must not know: how an approval goes on.
"""

from collections.abc import Sequence
from functools import partial

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.opening import AskError, begin
    from hitl_temporal.domain.approval.request import Request
    from hitl_temporal.domain.approval.routing import route_named, with_table
    from hitl_temporal.domain.approval.state import Approval
    from hitl_temporal.domain.inputs import is_sensitive
    from hitl_temporal.domain.problems import first_problem

from hitl_temporal.engine.surroundings import route


def one(request: object, more: Sequence[object]) -> Request:
    """Return the request.

    Raises:
        AskError: There are several inputs.
        ValidationError: It is not one object that asks.
    """
    if more:
        raise AskError("the input", f"one JSON object is taken, and {1 + len(more)} came")
    return Request.model_validate(request)


def first_state(request: Request) -> Approval:
    """Return the approval that a request puts, before its people are known.

    Raises:
        AskError: The question makes no sense.
    """
    info = workflow.info()
    return begin(
        info.workflow_id,
        request.ask,
        requester=request.requester,
        on_behalf_of=request.on_behalf_of,
        context=request.context,
        origin=request.origin,
        fields=request.fields,
        seed=info.first_execution_run_id,  # the server's own choice: nobody could draw a better lot with it
        at=info.workflow_start_time,
    )


async def first_state_routed(request: Request) -> Approval:
    """Put the decision table that a question names into it: it goes on with that one, whatever the site becomes.

    Raises:
        AskError: The question makes no sense, or the table is none for it.
        ValidationError: It does not fit with the table.
    """
    name = route_named(request)
    assert name is not None, "only a named route is looked up"
    table = await route(name)
    ask = request.ask if table is None else with_table(request.ask, table)
    return first_state(request.but(**{name: getattr(ask, name) for name in ask.model_fields_set}))


def refusal(error: ValidationError | AskError, request: Request | None) -> ApplicationError:
    """Return what the execution fails with when its input can't be asked; None: nothing could be read of it."""
    if isinstance(error, ValidationError):
        reason = first_problem(error)
    else:
        reason = error.told(partial(is_sensitive, request.fields if request else {}))
    return ApplicationError(
        f"approval {workflow.info().workflow_id!r} can't be asked: {reason}", type="InvalidInput", non_retryable=True
    )
