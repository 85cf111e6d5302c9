"""A question as a flow would put it: in the flow's calendar, with the table of the site that it goes by.

Must not know: runs, who asks.
"""

from collections.abc import Iterable

from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routing import route_named, with_table
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.ports import Catalogue
from hitl_temporal.service.errors import InvalidError


async def as_put(catalogue: Catalogue, definition: Flow, ask: Ask) -> Ask:
    """Return a question as this flow would put it; of a table that the site has not, the name stays.

    Raises:
        InvalidError: The table's stages do not fit the question.
    """
    if ask.calendar is None and definition.calendar is not None:
        ask = ask.but(calendar=definition.calendar)
    name = route_named(ask)
    table = await catalogue.route(name) if name is not None else None
    if table is None:
        return ask
    try:
        return with_table(ask, table)
    except ValidationError as error:
        raise InvalidError(f"stages.route {name!r}: {first_problem(error)}") from error


async def calendars_of(catalogue: Catalogue, asks: Iterable[Ask]) -> dict[str, Calendar]:
    """Return the calendars that these questions count in, and the site's own."""
    named = (name for ask in asks for name in (ask.calendar, *(s.calendar for s in ask.every_stage)))
    return await catalogue.calendars(tuple(dict.fromkeys(["default", *(n for n in named if n is not None)])))
