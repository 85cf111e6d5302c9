"""A run is projected not to keep what is expected of it: people are told once, before it is late.

To project is to go through all steps, so it is not done at every event: only when the end may have become a later one.
A step that begins or ends in its turn does not move it, unless it takes longer than usual, and that is looked at when
it does.

Must not know: how a projection is made (forecast.py), who is told (alarms.py).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hitl_temporal.domain.flow import alarms
from hitl_temporal.domain.flow.expect import Expect
from hitl_temporal.domain.flow.forecast import Forecast, PathStep, forecast, usual_end
from hitl_temporal.domain.flow.lateness import key_of
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.turn import WHOLE, Turn
from hitl_temporal.domain.words import moment

_LOOK_AGAIN = timedelta(minutes=1)
"""How soon, at the earliest, a projection is looked at again though nothing has happened."""


def project(turn: Turn) -> None:
    """Find what will not be kept as it is projected now, and when to look again."""
    run, known = turn.run, turn.run.watch.look_at
    wanted = [*_wanted(run)]
    if wanted and known is not None and run.now < known and not _may_end_later(turn):
        at: datetime | None = min([known, *_usual_ends(turn)])
    else:
        at = _look(turn, wanted)
    if at != known:
        turn.set(watch=turn.run.watch.but(look_at=at))


def _wanted(run: Run) -> Iterator[tuple[str, datetime, str, Expect]]:
    """Yield what is to be kept and was not projected to be missed: of which step, until when, its mark."""
    for step in run.definition.projecting:
        mark = f"{step}:finish_by"
        by = run.watch.promised.get(step, {}).get(mark)
        if by is not None and mark not in run.watch.projected:
            yield step, by, mark, run.definition.expectations[step]


def _look(turn: Turn, wanted: list[tuple[str, datetime, str, Expect]]) -> datetime | None:
    """Tell what will be missed; return when to look again."""
    found = forecast(turn.run, turn.run.now) if wanted else None
    if found is None:
        return None
    look_at: list[datetime] = []
    for step, by, mark, expect in wanted:
        ends = found.finish if step == WHOLE else _ends(found, step)
        if ends is not None and ends > by:
            _projected(turn, (step, by, mark, expect), ends, found)
        elif ends is not None:
            look_at.append(_look_again(turn.run, found, by - ends))
    return min(look_at, default=None)


def _ends(found: Forecast, address: str) -> datetime | None:
    return next((step.end for step in found.steps if step.step == address), None)


def _look_again(run: Run, found: Forecast, slack: timedelta) -> datetime:
    """Return when a projection may have become a later one: once a step takes longer than usual, half the slack on."""
    soon = run.now + max(slack / 2, _LOOK_AGAIN)
    ahead = [s.end for s in found.steps if run.steps[s.step].is_begun and s.end > run.now]
    return min(ahead if ahead and not any(_pushes(run, s) for s in found.steps) else [*ahead, soon])


def _pushes(run: Run, span: PathStep) -> bool:
    """Tell whether the end of a step moves on with the time: it takes longer than usual, has parked, or is held up."""
    step = run.steps[span.step]
    if step.is_final:
        return False
    return step.state == "parked" or (span.end <= run.now if step.is_begun else span.start <= run.now)


def _projected(turn: Turn, missed: tuple[str, datetime, str, Expect], ends: datetime, found: Forecast) -> None:
    (step, by, mark, expect), watch = missed, turn.run.watch
    turn.set(watch=watch.but(projected=(*watch.projected, mark)))
    name = f"step {step}" if step else f"run {turn.run.id}"
    title = f"{turn.run.definition.flow}: {name} is projected to end {moment(ends)}, after {moment(by)}"
    path = [on_path.step for on_path in found.critical_path]
    turn.record(
        "step.projected_late" if step else "run.projected_late",
        f"projected:{mark}",
        step=step or None,
        expected="finish_by",
        by=by.isoformat(),
        projected=ends.isoformat(),
        path=[*path],
    )
    alarms.begin(
        turn,
        key_of("projected", mark),
        "projected",
        step,
        title,
        f"Why: the critical path is {' > '.join(path)}",
        expect.route,
    )


# --- When the end may have become a later one -------------------------------------------------------------------------


def _may_end_later(turn: Turn) -> bool:
    run = turn.run
    return any(_moves_the_end(run, address, old) for address, old in turn.changed.items())


def _moves_the_end(run: Run, address: str, old: StepRun | None) -> bool:
    """Tell whether a change may have made the end a later one; what lies in items counts as its `each` does."""
    new = run.steps.get(address)
    if address == WHOLE or new is old:
        return True
    if new is None or old is None:
        return False
    if new.is_final:
        return _holds_up(run, address)
    is_in_turn = new.is_begun and not old.is_final and new.state != "parked" and (not old.is_begun or old.n == new.n)
    return not is_in_turn or (new.until, new.grant) != (old.until, old.grant)


def _holds_up(run: Run, address: str) -> bool:
    """Tell whether one who follows a step that has ended could begin, and may not: then its end moves with the time."""
    followers = run.definition.plan.followers.get(address, ())
    return bool(followers) and (run.held or bool(run.holdings) or any(run.steps[f].held for f in followers))


def _usual_ends(turn: Turn) -> Iterator[datetime]:
    """Yield when the steps that have begun now will have taken as long as usual."""
    for address, old in turn.changed.items():
        new = turn.run.steps.get(address)
        if new is not None and old is not None and new.is_begun and not old.is_begun:
            end = usual_end(turn.run, address)
            if end is not None and end > turn.now:
                yield end
