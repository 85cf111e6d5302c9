"""Questions that wait for ever, what comes too late, clocks that can't count business time.

Must not know: calendars.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.duration import fixed, parse
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.step import Retry, Step

from .stages import Placed, is_about_more_time, stages_of

__all__ = ["check_deadlines", "check_stage_deadlines"]


def check_deadlines(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the times of a flow."""
    yield from check_stage_deadlines(stages_of(flow), document)
    for spot in flow.plan.every:
        for at, duration in _machine_time(spot.step):
            yield from _check_clock(document, (*spot.at, *at), duration)


def _machine_time(step: Step) -> Iterator[tuple[At, str | None]]:
    """Yield the durations of a step that a machine counts."""
    if step.wait is None:  # the clock of a wait is the flow's, not a machine's
        yield ("timeout",), step.timeout
    yield from _of_retry((), step.retry)
    if step.undo is not None:
        yield ("undo", "timeout"), step.undo.timeout
        yield from _of_retry(("undo",), step.undo.retry)
    if step.wait is not None and step.wait.file is not None:
        yield ("wait", "file", "stable"), step.wait.file.stable
        yield ("wait", "file", "every"), step.wait.file.every


def _of_retry(at: At, retry: Retry | None) -> Iterator[tuple[At, str | None]]:
    if retry is not None:
        yield (*at, "retry", "budget"), retry.budget


def check_stage_deadlines(stages: Iterable[Placed], document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the times of stages."""
    for at, stage, _ in stages:
        if stage.due is None and is_about_more_time(at):
            continue  # It is withdrawn when the grant ends.
        if stage.due is None:
            mend = "say until when, such as `due: 2bd`"
            yield document.problem(at, f"stage {stage.name!r} has no `due` and waits for ever", mend, "warning")
        else:
            yield from _check_before_due(at, stage, stage.due, document)


def _check_before_due(at: At, stage: Stage, due: str, document: Document) -> Iterator[Problem]:
    """Yield what is planned for a time at which the stage has been due already."""
    reminders = (stage.remind,) if isinstance(stage.remind, str) else stage.remind
    for index, reminder in enumerate(reminders):
        if _is_late(reminder, due):
            message = f"the reminder after {reminder} comes when the stage is already due, after {due}"
            yield document.problem((*at, "remind", index), message, "remind earlier", "warning")
    for index, step in enumerate(stage.escalate):
        if _is_late(step.after, due):
            message = f"the escalation after {step.after} never happens: the stage is due after {due}"
            yield document.problem((*at, "escalate", index, "after"), message, "escalate earlier, or move `due`")


def _check_clock(document: Document, at: At, duration: str | None) -> Iterator[Problem]:
    if duration is not None and fixed(duration) is None:
        yield document.problem(
            at, f"`{at[-1]}: {duration}` counts business time; machines don't", "use s, m, h, d or w"
        )


def _is_late(planned: str, due: str) -> bool:
    """Tell whether one surely does not come before the other; a mixture of hours and working days may go either way."""
    early, late = fixed(planned), fixed(due)
    if early is not None and late is not None:
        return early >= late
    return _units(planned) >= _units(due)


def _units(duration: str) -> Counter[str]:
    units = Counter[str]()
    for part in parse(duration):
        units[part.unit] += part.count
    return units
