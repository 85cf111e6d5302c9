"""Where a JSON value breaks its JSON Schema; the one place that touches `jsonschema`.

Must not know: flows, sentences.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from jsonschema import Draft202012Validator, SchemaError, validators

from hitl_temporal.domain.value import Json

from .formats import FORMATS

__all__ = ["DRAFT", "Violation", "schema_violation", "violations"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_Untyped: TypeAlias = Any
"""What `jsonschema` 4.26 hands out: its validators are made at run time and carry no types."""

_INT64 = range(-(2**63), 2**63)
"""What an expression can count with."""


class Violation(NamedTuple):
    """One rule of a schema that a value breaks.

    Attributes:
        at: The way from the value to the part that breaks it.
        keyword: The rule: `maximum`, `type`.
        limit: What the rule demands.
        value: What stands there instead.
        message: The library's sentence; it may repeat the value at any length.
    """

    at: tuple[str | int, ...]
    keyword: str
    limit: Json
    value: Json
    message: str


def violations(schema: Mapping[str, Json], value: Json) -> Iterator[Violation]:
    """Yield what of the value breaks the schema, in the order of the schema's rules."""
    for error in _VALIDATOR(schema, format_checker=FORMATS).iter_errors(value):
        yield _violation(error)


def schema_violation(schema: Mapping[str, Json]) -> Violation | None:
    """Return why this is no JSON Schema, None if it is one."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return _violation(error)
    return None


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _INT64


# In JSON Schema 5.0 is an integer too; in an expression it is a double, and `5.0 / 2` is not `5 / 2`.
_VALIDATORS: _Untyped = validators
_VALIDATOR: _Untyped = _VALIDATORS.extend(
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


def _violation(error: _Untyped) -> Violation:
    return Violation(
        tuple(error.absolute_path), str(error.validator), error.validator_value, error.instance, str(error.message)
    )
