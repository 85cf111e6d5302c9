"""Calendars as documents write them.

Must not know: files, YAML, where holidays and UTC offsets come from.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from hitl_temporal.domain.value import Value

from .value import Hours, Week, as_day

__all__ = ["CalendarDocument", "week_of"]

_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAYS = re.compile(rf"({'|'.join(_WEEKDAYS)})(?:-({'|'.join(_WEEKDAYS)}))?")
_SPELL = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")


def week_of(hours: Mapping[str, tuple[str, ...]]) -> Week:
    """Return the week that a document writes as `{"MON-FRI": ["09:00-17:00"], "SAT": [...]}`.

    Raises:
        ValueError: A day or a spell is not written so, or a day is given twice.
    """
    week: dict[str, tuple[Hours, ...]] = {}
    for days, spells in hours.items():
        spans = tuple(_hours(spell) for spell in spells)
        for day in _days(days):
            if day in week:
                raise ValueError(f"{day} has its hours twice")
            week[day] = as_day(spans)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (week.get(day, ()) for day in _WEEKDAYS)
    return monday, tuesday, wednesday, thursday, friday, saturday, sunday


def _days(text: str) -> tuple[str, ...]:
    found = _DAYS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is neither a day ({', '.join(_WEEKDAYS)}) nor a span of days such as MON-FRI")
    first = _WEEKDAYS.index(found[1])
    last = _WEEKDAYS.index(found[2] or found[1])
    return tuple(_WEEKDAYS[(first + step) % 7] for step in range((last - first) % 7 + 1))


def _hours(text: str) -> Hours:
    found = _SPELL.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} are not hours; write them as 09:00-17:00, between 00:00 and 24:00")
    opens_hour, opens_minute, closes_hour, closes_minute = map(int, found.groups())
    return Hours(opens_hour * 60 + opens_minute, closes_hour * 60 + closes_minute)


def _as_many(spells: object) -> object:
    return (spells,) if isinstance(spells, str) else spells


_Spells = Annotated[tuple[str, ...], BeforeValidator(_as_many, json_schema_input_type=str | tuple[str, ...])]


class CalendarDocument(Value):
    """A calendar as `site.yaml` writes it."""

    tz: str = "UTC"
    """A name of the IANA time zone database, such as `Europe/Amsterdam`."""
    hours: dict[str, _Spells] = Field(default={"MON-FRI": ("09:00-17:00",)})
    """Local opening hours by day or span of days; one spell, or several."""
    holidays: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,3}(-\S+)?$")] | None = None
    """The country whose public holidays are days off (`NL`), with its subdivision if needed (`DE-BY`)."""
    closed: tuple[date, ...] = ()
    """Further days off."""
    open: tuple[date, ...] = ()
    """Working days all the same; they win over holidays."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        week_of(self.hours)
        both = sorted({*self.closed} & {*self.open})
        if both:
            raise ValueError(f"{both[0]} is both closed and open")
        return self
