"""A Python workflow that asks people, as an author would write it; in a module of its own for the sandbox."""

import asyncio

from temporalio import workflow

from hitl_temporal import sdk


@workflow.defn(name="asking")
class Asking:
    """A Python workflow that asks twice."""

    @workflow.run
    async def run(self, requester: str) -> list[str]:
        """Return both outcomes."""
        lead, security = await asyncio.gather(
            sdk.ask("lead", "Go?", requester=requester, who=["manager:requester"]),
            sdk.ask("security", "Safe?", requester=requester, who=["group:secops"], due="1d"),
        )
        return [lead.outcome, security.outcome]
