"""Declared inputs that check less than they seem to, or that nothing fits.

Must not know: what somebody gives.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.formats import FORMATS
from hitl_temporal.domain.rules import Rules
from hitl_temporal.domain.violations import TYPES, said, violations

__all__ = ["check_declarations", "check_fields"]


def check_declarations(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the inputs that a flow declares."""
    return check_fields(flow.inputs, ("inputs",), document)


def check_fields(fields: Mapping[str, Rules], at: At, document: Document) -> Iterator[Problem]:
    """Yield the rules that check nothing, or that nothing fits, of these fields and of what lies in them."""
    for name, rules in fields.items():
        yield from _check(rules, (*at, name), document)


def _check(rules: Rules, at: At, document: Document) -> Iterator[Problem]:
    if rules.format is not None and rules.format not in FORMATS:
        mend = resembling(rules.format, FORMATS, f"known: {', '.join(FORMATS)}")
        yield document.problem((*at, "format"), f"nothing checks the format {rules.format!r}", mend, "warning")
    yield from _check_bounds(rules, at, document)
    yield from _check_idle(rules, at, document)
    yield from _check_enum(rules, at, document)
    if rules.items is not None:
        yield from _check(rules.items, (*at, "items"), document)
    yield from check_fields(rules.properties or {}, (*at, "properties"), document)


_BOUNDS: Final = (
    ("minimum", "maximum"),
    ("minimum", "exclusiveMaximum"),
    ("exclusiveMinimum", "maximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
)
"""Which rule for the least goes with which for the most."""

_OF_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_OF_TEXTS: Final = ("pattern", "format", "minLength", "maxLength")
_OF_LISTS: Final = ("items", "minItems", "maxItems", "uniqueItems")
_LOOKED_AT: Final[Mapping[str, tuple[str, ...]]] = {
    "string": _OF_TEXTS,
    "integer": _OF_NUMBERS,
    "number": _OF_NUMBERS,
    "boolean": (),
    "array": _OF_LISTS,
    "object": ("properties", "required"),
}
"""Which rules are looked at for a value of a type."""
_OF_A_TYPE: Final = tuple(dict.fromkeys(keyword for keywords in _LOOKED_AT.values() for keyword in keywords))


def _check_bounds(rules: Rules, at: At, document: Document) -> Iterator[Problem]:
    """Yield a least that is above the most."""
    found = rules.model_dump(mode="json", by_alias=True, exclude_none=True)
    for least, most in _BOUNDS:
        if least in found and most in found:
            is_strict = "exclusive" in least or "exclusive" in most
            if found[least] > found[most] or (is_strict and found[least] == found[most]):
                message = f"nothing fits: `{least}` is {found[least]}, and `{most}` is {found[most]}"
                yield document.problem((*at, least), message, f"write a smaller `{least}`, or a larger `{most}`")
                return


def _check_idle(rules: Rules, at: At, document: Document) -> Iterator[Problem]:
    """Yield the rules that are about values of another type."""
    if rules.type is None:
        return
    looked_at = _LOOKED_AT[rules.type]
    for keyword in rules.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True):
        if keyword in _OF_A_TYPE and keyword not in looked_at:
            message = f"`{keyword}` checks nothing: the value is {TYPES[rules.type]}"
            known = ", ".join(looked_at)
            mend = f"remove it; of such a value {known} are looked at" if known else "remove it"
            yield document.problem((*at, keyword), message, mend, "warning")


def _check_enum(rules: Rules, at: At, document: Document) -> Iterator[Problem]:
    """Yield what stands in an `enum` and breaks the other rules: nobody can choose it."""
    for index, value in enumerate(rules.enum or ()):
        for violation in violations(rules, value):
            message = f"nobody can choose this: {said(violation, is_sensitive=False)}"
            yield document.problem((*at, "enum", index), message, "change it, or the rule", "warning")
            break
