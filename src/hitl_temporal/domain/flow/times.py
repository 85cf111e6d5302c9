"""From what a document says about time to the moment that it means for a run.

Must not know: what ends then.
"""

from datetime import datetime

from hitl_temporal.domain import calendar
from hitl_temporal.domain.duration import DurationError
from hitl_temporal.domain.expressions import render
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.value import Json


def duration_of(template: str, key: str, now: dict[str, Json]) -> str:
    """Return the duration that a template gives; whether it is one, `after` tells.

    Args:
        template: As written.
        key: The place in the document, for the error.
        now: The scope.

    Raises:
        DurationError: It gives something else than a text.
        ExpressionError: It can't be evaluated.
    """
    duration = render(template, now)
    if not isinstance(duration, str):
        raise DurationError(f"{key} gave {duration!r}; a duration such as 2h is needed")
    return duration


def after(run: Run, start: datetime, duration: str) -> datetime:
    """Return the moment so long after another; business time counts in the flow's calendar.

    Raises:
        CalendarError: It lies beyond what the calendar knows, or the calendar is not known.
        DurationError: This is no duration.
    """
    counted_in = calendar.choose(run.calendars, run.definition.calendar, duration)
    return calendar.add(start, duration, counted_in)
