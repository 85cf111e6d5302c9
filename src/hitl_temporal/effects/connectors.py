"""Connectors as activities: what ships for the verb `call`.

Must not know: which connectors there are, what stands behind them.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from temporalio import activity

from hitl_temporal.ports import Connector, PermanentError, TemporaryError

__all__ = ["as_activity"]


def as_activity(connector: Connector[Any, Any]) -> Callable[..., Any]:
    """Return the activity of a connector's name, which takes its input and gives its output.

    Its key is that of the step's start: retries keep it, a rerun gets another.
    """

    async def run(given: BaseModel) -> BaseModel:
        if not activity.in_activity() or not connector.is_done_once(given):
            return await connector.run(given, _key())
        if _BEGUN in activity.info().heartbeat_details:
            raise PermanentError(_IN_DOUBT)
        activity.heartbeat(_BEGUN)
        try:
            return await connector.run(given, _key())
        except TemporaryError:
            activity.heartbeat()  # the next try may begin
            raise

    # Temporal, and whoever checks `with` before a run, read the types from here.
    run.__annotations__ = {"given": connector.given, "return": connector.gives}
    run.__name__ = run.__qualname__ = connector.name.replace(".", "_")
    return activity.defn(name=connector.name)(run)


_BEGUN = "begun"
"""What is told with a heartbeat before work is begun that must not be done twice: the next try hears of it."""

_IN_DOUBT = (
    "in_doubt: the worker was lost while this was done, and nobody knows how far it came: look there, then rerun or"
    " finish the step"
)


def _key() -> str:
    """Return `<run>.<step>.<n>`; a call outside of a workflow is a piece of work of its own."""
    info = activity.info() if activity.in_activity() else None
    return f"{info.workflow_id}.{info.activity_id}" if info and info.workflow_id else uuid4().hex
