"""Declared inputs that check less than they seem to.

Must not know: what somebody gives.
"""

from collections.abc import Iterator, Mapping

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.formats import FORMATS
from hitl_temporal.domain.rules import Rules

__all__ = ["check_declarations", "check_fields"]


def check_declarations(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the inputs that a flow declares."""
    return check_fields(flow.inputs, ("inputs",), document)


def check_fields(fields: Mapping[str, Rules], at: At, document: Document) -> Iterator[Problem]:
    """Yield a warning for each format that nothing checks, in these fields and in what lies in them."""
    for name, rules in fields.items():
        yield from _check(rules, (*at, name), document)


def _check(rules: Rules, at: At, document: Document) -> Iterator[Problem]:
    if rules.format is not None and rules.format not in FORMATS:
        mend = resembling(rules.format, FORMATS, f"known: {', '.join(FORMATS)}")
        yield document.problem((*at, "format"), f"nothing checks the format {rules.format!r}", mend, "warning")
    if rules.items is not None:
        yield from _check(rules.items, (*at, "items"), document)
    yield from check_fields(rules.properties or {}, (*at, "properties"), document)
