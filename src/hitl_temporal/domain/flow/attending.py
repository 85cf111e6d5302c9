"""What happens to those who watch over a run, after each event: alerts, service levels, tickets.

It looks at the run as it stands and brings what is kept of it (watch.py) up to date, so that no way in which a step can
park, end or go on has to think of it.

Must not know: what has happened (machine.py), the rules of each kind of watch.
"""

from datetime import datetime
from typing import assert_never

from hitl_temporal.domain.flow import alarms, lateness, projecting, tickets
from hitl_temporal.domain.flow.effects import Reply
from hitl_temporal.domain.flow.events import (
    AlertDelivered,
    Event,
    Operated,
    ProposalAnswered,
    RepairAnswered,
    StatisticsRead,
    TicketKept,
    TicketRefused,
)
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.people import SYSTEM

_NO_LOOK = frozenset({"acknowledge", "event"})
"""Actions that say nothing about whether somebody looks at a run, or say it themselves."""


def before(turn: Turn) -> None:
    """Find what was late already when something happened."""
    lateness.look(turn, before=True)


def hear(turn: Turn, event: Event, known: int) -> None:
    """Take what an event says beside what it does.

    Args:
        turn: The one in the making; the event has been taken, nothing has followed from it yet.
        event: What has happened.
        known: How many events from outside the run had heard before.
    """
    if not isinstance(event, Operated) or event.command.dry_run or not _is_done(turn):
        return
    if len(turn.run.heard) > known:
        tickets.hear_closed(turn, event)
    command = event.command
    if event.action not in _NO_LOOK and not command.actor.startswith(SYSTEM):
        alarms.acknowledge(turn, command.step, command.actor)


def _is_done(turn: Turn) -> bool:
    """Tell whether an action has been carried out, and not refused."""
    return any(isinstance(e, Reply) and e.receipt.status in {"done", "asked"} for e in turn.effects)


News = AlertDelivered | TicketKept | TicketRefused | StatisticsRead


def take(turn: Turn, event: News) -> None:
    """Take what has become of something that was wanted of the world."""
    match event:
        case AlertDelivered():
            alarms.delivered(turn, event)
        case TicketKept() | TicketRefused():
            tickets.hear(turn, event)
        case StatisticsRead():
            turn.set(watch=turn.run.watch.but(statistics=event.statistics))
            turn.look_anew(turn.run.steps)
        case _:
            assert_never(event)


def attend(turn: Turn, event: Event) -> None:
    """Bring everything up to date, and tell whoever must be told now."""
    run = turn.run
    if not run.begun or run.status is not None:
        return
    _follow(turn, _by(event))
    lateness.follow(turn)
    lateness.look(turn)
    projecting.project(turn)
    alarms.escalate(turn)


def finish(turn: Turn, status: str) -> None:
    """Judge what was expected and bring tickets to their end, in the moment in which the run ends."""
    _follow(turn, "")
    tickets.finish(turn, status)
    alarms.escalate(turn)
    lateness.judge(turn)
    turn.set(watch=turn.run.watch.but(alerts={}, promised={}, due=None, look_at=None))


def _follow(turn: Turn, by: str) -> None:
    stuck = [a for a, s in turn.run.steps.items() if s.state in {"parked", "failed"} or s.undo == "parked"]
    alarms.follow(turn, stuck)
    tickets.follow(turn, stuck, by)


def _by(event: Event) -> str:
    match event:
        case Operated():
            return event.command.actor
        case RepairAnswered() | ProposalAnswered():
            return ", ".join(d.actor for d in event.result.decisions)
        case _:
            return ""


def next_moment(run: Run) -> datetime | None:
    """Return when somebody must be told, or something looked at; None: never by itself."""
    if run.status is not None:
        return None
    dues = (alert.next_due for alert in run.watch.alerts.values())
    late = lateness.next_moment(run)
    return min([*(due for due in dues if due is not None), *(() if late is None else (late,))], default=None)
