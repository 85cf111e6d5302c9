"""What is around an approval and must be read before it is judged: people, calendars, loads, its parent, its rivals.

All are local activities that are tried until they succeed (reading.py).
"""

from datetime import datetime
from typing import NamedTuple

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.commands import Command
    from hitl_temporal.domain.approval.routes import Table
    from hitl_temporal.domain.approval.state import Approval
    from hitl_temporal.domain.approval.surroundings import people, picks, selectors
    from hitl_temporal.domain.calendar import Calendar
    from hitl_temporal.domain.people import SYSTEM, Roster
    from hitl_temporal.domain.value import digest
    from hitl_temporal.messages import (
        NEWER_ABOUT,
        PARENT_IS_OPEN,
        READ_LOADS,
        READ_PEOPLE,
        READ_ROUTE,
        SIGNALLED_AT,
        AboutSubject,
        LoadsRead,
        Moment,
        Newer,
        ParentCheck,
        PeopleRead,
        Picking,
        ReadLoads,
        ReadPeople,
        ReadRoute,
        RouteRead,
        Signalled,
    )

from hitl_temporal.engine.reading import read


class Seen(NamedTuple):
    """What was read.

    Attributes:
        calendars: Those that are not as they were known.
        at: When the look was begun, as the history keeps it.
    """

    roster: Roster
    calendars: dict[str, Calendar]
    at: datetime | None


async def look(now: Approval, at: datetime, *persons: str) -> Seen:
    """Return the people and calendars of an approval as they are now.

    Args:
        now: The approval.
        at: What time it is.
        persons: Whose cards are needed beside those it names.
    """
    names = ("default", *(s.document.calendar for s in now.stages), now.ask.calendar)
    wanted = [p for p in dict.fromkeys((*persons, *people(now))) if not p.startswith(SYSTEM)]
    request = ReadPeople(
        selectors=selectors(now),
        people=tuple(wanted),
        calendars=tuple(dict.fromkeys(n for n in names if n is not None)),
        known={name: digest(c.model_dump(mode="json")) for name, c in now.calendars.items()},
        at=at,
    )
    found = await read(READ_PEOPLE, request, PeopleRead)
    return Seen(await _with_loads(now.but(roster=found.roster)), found.calendars, found.at)


async def _with_loads(now: Approval) -> Roster:
    """Return the roster with what picking needs, where a stage that may open next picks."""
    wanted = tuple(Picking(key=key, policy=policy, people=persons) for key, policy, persons in picks(now))
    if not wanted:
        return now.roster
    found = await read(READ_LOADS, ReadLoads(approval=now.id, flow=now.flow, picks=wanted), LoadsRead)
    return now.roster.but(loads=found.loads, turns=found.turns)


async def route(name: str) -> Table | None:
    """Return a decision table of the site, None if it has none of this name."""
    return (await read(READ_ROUTE, ReadRoute(name=name), RouteRead)).table


async def why_moot(now: Approval) -> str | None:
    """Return why nobody needs to be asked any more, None when somebody does.

    The run that asked may have been terminated, and a newer request may be about the same: neither could always say so.
    """
    parent, first_run_id = workflow.info().parent, workflow.memo_value("parent_run", None, type_hint=str)
    if parent is not None and first_run_id is not None:
        check = ParentCheck(workflow_id=parent.workflow_id, first_run_id=first_run_id)
        if not await read(PARENT_IS_OPEN, check, bool):
            return "parent ended"
    if now.subject is not None:
        newer = (await read(NEWER_ABOUT, about(now, now.subject), Newer)).approval
        if newer is not None:
            return f"superseded by {newer}"
    return None


def about(now: Approval, subject: str) -> AboutSubject:
    """Return how an approval says what it is about."""
    return AboutSubject(approval=now.id, flow=now.flow, subject=subject, started_at=now.started_at)


async def signalled_at(verb: str, command: Command, update: str | None) -> datetime | None:
    """Return when a command was given, as the history of this workflow tells; None: it does not.

    Args:
        verb: What was sent.
        command: What was sent with it.
        update: By which Update, whose task tells the time; None: as a Signal.
    """
    info = workflow.info()
    content = command.model_dump(mode="json")
    asked = Signalled(workflow_id=info.workflow_id, run_id=info.run_id, verb=verb, command=content, update=update)
    return (await read(SIGNALLED_AT, asked, Moment)).at
