"""Put the decision tables of the site into the flows that go by them.

So a run's definition has them in it, and its digest covers them: a run never goes another way because the site became
another.

Must not know: files, what a table decides.
"""

from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routing import with_table
from hitl_temporal.domain.flow.definition import Flow, Step

from .documents import At, Document
from .lint import Surroundings, named_routes
from .problems import Problem
from .translate import translate

__all__ = ["with_tables"]


def with_tables(flow: Flow, document: Document, around: Surroundings) -> tuple[Flow, tuple[Problem, ...]]:
    """Return a flow with the tables that it names in their places; of a table that the site has not, the name stays.

    Args:
        flow: As it is written.
        document: Where it is written.
        around: Holds the site.

    Returns:
        The flow, and where a table does not fit the ask that goes by it: told in the site, where its stage stands.
    """
    routes = around.site.routes if around.site is not None else {}
    asks: dict[At, Ask] = {}
    problems: list[Problem] = []
    for at, ask, name in named_routes(flow):
        if name not in routes:
            continue
        try:
            asks[at] = with_table(ask, routes[name])
        except ValidationError as error:
            written = _line(document, at) if around.site_document is None else _table(around.site_document, name)
            found = translate(error, written, Ask)
            problems += [p.but(message=f"in flow {flow.flow!r} {p.message}") for p in found]
    return (_with_asks(flow, asks) if asks else flow), tuple(problems)


def _with_asks(flow: Flow, asks: dict[At, Ask]) -> Flow:
    steps = [_with_asks_of(step, index, asks) for index, step in enumerate(flow.steps)]
    # Made anew: a copy would keep what the flow has remembered of its steps as they were.
    fields = {name: getattr(flow, name) for name in flow.model_fields_set}
    return Flow.model_validate({**fields, "steps": steps})


def _with_asks_of(step: Step, index: int, asks: dict[At, Ask]) -> Step:
    own, about_more_time = (asks.get(("steps", index, *way, "ask", "stages")) for way in ((), ("grant", "extend")))
    if own is not None:
        return step.but(ask=own)
    if about_more_time is not None and step.grant is not None and step.grant.extend is not None:
        return step.but(grant=step.grant.but(extend=step.grant.extend.but(ask=about_more_time)))
    return step


def _table(site: Document, name: str) -> Document:
    """Return a table of the site as an ask would hold it, each part where it stands in the site."""
    at, held_at = ("routes", name), ("stages", "route")
    positions = {(*held_at, *place[2:]): where for place, where in site.positions.items() if place[:2] == at}
    assert isinstance(site.data, dict), "a site with a route is a mapping"
    tables = site.data["routes"]
    assert isinstance(tables, dict), "a site with a route is a mapping of them"
    return Document(site.path, {"stages": {"route": tables[name]}}, positions)


def _line(document: Document, at: At) -> Document:
    """Return a document in which everything stands at one place of another."""
    return Document(document.path, None, {(): document.position(at)})
