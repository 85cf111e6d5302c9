"""Lengths of time as documents write them: `90m`, `1d12h`, `4bh`, `2bd`, and the range `1s..1m` between retries.

Only `s m h d w` have a length of their own (`d` is 24 h); `bh` and `bd` get theirs from a calendar, see `calendar`.
Texts stay texts, since `2bd` has no other form; `parse` takes them apart.

Must not know: clocks, calendars.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias, cast

from pydantic import AfterValidator, WithJsonSchema

__all__ = [
    "PATTERN",
    "Backoff",
    "Duration",
    "DurationError",
    "ExactDuration",
    "NoTimeError",
    "Part",
    "PositiveDuration",
    "Unit",
    "backoff",
    "exact",
    "fixed",
    "lasting",
    "needs_calendar",
    "parse",
    "positive_schema",
]

Unit: TypeAlias = Literal["s", "m", "h", "d", "w", "bh", "bd"]

PATTERN = r"([0-9]+(bh|bd|s|m|h|d|w))+"
"""How one is written."""
_PART = re.compile(r"([0-9]+)(bh|bd|s|m|h|d|w)")
_LENGTHS: Final[Mapping[Unit, timedelta]] = MappingProxyType(
    {
        "s": timedelta(seconds=1),
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
    }
)
# At least this long, whatever the calendar: enough to tell an absurd size.
_LEAST: Final[Mapping[Unit, timedelta]] = MappingProxyType(
    {**_LENGTHS, "bh": timedelta(hours=1), "bd": timedelta(days=1)}
)
_LONGEST = timedelta(days=3_653)
_MAX_CHARACTERS = 60


class DurationError(ValueError):
    """A text that is no duration, or no range of durations."""


class NoTimeError(DurationError):
    """A duration of nothing where something must last: a deadline, a reminder that repeats, a grant."""


@dataclass(frozen=True, slots=True)
class Part:
    """One number with its unit, as in `4bh`."""

    count: int
    unit: Unit

    @property
    def length(self) -> timedelta | None:
        """How long it is, None when only a calendar can tell."""
        unit = _LENGTHS.get(self.unit)
        return None if unit is None else self.count * unit


def parse(text: str) -> tuple[Part, ...]:
    """Return the parts of a duration in the order written.

    Raises:
        DurationError: It is not written as a duration, or longer than ten years.
    """
    if len(text) > _MAX_CHARACTERS or not re.fullmatch(PATTERN, text):
        written = repr(text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…")
        raise DurationError(
            f"{written} is not a duration; write numbers with units and no blanks, such as 30s, 1h30m, 2d, 4bh or 1bd"
            " (s m h d w; bh and bd count working hours and days)"
        )
    parts = tuple(Part(int(count), cast("Unit", unit)) for count, unit in _PART.findall(text))
    # Compared in whole seconds, since a timedelta overflows where an int does not.
    if sum(part.count * int(_LEAST[part.unit].total_seconds()) for part in parts) > _LONGEST.total_seconds():
        raise DurationError(f"{text!r} is longer than ten years")
    return parts


def lasting(text: str) -> str:
    """Return a duration that is longer than nothing.

    Raises:
        DurationError: It is none.
        NoTimeError: It is over when it begins.
    """
    if not any(part.count for part in parse(text)):
        raise NoTimeError(f"{text!r} is no time at all; write a longer one, such as 30m, 4bh or 2d")
    return text


def fixed(text: str) -> timedelta | None:
    """Return how long a duration is, None when only a calendar can tell."""
    total = timedelta()
    for part in parse(text):
        if part.length is None:
            return None
        total += part.length
    return total


def exact(text: str) -> timedelta:
    """Return how long a duration is that is more than nothing and needs no calendar.

    Raises:
        DurationError: It is no duration, or counts working time.
        NoTimeError: It is over when it begins.
    """
    length = fixed(lasting(text))
    if length is None:
        raise DurationError(f"{text!r} counts working time; write it in s, m, h, d or w")
    return length


def needs_calendar(text: str) -> bool:
    """Return whether a duration counts working hours or days."""
    return fixed(text) is None


def backoff(text: str) -> tuple[timedelta, timedelta]:
    """Return the first and the longest wait between attempts, written as `1s..1m`.

    Raises:
        DurationError: It is no range, counts working time, begins at nothing, or falls.
    """
    first, dots, longest = text.partition("..")
    if not dots:
        raise DurationError(f"{text[:_MAX_CHARACTERS]!r} is not a range of durations; write it as 1s..1m")
    waits = fixed(first), fixed(longest)
    match waits:
        case timedelta() as low, timedelta() as high if timedelta() < low <= high:
            return low, high
        case _:
            raise DurationError(f"{text!r} must rise from more than nothing, in units other than bh and bd: 1s..1m")


def _duration(text: str) -> str:
    parse(text)
    return text


def _exact(text: str) -> str:
    exact(text)
    return text


def _backoff(text: str) -> str:
    backoff(text)
    return text


Duration = Annotated[
    str,
    AfterValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}$", "examples": ["30s", "1h30m", "4bh", "2bd"]}),
]
"""A duration in a document; kept as written."""


def positive_schema(*, or_template: bool = False) -> dict[str, object]:
    """Return the JSON Schema of a duration that is longer than nothing, or of a text with `{{ }}` that may give one."""
    template = r"\{\{|" if or_template else ""
    return {"type": "string", "pattern": f"{template}^(?=.*[1-9]){PATTERN}$", "examples": ["30m", "4bh", "2d"]}


PositiveDuration = Annotated[str, AfterValidator(lasting), WithJsonSchema(positive_schema())]
"""A duration of what must last: longer than nothing."""

ExactDuration = Annotated[
    str,
    AfterValidator(_exact),
    WithJsonSchema({"type": "string", "pattern": "^(?=.*[1-9])([0-9]+[smhdw])+$", "examples": ["30s", "2m"]}),
]
"""A duration of what must last, and of what no calendar has a say in: a timeout."""

Backoff = Annotated[
    str,
    AfterValidator(_backoff),
    WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}\\.\\.{PATTERN}$", "examples": ["1s..1m"]}),
]
"""A range of waits between attempts in a document; kept as written."""
