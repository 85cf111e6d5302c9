"""Arguments of calls that the activity would refuse: unknown keys, missing ones, values that do not fit.

What an expression gives is known only in a run, so a place with `{{ }}` in it is left to the activity.

Must not know: where calls stand in a flow, how activities are found.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, nearest, resembling
from hitl_temporal.domain.value import Json

__all__ = ["Call", "check_calls"]


class Call(NamedTuple):
    """One call of an activity.

    Attributes:
        at: The place of its arguments in the document: `("steps", 1, "with")`.
        activity: Its name.
        arguments: What stands there.
    """

    at: At
    activity: str
    arguments: dict[str, Json]


def check_calls(calls: Iterable[Call], document: Document, models: Mapping[str, type[BaseModel]]) -> Iterator[Problem]:
    """Yield what the activities would refuse.

    Args:
        calls: All calls of the document.
        document: Where they are written.
        models: What activities take, by their names; the others are not checked.
    """
    for call in calls:
        model = models.get(call.activity)
        if model is not None:
            yield from _check(call, document, model)


def _check(call: Call, document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    ignored = () if model.model_config.get("extra") in {"allow", "forbid"} else call.arguments.keys() - _keys(model)
    unknown: list[tuple[str | int, ...]] = [
        (key,) for key in call.arguments if key in ignored
    ]  # a typing error would be ignored silently
    missing: list[tuple[str | int, ...]] = []
    wrong: dict[tuple[str | int, ...], str] = {}
    for details in _errors(call.arguments, model):
        place = _place(call.arguments, details["loc"])
        match details["type"]:
            case "extra_forbidden":
                unknown.append(place)
            case "missing" if len(place) == len(details["loc"]) - 1:
                missing.append((*place, details["loc"][-1]))
            case _ if not _has_template(_at(call.arguments, place)):
                wrong.setdefault(place, _said(details))
            case _:
                pass
    yield from _misnamed(call, document, model, unknown, missing)
    for place, said in wrong.items():
        if not any(other[: len(place)] == place for other in [*unknown, *missing]):
            name = ".".join(map(str, place)) or "with"
            yield document.problem((*call.at, *place), f"`{name}` does not fit {call.activity!r}: {said}")


def _misnamed(
    call: Call,
    document: Document,
    model: type[BaseModel],
    unknown: Sequence[tuple[str | int, ...]],
    missing: Sequence[tuple[str | int, ...]],
) -> Iterator[Problem]:
    """Yield keys that are too many or too few; one that was meant for a missing one is told once."""
    meant: set[tuple[str | int, ...]] = set()
    for place in unknown:
        *parent, key = place
        inner = _model_at(model, parent)
        known = sorted(_keys(inner) - set(_mapping(_at(call.arguments, parent)))) if inner else []
        otherwise = f"it takes {', '.join(sorted(_keys(inner)))}" if inner and _keys(inner) else "remove it"
        if (near := nearest(str(key), known)) is not None:
            meant.add((*parent, near))
        said = f"{call.activity!r} takes no `{'.'.join(map(str, place))}`"
        yield document.problem((*call.at, *place), said, resembling(str(key), known, otherwise))
    for place in missing:
        if place not in meant:
            said = f"{call.activity!r} needs `{'.'.join(map(str, place))}`"
            yield document.problem((*call.at, *place[:-1]), said, f"write it below `{call.at[-1]}`")


def _errors(arguments: dict[str, Json], model: type[BaseModel]) -> Sequence[ErrorDetails]:
    """Return what the model says of the arguments, read as the activity will: as JSON."""
    try:
        model.model_validate_json(json.dumps(arguments))
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    except Exception:  # noqa: BLE001 - an author's validator may raise anything, of an expression above all
        return ()
    return ()


def _place(arguments: Json, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """Return the place in what is written: pydantic puts branches of unions between the keys, and absent keys after."""
    place: tuple[str | int, ...] = ()
    here = arguments
    for part in loc:
        match here, part:
            case dict(), str() if part in here:
                here = here[part]
            case list(), int() if part < len(here):
                here = here[part]
            case _:
                continue
        place = (*place, part)
    return place


def _at(arguments: Json, place: Sequence[str | int]) -> Json:
    here: Any = arguments
    for part in place:
        here = here[part]
    return here


def _has_template(value: Json) -> bool:
    match value:
        case str():
            return "{{" in value
        case dict():
            return any("{{" in key or _has_template(part) for key, part in value.items())
        case list():
            return any(map(_has_template, value))
        case _:
            return False


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _keys(model: type[BaseModel]) -> set[str]:
    """Return every name by which a field of the model may be given."""
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    return {key for name, field in model.model_fields.items() for key in _names(name, field, is_by_name=bool(by_name))}


def _names(name: str, field: FieldInfo, *, is_by_name: bool) -> Iterator[str]:
    match field.validation_alias:
        case str() as alias:
            yield alias
        case AliasChoices(choices=choices):
            yield from (choice for choice in choices if isinstance(choice, str))
        case _:
            yield name
    if is_by_name:
        yield name


def _model_at(model: type[BaseModel], place: Sequence[str | int]) -> type[BaseModel] | None:
    """Return the model of what stands at a place, None when it has none, or several."""
    here: type[BaseModel] | None = model
    for part in place:
        if here is None:
            return None
        if isinstance(part, int):
            continue  # an item of a list, whose model is that of the list's annotation
        field = next((f for n, f in here.model_fields.items() if part in (n, f.validation_alias)), None)
        inner = [] if field is None else list(_models_in(field.annotation))
        here = inner[0] if len(inner) == 1 else None
    return here


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _said(details: ErrorDetails) -> str:
    said = details["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]
