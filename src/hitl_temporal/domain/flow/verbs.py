"""What the verbs of a step take beside an ask: waits, repetition, the bounds of an `each`.

Must not know: steps, runs.
"""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, WithJsonSchema, model_validator

from hitl_temporal.domain.approval.notation import Expression, Template, Texts, TextTemplate
from hitl_temporal.domain.duration import PositiveDuration, parse
from hitl_temporal.domain.expressions import check, expressions_in
from hitl_temporal.domain.expressions.errors import ExpressionError
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.value import Document

MAX_ITEMS = 10_000
"""Of one `each`: what an expression may touch."""
MAX_TURNS = 1_000

_PERCENT = re.compile(r"([0-9]|[1-9][0-9]|100)%")


def _duration(text: str) -> str:
    if "{{" not in text:
        parse(text)
    return text


def _moment(text: str) -> str:
    """Take what says until when: a moment written out, a text with `{{ }}`, or an expression."""
    if as_moment(text) is not None:
        return text
    try:
        for expression in expressions_in(text) if "{{" in text else (text,):
            check(expression)
    except ExpressionError as error:
        raise ValueError(f"{error}; or write a moment, such as 2026-12-24T18:00:00+01:00") from error
    return text


def as_moment(text: str) -> datetime | None:
    """Return the moment that is written here, None when none is; one without an offset is in UTC."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _tolerance(value: int | str) -> int | str:
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"`tolerate` is a number of items, 0 or more, not {value}")
    elif not _PERCENT.fullmatch(value):
        raise ValueError(f"{value!r} is no share of items; write a number, or a percentage such as 2%")
    return value


Tolerance = Annotated[
    StrictInt | str,
    Field(union_mode="left_to_right"),
    AfterValidator(_tolerance),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}]}
    ),
]
"""How many items may fail: a number, or a percentage of them all."""


def is_too_many(failed: int, of: int, tolerance: int | str) -> bool:
    """Tell whether more items have failed than may."""
    if isinstance(tolerance, int):
        return failed > tolerance
    return failed * 100 > int(tolerance[:-1]) * of


class EventWait(Document):
    """A CloudEvent to wait for."""

    type: TextTemplate
    source: TextTemplate | None = None
    subject: TextTemplate | None = None
    condition: Expression | None = Field(default=None, alias="if")
    """Over the scope of the step, with the event as `event`."""


class FileWait(Document):
    """A file to wait for, on the host of a worker."""

    path: TextTemplate
    """May hold `*` and `?`; relative to the project's folder."""
    becomes: Literal["present", "absent", "changed"] = Field(default="present", alias="is")
    stable: PositiveDuration | None = None
    """So long its size and time must not change; None: it may still be written to."""
    every: PositiveDuration = "5s"
    """How often it is looked at."""


class RunWait(Document):
    """Another run to wait for."""

    id: TextTemplate
    status: Texts = ()
    """Only an end with one of these is waited for; with another the step fails."""


def _file(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


def _run(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


WAITS = ("for", "until", "event", "file", "run")


class Wait(Document):
    """A wait for the world: a time, an event, a file, another run."""

    duration: Annotated[TextTemplate, AfterValidator(_duration)] | None = Field(default=None, alias="for")
    """A duration, or an expression that gives one."""
    until: Annotated[str, AfterValidator(_moment)] | None = None
    """A moment, or an expression that gives one."""
    event: EventWait | None = None
    file: Annotated[FileWait, BeforeValidator(_file)] | None = None
    run: Annotated[RunWait, BeforeValidator(_run)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Wait":
        fields = {"duration": "for"}
        written = [fields.get(n, n) for n in type(self).model_fields if getattr(self, n) is not None]
        if not written:
            raise fault(f"`wait` waits for nothing; write one of {', '.join(WAITS)}")
        if len(written) > 1:
            raise fault(f"`wait` has {' and '.join(written)}; write exactly one", written[1])
        return self

    @property
    def is_timed(self) -> bool:
        """Whether only time is waited for."""
        return self.duration is not None or self.until is not None


class Repeat(Document):
    """How often a block is done."""

    until: Expression
    """Judged after each turn: once it is true, the block has succeeded."""
    max: Annotated[StrictInt, Field(ge=1, le=MAX_TURNS)] = 100
    """Turns; one that is not the last one wanted fails the block when there are no more."""


class Enough(Document):
    """When an `each` need not go on."""

    count: Annotated[StrictInt, Field(ge=1, le=MAX_ITEMS)]
    """Items that have succeeded."""
    rest: Literal["cancel", "continue"] = "cancel"
    """What becomes of those under way; no further one is begun."""


Units = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
"""Of a resource."""

Items = Annotated[
    Expression | list[Template],
    Field(union_mode="left_to_right"),
]
"""What an `each` goes through: an expression that gives a list, or a list."""
