"""Declared inputs that no value could satisfy, or that check less than they seem to.

Must not know: what somebody gives.
"""

from collections.abc import Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.formats import FORMATS
from hitl_temporal.definition.inputs import check_value
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.violations import schema_violation
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json

__all__ = ["check_declarations"]


def check_declarations(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the inputs that a flow declares."""
    for name, declared in flow.inputs.items():
        at = ("inputs", name)
        schema = declared.json_schema()
        broken = schema_violation(schema)
        if broken is not None:
            mend = "see https://json-schema.org/understanding-json-schema"
            yield document.problem((*at, *broken.at), f"input {name!r} is no JSON Schema: {broken.message}", mend)
            continue
        unsound = list(_check_rules(document, at, schema))
        yield from unsound
        if "default" in schema and not unsound:
            for problem in check_value(name, declared, declared.default) if declared.default is not None else ():
                yield document.problem((*at, "default"), f"the default does not fit: {problem.message}", "change it")


def _check_rules(document: Document, at: At, schema: Json) -> Iterator[Problem]:
    """Yield what JSON Schema allows but we don't, in a schema and in those inside it."""
    if not isinstance(schema, dict):
        return
    match schema:
        case {"$ref": _}:
            # A reference may name an address, and checking an input must never read one.
            yield document.problem((*at, "$ref"), "`$ref` is not supported by this version", "write the schema out")
        case _:
            pass
    match schema.get("format"):
        case str(name) if name not in FORMATS.checkers:
            mend = resembling(name, FORMATS.checkers, f"known: {', '.join(sorted(FORMATS.checkers))}")
            yield document.problem((*at, "format"), f"nothing checks the format {name!r}", mend, "warning")
        case _:
            pass
    yield from _check_rules(document, (*at, "items"), schema.get("items"))
    match schema.get("properties"):
        case dict(properties):
            for name, inner in properties.items():
                yield from _check_rules(document, (*at, "properties", name), inner)
        case _:
            pass
