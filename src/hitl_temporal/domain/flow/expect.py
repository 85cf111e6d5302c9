"""What is expected of a flow, or of one step: until when it begins and ends, how long it takes. It changes nothing.

Must not know: runs, calendars, what past runs took.
"""

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, WithJsonSchema, model_validator

from hitl_temporal.domain.duration import PATTERN, DurationError, lasting
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.flow.alerts import RouteName
from hitl_temporal.domain.value import Document

__all__ = ["Expect", "LocalTime", "OfPast", "local_time", "of_past"]

_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_LOCAL = re.compile(rf"(?:\+([0-9]{{1,3}})(d|bd) )?{_CLOCK}")
_PAST = re.compile(r"(p50|p95|median)(?: ?\* ?((?=[0-9.]*[1-9])[0-9]{1,3}(?:\.[0-9]{1,3})?))?")


class LocalTime(NamedTuple):
    """A time of day, so many days after the start.

    Attributes:
        days: None: the first such time after the start.
        is_business: Whether working days are counted.
    """

    days: int | None
    is_business: bool
    hour: int
    minute: int


def local_time(text: str) -> LocalTime | None:
    """Return the local time that a text such as `06:00` or `+1bd 06:00` says, None when it is none."""
    found = _LOCAL.fullmatch(text)
    if found is None:
        return None
    days, unit, hour, minute = found.groups()
    return LocalTime(None if days is None else int(days), unit == "bd", int(hour), int(minute))


class OfPast(NamedTuple):
    """So much of what past runs took."""

    quantile: Literal["median", "p95"]
    factor: float


def of_past(text: str) -> OfPast | None:
    """Return what a text such as `p95 * 1.5` says, None when it is no measure of past runs."""
    found = _PAST.fullmatch(text)
    if found is None:
        return None
    return OfPast("p95" if found[1] == "p95" else "median", float(found[2] or 1))


def _deadline(text: str) -> str:
    if local_time(text) is None:
        try:
            lasting(text)
        except DurationError as error:
            raise ValueError(
                f"{text[:60]!r} is no time; write 06:00, +1bd 06:00, or how long after the start: 2h"
            ) from error
    return text


def _longest(text: str) -> str:
    if of_past(text) is None:
        try:
            lasting(text)
        except DurationError as error:
            raise ValueError(
                f"{text[:60]!r} is no length of time; write 2h, or a measure of past runs: p95 * 1.5"
            ) from error
    return text


Deadline = Annotated[
    str,
    AfterValidator(_deadline),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^(?:{_LOCAL.pattern}|(?=.*[1-9]){PATTERN})$",
            "examples": ["06:00", "+1bd 06:00", "2h"],
        }
    ),
]
"""A local time, or a duration since the start of the run."""
Longest = Annotated[
    str,
    AfterValidator(_longest),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^(?:{_PAST.pattern}|(?=.*[1-9]){PATTERN})$",
            "examples": ["2h", "4bh", "p95 * 1.5"],
        }
    ),
]
"""A duration, or a measure of past runs."""


class Expect(Document):
    """A service level: nothing of it changes what a run does; what is not kept is told, and recorded.

    Attributes:
        start_by: When it has begun at the latest.
        finish_by: When it has ended at the latest.
        longest: How long it takes at most, from its start.
        alert: `projected` tells people as soon as it is projected that `finish_by` will not be kept.
        route: The entry of the site's `notify` whose people are told; None: the flow's owner.
    """

    start_by: Deadline | None = None
    finish_by: Deadline | None = None
    longest: Longest | None = None
    alert: Literal["late", "projected"] = "late"
    route: RouteName | None = None

    @model_validator(mode="after")
    def _sound(self) -> "Expect":
        if self.start_by is None and self.finish_by is None and self.longest is None:
            raise fault("an `expect` expects nothing; write `start_by`, `finish_by` or `longest`")
        if self.alert == "projected" and self.finish_by is None:
            raise fault("`alert: projected` without `finish_by`: there is nothing to project; write it", "alert")
        return self
