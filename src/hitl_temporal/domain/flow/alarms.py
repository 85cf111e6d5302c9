"""Alerts: people are told that something needs them, one after the other, until it is over or somebody looks at it.

A step that has parked is told to the flow's owner and to the flow's route; but while people are asked what to do about
it, they are the ones who have been told.

Must not know: channels, who a selector names.
"""

from collections.abc import Iterable
from datetime import datetime

from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.effects import Notify
from hitl_temporal.domain.flow.events import AlertDelivered
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.times import after
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.watch import Alert, AlertKind
from hitl_temporal.domain.people import bind
from hitl_temporal.domain.words import moment, shorten

PARKED = "parked:"
"""What the keys of alerts about parked steps begin with."""


def is_parked(step: StepRun) -> bool:
    """Tell whether a step, or its compensation, waits for an operator, whom nobody else has been asked to be."""
    return step.undo == "parked" or (step.state == "parked" and step.repair is None)


def follow(turn: Turn, stuck: Iterable[str]) -> None:
    """Begin an alert for each step that has parked, and end those of steps that are parked no more."""
    run = turn.run
    parked = {PARKED + a: a for a in stuck if is_parked(run.steps[a])}
    for key, alert in run.watch.alerts.items():
        if key.startswith(PARKED) and (key not in parked or run.steps[alert.step].since != alert.of):
            end(turn, key)
    for key, address in parked.items():
        if key not in turn.run.watch.alerts:
            begin(turn, key, "parked", address, *_parked(run, address), run.definition.on_parked)


def _parked(run: Run, address: str) -> tuple[str, str]:
    """Return the title and the text of an alert about a step that has parked."""
    step = run.steps[address]
    what = f"the undo of {address}" if step.undo == "parked" else address
    again = f"hitl rerun {run.id} {address}, or hitl skip {run.id} {address}"
    releases = again if step.undo == "parked" else f"{again}, finish or cancel it"
    return f"{run.definition.flow}: {what} has parked", f"Why: {shorten(step.error, 1000)}\nReleased by: {releases}"


def begin(turn: Turn, key: str, kind: AlertKind, step: str, title: str, text: str, route: str | None) -> None:
    """Begin to tell people.

    Args:
        turn: The one in the making.
        key: Names what it is about.
        kind: What kind of thing that is.
        step: The address of the step; empty: the run.
        title: What has happened.
        text: Why, and what releases it.
        route: The entry of `notify`; None, or one that the site has not: the owner is told. If there is no owner,
            nobody is: then it is in the trail and in the status alone.
    """
    run, watch = turn.run, turn.run.watch
    entries = sorted(_entries(run, kind, route), key=lambda entry: _due(run, entry))
    if not entries:
        return
    alert = Alert(
        number=watch.raised + 1,
        kind=kind,
        step=step,
        since=turn.now,
        of=run.steps[step].since if step else turn.now,
        entries=tuple(entries),
        due=tuple(_due(run, entry) for entry in entries),
        title=shorten(title),
        text=text,
    )
    turn.set(watch=watch.but(raised=alert.number, alerts={**watch.alerts, key: alert}))
    turn.record(
        "alert.raised",
        f"alert:{alert.number}:raised",
        alert=kind,
        step=step or None,
        reason=alert.title,
        told=[selector for entry in entries for selector in entry.to],
    )


def _entries(run: Run, kind: AlertKind, route: str | None) -> list[AlertEntry]:
    found = run.watch.routes.get(route or "", ())
    owner = run.definition.owner
    has_owner = owner is None or any(owner in entry.to and entry.after is None for entry in found)
    if has_owner or (found and kind != "parked"):
        return [*found]
    return [AlertEntry(to=(str(owner),)), *found]


def _due(run: Run, entry: AlertEntry) -> datetime:
    """Return when an entry is told; where the calendar can't say, at once: too early is better than never."""
    try:
        return run.now if entry.after is None else after(run, run.now, entry.after)
    except CalendarError:
        return run.now


def end(turn: Turn, key: str) -> None:
    """Tell nobody any more: it is over."""
    watch = turn.run.watch
    turn.set(watch=watch.but(alerts={k: alert for k, alert in watch.alerts.items() if k != key}))


def escalate(turn: Turn) -> None:
    """Tell everybody whose moment has come."""
    for key, old in [*turn.run.watch.alerts.items()]:
        alert = old
        while (due := alert.next_due) is not None and due <= turn.now:
            _tell(turn, alert, alert.told)
            alert = alert.but(told=alert.told + 1)
        if alert is not old:
            _put(turn, key, alert)


def _put(turn: Turn, key: str, alert: Alert) -> None:
    watch = turn.run.watch
    turn.set(watch=watch.but(alerts={**watch.alerts, key: alert}))


def _tell(turn: Turn, alert: Alert, index: int) -> None:
    run, entry = turn.run, alert.entries[index]
    to = tuple(bind(selector, run.requester) for selector in entry.to)
    before = f"Nobody has acknowledged it since {moment(alert.since)}.\n" if index else ""
    look = f"Look: hitl why {run.id}, /runs/{run.id}. Stop this alert: hitl acknowledge {run.id} {alert.step}".rstrip()
    turn.record("alert.told", f"alert:{alert.number}:told:{index}", alert=alert.kind, step=alert.step or None, to=[*to])
    turn.effects.append(
        Notify(
            key=f"{run.id}:alert:{alert.number}:{index}",
            run=run.id,
            flow=run.definition.flow,
            requester=run.requester,
            alert=alert.kind,
            step=alert.step,
            to=to,
            via=entry.via,
            title=alert.title,
            text=f"{before}{alert.text}\n{look}",
        )
    )


def delivered(turn: Turn, event: AlertDelivered) -> None:
    """Record who has been told, or why somebody could not be."""
    name = "alert.undelivered" if event.reason else "alert.delivered"
    turn.record(name, f"{event.key}:delivered", people=[*event.people], reason=event.reason or None)


def acknowledge(turn: Turn, step: str | None, by: str) -> tuple[str, ...]:
    """Tell nobody further about a step, or about the whole run: somebody looks at it. Return what was told."""
    changes: list[str] = []
    for key, alert in [*turn.run.watch.alerts.items()]:
        if alert.acknowledged is None and step in {None, alert.step}:
            _put(turn, key, alert.but(acknowledged=by))
            turn.record(
                "alert.acknowledged",
                f"alert:{alert.number}:acknowledged",
                began=alert.since,
                alert=alert.kind,
                step=alert.step or None,
                by=by,
            )
            changes.append(f"{alert.step or 'run'}: {alert.kind}, acknowledged by {by}")
    return tuple(changes)


def nothing_told(run: Run, step: str | None) -> str | None:
    """Return why there is nothing to acknowledge, None when there is."""
    about = [a for a in run.watch.alerts.values() if step in {None, a.step}]
    if not about:
        return f"nobody is told about {'this run' if step is None else f'step {step!r}'}"
    if all(a.acknowledged is not None for a in about):
        return f"acknowledged already by {about[0].acknowledged}"
    return None


def told_to(run: Run) -> tuple[str, ...]:
    """Return the selectors of all who are told about a run: they may acknowledge it."""
    entries = (entry for alert in run.watch.alerts.values() for entry in alert.entries)
    return tuple(dict.fromkeys(bind(selector, run.requester) for entry in entries for selector in entry.to))


def acknowledged_by(run: Run, step: str) -> str | None:
    """Return who looks at a step, None when nobody has said so."""
    return next((a.acknowledged for a in run.watch.alerts.values() if a.step == step and a.acknowledged), None)
