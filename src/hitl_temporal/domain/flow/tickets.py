"""Incidents: one ticket for each key, opened when a step can't go on, commented at each rerun, resolved at recovery.

Steps whose keys are the same share a ticket: it is resolved once none of them is left. Nothing here keeps a step from
going on; a ticket system that is down hears of it later, in the same order.

Must not know: ticket systems.
"""

from collections.abc import Collection, Iterable

from hitl_temporal.domain.expressions import ExpressionError, render
from hitl_temporal.domain.flow import closing, rerunning, undoing
from hitl_temporal.domain.flow.address import item_of, step_id
from hitl_temporal.domain.flow.commands import Tell
from hitl_temporal.domain.flow.effects import KeepTicket
from hitl_temporal.domain.flow.events import Operated, TicketKept, TicketRefused
from hitl_temporal.domain.flow.incident import TICKET_CLOSED, TICKET_SYSTEM, Incident
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.state import Instead, Run, StepRun
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.watch import Ticket
from hitl_temporal.domain.flow.within import each_at
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import Json, canonical
from hitl_temporal.domain.words import shorten

__all__ = ["finish", "follow", "hear", "hear_closed", "is_awaited", "left_to", "take_over", "ticket_of"]

MAX_KEY = 200


def incident_of(run: Run, address: str) -> Incident | None:
    """Return what the document says about tickets of a step, None: there are none."""
    step = run.definition.step(address)
    return step.incident or run.definition.incident


def ticket_of(run: Run, address: str) -> Ticket | None:
    """Return the ticket that a step is in, None when it is in none."""
    return next((t for t in run.watch.tickets.values() if address in t.stuck), None)


def is_stuck(step: StepRun, incident: Incident) -> bool:
    """Tell whether a step can't go on, in the way for which its document wants a ticket."""
    has_parked = step.state == "parked" or step.undo == "parked"
    has_failed = step.state == "failed" and not step.caught
    return ("parked" in incident.open_on and has_parked) or ("failed" in incident.open_on and has_failed)


def follow(turn: Turn, stuck: Iterable[str], by: str) -> None:
    """Bring tickets up to date with the steps that can't go on, and with those that do again.

    Args:
        turn: The one in the making.
        stuck: The addresses of all steps that have parked or failed.
        by: Who has changed something now; empty: nobody.
    """
    if not turn.run.watch.tickets and not stuck:
        return
    for key, ticket in [*turn.run.watch.tickets.items()]:
        for address in ticket.stuck:
            _follow_known(turn, key, address, by)
        for address in ticket.left:
            _take_up(turn, key, address, by)
    for address in stuck:
        incident = incident_of(turn.run, address)
        if incident is not None and is_stuck(turn.run.steps[address], incident):
            _open(turn, address, incident)


def _follow_known(turn: Turn, key: str, address: str, by: str) -> None:
    """Say in the ticket what has become of a step that is in it, unless it is as it was."""
    step, incident = turn.run.steps.get(address), incident_of(turn.run, address) or Incident()
    if step is None:
        went_well = _went_well(turn.run, address)
        if went_well is not None:
            _leave(turn, key, address, incident, has_recovered=went_well, what="is over")
        else:
            _done_again(turn, key, address, f"{address} is done again, with all that it lies in", by)
    elif is_stuck(step, incident) or step.state == "parked" or step.undo == "parked":
        return  # as it was; parked again it is told by `_open`
    elif step.undo == "running":
        _done_again(turn, key, address, f"the undo of {address} is done again", by)
    elif step.is_final:
        _leave(turn, key, address, incident, has_recovered=step.state in {"succeeded", "skipped"}, what=_ended(step))
    else:
        _done_again(turn, key, address, f"{address}, start {step.n}, is done again", by)


def _take_up(turn: Turn, key: str, address: str, by: str) -> None:
    """Follow a step again that had ended without recovery, once an operator has it done again."""
    step = turn.run.steps.get(address)
    if step is None or step.is_final or turn.run.ending is not None:
        return
    ticket = turn.run.watch.tickets[key]
    left = tuple(a for a in ticket.left if a != address)
    stuck = {**ticket.stuck, address: step.since}
    _put(turn, ticket.but(stuck=stuck, left=left, state="left" if left else "open"))
    _done_again(turn, key, address, f"{address}, start {step.n}, is done again", by)


def _done_again(turn: Turn, key: str, address: str, what: str, by: str) -> None:
    ticket = turn.run.watch.tickets[key]
    if ticket.stuck[address] is not None:
        _put(turn, ticket.but(stuck={**ticket.stuck, address: None}))
        _work(turn, key, "comment", what + (f", by {by}" if by else ""))


def _ended(step: StepRun) -> str:
    return f"has {step.state}" + (f": {shorten(step.error)}" if step.error else "")


def _went_well(run: Run, address: str) -> bool | None:
    """Tell whether the item that a step lay in, and which is over, has succeeded; None: it is begun anew."""
    item = item_of(address)
    assert item is not None, f"only steps of items are forgotten, not {address!r}"
    around = run.steps.get(item.each)
    if around is None or not (around.is_begun or around.is_final):
        return None
    return item.index in each_at(run, item.each).given


def _open(turn: Turn, address: str, incident: Incident) -> None:
    """Open a ticket about a step, or say in the one that is open that it can't go on again."""
    run, step = turn.run, turn.run.steps[address]
    old = ticket_of(run, address)
    if old is not None and old.stuck[address] == step.since:
        return
    key = old.key if old is not None else _key(run, address, incident)
    known = run.watch.tickets.get(key)
    ticket = known or Ticket(key=key, via=incident.via, step=step_id(address))
    ticket = ticket.but(state="open", error="", stuck={**ticket.stuck, address: step.since})
    _put(turn, ticket)
    what = "the undo of this step" if step.undo == "parked" else f"it has {step.state}"
    text = (
        f"Step {address} of run {run.id} can't go on: {what}.\n{shorten(step.error, 1000)}\n"
        f"Look: hitl why {run.id}, /runs/{run.id}. Released by: hitl rerun {run.id} {address}, or hitl skip"
    )
    _work(
        turn,
        key,
        "open",
        text,
        title=f"{run.definition.flow}: {address} can't go on",
        fields=_fields(run, address, incident),
    )
    turn.record("incident.opened", f"ticket:{key}:{ticket.works + 1}", step=address, ticket=key, via=incident.via)


def _scope(run: Run, address: str) -> dict[str, Json]:
    return {**scope(run, address, everything=True), "flow": run.definition.flow, "step": step_id(address)}


def _key(run: Run, address: str, incident: Incident) -> str:
    """Return the key of a step's ticket; one that can't be told is that of flow and step."""
    try:
        found = render(incident.key, _scope(run, address))
    except ExpressionError:
        found = f"{run.definition.flow}/{step_id(address)}"
    return (found if isinstance(found, str) else canonical(found))[:MAX_KEY]


def _fields(run: Run, address: str, incident: Incident) -> dict[str, Json]:
    """Return the fields of a ticket; one that can't be told says why."""
    found: dict[str, Json] = {}
    for name, template in incident.fields.items():
        try:
            found[name] = render(template, _scope(run, address))
        except ExpressionError as error:
            found[name] = told(run, error)
    return found


def _leave(turn: Turn, key: str, address: str, incident: Incident, *, has_recovered: bool, what: str) -> None:
    """Take a step out of its ticket; the last one that recovers resolves it."""
    ticket = turn.run.watch.tickets[key]
    others = {a: since for a, since in ticket.stuck.items() if a != address}
    ends = has_recovered and not others and incident.resolve_on == "recovery" and ticket.state == "open"
    state = "resolved" if ends else ticket.state if has_recovered else "left"
    left = ticket.left if has_recovered else (*ticket.left, address)
    _put(turn, ticket.but(stuck=others, left=left, state=state))
    _work(turn, key, "resolve" if ends else "comment", f"{address} {what}" + ("" if has_recovered else _BY_HAND))
    turn.record(
        "incident.resolved" if ends else "incident.commented",
        f"ticket:{key}:{ticket.works + 1}",
        step=address,
        ticket=key,
        reason=what,
    )


_BY_HAND = ", without recovery: close this ticket by hand"


def finish(turn: Turn, status: str) -> None:
    """Say in every ticket how the run ends; those that wait for that are resolved."""
    for key, ticket in [*turn.run.watch.tickets.items()]:
        incident = incident_of(turn.run, ticket.step) or Incident()
        if ticket.state == "resolved":
            continue
        if incident.resolve_on == "end":
            _put(turn, ticket.but(stuck={}, state="resolved"))
            _work(turn, key, "resolve", f"run {turn.run.id} has ended {status}")
            turn.record("incident.resolved", f"ticket:{key}:{ticket.works + 1}", ticket=key, reason=f"run {status}")
        elif ticket.stuck:
            _put(turn, ticket.but(stuck={}, left=(*ticket.left, *ticket.stuck), state="left"))
            _work(turn, key, "comment", f"run {turn.run.id} has ended {status}{_BY_HAND}")


def left_to(old: Run, again: Collection[str]) -> dict[str, Ticket]:
    """Return the tickets that a run has left open about steps that a new run does again, by key.

    Args:
        old: A run that has ended.
        again: The steps of the outermost list that are done again; what lies in one counts as it does.
    """
    found: dict[str, Ticket] = {}
    for key, ticket in old.watch.tickets.items():
        tops = dict.fromkeys([a, *old.definition.plan.around(a)][-1] for a in ticket.left)
        stuck = {top: None for top in tops if top in again}
        if stuck:
            found[key] = ticket.but(state="open", stuck=stuck, left=(), error="", works=0)
    return found


def take_over(turn: Turn, run: str, by: str) -> None:
    """Say in the tickets that an earlier run has left open that a new run does again what they are about."""
    for key, ticket in [*turn.run.watch.tickets.items()]:
        what = f"run {turn.run.id} does again what run {run} has left: {', '.join(ticket.stuck)}"
        _work(turn, key, "comment", f"{what}, by {by}")
        turn.record("incident.commented", f"ticket:{key}:taken_over", ticket=key, reason=what)


def _put(turn: Turn, ticket: Ticket) -> None:
    watch = turn.run.watch
    turn.set(watch=watch.but(tickets={**watch.tickets, ticket.key: ticket}))


def _work(
    turn: Turn, key: str, doing: str, text: str, *, title: str = "", fields: dict[str, Json] | None = None
) -> None:
    ticket = turn.run.watch.tickets[key]
    _put(turn, ticket.but(works=ticket.works + 1))
    turn.effects.append(
        KeepTicket.model_validate(
            {
                "ticket": key,
                "key": f"{turn.run.id}:ticket:{key}:{ticket.works + 1}",
                "via": ticket.via,
                "doing": doing,
                "title": title,
                "text": text,
                "fields": fields or {},
            }
        )
    )


# --- What the ticket system says --------------------------------------------------------------------------------------


def hear(turn: Turn, event: TicketKept | TicketRefused) -> None:
    """Take what the ticket system has answered."""
    ticket = turn.run.watch.tickets.get(event.ticket)
    if ticket is None:
        return
    if isinstance(event, TicketKept):
        _put(turn, ticket.but(ref=event.ref or ticket.ref, error=""))
        if event.ref and event.ref != ticket.ref:
            turn.record("incident.kept", f"ticket:{event.key}:kept", ticket=event.ticket, ref=event.ref)
        if event.left_to is not None:
            turn.record("incident.left", f"ticket:{event.key}:left", ticket=event.ticket, run=event.left_to)
    else:
        _put(turn, ticket.but(error=event.reason))
        turn.record("incident.refused", f"ticket:{event.key}:refused", ticket=event.ticket, reason=event.reason)


def is_awaited(run: Run) -> bool:
    """Tell whether the closing of a ticket would do something."""
    return any(_answering(run, t, a) is not None for t in run.watch.tickets.values() for a in t.stuck)


def hear_closed(turn: Turn, event: Operated) -> None:
    """Let the closing of a ticket answer what to do about the steps in it, if their document says so.

    Whoever may send events could close nothing by that: it counts of the door of a ticket system, and of people who
    operate runs.
    """
    command, actor = event.command, event.command.actor
    if not isinstance(command, Tell) or command.event.type != TICKET_CLOSED:
        return
    if actor.startswith(SYSTEM) and actor != TICKET_SYSTEM:
        return
    ticket = turn.run.watch.tickets.get(command.event.subject or "")
    if ticket is None:
        return
    for address in ticket.stuck:
        action = _answering(turn.run, ticket, address)
        if action is not None:
            n = turn.run.steps[address].n
            turn.record(
                "step.ticket_closed",
                f"ticket:{ticket.key}:closed:{address}:{n}:{ticket.works}",
                step=address,
                ticket=ticket.key,
                action=action,
                actor=TICKET_SYSTEM,
            )
            _answer(turn, address, action)


def _answering(run: Run, ticket: Ticket, address: str) -> str | None:
    """Return what the closing of a ticket does to a step, None: nothing."""
    incident, step = incident_of(run, address) or Incident(), run.steps.get(address)
    if step is None or ticket.stuck[address] is None or not is_stuck(step, incident):
        return None
    if run.ending is not None and step.undo != "parked":
        return None
    is_barred = incident.on_close == "rerun" and step.undo != "parked" and rerunning.forbidding(run, address)
    return None if is_barred else incident.on_close


def _answer(turn: Turn, address: str, action: str) -> None:
    reason = "its ticket was closed"
    match action, turn.run.steps[address].undo == "parked":
        case "rerun", True:
            undoing.undo_again(turn, address)
        case "rerun", False:
            rerunning.again(turn, address)
        case _, True:
            closing.skip_undo(turn, address, reason)
        case _:
            closing.stop(turn, address, Instead(state="skipped", reason=f"skipped by {TICKET_SYSTEM}: {reason}"))
