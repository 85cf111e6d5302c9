"""Where a JSON value breaks its rules, and the sentence that says so.

The verdict is the one that JSON Schema gives, with what expressions need: a whole number fits into 64 bits, a number is
finite, and multiples are taken of the decimal fractions that are written, so that 1.13 is a multiple of 0.01.

Must not know: whose value it is, flows, forms, `jsonschema`.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from hitl_temporal.domain.formats import is_of
from hitl_temporal.domain.patterns import is_found
from hitl_temporal.domain.rules import Part, Rules
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.words import found, shorten

__all__ = ["IS", "LONGEST_MATCHED", "TYPES", "Violation", "is_multiple", "path", "said", "violations"]

LONGEST_MATCHED: Final = 10_000
"""How long a text may be that is held against a pattern or a format, whose time grows with it."""

_INT64: Final = range(-(2**63), 2**63)
"""What an expression can count with."""


class Violation(NamedTuple):
    """One rule that a value breaks.

    Attributes:
        at: The way from the value to the part that breaks it.
        keyword: The rule: `maximum`, `type`.
        limit: What the rule demands.
        value: What stands there instead.
    """

    at: tuple[str | int, ...]
    keyword: str
    limit: Json
    value: Json


# --- The verdict ----------------------------------------------------------------------------------------------------


def violations(rules: Rules, value: Json, at: tuple[str | int, ...] = ()) -> Iterator[Violation]:
    """Yield what of a value breaks its rules: the type alone if it is another one, else every rule."""
    if rules.type is not None and not IS[rules.type](value):
        yield Violation(at, "type", rules.type, value)
        return
    for keyword, limit in _broken(rules, value):
        yield Violation(at, keyword, limit, value)
    match value:
        case list() if rules.items is not None:
            for index, item in enumerate(value):
                yield from violations(rules.items, item, (*at, index))
        case dict() if rules.properties is not None:
            for name in filter(value.__contains__, rules.properties):
                yield from violations(rules.properties[name], value[name], (*at, name))
        case _:
            pass


def _broken(rules: Rules, value: Json) -> Iterator[tuple[str, Json]]:
    """Yield keyword and limit of each rule that the value itself breaks, whatever lies in it."""
    if rules.enum is not None and _identity(value) not in map(_identity, rules.enum):
        yield "enum", list(rules.enum)
    match value:
        case bool():
            pass
        case int() | float():
            yield from _broken_by_number(rules, value)
        case str():
            yield from _broken_by_text(rules, value)
        case list():
            yield from _broken_by_count(rules, value)
        case dict() if isinstance(rules, Part) and not value.keys() >= {*rules.required}:
            yield "required", list(rules.required)
        case _:
            pass


def _broken_by_number(rules: Rules, value: float) -> Iterator[tuple[str, Json]]:
    if rules.minimum is not None and value < rules.minimum:
        yield "minimum", rules.minimum
    if rules.maximum is not None and value > rules.maximum:
        yield "maximum", rules.maximum
    if rules.exclusive_minimum is not None and value <= rules.exclusive_minimum:
        yield "exclusiveMinimum", rules.exclusive_minimum
    if rules.exclusive_maximum is not None and value >= rules.exclusive_maximum:
        yield "exclusiveMaximum", rules.exclusive_maximum
    if rules.multiple_of is not None and not is_multiple(value, rules.multiple_of):
        yield "multipleOf", rules.multiple_of


def _broken_by_text(rules: Rules, value: str) -> Iterator[tuple[str, Json]]:
    if rules.min_length is not None and len(value) < rules.min_length:
        yield "minLength", rules.min_length
    if rules.max_length is not None and len(value) > rules.max_length:
        yield "maxLength", rules.max_length
    if len(value) > LONGEST_MATCHED and (rules.pattern is not None or rules.format is not None):
        yield "maxLength", LONGEST_MATCHED
        return
    if rules.pattern is not None and not is_found(rules.pattern, value):
        yield "pattern", rules.pattern
    if rules.format is not None and not is_of(rules.format, value):
        yield "format", rules.format


def _broken_by_count(rules: Rules, value: list[Json]) -> Iterator[tuple[str, Json]]:
    if rules.min_items is not None and len(value) < rules.min_items:
        yield "minItems", rules.min_items
    if rules.max_items is not None and len(value) > rules.max_items:
        yield "maxItems", rules.max_items
    if rules.unique_items and len({_identity(item) for item in value}) < len(value):
        yield "uniqueItems", True


def is_integer(value: object) -> bool:
    """Return whether this is a whole number that expressions can count with; 3.0 is one."""
    match value:
        case bool():
            return False
        case int():
            return value in _INT64
        case float():
            return value.is_integer() and int(value) in _INT64
        case _:
            return False


def is_number(value: object) -> bool:
    """Return whether this is a finite number, and not too large for a double."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def is_multiple(value: float, divisor: float) -> bool:
    """Return whether a number is a multiple of another, both taken as the decimal fractions that are written.

    Infinity and NaN are multiples of nothing.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return (_exact(value) / _exact(divisor)).denominator == 1


def _exact(number: float) -> Fraction:
    # `repr` is the shortest decimal text that is read as this double: what a person wrote.
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _identity(value: Json) -> Hashable:
    """Return what is equal for equal JSON values: 1 and 1.0 are the same, 1 and true are not."""
    match value:
        case list():
            return tuple(map(_identity, value))
        case dict():
            return frozenset((name, _identity(inner)) for name, inner in value.items())
        case _:
            return isinstance(value, bool), value


IS: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": is_integer,
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
"""What tells whether a value is of a type."""


# --- The sentence ---------------------------------------------------------------------------------------------------

TYPES: Final[Mapping[str, str]] = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}
"""What a value of a type is called, with its article."""

_SAID: Final[Mapping[str, str]] = {
    "type": "{value} is not {limit}",
    "enum": "{value} is not one of {limit}",
    "minimum": "{value} is less than the minimum of {limit}",
    "maximum": "{value} is more than the maximum of {limit}",
    "exclusiveMinimum": "{value} is not more than {limit}",
    "exclusiveMaximum": "{value} is not less than {limit}",
    "multipleOf": "{value} is not a multiple of {limit}",
    "minLength": "shorter than the minimum of {limit} characters",
    "maxLength": "longer than the maximum of {limit} characters",
    "pattern": "{value} does not match {limit!r}",
    "format": "{value} is not a valid {limit}",
    "minItems": "has fewer entries than the minimum of {limit}",
    "maxItems": "has more entries than the maximum of {limit}",
    "uniqueItems": "has an entry twice",
    "required": "lacks {limit}",
}


def said(violation: Violation, *, is_sensitive: bool) -> str:
    """Return what is wrong in a few words; a sensitive value is not repeated."""
    value = "the value" if is_sensitive else _shown(violation.value)
    return _SAID[violation.keyword].format(value=value, limit=_limit(violation))


def path(name: str, violation: Violation) -> str:
    """Return the way to what breaks a rule as a person writes it, such as `rows[2].amount`; bounded."""
    inner = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in violation.at)
    return shorten(name + inner, 200)


def _limit(violation: Violation) -> str:
    match violation.keyword, violation.limit:
        case "type", kind:
            return TYPES[str(kind)]
        case "enum", list(allowed):
            return shorten(", ".join(one if isinstance(one, str) else _shown(one) for one in allowed), 200)
        case "required", list(names):
            given = violation.value if isinstance(violation.value, dict) else {}
            return shorten(", ".join(repr(name) for name in names if name not in given), 100)
        case _:
            return shorten(str(violation.limit), 100)


def _shown(value: Json) -> str:
    return found(value).removeprefix("the number ")
