"""Put the decision tables of the site into the flows that go by them.

So a run's definition has them in it, and its digest covers them: a run never goes another way because the site became
another.

Must not know: files, what a table decides.
"""

from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routing import with_table
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import ways
from hitl_temporal.domain.flow.step import CATCH, Branch, Catch, Otherwise, Repair, Step

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
    # Made anew: a copy would keep what the flow has remembered of its steps as they were.
    fields = {name: getattr(flow, name) for name in flow.model_fields_set}
    return Flow.model_validate({**fields, "steps": _with_asks_in(flow.steps, ("steps",), asks)})


def _with_asks_in(steps: tuple[Step, ...], at: At, asks: dict[At, Ask]) -> tuple[Step, ...]:
    """Return a list of steps that stands at a place, with other asks in those steps and in the steps within them."""
    return tuple(_with_asks_of(step, (*at, index), asks) for index, step in enumerate(steps))


def _with_asks_of(step: Step, at: At, asks: dict[At, Ask]) -> Step:
    for way in step.asks:
        if (other := asks.get((*at, *way, "stages"))) is not None:
            step = _with_ask(step, way, other)
    within = {branch: _with_asks_in(steps, (*at, *way), asks) for branch, (steps, way) in ways(step).items()}
    return _with_lists(step, within)


def _with_ask(step: Step, way: At, ask: Ask) -> Step:
    if way == ("ask",):
        return step.but(ask=ask)
    if isinstance(step.on_failure, Repair) and way[0] == "on_failure":
        return step.but(on_failure=step.on_failure.but(ask=ask))
    assert step.grant is not None, "there is no other place for one"
    assert step.grant.extend is not None, "there is no other place for one"
    return step.but(grant=step.grant.but(extend=step.grant.extend.but(ask=ask)))


def _with_lists(step: Step, within: dict[str, tuple[Step, ...]]) -> Step:
    """Return a step with other steps within, by the name of the branch."""
    changes: dict[str, object] = {}
    if step.do is not None:
        changes["do"] = within["0"]
    if step.choose is not None:
        changes["choose"] = tuple(_with_steps(b, within[str(index)]) for index, b in enumerate(step.choose))
    if isinstance(step.on_failure, Catch):
        changes["on_failure"] = step.on_failure.but(catch=within[CATCH])
    return step.but(**changes)


def _with_steps(branch: Branch | Otherwise, steps: tuple[Step, ...]) -> Branch | Otherwise:
    return branch.but(do=steps) if isinstance(branch, Branch) else branch.but(otherwise=steps)


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
