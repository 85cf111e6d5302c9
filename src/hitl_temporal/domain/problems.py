"""One line for a person out of a validation error: where, in the keys that were sent, and what, in words of ours.

Must not know: files, lines (`definition` does).
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_Place = tuple[str | int, ...]


def first_problem(error: ValidationError) -> str:
    """Return the first problem as `where: what`, and how many more there are."""
    problems = _problems(error)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return _line(problems[0], "input") + more


def refused(error: ValidationError, whole: str = "") -> str:
    """Return the first problem of a command as `where: what`; `whole` stands for what is wrong as a whole."""
    return _line(_problems(error)[0], whole)


def key_of(raw: object) -> str:
    """Return the key that came with a payload, however broken that is; empty: it had none."""
    key = raw.get("key") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return key[:200] if isinstance(key, str) else ""


class _Problem(NamedTuple):
    place: _Place
    said: str


def _problems(error: ValidationError) -> list[_Problem]:
    """Return what is wrong, once for each place.

    Where something lies below a place, what is said of the place itself only follows from it: a list is called too
    short because an entry is not counted, or a value does not fit the other branch of a union.
    """
    found: dict[_Place, str] = {}
    for details in error.errors(include_url=False, include_input=False):
        found.setdefault(_place(details["loc"]), _said(details))
    return [_Problem(p, s) for p, s in found.items() if not any(len(q) > len(p) and q[: len(p)] == p for q in found)]


def _line(problem: _Problem, whole: str) -> str:
    where = ".".join(map(str, problem.place)) or whole
    return (f"{where}: {problem.said}" if where else problem.said)[:500]


def _place(loc: Sequence[str | int]) -> _Place:
    """Return a place in what was sent: pydantic puts the branches of unions between the keys."""
    return tuple(part for n, part in enumerate(loc) if not _is_branch(part, loc[:n]))


def _is_branch(part: str | int, before: Sequence[str | int]) -> bool:
    match [*before[-2:], part]:
        case [*_, "stages", "stages" | "routed"]:
            return True
        case [*_, int(), "stage" | "parallel"]:
            return "stages" in before
        case [*_, "route", "Table"] | [*_, "quiet", "bool"] | [*_, "approve" | "reject", "int" | "str"]:
            return True
        case [*_, str(name)]:
            return _BRANCH.match(name) is not None
        case _:
            return False


_BRANCH = re.compile(r"(tuple|list|dict|literal|function-[a-z]+)\[|constrained-")
"""How pydantic calls a branch of a union that has no name of ours."""


def _said(details: ErrorDetails) -> str:
    words = _WORDS.get(details["type"])
    if words is None:
        return details["msg"].removeprefix("Value error, ")
    context = details.get("ctx", {})
    if context.get("min_length") == 1:
        words = _NOT_EMPTY.get(details["type"], words)
    return words.format_map(context)


_TEXT, _WHOLE, _NUMBER, _TRUTH = "must be a text", "must be a whole number", "must be a number", "must be true or false"
_LIST, _OBJECT = "must be a list", "must be an object"
_DATE, _MOMENT = "must be a date, such as 2026-12-24", "must be a moment, such as 2026-12-24T09:00:00Z"
_WORDS: Mapping[str, str] = {
    "missing": "missing",
    "extra_forbidden": "unknown field",
    "too_short": "at least {min_length} are needed",
    "too_long": "at most {max_length} are possible",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "timezone_aware": "must have a time zone, such as 2026-12-24T09:00:00Z",
}
"""What pydantic says, in the words that the rest of the project has for it; what is not here we have said ourselves."""

_NOT_EMPTY: Mapping[str, str] = {
    "too_short": "at least one is needed",
    "string_too_short": "must not be empty",
}
