"""Policy replay: what another version of a question would have made of what people really did.

Everything that people did is put to the candidate at the moments at which they did it, over the same context and the
people as they were known then. It says what would have changed; it never says what somebody would have done.

A record does not tell all: who joined or left meanwhile, whose turn it was, who had claimed it. So its own question is
replayed too, and the candidate is compared with that: what a replay can't know is never taken for a change of policy.

Must not know: where records are kept, how many are compared.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from hitl_temporal.domain.approval import clock
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.commands import Decide, Override, Receipt
from hitl_temporal.domain.approval.comparing import differences, outcome_of, remarks
from hitl_temporal.domain.approval.context import amended
from hitl_temporal.domain.approval.doings import Doing, doings
from hitl_temporal.domain.approval.effects import Reply
from hitl_temporal.domain.approval.eligibility import eligible
from hitl_temporal.domain.approval.events import CommandSubmitted, PeopleResolved, TimePassed
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.opening import AskError, begin
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.surroundings import selectors
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import Card, Load, Roster
from hitl_temporal.domain.value import Json, Value

HORIZON = timedelta(days=366)
"""How long after the recorded end a candidate's deadlines are followed, to see what silence would have made of it."""

_OPERATOR = "operator"
_MOST_SAID = 300


class Replayed(Value):
    """One past request under a candidate.

    Attributes:
        before: Its real outcome.
        again: What its own question gives when it is replayed; another than `before` where the record does not tell
            all, and then differences are those to this one.
        after: The candidate's outcome; `open` when it would still wait, `parked` when nobody could decide it,
            `refused` when it could not be asked.
        changed: Whether the two differ in a way that matters: in outcome, in time, in who is asked or heard.
        differences: What would have been otherwise, in words.
        unheard: What was done and would not have counted, as `actor: why`.
        remarks: What has only another name or place, and what the record does not know, in words; no change by itself.
    """

    approval: str
    started: AwareDatetime
    before: str
    again: str
    after: str
    changed: bool
    differences: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class _Played(NamedTuple):
    """How a question goes.

    Attributes:
        unheard: By the place of what was done, why it did not count.
    """

    state: Approval
    unheard: dict[int, str]


def replay(
    record: Approval,
    candidate: Ask,
    roster: Roster | None = None,
    calendars: Mapping[str, Calendar] | None = None,
) -> Replayed:
    """Return what a candidate would have made of a request that has ended.

    Args:
        record: The approval at its end.
        candidate: Another version of its question; a table that it names has been looked up.
        roster: The directory's answer for the candidate's selectors, for those that the record does not know.
        calendars: Those that the candidate names, for those that the record does not know.
    """
    assert record.outcome is not None, f"approval {record.id!r} is open"
    people = _people(record, roster)
    known = {**(calendars or {}), **record.calendars}
    try:
        own, then = _play(record, record.ask, people, known), _play(record, candidate, people, known)
    except AskError as error:
        refused = (f"it could not be asked: {error.told(record.hides)}"[:_MOST_SAID],)
        return _told(record, record.outcome, "refused", differences=refused)
    changes = tuple(differences(record.outcome, own.state, then.state))
    unheard = tuple(why for place, why in then.unheard.items() if place not in own.unheard)
    of_today = unknown_selectors(record, candidate) if changes or unheard else ()
    told = tuple(
        f"{selector} is who the directory names now" for selector in of_today if not selector.startswith("user:")
    )
    return _told(
        record,
        outcome_of(own.state),
        outcome_of(then.state),
        differences=changes,
        unheard=unheard,
        remarks=(*remarks(own.state, then.state), *told),
    )


def unknown_selectors(record: Approval, candidate: Ask) -> tuple[str, ...]:
    """Return the candidate's selectors that the record can't resolve: the directory must be asked as it is now."""
    found: list[str] = []
    for context in _contexts(record):
        try:
            found += selectors(_begin(record, candidate, context))
        except AskError:
            continue
    return tuple(s for s in dict.fromkeys(found) if s not in record.roster.members)


def _play(record: Approval, ask: Ask, people: Roster, calendars: dict[str, Calendar]) -> _Played:
    """Put a question instead of the recorded one, do what was done, and let time pass.

    Raises:
        AskError: It could not have been asked.
    """
    state = _begin(record, ask, next(_contexts(record)))
    state, _ = advance(state, PeopleResolved(at=_opened_at(record), roster=people, calendars=calendars))
    unheard: dict[int, str] = {}
    for place, doing in enumerate(doings(record)):
        roster = _with_operator(people, doing) if doing.is_operators else people
        event = CommandSubmitted(at=doing.at, verb=doing.verb, command=doing.command, roster=roster)
        before, (state, effects) = state, advance(state, event)
        refused = (e.receipt for e in effects if isinstance(e, Reply) and e.receipt.status != "counted")
        for receipt in refused:
            unheard[place] = f"{doing.command.actor}: {_why(before, doing, receipt)}"[:_MOST_SAID]
        if state.is_unread:  # what was changed may ask people who were not asked before
            state, _ = advance(state, TimePassed(at=doing.at, roster=people))
    return _Played(_let_time_pass(state, record, people), unheard)


def _why(state: Approval, doing: Doing, receipt: Receipt) -> str:
    """Return why a command would not have counted; of an answer also by which door it came, or that it was early."""
    command = doing.command
    if receipt.status == "needs_step_up" and isinstance(command, Decide | Override) and command.via:
        return f"{receipt.reason}; it came by {command.via}"
    if receipt.status == "not_eligible" and isinstance(command, Decide):
        pending = (s for s in state.stages if s.state == "pending")
        later = next((s for s in pending if _asks(state, s, command.actor)), None)
        if later is not None:
            return f"stage {later.name!r} was not open yet: what they would have answered then can't be told"
    return receipt.reason or receipt.status


def _asks(state: Approval, stage: StageRun, person: str) -> bool:
    return any(seat.holder == person for seat in eligible(state, stage, stage.who))


def _begin(record: Approval, ask: Ask, context: dict[str, Json]) -> Approval:
    return begin(
        record.id,
        ask.but(form={name: _as_sensitive(record, name, field) for name, field in ask.form.items()}),
        requester=record.requester,
        on_behalf_of=record.on_behalf_of,
        context=context,
        origin=record.origin,
        fields=record.fields,
        seed=record.seed,
        at=record.started_at,
    )


def _as_sensitive(record: Approval, name: str, field: Input) -> Input:
    """Return a field that tells nothing of a value that was given as a sensitive one."""
    was = record.ask.form.get(name)
    return field.but(sensitive=True) if was is not None and was.sensitive else field


def _contexts(record: Approval) -> Iterator[dict[str, Json]]:
    """Yield what the question was about: as it was asked first, and after each change."""
    context = {k: v for k, v in record.context.items() if k != "requester"}  # which the opening has added
    for amendment in reversed(record.amendments):
        context = amended(context, {path: change.before for path, change in amendment.changes.items()})
    yield context
    for amendment in record.amendments:
        context = amended(context, {path: change.after for path, change in amendment.changes.items()})
        yield context


def _opened_at(record: Approval) -> datetime:
    """Return when people were asked first, as far as the record tells: a stage that was asked again has a later time.

    The directory may have been read some time after the start.
    """
    first = min((s.block for s in record.stages if s.state != "skipped"), default=0)
    opened = (s.opened_at for s in record.stages if s.block == first and s.openings == 1)
    return min((at for at in opened if at is not None), default=record.started_at)


def _people(record: Approval, roster: Roster | None) -> Roster:
    """Return the people as the record knows them, completed by the directory's; who was picked is picked again."""
    known, more = record.roster, roster or Roster()
    cards = {**more.cards, **known.cards}
    drawn = {p for s in record.stages if s.document.pick is not None for p in s.asked}
    return known.but(
        members={**more.members, **known.members},
        cards=cards,
        absences={**more.absences, **known.absences},
        loads={p: Load(open=int(p not in drawn), decided=int(p in drawn)) for p in cards} if drawn else known.loads,
    )


def _with_operator(people: Roster, doing: Doing) -> Roster:
    """Return the people with the one who operated: that they were allowed to has been judged then."""
    actor = doing.command.actor
    card = people.cards.get(actor) or Card(name=actor)
    return people.but(cards={**people.cards, actor: card.but(active=True, roles=(*card.roles, _OPERATOR))})


def _let_time_pass(state: Approval, record: Approval, people: Roster) -> Approval:
    """Follow the candidate's own deadlines, as if nobody had done anything more.

    Of people who were never asked, since a rule had decided, silence says nothing: then no time passes.
    """
    if not any(s.openings for s in record.stages):
        return state
    until = (record.ended_at or record.now) + HORIZON
    while state.outcome is None and (moment := clock.next_moment(state)) is not None and moment <= until:
        state, _ = advance(state, TimePassed(at=moment, roster=people))
    return state


def _told(
    record: Approval,
    again: str,
    after: str,
    *,
    differences: tuple[str, ...] = (),
    unheard: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> Replayed:
    assert record.outcome is not None, "replayed at its end"
    return Replayed(
        approval=record.id,
        started=record.started_at,
        before=record.outcome,
        again=again,
        after=after,
        changed=bool(differences) or bool(unheard),
        differences=differences,
        unheard=unheard,
        remarks=remarks,
    )
