"""The activity that reads when a command reached the server.

A signal may lie there while no worker runs, and an update may be taken while people can't be read. Whether it came in
time is then a question of its event, or of the task that took it, not of when it could be judged.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError

from hitl_temporal.domain.approval.commands import parse
from hitl_temporal.messages import SIGNALLED_AT, Moment, Signalled
from hitl_temporal.ports import TemporaryError

_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


class Arrivals:
    """Reads histories through a Temporal client; its method is an activity."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.signalled_at,)

    @activity.defn(name=SIGNALLED_AT)
    async def signalled_at(self, signalled: Signalled) -> Moment:
        """Return when the first signal with this command was taken, or when the task began that took this update.

        Not known when the history of this run has none, as of an update whose task has not ended.
        """
        handle = self._client.get_workflow_handle(signalled.workflow_id, run_id=signalled.run_id)
        wanted = parse(signalled.verb, signalled.command)
        try:
            begun: datetime | None = None
            async for event in handle.fetch_history_events():
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                    begun = event.event_time.ToDatetime(UTC)
                elif signalled.update is not None:
                    accepted = event.workflow_execution_update_accepted_event_attributes
                    if accepted.accepted_request.meta.update_id == signalled.update:
                        return Moment(at=begun)
                elif await self._command(event, signalled.verb) == wanted:
                    return Moment(at=event.event_time.ToDatetime(UTC))
        except RPCError as error:
            raise TemporaryError(f"history of {signalled.workflow_id!r} can't be read: {error.message}") from error
        return Moment()

    async def _command(self, event: HistoryEvent, verb: str) -> object:
        """Return the command that a signal event carries, None for every other event."""
        if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            return None
        signal = event.workflow_execution_signaled_event_attributes
        if signal.signal_name != verb:
            return None
        values = await self._client.data_converter.decode(signal.input.payloads)
        return parse(verb, _ANYTHING.validate_python(values[0])) if values else None
