"""What `/openapi.json` says of bodies and of errors, beside what FastAPI finds out itself.

Bodies are read tolerantly, so that the judge's own parser says what is wrong with them; FastAPI sees no model there. A
route says with `takes` which models that parser has, and its schema is made from them.

Source: https://spec.openapis.org/oas/v3.1.0 (2026-11).

Must not know: which routes there are, how a body is read.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema
from typing_extensions import override

from hitl_temporal.api.problems import MEDIA_TYPE, ProblemDetails
from hitl_temporal.domain.approval.commands import Command
from hitl_temporal.domain.flow.commands import Operate

SAID_BY_DOORS = frozenset({"actor", "via", "assurance", "click"})
"""What no body of a command says: the door knows who calls, and how sure it is."""

APART = "body."
"""Before the names of what bodies are made of: what is sent may leave out what is answered always."""

OPEN = "health"
"""The tag of routes that need nobody's token."""

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}

_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")
"""What FastAPI takes for the answer to whatever does not fit; here that is a problem, too."""

Document = dict[str, Any]
"""Part of an OpenAPI document."""


def takes(*models: type[BaseModel]) -> Document:
    """Return what a route says beside itself (`openapi_extra`) when its body is read as one of these in the end."""
    ref = f"#/components/schemas/{APART}{{model}}"
    schemas = [model.model_json_schema(ref_template=ref, schema_generator=_OfBodies) for model in models]
    needed = all("required" in schema for schema in schemas)  # an empty body is read as `{}`
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"requestBody": {"required": needed, "content": {"application/json": {"schema": schema}}}}


def describe(app: FastAPI) -> Document:
    """Return the description of every route, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _document(app)
    return app.openapi_schema


def _document(app: FastAPI) -> Document:
    document: Document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas: Document = document["components"]["schemas"]
    for name in _FASTAPI_ERRORS:
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
    for operation in _operations(document):
        _say_problems(operation)
        if OPEN not in operation.get("tags", ()):
            operation["security"] = [{"token": []}]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["schema"] = _shared(content["schema"], schemas)
    return document


def _operations(document: Document) -> Iterator[Document]:
    for path in document["paths"].values():
        yield from path.values()


def _say_problems(operation: Document) -> None:
    """Say that whatever else comes back is a problem; a receipt with the same status stays beside it."""
    responses: Document = operation["responses"]
    if responses.get("422", {}).get("description") == "Validation Error":
        del responses["422"]
    for status, response in responses.items():
        if status >= "400" and "content" in response:
            response["content"].update(_PROBLEM)
    responses["default"] = {"description": "A problem: what happened, and what to do", "content": _PROBLEM}


def _shared(schema: Document, schemas: Document) -> Document:
    """Return a schema of a body without its own definitions, which go to those of the whole document."""
    for name, definition in schema.get("$defs", {}).items():
        known = schemas.setdefault(f"{APART}{name}", definition)
        assert known == definition, f"two bodies are made of different {name!r}: rename one of the models"
    rest = {name: part for name, part in schema.items() if name != "$defs"}
    return {**rest, "oneOf": [_shared(one, schemas) for one in rest["oneOf"]]} if "oneOf" in rest else rest


def _counted(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Say how many members an object has in JSON Schema's words; Pydantic, behind a validator, says it as of texts."""
    if schema.get("type") != "object":
        return schema
    return {{"minLength": "minProperties", "maxLength": "maxProperties"}.get(n, n): part for n, part in schema.items()}


class _OfBodies(GenerateJsonSchema):
    """Makes schemas of what people send."""

    @override
    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """Leave out of commands what doors say."""
        found = super().model_schema(schema)
        if not issubclass(schema["cls"], (Command, Operate)):
            return found
        properties = {name: _counted(part) for name, part in found["properties"].items() if name not in SAID_BY_DOORS}
        required = [name for name in found.get("required", ()) if name not in SAID_BY_DOORS]
        rest = {name: part for name, part in found.items() if name != "required"}
        return {**rest, "properties": properties, **({"required": required} if required else {})}
