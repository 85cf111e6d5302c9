"""Large outputs of activities: what the history has no room for goes into the blob store, and a reference goes on.

That is decided here, in the worker, and never in a workflow: the history holds what came of it. References in arguments
are opened where secrets are (`effects.secrets`).

PermanentError     the outputs are too large for the store, or no JSON
TemporaryError     they can't be kept now; the activity is done again, as after any loss of its result

Must not know: where blobs lie, which activity it is.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from temporalio import activity
from temporalio.common import RawValue
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor
from typing_extensions import override

from hitl_temporal.domain.blobs import INLINE_BYTES, as_outputs, reference, too_large
from hitl_temporal.domain.value import Json
from hitl_temporal.effects.secrets import is_sealed
from hitl_temporal.ports import Blobs, PermanentError

__all__ = ["Keeping", "kept"]


async def kept(outputs: Mapping[str, Json], blobs: Blobs) -> dict[str, Json]:
    """Return outputs with a reference in place of each that the history has no room for.

    Raises:
        PermanentError: They are too large for the store, or no JSON.
        TemporaryError: They can't be kept now.
    """
    try:
        large = await asyncio.to_thread(too_large, outputs)
    except (ValueError, RecursionError) as error:
        raise PermanentError(f"its outputs can't be kept: {str(error)[:300]}") from None
    references = {name: reference(await blobs.put(content), len(content)) for name, content in large.items()}
    return {**outputs, **references}


class Keeping(Interceptor):
    """Worker interceptor: keeps large results of the sealed activities; it stands before `Unsealing`."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the chain; the parameter's name is Temporal's."""
        return _Keeping(next, self._blobs)


class _Keeping(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, blobs: Blobs) -> None:  # noqa: A002
        super().__init__(next)
        self._blobs = blobs

    @override
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        is_authors = is_sealed(input.fn)  # asked before the call, which puts the author's function in its place
        result = await super().execute_activity(input)
        if not is_authors or result is None:
            return result
        payload = activity.payload_converter().to_payload(result)
        if len(payload.data) <= INLINE_BYTES or payload.metadata.get("encoding") != b"json/plain":
            return RawValue(payload)
        outputs = as_outputs(cast("Json", json.loads(payload.data)))
        return await kept(outputs, self._blobs)
