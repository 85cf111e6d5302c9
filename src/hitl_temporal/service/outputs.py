"""What is kept of a run beside its history: whoever sees the reference in the run sees the value.

Must not know: HTTP, terminals, where blobs lie.
"""

from hitl_temporal.domain.blobs import digests_in
from hitl_temporal.domain.flow.views import Status
from hitl_temporal.ports import Blobs, PermanentError, TemporaryError
from hitl_temporal.service.errors import NotFoundError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.runs import Runs

__all__ = ["Outputs"]


class Outputs:
    """Reads large outputs."""

    def __init__(self, runs: Runs, blobs: Blobs) -> None:
        self._runs = runs
        self._blobs = blobs

    async def read(self, me: Identity, run_id: str, digest: str) -> bytes:
        """Return a value that a run, as it is shown to me, refers to, as JSON.

        Raises:
            NotFoundError: I have no part in the run, it shows no such reference, or the store has no such value.
            UnavailableError: Temporal, a worker or the store does not answer.
        """
        run = await self._runs.show(me, run_id)
        if not isinstance(run, Status) or digest not in digests_in(run.model_dump(mode="json")):
            raise NotFoundError(f"the run {run_id!r} shows no reference to {digest[:80]!r}")
        try:
            return await self._blobs.get(digest)
        except PermanentError as error:
            raise NotFoundError(error.reason) from error
        except TemporaryError as error:
            raise UnavailableError(str(error)) from error
