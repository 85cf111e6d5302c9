"""Several audit sinks as one.

Must not know: which sinks there are.
"""

import asyncio
from collections.abc import Sequence

from hitl_temporal.domain.audit import Fact
from hitl_temporal.ports import AuditSink, TemporaryError

__all__ = ["Sinks"]


class Sinks:
    """Appends to every sink, and succeeds only if every one did: an `AuditSink`.

    A sink that fails keeps no other from having the facts. Repeating is harmless, so no sink's progress is kept.
    """

    def __init__(self, sinks: tuple[AuditSink, ...]) -> None:
        self._sinks = sinks

    async def append(self, facts: Sequence[Fact]) -> None:
        """Append these facts to all sinks at the same time.

        Raises:
            TemporaryError: At least one may succeed when repeated.
            PermanentError: At least one never will, and no other is waited for.
        """
        outcomes = await asyncio.gather(*(sink.append(facts) for sink in self._sinks), return_exceptions=True)
        failures = [outcome for outcome in outcomes if outcome is not None]
        # Temporary first: a permanent failure would end the repetition that another sink still needs.
        for failure in sorted(failures, key=lambda failure: not isinstance(failure, TemporaryError)):
            raise failure
