"""Explicit times packed into few blocks: a block is every one of its minutes in every one of its hours on its days.

Temporal looks at each entry of a schedule for each time that it computes, so a thousand times in a thousand entries
cost it a thousand times as much as in one (docs/schedules.md has what was measured). Packing is without loss.

Must not know: Temporal, zones.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple

__all__ = ["Block", "pack", "spans", "unpack"]

_Numbers = tuple[int, ...]


class Block(NamedTuple):
    """Times of one month in UTC, in the product of days, hours and minutes; each in order."""

    year: int
    month: int
    days: _Numbers
    hours: _Numbers
    minutes: _Numbers


def pack(moments: Iterable[datetime]) -> tuple[Block, ...]:
    """Return blocks that together hold exactly these whole minutes, in the order of time of their first one."""
    minutes: defaultdict[tuple[int, int, int, int], set[int]] = defaultdict(set)
    for at in moments:
        utc = at.astimezone(UTC)
        minutes[utc.year, utc.month, utc.day, utc.hour].add(utc.minute)
    hours: defaultdict[tuple[int, int, int, _Numbers], set[int]] = defaultdict(set)
    for (year, month, day, hour), found in minutes.items():
        hours[year, month, day, tuple(sorted(found))].add(hour)
    days: defaultdict[tuple[int, int, _Numbers, _Numbers], set[int]] = defaultdict(set)
    for (year, month, day, of_hour), found in hours.items():
        days[year, month, tuple(sorted(found)), of_hour].add(day)
    blocks = (Block(y, m, tuple(sorted(d)), in_day, in_hour) for (y, m, in_day, in_hour), d in days.items())
    return tuple(sorted(blocks))


def unpack(blocks: Iterable[Block]) -> tuple[datetime, ...]:
    """Return the moments that blocks hold, by time."""
    return tuple(
        sorted(
            datetime(block.year, block.month, day, hour, minute, tzinfo=UTC)
            for block in blocks
            for day, hour, minute in product(block.days, block.hours, block.minutes)
        )
    )


def spans(numbers: _Numbers) -> tuple[tuple[int, int], ...]:
    """Return first and last of each run of numbers that follow each other; they are in order."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)
