"""The approval machine: `advance(state, event) -> (state, effects)`.

Whatever happens to a question to people happens here: opening, commands, time, calendars, deliveries. The same
function serves live approvals, replays, scenarios and property tests.

Must not know: clocks, randomness, I/O, Temporal.
"""

from typing import assert_never

from hitl_temporal.domain.approval import clock, dialogue, ending, stages, waking
from hitl_temporal.domain.approval.automatic import decision_of, rule_to_follow
from hitl_temporal.domain.approval.commands import Command, Decide, Receipt, Withdraw
from hitl_temporal.domain.approval.deciding import add, keep_intent
from hitl_temporal.domain.approval.effects import Effect, Supersede
from hitl_temporal.domain.approval.events import (
    CalendarChanged,
    Closed,
    CommandSubmitted,
    DeliveriesEnded,
    Event,
    PeopleResolved,
    TimePassed,
)
from hitl_temporal.domain.approval.judge import RULES, is_intent, judge_with, key_of, ledger_name, spent
from hitl_temporal.domain.approval.records import Decision, Refusal
from hitl_temporal.domain.approval.state import MAX_CLICKS, MAX_SPENT, Approval
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.approval.telling import ask_people, forget_rounds, notify
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.people import Roster


def advance(state: Approval, event: Event) -> tuple[Approval, tuple[Effect, ...]]:
    """Return the approval after an event, and what is to be done, in order."""
    turn = Turn(state.but(now=max(state.now, event.at)))
    match event:
        case PeopleResolved():
            _resolve(turn, event)
        case CommandSubmitted():
            _read(turn, event.roster)
            before = _held_up(turn.state)
            waking.pass_time(turn, event.at)
            _obey(turn, event)
            # Absences come and go with time, which a command may bring on; and while it is held up nobody is asked.
            if turn.state.roster.absences or before != _held_up(turn.state):
                _ask_newcomers(turn)
        case TimePassed():
            _read(turn, event.roster)
            waking.pass_time(turn, event.at)
            stages.see_who_is_left(turn)
            _ask_newcomers(turn)
        case CalendarChanged():
            if turn.state.outcome is None:
                turn.set(calendars={**turn.state.calendars, **event.calendars})
                clock.plan_anew(turn, "the calendar has changed")
        case DeliveriesEnded():
            _deliver(turn, event)
        case Closed():
            ending.close(turn)
        case _:
            assert_never(event)
    return turn.state, tuple(turn.effects)


def _read(turn: Turn, roster: Roster | None) -> None:
    """Take over the directory as read now; an ended approval keeps the people whom it tells its end."""
    if roster is None or turn.state.outcome is not None:
        return
    turn.set(roster=roster)
    if turn.state.is_unread and turn.state.cooling is None:
        turn.set(is_unread=False)
        turn.has_read = True
        stages.open_next(turn)
        turn.has_read = False


def _resolve(turn: Turn, event: PeopleResolved) -> None:
    if turn.state.is_open or turn.state.outcome is not None:
        return
    turn.set(is_open=True, roster=event.roster, calendars=event.calendars, looked_at=turn.now)
    state = turn.state
    turn.record(
        "opened",
        "opened",
        title=state.shown.title,
        requester=state.requester,
        on_behalf_of=state.on_behalf_of,
        digest=state.shown.digest,
        approval=state.id,
        subject=state.subject,
    )
    turn.has_read = True
    rule = rule_to_follow(turn)
    if rule is None:
        stages.open_next(turn)
    else:
        add(turn, decision_of(turn.state, rule))
        ending.end(turn, rule.outcome, rule.reason or f"rule: {rule.condition}")
    outcome = turn.state.outcome
    # One that a rule has refused takes nobody's place.
    if state.subject is not None and (outcome is None or state.ask.is_positive(outcome)):
        turn.effects.append(Supersede(subject=state.subject))


def _ask_newcomers(turn: Turn) -> None:
    """Ask who may act since it was last looked: joiners, and who stands in for the absent."""
    if turn.state.outcome is None:
        turn.set(looked_at=turn.now)
    for stage in turn.state.live_stages:
        ask_people(turn, stage)


def _held_up(state: Approval) -> tuple[object, ...]:
    """Return what keeps people from voting, and so from being asked, for a while."""
    return (state.info, state.cooling, *[s.claim for s in state.stages])


def _obey(turn: Turn, event: CommandSubmitted) -> None:
    command, verb = event.command, event.verb
    key = key_of(turn.state, verb, command, event.at)
    receipt, is_new = judge_with(turn.state, verb, command, event.at, key)
    if not is_new:
        _know_click(turn, command)
        turn.reply(receipt)
    elif is_intent(verb, receipt):
        if keep_intent(turn, command, event.at, receipt) and event.has_no_answer:
            _tell_later(turn, command, receipt)
        turn.reply(receipt)
    elif receipt.status != "counted":
        if _refuse(turn, verb, command.actor, receipt) and event.has_no_answer:
            _tell_later(turn, command, receipt)
        turn.reply(receipt)
    else:
        RULES[verb].do(turn, command, event.at, receipt.key)
        if not isinstance(command, Decide | Withdraw):
            stages.see_who_is_left(turn)
            _spend(turn, verb, command.actor, receipt.key)
        done = spent(turn.state, command.actor, receipt.key)
        assert done is not None, f"key {receipt.key!r} of {command.actor!r} was spent"
        turn.reply(done)
        return
    stages.see_who_is_left(turn)


def _know_click(turn: Turn, command: Command) -> None:
    """Remember one more click of an answer that was given before: its receipt is looked for under that name."""
    click = command.click
    if not isinstance(command, Decide) or click is None or spent(turn.state, command.actor, click) is not None:
        return
    key = key_of(turn.state, "decide", command, turn.now)

    def known(decision: Decision) -> Decision:
        is_it = (decision.actor, decision.key) == (command.actor, key)
        return decision.but(clicks=(*decision.clicks[1 - MAX_CLICKS :], click)) if is_it else decision

    voided = tuple(v.but(decision=known(v.decision)) for v in turn.state.voided)
    turn.set(decisions=tuple(map(known, turn.state.decisions)), voided=voided)


def _spend(turn: Turn, verb: str, actor: str, key: str) -> None:
    kept = list(turn.state.spent.items())[1 - MAX_SPENT :]
    turn.set(spent={**dict(kept), ledger_name(actor, key): f"{verb} {of_approval(turn.state)}"})


def _refuse(turn: Turn, verb: str, actor: str, receipt: Receipt) -> bool:
    """Keep a refused attempt as a value, bounded; beyond the bound only its number grows, and False is returned."""
    state = turn.state
    if state.is_flooded_by(actor):
        turn.set(unrecorded=state.unrecorded + 1)
        return False
    refusal = Refusal(actor=actor, at=turn.now, receipt=receipt)
    turn.set(refusals=(*state.refusals, refusal))
    number = len(turn.state.refusals)
    turn.record(
        "refused",
        f"refused:{number}",
        actor=actor,
        verb=verb if verb != "decide" else None,
        status=receipt.status,
        reason=receipt.reason,
    )
    return True


def _tell_later(turn: Turn, command: Command, receipt: Receipt) -> None:
    """Tell somebody what became of an answer that was only `recorded`; of the end everybody is told anyway."""
    if isinstance(command, Decide) and turn.state.outcome is None:
        word = "waits until you confirm it" if receipt.status == "needs_step_up" else "does not count"
        is_bare = not dialogue.may_see(turn.state, command.actor)  # to be told of a click opens nothing to a stranger
        why = "you take no part in it" if is_bare else receipt.reason
        notify(turn, (command.actor,), f"your answer {command.outcome!r} {word}: {why}", is_bare=is_bare)


def _deliver(turn: Turn, event: DeliveriesEnded) -> None:
    ends = {e.delivery: e for e in reversed(event.ended)}  # a message ends once: what is told of it later is nothing
    known = {d.id: d for d in turn.state.deliveries if d.id in ends and d.state == "sending"}
    if not known:
        return
    done = {i: d.but(state=ends[i].state, reason=ends[i].reason, channel=ends[i].channel) for i, d in known.items()}
    turn.set(deliveries=tuple(done.get(d.id, d) for d in turn.state.deliveries))
    settled = {d.stage for d in known.values() if d.settles is not None}
    for stage in turn.state.stages:
        if stage.name in settled:
            forget_rounds(turn, stage)
    for delivery in (done[i] for i in dict.fromkeys(e.delivery for e in event.ended) if i in done):
        turn.record(
            "delivered" if delivery.state == "delivered" else "delivery_failed",
            f"delivery:{delivery.id}",
            person=delivery.person,
            occasion=delivery.occasion,
            stage=delivery.stage,
            channel=delivery.channel,
            reason=delivery.reason or None,
        )
