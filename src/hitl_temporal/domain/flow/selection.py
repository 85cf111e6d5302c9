"""Which open runs an operator means: a few words about what lists can be searched for.

`flow=finance.* state=parked older=2d` is every term at once; a comma gives alternatives: `state=parked,waiting`. There
is no way to write anything else, so a slip of the pen is a refusal and never another query.

Must not know: how lists are searched, clocks.
"""

import re
from datetime import timedelta

from hitl_temporal.domain.duration import DurationError, fixed
from hitl_temporal.domain.value import Value

_TERM = re.compile(r"([a-z]+)=(\S+)")
_VALUE = re.compile(r"[A-Za-z0-9._:@%/+-]{1,200}\*?|\*")
_TIMES = ("older", "newer")
TERMS = ("flow", "state", "requester", "waiting", "id", *_TIMES)
"""What runs may be chosen by: name of the flow, `HitlState`, requester, a reason of waiting, id, age."""

GLOBS = frozenset({"flow", "id"})
"""Where a `*` at the end stands for anything."""


class SelectionError(ValueError):
    """A text that chooses no runs; the message says what to write."""


class Selection(Value):
    """Which open runs are meant: those for which every term holds.

    Attributes:
        terms: What a term may be, any of them, by its name.
        older: How long ago they began, or longer; None: no matter.
        newer: Less than how long ago they began; None: no matter.
    """

    terms: dict[str, tuple[str, ...]]
    older: timedelta | None = None
    newer: timedelta | None = None


def selection(text: str) -> Selection:
    """Return what a text chooses.

    Raises:
        SelectionError: It can't be read, or says nothing.
    """
    terms: dict[str, tuple[str, ...]] = {}
    times: dict[str, timedelta] = {}
    for word in text.split():
        found = _TERM.fullmatch(word)
        if found is None or found[1] not in TERMS:
            raise SelectionError(f"{word[:100]!r} is no term; write {'=, '.join(TERMS)}= and a value, without blanks")
        name, value = found[1], found[2]
        if name in terms or name in times:
            raise SelectionError(f"{name} stands twice; alternatives are written {name}=one,two")
        if name in _TIMES:
            times[name] = _length(name, value)
        else:
            terms[name] = tuple(_value(name, part) for part in value.split(","))
    if not terms and not times:
        raise SelectionError(f"nothing is chosen; write at least one of {'=, '.join(TERMS)}=")
    return Selection(terms=terms, **times)


def _length(name: str, text: str) -> timedelta:
    try:
        length = fixed(text)
    except DurationError as error:
        raise SelectionError(f"{name}: {error}") from error
    if length is None:
        raise SelectionError(f"{name}={text!r} counts working hours; write one such as 30m, 4h or 2d")
    return length


def _value(name: str, text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise SelectionError(f"{name}={text[:100]!r} is no value; letters, digits and ._:@%/+- are")
    if text.endswith("*") and name not in GLOBS:
        raise SelectionError(f"{name}={text!r}: a `*` may stand at the end of {' and '.join(sorted(GLOBS))} alone")
    return text
