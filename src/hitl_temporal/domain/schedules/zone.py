"""A time zone as a value: what the clock on the wall shows, by the offsets that were known when it was made.

Must not know: `zoneinfo`, calendars, clocks.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple, Self

from pydantic import Field, model_validator

from hitl_temporal.domain.calendar import OffsetChange
from hitl_temporal.domain.value import Value

__all__ = ["Placed", "Zone"]

_ONE_DAY: Final = timedelta(days=1)


class Placed(NamedTuple):
    """Where a local time lies.

    Attributes:
        at: Its moment in UTC: the first of two, or the first after the gap in which it would have lain.
        exists: Whether a clock on the wall ever shows it.
        is_doubled: Whether it shows it twice.
    """

    at: datetime
    exists: bool
    is_doubled: bool


class Zone(Value):
    """A time zone by its offsets; before the first and after the last one it is taken to stay as it is."""

    name: str
    offsets: tuple[OffsetChange, ...] = Field(min_length=1)
    """By time; the first one says when what is known begins."""

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if any(later.at <= earlier.at for earlier, later in pairwise(self.offsets)):
            raise ValueError("offsets must be in the order of time")
        return self

    def to_local(self, at: datetime) -> datetime:
        """Return what the clock on the wall shows at a UTC moment, without a zone."""
        index = bisect_right(self.offsets, at, key=lambda change: change.at) - 1
        return at.replace(tzinfo=None) + timedelta(minutes=self.offsets[max(index, 0)].minutes)

    def place(self, local: datetime) -> Placed:
        """Return where a local time lies, given without a zone."""
        naive = local.replace(tzinfo=UTC)
        # No offset is a day long: what changed more than a day before is behind this local time.
        near = bisect_right(self.offsets, naive - _ONE_DAY, key=lambda change: change.at) - 1
        for before, change in pairwise(self.offsets[max(near, 0) :]):
            moment = naive - timedelta(minutes=before.minutes)
            if moment < change.at:
                return Placed(moment, exists=True, is_doubled=naive - timedelta(minutes=change.minutes) >= change.at)
            if naive - timedelta(minutes=change.minutes) < change.at:
                return Placed(change.at, exists=False, is_doubled=False)
        return Placed(naive - timedelta(minutes=self.offsets[-1].minutes), exists=True, is_doubled=False)
