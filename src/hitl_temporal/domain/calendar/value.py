"""The value of a calendar: open hours, days off and the UTC offsets of its time zone.

Must not know: durations, documents, clocks, `zoneinfo`, `holidays`.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Final, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from hitl_temporal.domain.value import Value

__all__ = ["DEFAULT", "Calendar", "CalendarError", "Day", "Hours", "OffsetChange", "Week", "as_day", "beyond"]

_DAY_MINUTES: Final = 24 * 60


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


def as_day(day: tuple[Hours, ...]) -> tuple[Hours, ...]:
    """Return the spells of a day if they can be one.

    Raises:
        ValueError: A spell does not close later on the same day, or they overlap.
    """
    for opens, closes in day:
        if not 0 <= opens < closes <= _DAY_MINUTES:
            raise ValueError(
                "hours must close later on the same day; write a night shift as two spells, to and from 24:00"
            )
    if any(later.opens < earlier.closes for earlier, later in pairwise(day)):
        raise ValueError("the spells of a day must be in order and must not overlap")
    return day


Day = Annotated[tuple[Hours, ...], AfterValidator(as_day)]
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
        raise beyond(self)


_OFFICE: Final = (Hours(9 * 60, 17 * 60),)

DEFAULT: Final = Calendar(
    name="default",
    tz="UTC",
    offsets=(OffsetChange(datetime(1970, 1, 1, tzinfo=UTC), 0),),
    week=(_OFFICE, _OFFICE, _OFFICE, _OFFICE, _OFFICE, (), ()),
    until=date(2200, 1, 1),
)
"""Monday to Friday from 09:00 to 17:00 UTC, no holidays: what counts where nobody has named a calendar."""


def beyond(calendar: Calendar) -> CalendarError:
    """Return the error for a moment that a calendar cannot tell."""
    if not any(calendar.week):
        return CalendarError(f"calendar {calendar.name!r} has no open hours, so it cannot count any")
    since = calendar.offsets[0].at.date()
    return CalendarError(
        f"calendar {calendar.name!r} is known from {since} until {calendar.until} and cannot tell what is beyond;"
        " use a shorter duration, or refresh the calendar"
    )
