"""JSON Schema of the documents, for editors: made from the models, so that both always say the same.

What the models accept by a validator of their own (a lone selector for a list of one, the forms of `needs`, the keys
of a single stage in the ask itself) is written here by hand; a test holds it against the models.

Must not know: files, problems.
"""

from collections.abc import Callable
from typing import cast

from pydantic import BaseModel

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json

from .site import Site
from .violations import DRAFT

__all__ = ["SCHEMAS", "flow_schema", "people_schema", "site_schema"]

Schema = dict[str, Json]

_ALONE_OR_LIST = ("fallback", "not", "start", "via", "who")
"""Keys at which one text may stand for a list of one."""


def flow_schema() -> Schema:
    """Return the JSON Schema of flow.yaml."""
    schema = _schema(Flow, "A flow of hitl-temporal")
    parts = _object(schema["$defs"])
    ask, stage, step, extend = (_object(parts[name]) for name in ("Ask", "Stage", "Step", "Extend"))
    for part in (schema, ask, stage):
        for key, written in _object(part["properties"]).items():
            if key in _ALONE_OR_LIST:
                _object(part["properties"])[key] = {"anyOf": [{"type": "string"}, written]}
    _object(step["properties"])["needs"] = {"oneOf": [_need(), {"type": "array", "items": _need()}]}
    parts.pop("Need", None)
    step["oneOf"] = [{"required": [verb]} for verb in ("call", "ask", "wait")]
    step["dependentRequired"] = {"grant": ["call", "undo"]}
    _let_stage_keys_stand_in(ask, stage)
    parts["ExtensionAsk"] = {**ask, "required": []}  # what is asked is known: the title may be left out
    _object(extend["properties"])["ask"] = {"anyOf": [{"$ref": "#/$defs/ExtensionAsk"}, {"type": "null"}]}
    return schema


def people_schema() -> Schema:
    """Return the JSON Schema of people.yaml."""
    return _schema(People, "The directory of a project of hitl-temporal")


def site_schema() -> Schema:
    """Return the JSON Schema of site.yaml."""
    return _schema(Site, "The site of a project of hitl-temporal")


SCHEMAS: dict[str, Callable[[], Schema]] = {
    "flow.yaml": flow_schema,
    "people.yaml": people_schema,
    "site.yaml": site_schema,
}
"""What makes the schema, by the name of the document."""


def _schema(model: type[BaseModel], title: str) -> Schema:
    return {"$schema": DRAFT, **model.model_json_schema(by_alias=True), "title": title}


def _object(schema: Json) -> Schema:
    # A schema made by pydantic: what is an object in it is known, the type of JSON can't say it.
    return cast("Schema", schema)


def _let_stage_keys_stand_in(ask: Schema, stage: Schema) -> None:
    """Let an ask have either `stages` or the keys of a single one."""
    own, of_stage = _object(ask["properties"]), _object(stage["properties"])
    only_of_stage = {key: written for key, written in of_stage.items() if key not in own}
    ask["properties"] = {**own, **only_of_stage}
    ask["required"] = ["title"]
    beside_stages: Schema = dict.fromkeys(only_of_stage, False)
    ask["oneOf"] = [
        {"required": ["stages"], "properties": beside_stages},
        {"required": ["who"], "properties": {"stages": False}},
    ]


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
