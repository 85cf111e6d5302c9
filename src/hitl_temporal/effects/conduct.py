"""How every activity behaves, whoever wrote it: it beats lazily, and its errors tell Temporal whether to try again.

One interceptor does both, so that an author's function stays a plain function.

Source of the heartbeat pattern: docs/measured.md (a quick call never beats; a killed worker shows in seconds).
"""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)
from typing_extensions import override

from hitl_temporal.effects import readings
from hitl_temporal.ports import PermanentError, TemporaryError


class Conduct(Interceptor):
    """Worker interceptor: heartbeats and error types."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the chain; the parameter's name is Temporal's."""
        return _Conducted(next)


class _Remembering(ActivityOutboundInterceptor):
    """Remembers what the author's code told with its last heartbeat, so that ours says the same again."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:  # noqa: A002
        super().__init__(next)
        self.details: tuple[Any, ...] = tuple(activity.info().heartbeat_details)

    @override
    def heartbeat(self, *details: Any) -> None:
        self.details = details
        super().heartbeat(*details)


class _Conducted(ActivityInboundInterceptor):
    @override
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._told = _Remembering(outbound)
        super().init(self._told)

    @override
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        beating = asyncio.create_task(_beat(self._told))
        try:
            return await super().execute_activity(input)
        except TemporaryError as error:
            raise ApplicationError(str(error), type="TemporaryError", next_retry_delay=error.retry_after) from error
        except PermanentError as error:
            raise ApplicationError(error.reason, type="PermanentError", non_retryable=True) from error
        finally:
            beating.cancel()
            info = activity.info()
            if info.is_local and info.workflow_run_id is not None:
                readings.note_end(info.workflow_run_id)


async def _beat(told: _Remembering) -> None:
    every = activity.info().heartbeat_timeout
    if every is None or activity.info().is_local:
        return
    while True:
        await asyncio.sleep(every.total_seconds() / 2)
        activity.heartbeat(*told.details)
