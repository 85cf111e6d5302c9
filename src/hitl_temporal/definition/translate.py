"""Turn pydantic's errors into problems that an author can act on: at a line, in words, with a mend.

Must not know: which document it is, files.
"""

from collections.abc import Callable, Mapping, Sized
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.duration import NoTimeError
from hitl_temporal.domain.fault import FAULT
from hitl_temporal.domain.ids import FLOW_NAME, PERSON_ID, STEP_ID
from hitl_temporal.domain.words import found, shorten

from .documents import At, Document
from .problems import Problem, nearest, resembling
from .vocabulary import instead_of, kept_apart, keys_in, kind_at, known_keys

__all__ = ["translate"]


def translate(error: ValidationError, document: Document, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Return the problems of a document that this model refused, in the order of their lines; one for each place."""
    faults: dict[At, list[_Fault]] = {}
    errors = error.errors(include_url=False)
    for details in errors:
        if _is_follow_up(details, errors, model):
            continue
        fault = _fault(details, document, model)
        faults.setdefault(fault.at, []).append(fault)
    problems = [_problem(document, at, _worst(several)) for at, several in faults.items() if not _is_branch(at, faults)]
    return tuple(sorted(problems, key=lambda p: (p.line, p.column)))


def _is_follow_up(details: ErrorDetails, errors: list[ErrorDetails], model: type[BaseModel]) -> bool:
    """Tell whether an error only follows from another: who mends that one has mended both."""
    match details["type"], details["input"]:
        case "too_short", Sized() as written:
            # Pydantic counts the sound entries only.
            return len(written) >= details.get("ctx", {})["min_length"]
        case "missing", _:
            *parent, key = details["loc"]
            beside = [e["loc"] for e in errors if e["type"] == "extra_forbidden" and [*e["loc"][:-1]] == parent]
            inner, kind = kind_at(model, tuple(parent))
            near = {nearest(str(loc[-1]), known_keys(inner)) for loc in beside}
            is_unsupported = any(loc[-1] in kind.unsupported for loc in beside)
            return is_unsupported or not near.isdisjoint({key, *instead_of(inner)})
        case "extra_forbidden", _:
            *parent, key = details["loc"]
            inner, _ = kind_at(model, tuple(parent))
            strange = [e["loc"][-1] for e in errors if e["type"] == "extra_forbidden" and [*e["loc"][:-1]] == parent]
            misplaced = [k for k in strange if k in kept_apart(inner)]  # one mistake, however many keys it has
            return key in misplaced[1:]
        case _:
            return False


class _Fault(NamedTuple):
    at: At
    message: str
    mend: str = ""
    expected: str | None = None
    """What should stand here instead of what does; then `message` is what does."""


def _problem(document: Document, at: At, fault: _Fault) -> Problem:
    if fault.expected is None:
        return document.problem(at, fault.message, fault.mend)
    return document.problem(at, f"{_name(at)} must be {fault.expected}, found {fault.message}", fault.mend)


def _is_branch(at: At, faults: Mapping[At, list[_Fault]]) -> bool:
    """Tell whether only a union's other branch is missed here: the one that is meant has been read further down."""
    return all(f.expected for f in faults[at]) and any(
        len(below) > len(at) and below[: len(at)] == at for below in faults
    )


def _worst(faults: list[_Fault]) -> _Fault:
    """Return the one to show of several at one place: pydantic gives one for each branch of a union."""
    said = [f for f in faults if f.expected is None]
    if said:
        return said[0]
    expected = dict.fromkeys(f.expected for f in faults if f.expected)
    return faults[0]._replace(expected=" or ".join(expected))


def _fault(details: ErrorDetails, document: Document, model: type[BaseModel]) -> _Fault:
    kind, loc, value = details["type"], details["loc"], details["input"]
    context = details.get("ctx", {})
    at = document.place(keys_in(model, loc))
    match kind:
        case "missing":
            return _missing(at, loc, model)
        case "extra_forbidden":
            return _unknown_key(at, loc, model)
        case "value_error":
            # A line may hold several durations: which one is nothing must be said.
            key = f"{_name(at)}: " if isinstance(context["error"], NoTimeError) else ""
            message, mend = _split(f"{key}{context['error']}")
            return _Fault(at, message, _without_braces(value, message) or mend)
        case _ if kind == FAULT:
            return _Fault(document.place((*keys_in(model, loc), *context["at"])), *_split(details["msg"]))
        case "literal_error":
            return _not_one_of(at, value, str(context["expected"]))
        case "string_pattern_mismatch" if loc[-1] == KEY:
            return _Fault(at, f"{found(value)} can't be a name in {_name(at[:-1])}", _pattern(str(context["pattern"])))
        case "string_pattern_mismatch":
            return _Fault(at, f"{found(value)} can't be {_name(at)}", _pattern(str(context["pattern"])))
        case _ if kind in _EXPECTED:
            expected, mend = _EXPECTED[kind]
            return _Fault(at, found(value), _written_out(kind, at, value) or mend(value), expected)
        case _ if kind in _LIMITS:
            said, mend = (text.format_map(context) for text in _LIMITS[kind])
            return _Fault(at, f"{_name(at)} {said}", mend)
        case _:
            return _Fault(at, f"{_name(at)}: {details['msg']}")


def _missing(at: At, loc: tuple[str | int, ...], model: type[BaseModel]) -> _Fault:
    inner, kind = kind_at(model, loc[:-1])
    key = str(loc[-1])
    if inner is Ask and key == "stages":
        return _Fault(at, "`who` is missing in an ask", "say who decides: `who: [group:...]`, or several `stages`")
    other = ", or write " + " or ".join(f"`{k}`" for k in instead_of(inner)) if instead_of(inner) else ""
    return _Fault(at, f"`{key}` is missing in {kind.noun}", f"add it{other}")


def _unknown_key(at: At, loc: tuple[str | int, ...], model: type[BaseModel]) -> _Fault:
    inner, kind = kind_at(model, loc[:-1])
    key = str(loc[-1])
    if key in kind.unsupported:
        return _Fault(at, f"`{key}` is not supported by this version", "remove it; it would have no effect")
    if key in kept_apart(inner):
        own = " and ".join(f"`{name}`" for name in known_keys(inner))
        return _Fault(at, f"`{key}` can't stand beside {own}", "write the one or the other")
    known = known_keys(inner)
    return _Fault(at, f"unknown key {key!r} in {kind.noun}", resembling(key, known, f"known keys: {', '.join(known)}"))


def _not_one_of(at: At, value: object, expected: str) -> _Fault:
    near = resembling(str(value), expected.replace("'", "").replace(" or ", ", ").split(", "))
    return _Fault(at, f"{_name(at)} can't be {found(value)}", " ".join(filter(None, (near, f"write {expected}"))))


def _split(text: str) -> tuple[str, str]:
    """Take the domain's `what is wrong; how to mend it` apart."""
    message, _, mend = text.partition("; ")
    return message, mend or (_MEND_OF_AN_EXPRESSION if message.startswith("expression ") else "")


def _without_braces(value: object, message: str) -> str:
    """Return the mend of an expression in braces where it stands without; empty when that is not what is wrong."""
    match value:
        case str() if value.startswith("{{") and value.endswith("}}") and message.startswith("expression '{{"):
            return f"take the braces away: {shorten(value[2:-2].strip(), 100)}"
        case _:
            return ""


_MEND_OF_AN_EXPRESSION = "write CEL, such as inputs.days <= 7, in text within braces: {{inputs.days}}"


def _name(at: At) -> str:
    match at:
        case ():
            return "the document"
        case (*_, str(key)):
            return f"`{key}`"
        case (*_, str(key), int(index)):
            return f"entry {index + 1} of `{key}`"
        case _:
            return "an entry"


def _pattern(pattern: str) -> str:
    return _PATTERNS.get(pattern, f"it must match {pattern}")


_LOWER = "use lower-case letters, digits and `_`, beginning with a letter"
_PATTERNS = {
    FLOW_NAME: f"{_LOWER}; dots may divide it",
    STEP_ID: _LOWER,
    PERSON_ID: "use letters, digits and `. _ @ -`, beginning with a letter or a digit",
    r"^[a-z][a-z0-9_-]*$": "use lower-case letters, digits, `_` and `-`, beginning with a letter",
    r"^[a-z0-9][a-z0-9_-]*$": "use lower-case letters, digits, `_` and `-`, beginning with a letter or a digit",
    r"^[a-z][a-z0-9-]*$": "use lower-case letters, digits and `-`, beginning with a letter",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "use letters, digits and `_`, and no digit at the beginning",
    r"^[a-z][a-z0-9_.-]*$": "use lower-case letters, digits and `_ . -`, beginning with a letter",
    r"^[A-Za-z_][A-Za-z0-9_.:/-]*$": "write the name of a registered activity, such as firewall.apply",
}

KEY = "[key]"
"""What pydantic puts at the end of a place when it is about a key, not about what the key holds."""

_Mend = Callable[[object], str]


_FIRST_KEYS = {"wait": "for", "event": "type", "run": "command", "repeat": "until", "enough": "count"}
"""What somebody means who writes one value where a mapping must stand."""


def _written_out(kind: str, at: At, value: object) -> str:
    key = _FIRST_KEYS.get(str(at[-1])) if at and kind == "model_type" else None
    return f"write {{{key}: {shorten(str(value), 60)}}}" if key and isinstance(value, str | int) else ""


def _quote(value: object) -> str:
    match value:
        case bool():
            return f'put it in quotes: "{str(value).lower()}"'
        case int() | float():
            return f'put it in quotes: "{value}"'
        case dict():
            return 'put an expression in quotes: "{{ ... }}"'
        case _:
            return "write one text"


def _always(mend: str) -> _Mend:
    return lambda _: mend


_TEXT = ("text", _quote)
_WHOLE = ("a whole number", _always("write it without quotes, dot and unit"))
_NUMBER = ("a number", _always("write it without quotes and unit"))
_TRUTH = ("true or false", _always("write true or false, without quotes"))
_LIST = ("a list", _always("write `[a, b]`, or each entry on a line of its own after `- `"))
_MAPPING = ("a mapping", _always("write `key: value`, each on a line of its own"))
_DATE = ("a date", _always("write it as 2026-12-24"))
_EXPECTED: Mapping[str, tuple[str, _Mend]] = {
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
}
"""What pydantic's type errors expected, and what helps somebody who wrote this value instead."""

_LIMITS = {
    "greater_than": ("must be more than {gt}", "write a larger number"),
    "greater_than_equal": ("must be at least {ge}", "write a larger number"),
    "less_than": ("must be less than {lt}", "write a smaller number"),
    "less_than_equal": ("must be at most {le}", "write a smaller number"),
    "string_too_long": ("is longer than {max_length} characters", "shorten it"),
    "string_too_short": ("is empty", "write something, or remove the key"),
    "too_short": ("is empty", "write at least one"),
    "too_long": ("has more than {max_length} entries", "remove some"),
}
