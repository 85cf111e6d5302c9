"""The form of a flow: one question per input, made from its JSON Schema, and what people typed as values.

Nothing is refused here: a text that is no number stays a text, and starting the flow says what is wrong with it.

Must not know: flows, HTTP.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hitl_temporal.domain.value import Json, canonical

PREFIX = "input."
"""Before the name of each field, so that an input may have the name of a field of ours."""


class Question(NamedTuple):
    """One input as a form asks for it.

    Attributes:
        kind: What draws it: `choice`, `text`, `lines`, or another type of HTML's `input`.
        text: What stands there: what was typed, else the default.
        choices: Of a `choice`, as texts; the empty one is not among them.
        bounds: Attributes of HTML that tell a browser what fits.
    """

    name: str
    label: str
    hint: str
    kind: str
    is_required: bool
    text: str
    choices: tuple[str, ...]
    bounds: tuple[tuple[str, str], ...]

    @property
    def field(self) -> str:
        """The name of its field."""
        return f"{PREFIX}{self.name}"


def questions(schema: Mapping[str, Json], form: Mapping[str, str]) -> tuple[Question, ...]:
    """Return what to ask, in the order of the flow's inputs; with what was typed before, if anything was."""
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    return tuple(_question(name, found, form, is_required=name in needed) for name, found in _properties(schema))


def answers(schema: Mapping[str, Json], form: Mapping[str, str]) -> dict[str, Json]:
    """Return the inputs that were typed; an empty field is an input that was not given."""
    typed = {name: (found.get("type"), form.get(f"{PREFIX}{name}", "")) for name, found in _properties(schema)}
    return {name: text if kind == "string" else _read(text) for name, (kind, text) in typed.items() if text}


def _properties(schema: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    properties = schema.get("properties")
    for name, found in properties.items() if isinstance(properties, dict) else ():
        if isinstance(found, dict):
            yield name, found


def _question(name: str, schema: Mapping[str, Json], form: Mapping[str, str], *, is_required: bool) -> Question:
    kind = _kind(schema)
    text = form.get(f"{PREFIX}{name}", _written(schema["default"]) if "default" in schema else "")
    hint = str(schema.get("description") or "")
    if kind == "lines":
        hint = f"{hint} ({'a list' if schema.get('type') == 'array' else 'an object'}, as JSON)".strip()
    return Question(
        name=name,
        label=str(schema.get("title") or name),
        hint=hint,
        kind=kind,
        is_required=is_required,
        text="" if kind == "password" else text,
        choices=_choices(schema),
        bounds=tuple(_bounds(schema, kind)),
    )


def _kind(schema: Mapping[str, Json]) -> str:
    match schema:
        case {"writeOnly": True}:
            return "password"
        case {"enum": list()} | {"type": "boolean"}:
            return "choice"
        case {"type": "integer" | "number"}:
            return "number"
        case {"type": "array" | "object"}:
            return "lines"
        case {"format": "email" | "date" as kind}:
            return kind
        case _:
            return "text"


def _choices(schema: Mapping[str, Json]) -> tuple[str, ...]:
    match schema.get("enum"):
        case list(values):
            return tuple(map(_written, values))
        case _:
            return ("true", "false") if schema.get("type") == "boolean" else ()


def _bounds(schema: Mapping[str, Json], kind: str) -> Iterator[tuple[str, str]]:
    if kind == "number":
        yield "step", "1" if schema.get("type") == "integer" else "any"
        yield "inputmode", "numeric" if schema.get("type") == "integer" else "decimal"
    for ours, html in (("minimum", "min"), ("maximum", "max"), ("minLength", "minlength"), ("maxLength", "maxlength")):
        if isinstance(limit := schema.get(ours), (int, float)):
            yield html, str(limit)


def _written(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None else canonical(value)


def _read(text: str) -> Json:
    try:
        value: Json = json.loads(text)
        canonical(value).encode()  # Python reads more than JSON has: NaN, infinities, lone surrogates
    except (ValueError, RecursionError):
        return text
    return value
