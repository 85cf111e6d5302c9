"""What is expected of a run and of its steps is held against what happens: once late, it is recorded and told once.

Nothing here changes what the run does.

Must not know: who is told (alarms.py), what past runs took (statistics.py).
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple, cast

from hitl_temporal.domain import calendar
from hitl_temporal.domain.calendar import DEFAULT, Calendar, CalendarError, add, is_working_day
from hitl_temporal.domain.duration import DurationError
from hitl_temporal.domain.flow import alarms
from hitl_temporal.domain.flow.address import step_id
from hitl_temporal.domain.flow.expect import Expect, LocalTime, local_time, of_past
from hitl_temporal.domain.flow.forecast import later
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.turn import WHOLE, Turn
from hitl_temporal.domain.flow.watch import Expected
from hitl_temporal.domain.words import moment

What = Literal["start_by", "finish_by", "longest"]


class Promise(NamedTuple):
    """One thing that is expected and has not come: until when.

    Attributes:
        mark: Names it: it is told once.
    """

    address: str
    what: What
    by: datetime
    mark: str
    expect: Expect


# --- Moments ----------------------------------------------------------------------------------------------------------


def expected(run: Run) -> dict[str, Expected]:
    """Return the moments that the document means for a run, at its start; what the calendar can't tell is left out."""
    return {
        step: Expected(start_by=_moment(run, expect.start_by), finish_by=_moment(run, expect.finish_by))
        for step, expect in run.definition.expectations.items()
    }


def _moment(run: Run, text: str | None) -> datetime | None:
    if text is None:
        return None
    clock = local_time(text)
    try:
        if clock is None:
            return add(run.started_at, text, calendar.choose(run.calendars, run.definition.calendar, text))
        return _at(run.started_at, clock, run.calendars.get(run.definition.calendar or "default", DEFAULT))
    except (CalendarError, DurationError):
        return None


def _at(start: datetime, clock: LocalTime, within: Calendar) -> datetime:
    """Return a local time after a start, in the zone of a calendar.

    Raises:
        CalendarError: It lies beyond what the calendar knows.
    """
    local, at = within.to_local(start), time(clock.hour, clock.minute)
    if clock.days is None:
        day = local.date() if local.time() < at else local.date() + _A_DAY
    elif clock.is_business:
        day = _working_day(local.date(), clock.days, within)
    else:
        day = local.date() + clock.days * _A_DAY
    return within.from_local(datetime.combine(day, at))


_A_DAY = timedelta(days=1)


def _working_day(day: date, count: int, within: Calendar) -> date:
    left = count
    while left:
        day += _A_DAY
        if day >= within.until:
            raise CalendarError(f"calendar {within.name!r} is known until {within.until} only")
        left -= is_working_day(day, within)
    return day


# --- What has not come ------------------------------------------------------------------------------------------------


def follow(turn: Turn) -> None:
    """Bring up to date what is expected of the steps that have changed: a run of a thousand has few of them."""
    run, promised = turn.run, {**turn.run.watch.promised}
    if not run.definition.expectations and not promised:
        return
    addresses = [*turn.changed]
    if WHOLE not in turn.changed and _mark(WHOLE, "start_by") in promised.get(WHOLE, ()):
        addresses.append(WHOLE)
    is_other = False
    for address in addresses:
        found = {p.mark: p.by for p in _promises(run, address) if p.mark not in run.watch.late}
        is_other = is_other or found != promised.get(address, {})
        promised[address] = found
        if not found:
            del promised[address]
    if is_other:
        _keep(turn, promised)


def _keep(turn: Turn, promised: dict[str, dict[str, datetime]]) -> None:
    due = min((by for found in promised.values() for by in found.values()), default=None)
    turn.set(watch=turn.run.watch.but(promised=promised, due=due))


def _promises(run: Run, address: str) -> Iterator[Promise]:
    """Yield what is expected of a step, or of the run, and has not come."""
    step = step_id(address) if address else WHOLE
    expect = run.definition.expectations.get(step)
    if expect is None or (address and address not in run.steps):
        return
    for what, by, n in _open(run, address, expect, run.watch.expected.get(step, Expected())):
        yield Promise(address, what, by, _mark(address, what, n), expect)


def _mark(address: str, what: What, n: int = 0) -> str:
    return f"{address}:{what}" + (f":{n}" if n else "")


def _open(run: Run, address: str, expect: Expect, moments: Expected) -> Iterator[tuple[What, datetime, int]]:
    """Yield what has not come of one step, or of the run, until when, and of which start it is."""
    step = None if address == WHOLE else run.steps[address]
    has_begun = any(_has_begun(s) for s in run.steps.values()) if step is None else _has_begun(step)
    if moments.start_by is not None and not has_begun:
        yield "start_by", moments.start_by, 0
    if step is not None and step.is_final:
        return
    if moments.finish_by is not None:
        yield "finish_by", moments.finish_by, 0
    started = run.started_at if step is None else step.started_at
    if expect.longest is not None and started is not None:
        until = _until(run, address, expect.longest, started)
        if until is not None:
            yield "longest", until, 0 if step is None else step.n


def _has_begun(step: StepRun) -> bool:
    return step.is_begun or step.is_final


def _until(run: Run, address: str, longest: str, started: datetime) -> datetime | None:
    """Return when something will have taken longer than is expected; None: it can't be told."""
    past = of_past(longest)
    if past is None:
        try:
            return add(started, longest, calendar.choose(run.calendars, run.definition.calendar, longest))
        except CalendarError:
            return None
    known = run.watch.statistics
    if known is None:
        return None
    measured = known.whole if address == WHOLE else known.steps.get(step_id(address))
    if measured is None:
        return None
    return later(run, address, measured, started, p95=past.quantile == "p95", factor=past.factor)


def next_moment(run: Run) -> datetime | None:
    """Return when something that is expected will be late, or a projection should be looked at; None: never."""
    return min([at for at in (run.watch.due, run.watch.look_at) if at is not None], default=None)


# --- What is late -----------------------------------------------------------------------------------------------------


def look(turn: Turn, *, before: bool = False) -> None:
    """Find what is late now.

    Args:
        turn: The one in the making.
        before: Whether this is before the event counts: then only what was late already is found.
    """
    due = turn.run.watch.due
    if due is not None and (due < turn.now or (due == turn.now and not before)):
        _find_late(turn, before=before)
    if not before:
        _end_what_is_over(turn)


def _find_late(turn: Turn, *, before: bool) -> None:
    run, promised = turn.run, {**turn.run.watch.promised}
    for address, found in turn.run.watch.promised.items():
        is_late = {mark: by < turn.now or (by == turn.now and not before) for mark, by in found.items()}
        for mark, by in found.items():
            if is_late[mark]:
                what = cast("What", mark.split(":")[1])
                expect = run.definition.expectations[step_id(address) if address else WHOLE]
                _late(turn, Promise(address, what, by, mark, expect))
        promised[address] = {mark: by for mark, by in found.items() if not is_late[mark]}
        if not promised[address]:
            del promised[address]
    _keep(turn, promised)


def _late(turn: Turn, promise: Promise) -> None:
    watch = turn.run.watch
    turn.set(watch=watch.but(late=(*watch.late, promise.mark)))
    title, text = _told(turn.run, promise)
    turn.record(
        "step.late" if promise.address else "run.late",
        f"late:{promise.mark}",
        step=promise.address or None,
        expected=promise.what,
        by=promise.by.isoformat(),
        reason=title,
    )
    projected = key_of("projected", promise.mark)
    if projected in turn.run.watch.alerts:
        alarms.end(turn, projected)
    alarms.begin(turn, key_of("late", promise.mark), "late", promise.address, title, text, promise.expect.route)


def key_of(kind: str, mark: str) -> str:
    """Return the key of an alert about what is expected."""
    return f"{kind}:{mark}"


_WORDS = {
    "start_by": "has not begun, and should have",
    "finish_by": "has not ended, and should have",
    "longest": "takes longer than is expected, which was",
}


def _told(run: Run, promise: Promise) -> tuple[str, str]:
    name = f"step {promise.address}" if promise.address else f"run {run.id}"
    title = f"{run.definition.flow}: {name} {_WORDS[promise.what]} by {moment(promise.by)}"
    written = getattr(promise.expect, promise.what)
    return title, f"Why: `expect` says `{promise.what}: {written}`, and the run is {run.state}"


def _end_what_is_over(turn: Turn) -> None:
    """End the alerts about what has begun, or ended, since."""
    for key, alert in [*turn.run.watch.alerts.items()]:
        if alert.kind != "parked" and _is_over(turn.run, alert.step, key.split(":")[2]):
            alarms.end(turn, key)


def _is_over(run: Run, address: str, what: str) -> bool:
    if address == WHOLE:
        return what == "start_by" and any(_has_begun(s) for s in run.steps.values())
    step = run.steps.get(address)
    return step is None or step.is_final or (what == "start_by" and step.is_begun)


# --- At the end -------------------------------------------------------------------------------------------------------


def judge(turn: Turn) -> None:
    """Record what was kept and what was missed, in the moment in which the run ends."""
    known = [*_known(turn.run)]
    if not known:
        return
    missed = {f"{step_id(address)}:{what}" for address, what, *_ in (mark.split(":") for mark in turn.run.watch.late)}
    turn.record(
        "run.expectations_judged",
        "expectations",
        met=[_named(key) for key in known if key not in missed],
        missed=[_named(key) for key in known if key in missed],
    )


def _known(run: Run) -> Iterator[str]:
    """Yield everything that was expected and could be told."""
    for step, expect in run.definition.expectations.items():
        moments = run.watch.expected.get(step, Expected())
        until = None if expect.longest is None else _until(run, step, expect.longest, run.started_at)
        for what, by in (("start_by", moments.start_by), ("finish_by", moments.finish_by), ("longest", until)):
            if by is not None:
                yield f"{step}:{what}"


def _named(key: str) -> str:
    step, _, what = key.partition(":")
    return f"{step}.{what}" if step else what


def is_late(run: Run, address: str) -> bool:
    """Tell whether something that was expected of a step, or of the run, was not kept."""
    return any(mark.startswith(f"{address}:") for mark in run.watch.late)
