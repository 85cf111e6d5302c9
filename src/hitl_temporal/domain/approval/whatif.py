"""Policy replay: what another version of a question would have made of what people really did.

The recorded answers are put to the candidate at the moments at which they were given, over the same context and the
people as they were known then. It says what would have changed; it never says what somebody would have done.

Must not know: where records are kept, how many are compared.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from hitl_temporal.domain.approval import clock
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.commands import Amend, Command, Decide, Override, Withdraw
from hitl_temporal.domain.approval.effects import Reply
from hitl_temporal.domain.approval.events import CommandSubmitted, PeopleResolved, TimePassed
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.opening import AskError, begin
from hitl_temporal.domain.approval.records import Decision
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.approval.views import selectors
from hitl_temporal.domain.people import SYSTEM, Roster
from hitl_temporal.domain.value import Json, Value

HORIZON = timedelta(days=366)
"""How long after the recorded end a candidate's deadlines are followed, to see what silence would have made of it."""


class Replayed(Value):
    """One past request under a candidate.

    Attributes:
        before: Its real outcome.
        after: The candidate's; `open` when it would still wait, `parked` when nobody could decide it.
        changed: Whether the two differ in a way that matters: another outcome, or another time.
        differences: What would have been otherwise, in words.
        unheard: Answers that were counted and would not have been, as `actor: why`.
    """

    approval: str
    started: AwareDatetime
    before: str
    after: str
    changed: bool
    differences: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()


class _Said(NamedTuple):
    at: datetime
    verb: str
    command: Command


def replay(record: Approval, candidate: Ask, roster: Roster | None = None) -> Replayed:
    """Return what a candidate would have made of a request that has ended.

    Args:
        record: The approval at its end.
        candidate: Another version of its question.
        roster: The directory's answer for the candidate's selectors, for those that the record does not know.
    """
    assert record.outcome is not None, f"approval {record.id!r} is open"
    try:
        state = _begin(record, candidate)
    except AskError as error:
        return _told(record, "refused", (f"it could not be asked: {error}"[:300],), ())
    people = _people(record, roster)
    state, _ = advance(state, PeopleResolved(at=record.started_at, roster=people, calendars=dict(record.calendars)))
    unheard: list[str] = []
    for said in _said(record):
        state, effects = advance(
            state, CommandSubmitted(at=said.at, verb=said.verb, command=said.command, roster=people)
        )
        refused = [e.receipt for e in effects if isinstance(e, Reply) and e.receipt.status != "counted"]
        unheard.extend(f"{said.command.actor}: {r.reason or r.status}"[:300] for r in refused)
    state = _let_time_pass(state, record)
    after = state.outcome or ("parked" if state.state == "parked" else "open")
    return _told(record, after, tuple(_differences(record, state, after)), tuple(unheard))


def unknown_selectors(record: Approval, candidate: Ask) -> tuple[str, ...]:
    """Return the candidate's selectors that the record can't resolve: the directory must be asked as it is now."""
    try:
        state = _begin(record, candidate)
    except AskError:
        return ()
    return tuple(s for s in selectors(state) if s not in record.roster.members)


def _begin(record: Approval, candidate: Ask) -> Approval:
    return begin(
        record.id,
        candidate,
        requester=record.requester,
        on_behalf_of=record.on_behalf_of,
        context=_first_context(record),
        origin=record.origin,
        fields=record.fields,
        seed=record.seed,
        at=record.started_at,
    )


def _first_context(record: Approval) -> dict[str, Json]:
    """Return the context as it was before anything was amended."""
    context = {k: v for k, v in record.context.items() if k != "requester"}
    for amendment in reversed(record.amendments):
        for path, change in amendment.changes.items():
            context = _put(context, path.split("."), change.before)
    return context


def _put(context: dict[str, Json], parts: list[str], value: Json) -> dict[str, Json]:
    head, *rest = parts
    if not rest:
        return {**context, head: value}
    inner = context.get(head)
    return {**context, head: _put(inner if isinstance(inner, dict) else {}, rest, value)}


def _people(record: Approval, roster: Roster | None) -> Roster:
    if roster is None:
        return record.roster
    return record.roster.but(
        members={**roster.members, **record.roster.members}, cards={**roster.cards, **record.roster.cards}
    )


def _said(record: Approval) -> list[_Said]:
    """Return everything that people did which could count again, in the order of time."""
    said = [_decision(d) for d in (*record.decisions, *(v.decision for v in record.voided)) if d.kind != "auto"]
    for amendment in record.amendments:
        if amendment.kind == "amend":
            changes: Mapping[str, Json] = {path: c.after for path, c in amendment.changes.items()}
            said.append(_Said(amendment.at, "amend", Amend(actor=amendment.actor, changes=dict(changes))))
    if record.withdrawal is not None:
        command = Withdraw(actor=record.withdrawal.actor)
        said.append(_Said(record.withdrawal.at, "withdraw", command))
    return sorted(said, key=lambda s: s.at)


def _decision(decision: Decision) -> _Said:
    if decision.kind != "vote":
        command = Override(actor=decision.actor, outcome=decision.outcome, reason=decision.comment or "recorded")
        return _Said(decision.at, "override", command)
    return _Said(
        decision.at,
        "decide",
        Decide(
            actor=decision.actor,
            outcome=decision.outcome,
            comment=decision.comment,
            form=decision.form,
            edit={path: change.after for path, change in decision.edited.items()},
            on_behalf_of=decision.on_behalf_of,
            assurance="high",  # whether the door was sure enough is another question than the policy's
            key=decision.key,
        ),
    )


def _let_time_pass(state: Approval, record: Approval) -> Approval:
    """Follow the candidate's own deadlines, as if nobody had done anything more."""
    until = (record.ended_at or record.now) + HORIZON
    while state.outcome is None and (moment := clock.next_moment(state)) is not None and moment <= until:
        state, _ = advance(state, TimePassed(at=moment))
    return state


def _differences(record: Approval, state: Approval, after: str) -> Iterator[str]:
    if after != record.outcome:
        yield f"{record.outcome} would be {after}"
    if state.outcome is None:
        yield f"it would wait: {of_approval(state) or state.reason}"
    before, now = _automatic(record), _automatic(state)
    if before != now:
        yield "a rule would decide it" if now else "people would decide what a rule has decided"
    asked = [s.name for s in state.stages if s.openings]
    known = [s.name for s in record.stages if s.openings]
    yield from (f"stage {name!r} would be asked too" for name in asked if name not in known)
    yield from (f"stage {name!r} would not be asked" for name in known if name not in asked)
    if state.ended_at and record.ended_at and state.outcome == record.outcome and state.ended_at != record.ended_at:
        word = "earlier" if state.ended_at < record.ended_at else "later"
        yield f"it would have ended {word}: {state.ended_at.isoformat()}"


def _automatic(state: Approval) -> bool:
    return any(d.actor.startswith(SYSTEM) for d in state.decisions)


def _told(record: Approval, after: str, differences: tuple[str, ...], unheard: tuple[str, ...]) -> Replayed:
    assert record.outcome is not None, "replayed at its end"
    return Replayed(
        approval=record.id,
        started=record.started_at,
        before=record.outcome,
        after=after,
        changed=bool(differences) or bool(unheard),
        differences=differences,
        unheard=unheard,
    )
