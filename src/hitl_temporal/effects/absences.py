"""`AbsenceBook` over Temporal: the memo of the workflow that keeps the site's absences.

A description is read where Temporal keeps it, not by a worker: it costs one to two milliseconds, is never behind, and
does not hang while workers are busy or gone (docs/decisions/0008-absences.md).

Must not know: who may change an absence.
"""

import asyncio
from collections.abc import Sequence

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.absence import Absence, with_substitutes
from hitl_temporal.domain.absences import unpack
from hitl_temporal.effects.sharing import Shared
from hitl_temporal.messages import ABSENCES, ABSENCES_MEMO
from hitl_temporal.ports import TemporaryError

WITHIN_SECONDS = 1.5
"""People wait two seconds for a receipt; the SDK itself would try for half a minute."""


class TemporalAbsences:
    """Reads the list that is kept in Temporal."""

    def __init__(self, client: Client, workflow_id: str = ABSENCES) -> None:
        self._client = client
        self._workflow_id = workflow_id
        self._whole = Shared(self._read)
        self._unpacked: tuple[bytes, dict[str, tuple[Absence, ...]]] = (b"", {})

    async def of(self, people: Sequence[str]) -> dict[str, tuple[Absence, ...]]:
        """Return the absences of these people and of everybody in their chains; none while nobody was ever away."""
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                return with_substitutes(await self._whole.get(), people)
        except TimeoutError as error:
            raise TemporaryError("absences can't be read: Temporal does not answer in time") from error

    async def _read(self) -> dict[str, tuple[Absence, ...]]:
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                found = await self._client.get_workflow_handle(self._workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return {}
            raise TemporaryError(f"absences can't be read: {error.message}") from error
        packed = (await found.memo()).get(ABSENCES_MEMO)
        if found.status is not WorkflowExecutionStatus.RUNNING or not isinstance(packed, bytes):
            return {}
        if packed != self._unpacked[0]:
            self._unpacked = (packed, unpack(packed))
        return self._unpacked[1]
