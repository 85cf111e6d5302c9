"""What people have done to a request that has ended, as commands in the order of time: to be done again elsewhere.

A record keeps what came of commands, not the commands. What only held others back (a claim), said something (a comment)
or did not count is not among them.

Must not know: what is done with them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from hitl_temporal.domain.approval.commands import (
    AddApprover,
    Amend,
    Command,
    Decide,
    Delegate,
    Extend,
    Override,
    Reassign,
    RequestInfo,
    Retract,
    Say,
    Withdraw,
)
from hitl_temporal.domain.approval.records import Decision, Handover
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import Json, canonical

RECORDED = f"{SYSTEM}record"
"""Who does again what the record keeps without its author."""

_REASON = "recorded"


class Doing(NamedTuple):
    """One command, when it was given.

    Attributes:
        is_operators: It is for operators alone; that its actor was one then has been judged.
    """

    at: datetime
    verb: str
    command: Command
    is_operators: bool = False


def doings(record: Approval) -> tuple[Doing, ...]:
    """Return what was done, in the order of time.

    Of one moment what was voided comes first, and what counts in the end last.
    """
    found = (
        *_voided(record),
        *_handed_over(record),
        *_talked(record),
        *_amended(record),
        *_extended(record),
        *_added(record),
        *(_decided(record, d) for d in record.decisions if d.kind != "auto"),
        *_withdrawn(record),
    )
    return tuple(sorted(found, key=lambda d: d.at))


def _voided(record: Approval) -> Iterator[Doing]:
    for void in record.voided:
        yield _decided(record, void.decision)
        if void.why == "retracted":
            yield Doing(void.at, "retract", Retract(actor=void.decision.actor))


def _handed_over(record: Approval) -> Iterator[Doing]:
    yield from (_handover(h) for stage in record.stages for h in stage.handovers)


def _handover(handover: Handover) -> Doing:
    if handover.kind == "delegate":
        return Doing(handover.at, "delegate", Delegate(actor=handover.by, to=handover.taker))
    said = {"actor": handover.by, "from": handover.giver, "to": handover.taker, "reason": _REASON}
    command = Reassign.model_validate(said)
    return Doing(handover.at, "reassign", command, is_operators=True)


def _talked(record: Approval) -> Iterator[Doing]:
    """Yield what has stopped the clocks, and what has let them run again."""
    amended = {(a.actor, a.at) for a in record.amendments if a.changes}
    for remark in record.conversation:
        match remark.kind:
            case "info_requested":
                command = RequestInfo(actor=remark.actor, text=remark.text, to=remark.to)
                yield Doing(remark.at, "request_info", command)
            case "info_provided" | "resubmitted" if (remark.actor, remark.at) not in amended:
                yield Doing(remark.at, "provide_info", Say(actor=remark.actor, text=remark.text or _REASON))
            case _:  # a comment; or a part of a decision or of an amendment
                continue


def _amended(record: Approval) -> Iterator[Doing]:
    for amendment in record.amendments:
        if amendment.kind == "amend" and amendment.changes:
            changes = {path: change.after for path, change in amendment.changes.items()}
            yield Doing(amendment.at, "amend", Amend(actor=amendment.actor, changes=changes))


def _extended(record: Approval) -> Iterator[Doing]:
    moves = dict.fromkeys((m.at, m.by) for stage in record.stages for m in stage.moves)
    for at, by in moves:
        if by is not None:
            yield Doing(at, "extend", Extend(actor=RECORDED, by=by, reason=_REASON), is_operators=True)


def _added(record: Approval) -> Iterator[Doing]:
    """Yield who was added: each has got a stage of their own."""
    for stage in record.stages:
        if stage.is_added and stage.opened_at is not None:
            command = AddApprover(actor=RECORDED, to=stage.document.who[0])
            yield Doing(stage.opened_at, "add_approver", command, is_operators=True)


def _withdrawn(record: Approval) -> Iterator[Doing]:
    if record.withdrawal is not None:
        yield Doing(record.withdrawal.at, "withdraw", Withdraw(actor=record.withdrawal.actor))


def _filled_in(record: Approval, form: Mapping[str, Json]) -> dict[str, Json]:
    """Return what somebody has filled in: what was added to it is not theirs, and another form adds its own."""
    added = {name: canonical(field.default) for name, field in record.ask.form.items()}
    return {name: value for name, value in form.items() if canonical(value) != added.get(name)}


def _decided(record: Approval, decision: Decision) -> Doing:
    if decision.kind != "vote":
        reason = decision.comment or _REASON
        override = Override(
            actor=decision.actor,
            outcome=decision.outcome,
            reason=reason,
            via=decision.via,
            assurance=decision.assurance,
        )
        return Doing(decision.at, "override", override)
    return Doing(
        decision.at,
        "decide",
        Decide(
            actor=decision.actor,
            outcome=decision.outcome,
            comment=decision.comment,
            form=_filled_in(record, decision.form),
            edit={path: change.after for path, change in decision.edited.items()},
            on_behalf_of=decision.on_behalf_of,
            via=decision.via,
            assurance=decision.assurance,
            key=decision.key,
        ),
    )
