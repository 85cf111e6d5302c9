"""Blackouts: times in which nothing starts by itself, as `site.yaml` writes them and as moments.

Must not know: schedules, `zoneinfo`, clocks.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.value import Document

from .zone import Zone

__all__ = ["Blackout", "Window", "covering", "window"]

_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT: Final = rf"{_DAY}(?:[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?"


def _as_text(value: object) -> object:
    """Take what a reader of YAML may have made of it already."""
    return value.isoformat() if isinstance(value, date) else value


def _checked(text: str) -> str:
    if not _is_moment(text):
        raise ValueError(
            f"{text[:40]!r} is neither a date nor a time; write it as 2026-12-24, 2026-12-24T18:00 or"
            " 2026-12-24T18:00:00+01:00"
        )
    return text


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return re.fullmatch(_MOMENT, text) is not None


_Moment = Annotated[
    str,
    BeforeValidator(_as_text),
    AfterValidator(_checked),
    WithJsonSchema({"type": "string", "pattern": f"^{_MOMENT}$", "examples": ["2026-12-24", "2026-12-24T18:00"]}),
]
"""A local date, a local time, or a time with an offset; kept as written."""


class Blackout(Document):
    """A time in which nothing starts by itself.

    A date as `to` is the last day of it, a time as `to` the first moment after it.
    """

    since: Annotated[_Moment, Field(alias="from")]
    to: _Moment
    tz: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Of local dates and times. None: the zone of the site's default calendar, else UTC."""

    @model_validator(mode="after")
    def _lasts(self) -> "Blackout":
        first, last = _local(self.since), _local(self.to, is_end=True)
        if (first.tzinfo is None) != (last.tzinfo is None):
            raise fault("`from` and `to` must both have an offset, or neither; mend one of them", "to")
        if first >= last:
            raise fault("`to` must not lie before `from`; a date as `to` is the last day", "to")
        return self


class Window(NamedTuple):
    """From `start` on and before `end`, both UTC, nothing starts by itself."""

    name: str
    start: datetime
    end: datetime


def window(name: str, blackout: Blackout, zone: Zone) -> Window:
    """Return a blackout of this name as moments; `zone` is that of its local dates and times."""
    return Window(name, _moment(_local(blackout.since), zone), _moment(_local(blackout.to, is_end=True), zone))


def covering(windows: Iterable[Window], at: datetime) -> Window | None:
    """Return the blackout in which a moment lies, None if there is none."""
    return next((found for found in windows if found.start <= at < found.end), None)


def _local(text: str, *, is_end: bool = False) -> datetime:
    """Return a moment as it is written; a date is its first moment, as an end the first of the next day."""
    if re.fullmatch(_DAY, text):
        return datetime.combine(date.fromisoformat(text), time()) + timedelta(days=is_end)
    return datetime.fromisoformat(text)


def _moment(written: datetime, zone: Zone) -> datetime:
    return zone.place(written).at if written.tzinfo is None else written.astimezone(UTC)
