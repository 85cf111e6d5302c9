"""The values that a question is about, as its flow declares them: what they are called, and what fits them.

A flow's document may have changed since the question was asked; then a value is offered by its path, as what it is. The
judge holds every change against the inputs that the run was started with.

Must not know: markup, how a change is judged.
"""

from collections.abc import Mapping

from hitl_temporal.api.pages.questions import NameOf, Question, changeable, questions
from hitl_temporal.app.services import Services
from hitl_temporal.domain.approval.context import amended
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.domain.value import Json
from hitl_temporal.service.errors import NotFoundError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.runs import Refusal

Parts = Mapping[str, dict[str, Json]]
"""Path of a value to the JSON Schema that declares it."""

_INPUTS = "inputs."


async def declared(use: Services, status: Status) -> Parts:
    """Return how the flow that asks declares its inputs, by path; nothing of a question that no flow asks."""
    if status.origin is None:
        return {}
    try:
        card = await use.catalogue.show(status.origin.flow)
    except NotFoundError:
        return {}
    properties = card.inputs.get("properties")
    found = properties.items() if isinstance(properties, dict) else ()
    return {f"{_INPUTS}{name}": part for name, part in found if isinstance(part, dict)}


async def inputs_now(use: Services, me: Identity, status: Status, parts: Parts) -> dict[str, Json]:
    """Return the inputs of the run that asks, by path, as they have been amended; none that must not be shown."""
    if status.origin is None:
        return {}
    try:
        run = await use.runs.show(me, status.origin.run)
    except NotFoundError:
        return {}
    if isinstance(run, Refusal):
        return {}
    changes = {path: change.after for a in status.amendments for path, change in a.changes.items()}
    now = amended({"inputs": dict(run.inputs)}, {p: v for p, v in changes.items() if p.startswith(_INPUTS)})["inputs"]
    inputs = now if isinstance(now, dict) else {}
    names = {path: path.removeprefix(_INPUTS) for path, part in parts.items() if not part.get("writeOnly")}
    return {path: inputs[name] for path, name in names.items() if name in inputs}


def asked(values: Mapping[str, Json], parts: Parts, form: Mapping[str, str], name_of: NameOf) -> tuple[Question, ...]:
    """Return a question for each value that may be changed: by its title and what fits it, where that is declared."""
    found: list[Question] = []
    for path, value in values.items():
        part = parts.get(path, {})
        if not part or part.get("writeOnly") or _is_chosen_of(part):
            [question] = changeable({path: value}, form, name_of)
            found.append(question._replace(label=str(part.get("title") or path)))
        else:
            [question] = questions({"properties": {path: {"title": path, **part, "default": value}}}, form, name_of)
            found.append(question._replace(may_be_empty=False))
    return tuple(found)


def _is_chosen_of(part: Mapping[str, Json]) -> bool:
    """Tell whether a form would ask with one box per choice, of which a change knows nothing."""
    items = part.get("items")
    return isinstance(items, dict) and "enum" in items
