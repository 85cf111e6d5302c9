"""Where a JSON value breaks its JSON Schema; the one place that touches `jsonschema`.

Must not know: flows, sentences.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from hitl_temporal.domain.formats import FORMATS, is_of
from hitl_temporal.domain.patterns import is_found
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import IS, Violation, is_multiple

__all__ = ["DRAFT", "violations"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_Untyped: TypeAlias = Any
"""What `jsonschema` 4.26 hands out: its validators are made at run time and carry no types."""


def violations(schema: Mapping[str, Json], value: Json) -> Iterator[Violation]:
    """Yield what of the value breaks the schema, in the order of the schema's rules."""
    for error in _VALIDATOR(schema, format_checker=_FORMATS).iter_errors(value):
        yield Violation(tuple(error.absolute_path), str(error.validator), error.validator_value, error.instance)


def _multiple(_: object, divisor: float, value: Json, __: object) -> Iterator[ValidationError]:
    """Count in decimals: the library divides doubles, and 1.13 / 0.01 is 112.99999999999999 there."""
    if isinstance(value, int | float) and not isinstance(value, bool) and not is_multiple(value, divisor):
        yield ValidationError("no multiple")


def _pattern(_: object, pattern: str, value: Json, __: object) -> Iterator[ValidationError]:
    """Search as the domain does: the library's own `re` may search for ever."""
    if isinstance(value, str) and not is_found(pattern, value):
        yield ValidationError("no match")


def _format(name: str) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or is_of(name, value)


def _kind(is_kind: Callable[[object], bool]) -> Callable[[object, object], bool]:
    return lambda _, value: is_kind(value)


_FORMATS: Final = FormatChecker(formats=())
for _name in FORMATS:
    _FORMATS.checks(_name)(_format(_name))

_VALIDATORS: _Untyped = validators
_VALIDATOR: _Untyped = _VALIDATORS.extend(
    Draft202012Validator,
    validators={"multipleOf": _multiple, "pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {kind: _kind(is_kind) for kind, is_kind in IS.items()}
    ),
)
