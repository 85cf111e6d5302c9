"""A workflow that borrows units as a flow would; in a module of its own for the sandbox."""

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.messages import (
        CLAIM_UNITS,
        RELEASE_UNITS,
        RESOURCE_ANSWER,
        ClaimUnits,
        ReleaseUnits,
        RequestUnits,
        ResourceAnswer,
        UnitsGranted,
    )

SOON = timedelta(seconds=10)


@workflow.defn(name="borrowing")
class Borrowing:
    """Asks for units at once, then does what it is told until it is told to end."""

    def __init__(self) -> None:
        self._granted: list[str] = []
        self._refused: dict[str, str] = {}
        self._to_do: list[tuple[str, dict[str, Any]]] = []
        self._has_done = 0
        self._answer: TypeAdapter[Any] = TypeAdapter(ResourceAnswer)

    @workflow.run
    async def run(self, wishes: list[dict[str, Any]]) -> list[str]:
        """Return which claims were granted, in order."""
        await self._ask(wishes)
        while True:
            await workflow.wait_condition(lambda: bool(self._to_do))
            verb, told = self._to_do.pop(0)
            if verb == "end":
                return self._granted
            if verb == "ask":
                await self._ask([told])
            else:
                release = ReleaseUnits(at=workflow.now(), **told)
                await workflow.execute_local_activity(RELEASE_UNITS, release, start_to_close_timeout=SOON)
            self._has_done += 1

    @workflow.signal(name=RESOURCE_ANSWER)
    def hear(self, payload: Any) -> None:
        """Take an answer of a pool."""
        match self._answer.validate_python(payload):
            case UnitsGranted() as granted:
                self._granted.append(granted.claim)
            case refused:
                self._refused[refused.claim] = refused.reason

    @workflow.signal
    def do(self, verb: str, told: dict[str, Any]) -> None:
        """Do this: `ask`, `give_back` or `end`."""
        self._to_do.append((verb, told))

    @workflow.query
    def granted(self) -> list[str]:
        """Answer which claims were granted, in order."""
        return self._granted

    @workflow.query
    def refused(self) -> dict[str, str]:
        """Answer which claims were refused, and why."""
        return self._refused

    @workflow.query
    def has_done(self) -> int:
        """Answer how much of what it was told is done."""
        return self._has_done

    async def _ask(self, wishes: list[dict[str, Any]]) -> None:
        info = workflow.info()
        requests = tuple(
            RequestUnits(
                **{"requested_at": workflow.now(), **wish},
                workflow_id=info.workflow_id,
                run_id=info.first_execution_run_id,
            )
            for wish in wishes
        )
        if requests:
            await workflow.execute_local_activity(
                CLAIM_UNITS, ClaimUnits(requests=requests), start_to_close_timeout=SOON
            )
