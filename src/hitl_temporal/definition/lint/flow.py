"""All checks of one flow in its surroundings.

Must not know: files, YAML.
"""

from collections.abc import Callable, Iterator, Mapping

from pydantic import BaseModel, Field, InstanceOf

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Value

from .asks import check_asks
from .calendars import check_calendars
from .calls import Call, check_calls
from .conditions import check_conditions
from .deadlines import check_deadlines
from .flows import check_flows
from .glass import check_glass
from .inputs import check_declarations
from .levels import check_levels
from .reach import check_reach
from .resources import check_kept, check_resources
from .routes import check_routes
from .scope import check_scope
from .scripts import check_scripts
from .secrets import check_secrets, named_secrets
from .selectors import check_selectors
from .stages import asks_of, stages_of
from .steps import check_steps
from .triggers import check_started_flows, check_trigger_people, check_trigger_times, check_triggers
from .votes import check_ask_weights, check_picks, check_votes

__all__ = ["Signatures", "Surroundings", "lint"]

_RESERVED = "hitl."


Signatures = Mapping[str, type[BaseModel] | None]
"""Activities by name, each with the model of what it takes."""


class Surroundings(Value):
    """What a flow refers to; of what is None the references are not checked.

    Attributes:
        people: The directory.
        site: Its calendars and routes.
        site_document: Where the site is written; None: it is made by hand.
        unsound_routes: Routes that are not in the site because of these errors, by name.
        activities: What the project's own worker has registered, by name, with what each takes; None in it: not known.
        flows: The flows of the project by name; None in it: its document is not right.
        resources: How many units there are of each.
        has_script: Tells of a path below the project's folder whether a file is there.
    """

    people: People | None = None
    site: Site | None = None
    site_document: InstanceOf[Document] | None = None
    unsound_routes: Mapping[str, tuple[Problem, ...]] = Field(default_factory=dict[str, tuple[Problem, ...]])
    activities: Signatures | None = None
    flows: Mapping[str, Flow | None] | None = None
    resources: Mapping[str, int] | None = None
    has_script: Callable[[str], bool] | None = None


def lint(flow: Flow, document: Document, around: Surroundings) -> tuple[Problem, ...]:
    """Return what is wrong with a flow whose form is right, in the order of the lines."""
    problems = [
        *_check_name(flow, document),
        *check_declarations(flow, document),
        *check_scope(flow, document),
        *check_conditions(flow, document),
        *check_secrets(flow, document),
        *check_steps(flow, document),
        *check_reach(flow, document),
        *check_asks(flow, document),
        *check_deadlines(flow, document),
        *check_glass(flow, document, around.people),
        *check_levels(flow, document, around.site),
        *check_picks(stages_of(flow), document),
        *check_triggers(flow, document),
        *(() if around.flows is None else check_started_flows(flow, document, around.flows)),
        *(() if around.site is None else _check_site(flow, document, around.site, around)),
        *(() if around.people is None else _check_people(flow, document, around.people)),
        *(() if around.flows is None else check_flows(flow, document, around.flows)),
        *(() if around.resources is None else check_resources(flow, document, around.resources)),
        *(() if around.flows is None else check_kept(flow, document, around.flows)),
        *(() if around.has_script is None else check_scripts(flow, document, around.has_script)),
        *(() if around.activities is None else _check_activities(flow, document, around.activities)),
    ]
    return tuple(sorted(problems, key=lambda p: (p.line, p.column)))


def _check_site(flow: Flow, document: Document, site: Site, around: Surroundings) -> Iterator[Problem]:
    yield from check_calendars(flow, document, site)
    yield from check_trigger_times(flow, document, site)
    yield from check_routes(flow, document, site, around.people, unsound=around.unsound_routes)


def _check_people(flow: Flow, document: Document, people: People) -> Iterator[Problem]:
    yield from check_selectors(flow, document, people)
    yield from check_trigger_people(flow, document, people)
    yield from check_votes(stages_of(flow), document, people)
    for at, ask in asks_of(flow):
        yield from check_ask_weights(at, ask, document, people)


def _check_name(flow: Flow, document: Document) -> Iterator[Problem]:
    if flow.flow.startswith(_RESERVED):
        yield document.problem(("flow",), f"names that begin with {_RESERVED!r} are reserved", "choose another name")


def _check_activities(flow: Flow, document: Document, registered: Signatures) -> Iterator[Problem]:
    yield from check_calls(_calls(flow), document, {n: model for n, model in registered.items() if model is not None})
    yield from _check_sealed(flow, document, registered)
    otherwise = "register an activity of that name, or say in which `pool` a worker has it"
    for spot in flow.plan.every:
        step, undo = spot.step, spot.step.undo
        if step.call is not None and step.pool is None and step.call not in registered:
            mend = resembling(step.call, registered, otherwise)
            yield document.problem((*spot.at, "call"), f"no activity is named {step.call!r}", mend)
        if undo is not None and undo.call is not None and undo.pool is None and undo.call not in registered:
            mend = resembling(undo.call, registered, otherwise)
            yield document.problem((*spot.at, "undo", "call"), f"no activity is named {undo.call!r}", mend)


def _check_sealed(flow: Flow, document: Document, registered: Signatures) -> Iterator[Problem]:
    """Yield every secret that goes to an activity of a pool of which it is not known that it is ours."""
    for call, pool in _every_call(flow):
        names = [name for _, name in named_secrets(call.arguments)]
        if pool is not None and call.activity not in registered and names:
            message = (
                f"a worker of {pool!r} that is not `hitl worker` gets the name of the secret {names[0]!r}, no value"
            )
            mend = f"let {call.activity!r} look it up itself, or be an activity of this project"
            yield document.problem(call.at, message, mend, "warning")


def _every_call(flow: Flow) -> Iterator[tuple[Call, str | None]]:
    """Yield every call with the pool that it names."""
    for spot in flow.plan.every:
        step, undo = spot.step, spot.step.undo
        if step.call is not None:
            yield Call((*spot.at, "with"), step.call, dict(step.arguments)), step.pool
        if undo is not None and undo.call is not None:
            yield Call((*spot.at, "undo", "with"), undo.call, dict(undo.arguments)), undo.pool


def _calls(flow: Flow) -> Iterator[Call]:
    """Yield every call whose activity the project's own worker has; what another one takes is not known here."""
    yield from (call for call, pool in _every_call(flow) if pool is None)
