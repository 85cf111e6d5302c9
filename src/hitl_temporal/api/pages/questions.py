"""Forms: one question per value, made from its JSON Schema or from the value it has, and what was typed as values.

Nothing is refused here: a text that is no number stays a text, and whoever is sent it says what is wrong with it.

Must not know: flows, approvals, HTTP.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from hitl_temporal.domain.inputs import HIDDEN
from hitl_temporal.domain.value import Json, canonical

PREFIX = "input."
"""Before the name of each field, so that an input may have the name of a field of ours."""


NameOf = Callable[[str, bool], str]
"""Gives the name of a field, for the name of a value and whether it is a text."""


def plain(name: str, is_text: bool) -> str:  # noqa: ARG001, FBT001 - one shape for all
    """Return the name of the field of a flow's input."""
    return f"{PREFIX}{name}"


LONG = 80
"""Texts longer than this get room of several lines."""


class Question(NamedTuple):
    """One value as a form asks for it.

    Attributes:
        field: The name of its field.
        kind: What draws it: `choice`, `many`, `text`, `lines`, or another type of HTML's `input`.
        text: What stands there: what was typed, else the default.
        choices: Of a `choice`, as texts; the empty one is not among them. Of `many` as JSON, one field each, numbered.
        chosen: Which of `many` are.
        bounds: Attributes of HTML that tell a browser what fits.
        was: What stands there if nobody types, which the form says beside it; None: it does not matter.
        may_be_empty: Whether leaving it empty is an answer, too.
    """

    name: str
    field: str
    label: str
    hint: str
    kind: str
    is_required: bool
    text: str
    choices: tuple[str, ...]
    bounds: tuple[tuple[str, str], ...]
    chosen: tuple[str, ...] = ()
    was: str | None = None
    may_be_empty: bool = False


def questions(schema: Mapping[str, Json], form: Mapping[str, str], name_of: NameOf = plain) -> tuple[Question, ...]:
    """Return what to ask, in the order of the properties; with what was typed before, if anything was."""
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    found = ((name, part, name_of(name, part.get("type") == "string")) for name, part in _properties(schema))
    asked = (_question(name, field, part, form, is_required=name in needed) for name, part, field in found)
    return tuple(q._replace(was=None) if name_of is plain else q for q in asked)


def changeable(values: Mapping[str, Json], form: Mapping[str, str], name_of: NameOf) -> tuple[Question, ...]:
    """Return a question for each value that may be changed, with what it is now, or what was typed before."""
    return tuple(
        _changeable(name, value, name_of(name, isinstance(value, str)), form) for name, value in values.items()
    )


def answers(schema: Mapping[str, Json], form: Mapping[str, str]) -> dict[str, Json]:
    """Return the inputs that were typed; an empty field is an input that was not given."""
    found: dict[str, Json] = {}
    for name, part in _properties(schema):
        field = plain(name, part.get("type") == "string")
        text = form.get(field, "")
        if _kind(part) == "many":
            some = chosen(field, form)
            found |= {name: [read(one) for one in some]} if some else {}
        elif text:
            found[name] = text if part.get("type") == "string" else read(text)
    return found


def chosen(field: str, form: Mapping[str, str]) -> tuple[str, ...]:
    """Return what was chosen of `many`, as JSON, in the order of the choices."""
    numbers = (name.removeprefix(f"{field}.") for name in form if name.startswith(f"{field}."))
    return tuple(form[f"{field}.{n}"] for n in sorted((n for n in numbers if n.isdecimal()), key=int))


def _properties(schema: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    properties = schema.get("properties")
    for name, found in properties.items() if isinstance(properties, dict) else ():
        if isinstance(found, dict):
            yield name, found


def _question(
    name: str, field: str, schema: Mapping[str, Json], form: Mapping[str, str], *, is_required: bool
) -> Question:
    kind = _kind(schema)
    default = written(schema["default"]) if "default" in schema else ""
    text = form.get(field, default)
    hint = str(schema.get("description") or "")
    if kind == "lines":
        hint = f"{hint} ({'a list' if schema.get('type') == 'array' else 'an object'}, as JSON)".strip()
    return Question(
        name=name,
        field=field,
        label=str(schema.get("title") or name),
        hint=hint,
        kind=kind,
        is_required=is_required,
        text="" if kind == "password" else text,
        choices=_choices(schema),
        chosen=chosen(field, form) if kind == "many" else (),
        was="" if kind == "password" else default,
        may_be_empty=not is_required,
        bounds=tuple(_bounds(schema, kind)),
    )


def _changeable(name: str, value: Json, field: str, form: Mapping[str, str]) -> Question:
    text = written(value)
    match value:
        case bool():
            kind = "choice"
        case int() | float():
            kind = "number"
        case list() | dict():
            kind = "lines"
        case str() if value == HIDDEN:
            kind, text = "password", ""
        case _:
            kind = "lines" if "\n" in text or len(text) > LONG else "text"
    return Question(
        name=name,
        field=field,
        label=name,
        hint="as JSON" if isinstance(value, list | dict) else "",
        kind=kind,
        is_required=False,
        text="" if kind == "password" else form.get(field, text),
        choices=("true", "false") if kind == "choice" else (),
        bounds=(("step", "any"), ("inputmode", "decimal")) if kind == "number" else (),
        was=text,
    )


def _kind(schema: Mapping[str, Json]) -> str:
    match schema:
        case {"writeOnly": True}:
            return "password"
        case {"enum": list()} | {"type": "boolean"}:
            return "choice"
        case {"type": "integer" | "number"}:
            return "number"
        case {"type": "array", "items": {"enum": list()}}:
            return "many"
        case {"type": "array" | "object"}:
            return "lines"
        case {"format": "email" | "date" as kind}:
            return kind
        case _:
            return "text"


def _choices(schema: Mapping[str, Json]) -> tuple[str, ...]:
    match schema:
        case {"type": "array", "items": {"enum": list(values)}}:
            return tuple(map(canonical, values))
        case {"enum": list(values)}:
            return tuple(map(written, values))
        case _:
            return ("true", "false") if schema.get("type") == "boolean" else ()


def _bounds(schema: Mapping[str, Json], kind: str) -> Iterator[tuple[str, str]]:
    if kind == "number":
        yield "step", "1" if schema.get("type") == "integer" else "any"
        yield "inputmode", "numeric" if schema.get("type") == "integer" else "decimal"
    for ours, html in (("minimum", "min"), ("maximum", "max"), ("minLength", "minlength"), ("maxLength", "maxlength")):
        if isinstance(limit := schema.get(ours), (int, float)):
            yield html, str(limit)


def written(value: Json) -> str:
    """Return a value as it stands in a field: texts as they are, nothing for none, the rest as JSON."""
    return value if isinstance(value, str) else "" if value is None else canonical(value)


def read(text: str) -> Json:
    """Return what a text says as JSON, or the text where it says nothing in JSON."""
    try:
        value: Json = json.loads(text)
        canonical(value).encode()  # Python reads more than JSON has: NaN, infinities, lone surrogates
    except (ValueError, RecursionError):
        return text
    return value
