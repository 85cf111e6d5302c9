"""Business time: when people work, and what `4bh` and `2bd` from a moment on mean.

A calendar is a value with everything in it that could change under a running flow: open hours, days off, and the UTC
offsets of its time zone. It was made outside (`effects.calendars`) and recorded, so a later release of a holiday list
or of the time zone database moves no deadline on replay.

The rules, where the contract leaves a choice:

- The clock on the wall decides: a moment is open when its local time lies in the hours of its local date, the opening
  moment included, the closing moment not. Hours that a clock change skips do not exist; those it repeats count twice.
- `Nbh` ends as soon as N open hours have passed, so it may end at a closing moment, never between two spells.
- `Nbd` is the same local time N working days on. When that day has no such open time, it is the next opening of that
  day, else its last closing moment: a deadline neither leaves its day nor falls into the night. A local time that does
  not exist is the first moment after the gap; of two, the first is meant.
- A start outside hours first moves to the next opening, for `0bh` and `0bd` too. A closing moment is outside hours.

Must not know: clocks, the machine's time zone, `zoneinfo`, `holidays`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile
from typing import Annotated, Final, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from hitl_temporal.domain import duration
from hitl_temporal.domain.value import Value

__all__ = [
    "DEFAULT",
    "Calendar",
    "CalendarDocument",
    "CalendarError",
    "Day",
    "Hours",
    "OffsetChange",
    "add",
    "is_open",
    "is_working_day",
    "next_opening",
    "week_of",
]

_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAYS = re.compile(rf"({'|'.join(_WEEKDAYS)})(?:-({'|'.join(_WEEKDAYS)}))?")
_SPELL = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_DAY_MINUTES: Final = 24 * 60
_ONE_DAY: Final = timedelta(days=1)


class CalendarError(Exception):
    """A moment that a calendar cannot tell: beyond what it knows, or because it is never open."""


class Hours(NamedTuple):
    """One open spell of a day in local minutes from midnight: open at `opens`, closed again at `closes`."""

    opens: int
    closes: int


class OffsetChange(NamedTuple):
    """From the moment `at` on, local time is UTC plus `minutes`."""

    at: Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
    minutes: int


def _checked_day(day: tuple[Hours, ...]) -> tuple[Hours, ...]:
    for opens, closes in day:
        if not 0 <= opens < closes <= _DAY_MINUTES:
            raise ValueError(
                "hours must close later on the same day; write a night shift as two spells, to and from 24:00"
            )
    if any(later.opens < earlier.closes for earlier, later in pairwise(day)):
        raise ValueError("the spells of a day must be in order and must not overlap")
    return day


Day = Annotated[tuple[Hours, ...], AfterValidator(_checked_day)]
"""The open spells of a day, in order; none when nobody works."""

Week = tuple[Day, Day, Day, Day, Day, Day, Day]
"""The open spells from Monday to Sunday."""


class Calendar(Value):
    """When people work, from the first offset change until `until`."""

    name: str
    tz: str
    """For people to read; the arithmetic uses `offsets` alone."""
    offsets: tuple[OffsetChange, ...] = Field(min_length=1)
    """By time; what the calendar knows begins with the first one."""
    week: Week
    closed: tuple[date, ...] = ()
    """Local dates on which nobody works although the week says so."""
    open: tuple[date, ...] = ()
    """Local dates on which people work although the week says not: in the hours of the week's first open day."""
    until: date
    """The first local date that it does not know any more."""

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if any(later.at <= earlier.at for earlier, later in pairwise(self.offsets)):
            raise ValueError("offsets must be in the order of time")
        return self

    def hours_on(self, day: date) -> Day:
        """Return the open spells of a local date."""
        usual = self.week[day.weekday()]
        if day in self.closed:
            return ()
        if day in self.open:
            return usual or next(filter(None, self.week), ())
        return usual

    def periods(self) -> Iterator[tuple[datetime, datetime, timedelta]]:
        """Yield begin, end and UTC offset of each time with one offset, in order and without gaps."""
        midnight = datetime.combine(self.until, time(), UTC)
        last = midnight - timedelta(minutes=self.offsets[-1].minutes)
        ends = [*(change.at for change in self.offsets[1:]), last]
        for (begin, minutes), end in zip(self.offsets, ends, strict=True):
            yield begin, end, timedelta(minutes=minutes)

    def to_local(self, at: datetime) -> datetime:
        """Return the local time of a UTC moment, without a zone."""
        index = bisect_right(self.offsets, at, key=lambda change: change.at) - 1
        return at.replace(tzinfo=None) + timedelta(minutes=self.offsets[max(index, 0)].minutes)

    def from_local(self, local: datetime) -> datetime:
        """Return the UTC moment of a local time: the first of two, or the first after a gap."""
        for begin, end, offset in self.periods():
            moment = local.replace(tzinfo=UTC) - offset
            if moment < end:
                return max(moment, begin)
        raise _beyond(self)


_OFFICE: Final = (Hours(9 * 60, 17 * 60),)

DEFAULT: Final = Calendar(
    name="default",
    tz="UTC",
    offsets=(OffsetChange(datetime(1970, 1, 1, tzinfo=UTC), 0),),
    week=(_OFFICE, _OFFICE, _OFFICE, _OFFICE, _OFFICE, (), ()),
    until=date(2200, 1, 1),
)
"""Monday to Friday from 09:00 to 17:00 UTC, no holidays: what counts where nobody has named a calendar."""


# --- Arithmetic -----------------------------------------------------------------------------------------------------


def add(start: datetime, text: str, calendar: Calendar) -> datetime:
    """Return the UTC moment that a duration after `start` ends, its parts taken from left to right.

    Raises:
        CalendarError: It would end beyond what the calendar knows, or the calendar is never open.
        DurationError: `text` is not a duration.
    """
    at = _utc(start)
    for part in duration.parse(text):
        if part.length is not None:
            at += part.length
        elif part.unit == "bh":
            at = _after_hours(at, part.count, calendar)
        else:
            at = _after_days(at, part.count, calendar)
    return at


def choose(known: Mapping[str, Calendar], name: str | None, text: str) -> Calendar:
    """Return the calendar that a duration is counted in: the named one, else the site's `default`, else `DEFAULT`.

    Raises:
        CalendarError: The duration counts working time in a calendar that is not known.
    """
    if not duration.needs_calendar(text):
        return DEFAULT
    if name is None:
        return known.get("default", DEFAULT)
    if name not in known:
        raise CalendarError(f"calendar {name!r} is not in site.yaml; known: {', '.join(sorted(known)) or 'none'}")
    return known[name]


def is_open(at: datetime, calendar: Calendar) -> bool:
    """Return whether people work at this moment."""
    local = calendar.to_local(_in_range(_utc(at), calendar))
    since_midnight = local - datetime.combine(local, time())
    return any(
        timedelta(minutes=opens) <= since_midnight < timedelta(minutes=closes)
        for opens, closes in calendar.hours_on(local.date())
    )


def is_working_day(day: date, calendar: Calendar) -> bool:
    """Return whether people work at any time of this local date."""
    return bool(calendar.hours_on(day))


def next_opening(at: datetime, calendar: Calendar) -> datetime:
    """Return the first moment at or after `at` at which people work."""
    return _after_hours(_utc(at), 0, calendar)


def _after_hours(at: datetime, count: int, calendar: Calendar) -> datetime:
    left = timedelta(hours=count)
    for begin, end in _spells(at, calendar):
        if left <= end - begin:
            return begin + left
        left -= end - begin
    raise _beyond(calendar)


def _after_days(at: datetime, count: int, calendar: Calendar) -> datetime:
    opening = next_opening(at, calendar)
    if not count:
        return opening
    local = calendar.to_local(opening)
    day = local.date()
    for _ in range(count):
        day = _working_day_after(day, calendar)
    return _fitted(calendar.from_local(datetime.combine(day, local.time())), day, calendar)


def _working_day_after(day: date, calendar: Calendar) -> date:
    while (day := day + _ONE_DAY) < calendar.until:
        if is_working_day(day, calendar):
            return day
    raise _beyond(calendar)


def _fitted(moment: datetime, day: date, calendar: Calendar) -> datetime:
    """Return `moment` if the day is open then, else the day's next opening, else its last closing."""
    midnight = calendar.from_local(datetime.combine(day, time()))
    spells = takewhile(lambda spell: calendar.to_local(spell[0]).date() == day, _spells(midnight, calendar))
    closing = moment  # Stays when a clock change has skipped all hours of the day.
    for begin, end in spells:
        if moment < end:
            return max(moment, begin)
        closing = end
    return closing


def _spells(at: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Yield begin and end of each open spell from `at` on, the one that is open at `at` cut short.

    Within one UTC offset local time runs as UTC does, so going through the offsets first keeps the spells in order.
    """
    _in_range(at, calendar)
    for begin, end, offset in calendar.periods():
        start = max(begin, at)
        midnight = datetime.combine((start + offset).date(), time(), UTC) - offset
        while midnight < end:
            for opens, closes in calendar.hours_on((midnight + offset).date()):
                first = max(start, midnight + timedelta(minutes=opens))
                last = min(end, midnight + timedelta(minutes=closes))
                if first < last:
                    yield first, last
            midnight += _ONE_DAY


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise CalendarError(f"{at.isoformat()} has no UTC offset; times are always aware")
    return at.astimezone(UTC)


def _in_range(at: datetime, calendar: Calendar) -> datetime:
    *_, (_, end, _) = calendar.periods()
    if calendar.offsets[0].at <= at < end:
        return at
    raise _beyond(calendar)


def _beyond(calendar: Calendar) -> CalendarError:
    if not any(calendar.week):
        return CalendarError(f"calendar {calendar.name!r} has no open hours, so it cannot count any")
    since = calendar.offsets[0].at.date()
    return CalendarError(
        f"calendar {calendar.name!r} is known from {since} until {calendar.until} and cannot tell what is beyond;"
        " use a shorter duration, or refresh the calendar"
    )


# --- Documents ------------------------------------------------------------------------------------------------------


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
            week[day] = _checked_day(spans)
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
