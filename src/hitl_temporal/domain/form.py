"""What somebody filled in, held against the fields that are declared, and completed.

Every message names its field; the value of a sensitive field is never in one.

Must not know: who filled it in, approvals, flows, HTTP.
"""

from collections.abc import Mapping

from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.rules import Rules
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import TYPES, path, said, violations
from hitl_temporal.domain.words import shorten

__all__ = ["check", "complete", "problem"]


def problem(fields: Mapping[str, Input], values: Mapping[str, Json]) -> str | None:
    """Return the first thing that is wrong with a form, None when it fits.

    A field that is not declared comes first, then the declared ones in their order. Null is a field left empty.
    """
    for name in values:
        if name not in fields:
            known = f"the form has {', '.join(fields)}" if fields else "there is no form to fill in"
            return f"form.{shorten(name, 100)}: unknown field; {shorten(known)}"
    for name, field in fields.items():
        value = values.get(name)
        if value is not None:
            wrong = check(f"form.{name}", field, value)
        else:
            wrong = f"form.{name}: missing; it is {TYPES[field.type]}" if field.is_required else None
        if wrong is not None:
            return wrong
    return None


def complete(fields: Mapping[str, Input], values: Mapping[str, Json]) -> dict[str, Json]:
    """Return a form that fits with every field, in the order of the fields and in the types declared.

    A field that is left empty has its default, else null. A `number` is a double and an `integer` an int, so that
    expressions count the same way each time.
    """
    filled: dict[str, Json] = {}
    for name, field in fields.items():
        value = values.get(name)
        filled[name] = _as_declared(field, field.default if value is None else value)
    return filled


def check(name: str, field: Input, value: Json) -> str | None:
    """Return the first thing that is wrong with the value of one field, under this name; None when it fits."""
    for violation in violations(field, value):
        return f"{path(name, violation)}: {said(violation, is_sensitive=field.sensitive)}"
    return None


def _as_declared(rules: Rules, value: Json) -> Json:
    match rules.type, value:
        case _, None | bool() | str():
            return value
        case "number", int() | float():
            return float(value)
        case "integer", int() | float():
            return int(value)
        case _, list() if rules.items is not None:
            items = rules.items
            return [_as_declared(items, item) for item in value]
        case _, dict() if rules.properties is not None:
            parts = rules.properties
            return {name: _as_declared(parts[name], one) if name in parts else one for name, one in value.items()}
        case _:
            return value
