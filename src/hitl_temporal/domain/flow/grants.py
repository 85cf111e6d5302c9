"""A grant: what a step gives is given for a time, and taken back by the step's `undo`.

It is promised before the call, since nothing may be given whose end can't be told; it begins when the call has
succeeded; it ends by time, by a person's word, or with the run. The step is `running` from first to last.

Must not know: what becomes of the step (steps.py), how people are asked for more time (extensions.py).
"""

from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.duration import lasting
from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.effects import StopStep
from hitl_temporal.domain.flow.state import GrantRun, Run, StepRun
from hitl_temporal.domain.flow.step import Step
from hitl_temporal.domain.flow.times import after, duration_of
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json

TIME_OVER = "time over"
RUN_ENDED = "run ended"
"""Why a grant has ended whose `undo` runs in its turn, with those of the whole run."""


def by_word(what: str, actor: str, reason: str) -> str:
    """Return why a grant has ended, or stays, by somebody's word."""
    return f"{what} by {actor}" + (f": {reason}" if reason else "")


def promise(run: Run, step: Step, now: dict[str, Json]) -> GrantRun | None:
    """Return the grant that the call of a step will begin, None when it is given for good.

    Raises:
        CalendarError: Its end lies beyond what the calendar knows.
        DurationError: `for` gives no duration, or no time at all.
        ExpressionError: `for` can't be evaluated.
    """
    if step.grant is None:
        return None
    duration = lasting(duration_of(step.grant.duration, "grant.for", now))
    return GrantRun(duration=duration, until=after(run, run.now, duration))


def begin(turn: Turn, step_id: str) -> None:
    """Let what was promised begin, now that the call has succeeded."""
    old = turn.run.steps[step_id]
    assert old.grant is not None, f"step {step_id!r} has promised nothing"
    try:
        until = after(turn.run, turn.now, old.grant.duration)
    except CalendarError:  # the calendar ended while the call ran: as counted from its start, a little earlier
        until = old.grant.until
    turn.set_step(step_id, since=turn.now, grant=old.grant.but(state="active", until=until, since=turn.now))
    turn.record("step.granted", f"{step_id}:{old.n}:granted", step=step_id, until=until.isoformat())


def end(turn: Turn, step_id: str, reason: str) -> None:
    """End a grant: nobody is asked for more time any longer, and its `undo` is due."""
    old = turn.run.steps[step_id]
    assert old.grant is not None, f"step {step_id!r} has granted nothing"
    extensions = tuple(e.but(state="withdrawing") if e.state == "asked" else e for e in old.extensions)
    turn.set_step(step_id, since=turn.now, grant=old.grant.but(state="ended", reason=reason), extensions=extensions)
    turn.record(
        "step.grant_ended",
        f"{step_id}:{old.n}:grant_ended",
        began=old.grant.since,
        step=step_id,
        reason=reason,
        until=old.grant.until.isoformat(),
    )
    turn.effects.extend(
        StopStep(step=step_id, n=e.n, child=e.approval, reason=f"the grant has ended: {reason}")
        for e in old.extensions
        if e.state == "asked"
    )


def leave(turn: Turn, step_id: str, reason: str) -> None:
    """Note that an `undo` which had failed is given up: what the step gave is still there."""
    old = turn.set_step(step_id, undo="skipped")
    turn.record("step.left_standing", f"{step_id}:{old.n}:undo:{old.undos}:given_up", step=step_id, reason=reason)


def end_due(turn: Turn) -> None:
    """End each grant whose time is over; whatever else happens now finds it ended."""
    now = turn.now
    for address in granting(turn.run):
        grant = turn.run.steps[address].grant
        if grant is not None and grant.state == "active" and grant.until <= now:
            end(turn, address, TIME_OVER)


def is_to_be_taken_back(run: Run, step_id: str) -> bool:
    """Tell whether the grant of a step has ended and its `undo` has not been begun."""
    step = run.steps.get(step_id)
    return step is not None and step.has_given and step.granted is None and step.undo == "none"


def granting(run: Run) -> tuple[str, ...]:
    """Return the addresses of the steps that give something for a time, in document order."""
    plan = run.definition.plan
    return tuple(a for a in run.steps if place(a).step in plan.granting) if plan.grants_items else plan.granting


def forbidding(run: Run, step_id: str) -> str | None:
    """Return the state that keeps a grant from being revoked or extended, None when it is running."""
    step = run.steps[step_id]
    if step.granted is not None:
        return None
    if step.undo == "running":
        return f"step {step_id!r} is running its undo: the grant has ended"
    return f"step {step_id!r} is {step.state}" + (", not as a grant" if step.state == "running" else "")


def is_undone(step: StepRun) -> bool:
    """Tell whether what a step has done is reversed; where a grant came to its end, that is how it should be."""
    ended_by_itself = step.grant is not None and step.grant.reason != RUN_ENDED
    return step.undo == "done" and not ended_by_itself
