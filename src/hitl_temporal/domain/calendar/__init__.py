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
- A clock that counts open time can be stopped: what was left of it is counted on from when it goes on.

Must not know: clocks, the machine's time zone, `zoneinfo`, `holidays`.
"""

from .counting import add, after_open, choose, is_open, is_working_day, next_opening, open_between, stopped
from .documents import CalendarDocument, week_of
from .value import DEFAULT, Calendar, CalendarError, Day, Hours, OffsetChange

__all__ = [
    "DEFAULT",
    "Calendar",
    "CalendarDocument",
    "CalendarError",
    "Day",
    "Hours",
    "OffsetChange",
    "add",
    "after_open",
    "choose",
    "is_open",
    "is_working_day",
    "next_opening",
    "open_between",
    "stopped",
    "week_of",
]
