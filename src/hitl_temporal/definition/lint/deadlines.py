"""Questions that wait for ever, reminders that come too late, clocks that can't count business time.

Must not know: calendars.
"""

from collections import Counter
from collections.abc import Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.duration import fixed, parse
from hitl_temporal.domain.flow.definition import Flow

from .stages import stages_of

__all__ = ["check_deadlines"]


def check_deadlines(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the times of a flow."""
    for at, _, stage, is_bounded in stages_of(flow):
        if stage.due is None:
            if not is_bounded:
                mend = "say until when, such as `due: 2bd`"
                yield document.problem(at, f"stage {stage.name!r} has no `due` and waits for ever", mend, "warning")
            continue
        reminders = (stage.remind,) if isinstance(stage.remind, str) else stage.remind
        for index, reminder in enumerate(reminders):
            if _is_late(reminder, stage.due):
                message = f"the reminder after {reminder} comes when the stage is already due, after {stage.due}"
                yield document.problem((*at, "remind", index), message, "remind earlier", "warning")
    for index, step in enumerate(flow.steps):
        yield from _check_clock(document, ("steps", index, "timeout"), step.timeout)
        yield from _check_clock(document, ("steps", index, "retry", "budget"), step.retry.budget)
        if step.undo is not None:
            yield from _check_clock(document, ("steps", index, "undo", "timeout"), step.undo.timeout)
            yield from _check_clock(document, ("steps", index, "undo", "retry", "budget"), step.undo.retry.budget)


def _check_clock(document: Document, at: At, duration: str | None) -> Iterator[Problem]:
    if duration is not None and fixed(duration) is None:
        yield document.problem(
            at, f"`{at[-1]}: {duration}` counts business time; machines don't", "use s, m, h, d or w"
        )


def _is_late(reminder: str, due: str) -> bool:
    """Tell whether one surely does not come before the other; a mixture of hours and working days may go either way."""
    early, late = fixed(reminder), fixed(due)
    if early is not None and late is not None:
        return early >= late
    return _units(reminder) >= _units(due)


def _units(duration: str) -> Counter[str]:
    units = Counter[str]()
    for part in parse(duration):
        units[part.unit] += part.count
    return units
