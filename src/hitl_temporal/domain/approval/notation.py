"""The notations of an ask: expressions, selectors, thresholds, shares, picks.

Must not know: what a document does with them.
"""

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, WithJsonSchema

from hitl_temporal.domain.expressions import ExpressionError, check, checked, expressions_in
from hitl_temporal.domain.people import SELECTOR, is_selector
from hitl_temporal.domain.value import Json

POLICIES = ("random", "round_robin", "least_loaded", "experienced")
"""How a few of many are picked: by lot, in turn, who has least to do, who has decided this flow's asks most often."""

_PERCENT = re.compile(r"([1-9][0-9]?|100)%")
_PICK = re.compile(rf"(?:([1-9][0-9]?) by )?({'|'.join(POLICIES)})")
_PATH = re.compile(r"[a-z_][a-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _selector(text: str) -> str:
    if "{{" in text:
        _check_template(text)
    elif not is_selector(text):
        raise ValueError(
            f"{text!r} is not a selector; write user:ID, group:ID, role:ID, manager:requester, "
            "manager:user:ID, owner:NAME or {{ expression }}"
        )
    return text


def _check_template(value: Json) -> Json:
    try:
        for text in expressions_in(value):
            check(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from error
    return value


def _threshold(value: str | int) -> str | int:
    if isinstance(value, int):
        if value < 1:
            raise ValueError(f"a threshold is at least 1, not {value}")
    elif value not in {"any", "all", "each"} and not _PERCENT.fullmatch(value):
        raise ValueError(f"{value!r} is not a threshold; write any, all, each, a number, or a percentage such as 60%")
    return value


def _share(text: str) -> str:
    if not _PERCENT.fullmatch(text):
        raise ValueError(f"{text!r} is not a share; write a percentage such as 10%")
    return text


def _pick(text: str) -> str:
    if not _PICK.fullmatch(text):
        raise ValueError(f"{text!r} is not a way to pick; write {', '.join(POLICIES)}, or `2 by round_robin`")
    return text


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError(f"{text!r} is not a path; write names with dots, such as inputs.days")
    return text


def _text(pattern: str, *examples: str) -> dict[str, Json]:
    """Return the JSON Schema of a notation."""
    return {"type": "string", "pattern": pattern, "examples": [*examples]}


_SELECTOR_SCHEMA = _text(rf"^(?:{SELECTOR.pattern})$|\{{\{{", "group:secops", "manager:requester", "{{inputs.owner}}")
_SELECTORS_SCHEMA: dict[str, Json] = {"type": "array", "items": _SELECTOR_SCHEMA}
_THRESHOLD_SCHEMA = _text(rf"^(?:any|all|each|{_PERCENT.pattern})$", "any", "all", "each", "60%")

Expression = Annotated[str, AfterValidator(checked)]
"""A bare CEL expression."""
Template = Annotated[Json, AfterValidator(_check_template)]
"""Any JSON with `{{ }}` in its strings."""
TextTemplate = Annotated[str, AfterValidator(_check_template)]
Selector = Annotated[str, AfterValidator(_selector), WithJsonSchema(_SELECTOR_SCHEMA)]
Selectors = Annotated[
    tuple[Selector, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [_SELECTOR_SCHEMA, _SELECTORS_SCHEMA]}),
]
SomeSelectors = Annotated[
    tuple[Selector, ...],
    Field(min_length=1),
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [_SELECTOR_SCHEMA, {**_SELECTORS_SCHEMA, "minItems": 1}]}),
]
"""At least one."""
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Threshold = Annotated[
    StrictInt | str,
    Field(union_mode="left_to_right"),
    AfterValidator(_threshold),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _THRESHOLD_SCHEMA]}),
]
"""`any`, `all`, `each`, a number of votes or a percentage of the eligible; `true` is no number."""
Share = Annotated[str, AfterValidator(_share), WithJsonSchema(_text(rf"^(?:{_PERCENT.pattern})$", "10%"))]
"""A percentage from 1% to 100%."""
Pick = Annotated[
    str, AfterValidator(_pick), WithJsonSchema(_text(f"^{_PICK.pattern}$", *POLICIES, f"2 by {POLICIES[1]}"))
]
"""A policy, which picks one person, or `N by` it."""
Path = Annotated[str, AfterValidator(_path), WithJsonSchema(_text(f"^{_PATH.pattern}$", "inputs.days"))]
"""The way to one value of the context: `inputs.days`."""


class Picking(NamedTuple):
    """A `pick`, taken apart."""

    people: int
    policy: str


def picking(text: str) -> Picking:
    """Return what a `pick` says."""
    found = _PICK.fullmatch(text)
    assert found is not None, f"{text!r} was checked when it was read"
    return Picking(int(found[1] or 1), found[2])


def votes_needed(threshold: str | int, eligible: int, entries: int = 1) -> int:
    """Return how many votes a threshold asks for; percentages round up, never below 1.

    Args:
        threshold: As it is written.
        eligible: How many votes there could be: people, or the sum of their weights.
        entries: How many entries `who` has, for `each`.
    """
    match threshold:
        case int():
            return threshold
        case "any":
            return 1
        case "each":
            return entries
        case "all":
            return max(eligible, 1)
        case percent:
            return max(-(-eligible * int(percent[:-1]) // 100), 1)


def percent_of(share: str) -> int:
    """Return the number of a percentage."""
    return int(share[:-1])
