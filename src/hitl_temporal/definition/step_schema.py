"""What the models of a step check by validators of their own, as JSON Schema.

Must not know: asks, what editors show.
"""

from typing import cast

from hitl_temporal.domain.duration import PATTERN
from hitl_temporal.domain.flow.step import BELONGS, VERBS
from hitl_temporal.domain.flow.verbs import WAITS
from hitl_temporal.domain.value import Json

__all__ = ["bind_steps"]

Schema = dict[str, Json]


def bind_steps(parts: Schema) -> None:
    """Write down which keys of a step and of what is in it go together, and their short forms.

    Args:
        parts: The definitions of a schema, by name; changed in place.
    """
    _bind_step(_part(parts, "Step"))
    _bind_undo(_part(parts, "Undo"))
    _bind_job(_part(parts, "Job"))
    _bind_wait(_part(parts, "Wait"))


def _need() -> Schema:
    """Return the schema of one entry of `needs`."""
    step: Schema = {"type": "string"}
    steps: Schema = {"type": "array", "items": step, "minItems": 1}
    results: Schema = {"anyOf": [step, steps]}
    any_of: Schema = {"any": results, "is": results}
    count_of: Schema = {"of": results, "count": {"type": "integer", "minimum": 1}, "is": results, "results": results}
    pair: Schema = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {"any": False, "of": False},
        "additionalProperties": results,
    }
    return {
        "oneOf": [
            step,
            {"type": "object", "properties": any_of, "required": ["any"], "additionalProperties": False},
            {"type": "object", "properties": count_of, "required": ["of"], "additionalProperties": False},
            pair,
        ]
    }


def _bind_step(step: Schema) -> None:
    _properties(step)["needs"] = {"oneOf": [_need(), {"type": "array", "items": _need()}, {"type": "null"}]}
    step["oneOf"] = [_is(verb) for verb in VERBS]
    step["dependentSchemas"] = {key: {"anyOf": [_is(verb) for verb in verbs]} for key, verbs in BELONGS.values()}
    is_first: Schema = {"required": ["first"], "properties": {"first": {"const": True}}}
    keeps: Schema = {"required": ["keep"], "properties": {"keep": {"const": True}}}
    some_units: Schema = {"required": ["uses"], "properties": {"uses": {"minProperties": 1}}}
    step["allOf"] = [
        {"if": _has("each"), "then": _has("do")},
        {"if": _has("grant"), "then": _has("undo")},
        {"if": is_first, "then": {"not": _has("repeat")}},
        {"if": keeps, "then": some_units},
    ]


def _is(verb: str) -> Schema:
    """Return what a step of a verb has; an `each` has its steps in `do`, and is no block."""
    return {**_has("do"), "not": _has("each")} if verb == "do" else _has(verb)


def _has(key: str) -> Schema:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _bind_undo(undo: Schema) -> None:
    undo["oneOf"] = [_has(verb) for verb in ("call", "run", "flow")]
    undo["allOf"] = [{"if": _has("run"), "then": {"properties": {"with": False}}}]


def _bind_job(job: Schema) -> None:
    job["oneOf"] = [_has(key) for key in ("command", "script")]
    properties = _properties(job)
    words, text, nothing = cast("list[Schema]", cast("Schema", properties["command"])["anyOf"])
    properties["command"] = {"anyOf": [{**words, "minItems": 1}, {**text, "minLength": 1}, nothing], "default": None}
    properties["args"] = {"anyOf": [words, {"type": "string", "pattern": r"^\s*\{\{[\s\S]*\}\}\s*$"}], "default": []}
    env = cast("Schema", properties["env"])
    env["propertyNames"] = {"maxLength": 200, "not": {"pattern": "^HITL_"}}


def _bind_wait(wait: Schema) -> None:
    wait["oneOf"] = [_has(key) for key in WAITS]
    properties = _properties(wait)
    duration: Schema = {"type": "string", "pattern": rf"^{PATTERN}$|\{{\{{"}
    properties["for"] = {"anyOf": [duration, {"type": "null"}], "default": None}
    for key in ("file", "run"):
        whole, nothing = cast("list[Schema]", cast("Schema", properties[key])["anyOf"])
        properties[key] = {"anyOf": [{"type": "string"}, whole, nothing], "default": None}


def _part(parts: Schema, name: str) -> Schema:
    return cast("Schema", parts[name])


def _properties(part: Schema) -> Schema:
    return cast("Schema", part["properties"])
