"""Decision tables of the site: each by itself, and each with the flows that go by it.

What does not depend on a flow is told in the site, once, whoever goes by the table.

Must not know: files.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.ask import BUILT_IN, Ask
from hitl_temporal.domain.approval.routes import Routed, Table
from hitl_temporal.domain.approval.routing import route_named
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People

from .asks import check_blocks, check_doors, check_rows
from .calendars import NO_CALENDAR, business_time_in, check_stage_calendars
from .deadlines import check_stage_deadlines
from .scope import check_row_scope
from .selectors import check_stage_selectors
from .stages import Placed, asks_of, entries_of_table, stages_of_table
from .votes import check_ask_weights, check_picks, check_votes

__all__ = ["Named", "check_routes", "lint_table", "named_routes"]


class Named(NamedTuple):
    """A route that an ask names.

    Attributes:
        at: Where: its `stages`.
    """

    at: At
    ask: Ask
    name: str


def named_routes(flow: Flow) -> Iterator[Named]:
    """Yield each ask of a flow that goes by a table of the site, and the name of the table."""
    for at, ask in asks_of(flow):
        name = route_named(ask)
        if name is not None:
            yield Named((*at, "stages"), ask, name)


def lint_table(name: str, site: Site, document: Document, people: People | None) -> Iterator[Problem]:
    """Yield what is wrong with one table of a site, whichever flow goes by it."""
    table, at = site.routes[name], ("routes", name)
    stages = tuple(stages_of_table(at, table))
    yield from check_rows(at, table, document)
    yield from check_blocks(entries_of_table(at, table), document)
    yield from check_doors(stages, document)
    yield from check_stage_calendars(stages, document, site)
    yield from check_stage_deadlines(stages, document)
    yield from _check_silence(stages, document)
    yield from check_picks(stages, document)
    if people is not None:
        yield from check_stage_selectors(stages, document, people)
        yield from check_votes(stages, document, people)


def check_routes(
    flow: Flow, document: Document, site: Site, people: People | None, unsound: Mapping[str, tuple[Problem, ...]]
) -> Iterator[Problem]:
    """Yield what is wrong with the routes that a flow goes by.

    Of those that are unsound it is what makes them so: the flow can't do without.
    """
    for route in named_routes(flow):
        table = site.routes.get(route.name)
        if table is None and route.name in unsound:
            yield from unsound[route.name]
            continue
        if table is None:
            known = f"site.yaml has {', '.join(site.routes)}" if site.routes else "site.yaml has no `routes`"
            mend = " ".join(filter(None, (resembling(route.name, site.routes), known)))
            yield document.problem((*route.at, "route"), f"unknown route {route.name!r}", mend)
            continue
        yield from check_row_scope(flow, document, route.at, route.name, table)
        yield from _check_business_time(flow, route, table, document, site)
        yield from _check_defaults(route, table, document, people)


def _check_silence(stages: tuple[Placed, ...], document: Document) -> Iterator[Problem]:
    """Yield the stages that silence would approve; whether there is another outcome of a name, only an ask knows."""
    for at, stage, _ in stages:
        ends = [(("at_due",), stage.at_due)]
        ends += [(("escalate", index, "outcome"), step.outcome or "") for index, step in enumerate(stage.escalate)]
        for where, outcome in ends:
            if BUILT_IN.get(outcome) and not stage.at_due_positive:
                message = f"`{where[-1]}: {outcome}` lets silence approve"
                mend = "if that is meant, add `at_due_positive: true`"
                yield document.problem((*at, *where), message, mend)


def _check_business_time(flow: Flow, route: Named, table: Table, document: Document, site: Site) -> Iterator[Problem]:
    if site.calendars.default is not None or flow.calendar is not None or route.ask.calendar is not None:
        return
    placed = stages_of_table(("routes", route.name), table)
    found = next((pair for at, stage, _ in placed for pair in business_time_in(at, stage)), None)
    if found is not None:
        at, duration = found
        message = (
            f"`{at[-1]}: {duration}` of route {route.name!r} counts business time, and no calendar says when it is"
        )
        yield document.problem(route.at, message, NO_CALENDAR, "warning")


def _check_defaults(route: Named, table: Table, document: Document, people: People | None) -> Iterator[Problem]:
    """Yield what the keys of the ask make of the table's stages; what is wrong without them is told in the site."""
    for at, stage, _ in stages_of_table((), table):
        known = {p.message for p in _of_votes(Placed(at, stage), document, people)}
        for problem in _of_votes(Placed(route.at, stage, route.ask), document, people):
            if problem.message not in known:
                row = f"row {int(at[1]) + 1} of route {route.name!r}"
                yield problem.but(message=f"{row}: {problem.message}")
    if people is not None:
        asked = route.ask.but(stages=Routed(route=table))
        yield from check_ask_weights(route.at[:-1], asked, document, people)


def _of_votes(placed: Placed, document: Document, people: People | None) -> Iterator[Problem]:
    yield from check_picks((placed,), document)
    if people is not None:
        yield from check_votes((placed,), document, people)
