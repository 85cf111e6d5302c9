"""Rules for days beyond cron: the last working day, the third one, the second Friday, the 1st and the 15th.

A rule is kept as it is written: `last-business-day`, `first-business-day`, `{workday: 3}`, `{workday: -2}`,
`{weekday: FRI, nth: 2}`, `MON-FRI`, `MON`, a day of the month (`15`, `-1` for the last), or a list of such.

Must not know: cron, zones, clocks.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Annotated, Final, cast

from pydantic import AfterValidator, WithJsonSchema

from hitl_temporal.domain.value import Json

__all__ = ["Day", "counts_working_days", "days_of_month"]

_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_WEEKDAY: Final = "|".join(_WEEKDAYS)
_SPAN: Final = re.compile(rf"({_WEEKDAY})(?:-({_WEEKDAY}))?")
_NAMED: Final = {"first-business-day": 1, "last-business-day": -1}
_MAX_WORKDAY: Final = 31
_MAX_NTH: Final = 5

_FORMS: Final = (
    "write last-business-day, first-business-day, {workday: 3}, {weekday: FRI, nth: 2}, MON-FRI, a day of the month"
    " (-1 is the last), or a list of such"
)

IsWorkingDay = Callable[[date], bool]


def days_of_month(rule: Json, year: int, month: int, is_working_day: IsWorkingDay) -> tuple[date, ...]:
    """Return the dates of a month that a rule names, in order; none where the month has no such day."""
    days = tuple(_month(year, month))
    return tuple(sorted({day for part in _parts(rule) for day in _named(part, days, is_working_day)}))


def counts_working_days(rule: Json) -> bool:
    """Tell whether a rule needs to know which days are worked on."""
    return any(_workday(part) is not None for part in _parts(rule))


def _parts(rule: Json) -> tuple[Json, ...]:
    return tuple(rule) if isinstance(rule, list) else (rule,)


def _month(year: int, month: int) -> Iterator[date]:
    day = date(year, month, 1)
    while day.month == month:
        yield day
        day += timedelta(days=1)


def _workday(part: Json) -> int | None:
    """Return which working day of the month is meant; None: the rule is of another kind."""
    match part:
        case str():
            return _NAMED.get(part)
        case {"workday": int(number)}:
            return number
        case _:
            return None


def _named(part: Json, days: tuple[date, ...], is_working_day: IsWorkingDay) -> tuple[date, ...]:
    workday = _workday(part)
    if workday is not None:
        return _nth([day for day in days if is_working_day(day)], workday)
    match part:
        case int(number):
            return _nth(days, number)
        case {"weekday": str(name), "nth": int(number)}:
            return _nth([day for day in days if day.weekday() == _WEEKDAYS.index(name)], number)
        case _:
            wanted = _span(cast("str", part))  # it was checked when it was read
            return tuple(day for day in days if day.weekday() in wanted)


def _nth(days: list[date] | tuple[date, ...], number: int) -> tuple[date, ...]:
    """Return the day with this number, counted from 1, or from the end when it is negative."""
    index = number - 1 if number > 0 else number
    return (days[index],) if -len(days) <= index < len(days) else ()


def _span(text: str) -> frozenset[int]:
    found = _SPAN.fullmatch(text)
    assert found is not None, "it was checked when it was read"
    first = _WEEKDAYS.index(found[1])
    last = _WEEKDAYS.index(found[2] or found[1])
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))


def _checked(rule: Json) -> Json:
    parts = _parts(rule)
    if not parts:
        raise ValueError(f"`day` names no day; {_FORMS}")
    for part in parts:
        if (wrong := _wrong_with(part)) is not None:
            raise ValueError(wrong)
    return rule


def _wrong_with(part: Json) -> str | None:
    match part:
        case bool():
            return f"{part!r} is no day; {_FORMS}"
        case str() if part in _NAMED or _SPAN.fullmatch(part):
            return None
        case int(number):
            return _outside(number, 31, "a day of the month", "1 to 31, or -1 to -31 from the end")
        case {"workday": int(number), **rest} if not rest and not isinstance(number, bool):
            return _outside(number, _MAX_WORKDAY, "a working day of the month", "1 to 31, or -1 to -31 from the end")
        case {"weekday": str(name), "nth": int(number), **rest} if not rest and not isinstance(number, bool):
            if name not in _WEEKDAYS:
                return f"{name!r} is no weekday; write one of {', '.join(_WEEKDAYS)}"
            return _outside(number, _MAX_NTH, "an `nth` weekday", "1 to 5, or -1 to -5 from the end")
        case _:
            return f"{str(part)[:60]!r} is no day; {_FORMS}"


def _outside(number: int, most: int, noun: str, mend: str) -> str | None:
    return None if 1 <= abs(number) <= most else f"{number} is not {noun}; write {mend}"


_NUMBER: Final[dict[str, Json]] = {"type": "integer", "minimum": -31, "maximum": 31, "not": {"const": 0}}
_ONE: Final[dict[str, Json]] = {
    "anyOf": [
        {"type": "string", "pattern": f"^(?:{'|'.join(_NAMED)}|{_SPAN.pattern})$", "examples": [*_NAMED, "MON-FRI"]},
        _NUMBER,
        {
            "type": "object",
            "properties": {"workday": _NUMBER},
            "required": ["workday"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "weekday": {"enum": [*_WEEKDAYS]},
                "nth": {"type": "integer", "minimum": -5, "maximum": 5, "not": {"const": 0}},
            },
            "required": ["weekday", "nth"],
            "additionalProperties": False,
        },
    ]
}

Day = Annotated[
    Json,
    AfterValidator(_checked),
    WithJsonSchema({"anyOf": [*cast("list[Json]", _ONE["anyOf"]), {"type": "array", "items": _ONE, "minItems": 1}]}),
]
"""Which days of a month: one rule, or a list of which any is enough; kept as written."""
