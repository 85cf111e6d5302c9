"""JSON Schema of the documents, for editors: made from the models, so that both always say the same.

What the models check by validators of their own (the forms of `needs` and of a stage, what goes with what) is written
by hand, here, in step_schema.py and trigger_schema.py; tests hold it against the models, on written and on generated
documents. What no schema can say stays with `hitl validate`: whether an expression is CEL, whether a name is one.

Must not know: files, problems.
"""

from collections.abc import Callable, Iterator
from typing import cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import override

from hitl_temporal.domain.approval.ask import NO_OUTCOME_NAMES
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json

from .ask_keys import ASK_KEYS
from .documents import parse
from .keys import KEYS, Keys
from .site import Site
from .step_schema import bind_steps
from .trigger_schema import bind_triggers
from .violations import DRAFT

__all__ = ["SCHEMAS", "flow_schema", "people_schema", "site_schema"]

Schema = dict[str, Json]


def flow_schema() -> Schema:
    """Return the JSON Schema of flow.yaml."""
    schema = _schema(Flow, "A flow of hitl-temporal")
    parts = _object(schema["$defs"])
    parts.pop("Need", None)
    bind_steps(parts)
    bind_triggers(parts)
    ask = _object(parts["Ask"])
    _bind_ask(ask, _object(parts["Stage"]))
    parts["AskWithTitle"] = {**ask, "required": []}  # what is asked is known: the title may be left out
    known: Schema = {"$ref": "#/$defs/AskWithTitle"}
    _object(_object(parts["Extend"])["properties"])["ask"] = {"anyOf": [known, {"type": "null"}]}
    _object(_object(parts["Repair"])["properties"])["ask"] = known
    _bind_stages(parts)
    return _finished(schema, Flow)


def people_schema() -> Schema:
    """Return the JSON Schema of people.yaml."""
    return _finished(_schema(People, "The directory of a project of hitl-temporal"), People)


def site_schema() -> Schema:
    """Return the JSON Schema of site.yaml."""
    schema = _schema(Site, "The site of a project of hitl-temporal")
    parts = _object(schema["$defs"])
    ask = _object(parts["Ask"])
    _bind_ask(ask, _object(parts["Stage"]))
    ask["required"] = []  # what is asked is known: the title may be left out
    _bind_stages(parts)
    return _finished(schema, Site)


SCHEMAS: dict[str, Callable[[], Schema]] = {
    "flow.yaml": flow_schema,
    "people.yaml": people_schema,
    "site.yaml": site_schema,
}
"""What makes the schema, by the name of the document."""


class _Generator(GenerateJsonSchema):
    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False  # It would only say the key again.


def _schema(model: type[BaseModel], title: str) -> Schema:
    made = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": DRAFT, **made, "title": title}


def _object(schema: Json) -> Schema:
    # A schema made by pydantic: what is an object in it is known, the type of JSON can't say it.
    return cast("Schema", schema)


# --- What goes with what ----------------------------------------------------------------------------------------------

_SOME: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]}
"""Selectors that are there: one, or a list that is not empty."""

_EMPTY: Schema = {"type": "array", "maxItems": 0}
_WITHOUT_PICK: Schema = {"properties": {"pick": {"type": "null"}}}


def _one_stage() -> Schema:
    """Return what every stage has: its people, in one of two ways."""
    return {
        "oneOf": [
            {"required": ["who"], "properties": {"who": _SOME, "any_of": _EMPTY}},
            {
                "required": ["any_of"],
                "properties": {"any_of": {"type": "array", "minItems": 1}, "who": False, "approve": False},
            },
        ]
    }


def _bind_stages(parts: Schema) -> None:
    """Write down which keys of a stage and of what is in it go together."""
    stage, escalation = _object(parts["Stage"]), _object(parts["Escalation"])
    does_not_pick: Schema = {
        "anyOf": [
            {"required": ["approve"], "properties": {"approve": {"const": "each"}}},
            {"required": ["any_of"], "properties": {"any_of": {"type": "array", "minItems": 1}}},
        ]
    }
    stage |= {**_one_stage(), "if": does_not_pick, "then": _WITHOUT_PICK}
    escalation |= {
        "if": {"required": ["how"], "properties": {"how": {"const": "decide"}}},
        "then": {"required": ["outcome"], "properties": {"outcome": {"type": "string"}, "to": _EMPTY}},
        "else": {"required": ["to"], "properties": {"outcome": {"type": "null"}, "to": _SOME}},
    }


def _bind_ask(ask: Schema, stage: Schema) -> None:
    """Let an ask have either `stages` or the keys of a single one; write down which of its keys go together."""
    own, of_stage = _object(ask["properties"]), _object(stage["properties"])
    only_of_stage = {key: written for key, written in of_stage.items() if key not in own}
    beside_stages: Schema = dict.fromkeys(only_of_stage, False)
    alone = _one_stage()
    rules: Schema = {"required": ["auto"], "properties": {"auto": {"minItems": 1}}}
    taken: Schema = {"enum": [*sorted(NO_OUTCOME_NAMES)]}
    _object(own["outcomes"])["propertyNames"] = {"maxLength": 100, "not": taken}
    ask["properties"] = {**own, **only_of_stage}
    ask["required"] = ["title"]
    ask["oneOf"] = [
        {"required": ["stages"], "properties": beside_stages},
        {"properties": {"stages": False}, **alone},
    ]
    ask["allOf"] = [
        {"if": {"required": ["shadow"], "properties": {"shadow": {"const": True}}}, "then": rules},
        {"if": {"required": ["sample"], "properties": {"sample": {"type": "string"}}}, "then": rules},
    ]


# --- What editors show ------------------------------------------------------------------------------------------------


def _finished(schema: Schema, model: type[BaseModel]) -> Schema:
    """Return the schema with what each key is for, and with no names where a pattern says which there may be."""
    parts = {name: _object(part) for name, part in _object(schema.get("$defs", {})).items()} | {model.__name__: schema}
    for part in parts.values():
        if "description" in part:
            part["description"] = " ".join(str(part["description"]).partition("\n\n")[0].split())
    for documented, keys in (*KEYS.items(), *ASK_KEYS.items()):
        if documented.__name__ in parts:
            _explain(_object(parts[documented.__name__]["properties"]), documented, keys)
    for inner in _schemas(schema):
        if "patternProperties" in inner:
            inner.setdefault("additionalProperties", False)
    return schema


def _explain(properties: Schema, model: type[BaseModel], keys: Keys) -> None:
    """Say of each key of a model what it is for, and what holds without it."""
    for name, field in model.model_fields.items():
        written = _object(properties[field.alias or name])
        if field.default_factory is not None:
            written["default"] = cast("Json", field.get_default(call_default_factory=True))
        if (key := keys.get(field.alias or name)) is not None:
            written["description"] = key.meaning
            if key.example:
                written["examples"] = [_value(key.example)]


def _value(example: str) -> Json:
    document, problems = parse(example, "example")
    assert document is not None, problems
    return document.data


def _schemas(schema: Json) -> Iterator[Schema]:
    """Yield every object in a schema."""
    match schema:
        case dict():
            yield schema
            for inner in schema.values():
                yield from _schemas(inner)
        case list():
            for inner in schema:
                yield from _schemas(inner)
        case _:
            pass
