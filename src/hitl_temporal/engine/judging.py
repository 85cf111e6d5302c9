"""What must be known to judge what somebody wants done to a run: people, policies, what the documents say now.

Must not know: what is wanted, what comes of it.
"""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.commands import Operate
    from hitl_temporal.domain.flow.policy import selectors
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.people import SYSTEM, Roster
    from hitl_temporal.messages import LOAD_FLOW, READ_PEOPLE, FlowLoaded, Governed, LoadFlow, PeopleRead, ReadPeople

from hitl_temporal.engine.clock import Clock
from hitl_temporal.engine.reading import read


async def read_people(clock: Clock, run: Run, action: str, command: Operate, at: datetime) -> PeopleRead:
    """Read who and what must be known to judge a command; of a machine, which is nobody, the time alone."""
    if command.actor.startswith(SYSTEM):
        await clock.fix()
        return PeopleRead(roster=Roster())
    governed = Governed(flow=run.definition.flow, action=action, requester=run.requester)
    asked = ReadPeople(selectors=selectors(run, action, command), people=(command.actor,), governed=governed, at=at)
    found = await read(READ_PEOPLE, asked, PeopleRead)
    clock.hold(found.at)
    return found


async def read_present(clock: Clock, run: Run, action: str) -> events.Present | None:
    """Read what the documents say now, for an action that has the run follow them."""
    if action != "migrate":
        return None
    asked = LoadFlow(flow=run.definition.flow, inputs=run.inputs, at=clock.now)
    loaded = await read(LOAD_FLOW, asked, FlowLoaded)
    clock.hold(loaded.at)
    if loaded.refused is not None or loaded.definition is None:
        return events.Present(definition=run.definition, refused=loaded.reason or "there is no such flow any more")
    return events.Present(
        definition=loaded.definition,
        flows=loaded.flows,
        calendars=loaded.calendars,
        inputs=loaded.inputs,
        notify=loaded.notify,
    )
