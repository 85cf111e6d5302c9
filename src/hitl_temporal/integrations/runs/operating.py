"""Starts a run, or acts on one, through the port `Runs`.

TemporaryError     Temporal does not answer
PermanentError     the id is in use, the run has failed at once, the action was refused

Must not know: Temporal, doors.
"""

import hashlib

from hitl_temporal.integrations.runs.models import Operated, Operation, Start, Started
from hitl_temporal.ports import Connector, PermanentError, Runs

__all__ = ["operator", "starter"]


def starter(runs: Runs) -> Connector[Start, Started]:
    """Return `runs.start`; tried again, it starts nothing twice: the id is made of the key."""

    async def run(start: Start, key: str) -> Started:
        mark = hashlib.sha256(key.encode()).hexdigest()[:16]
        started = await runs.start(
            start.flow,
            start.inputs,
            run_id=start.id or f"{start.flow}-{mark}",
            key=key,
            requester=start.requester,
            is_awaited=start.wait,
        )
        return Started(id=started.id, status=started.status, outputs=dict(started.outputs))

    return Connector("runs.start", Start, Started, run)


def operator(runs: Runs) -> Connector[Operation, Operated]:
    """Return `runs.operate`; a refused action fails the step, since what should have happened has not."""

    async def run(operation: Operation, key: str) -> Operated:
        receipt = await runs.operate(operation.id, operation.action, operation.command(key))
        if receipt.get("status") not in {"done", "asked"}:
            said = f"{operation.action} on {operation.id!r} is {receipt.get('status')}: {receipt.get('reason')}"
            raise PermanentError(said[:500])
        return Operated.model_validate({name: receipt[name] for name in Operated.model_fields if name in receipt})

    return Connector("runs.operate", Operation, Operated, run)
