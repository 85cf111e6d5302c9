"""Talking about a request: comments, questions back to the requester, and their answers.

Must not know: votes; who is told is known here, how is not.
"""

from datetime import datetime

from hitl_temporal.domain.approval import changing, room
from hitl_temporal.domain.approval.commands import Command, RequestInfo, Say, Status
from hitl_temporal.domain.approval.eligibility import is_operator, may_act_anywhere, refusal, spokesperson
from hitl_temporal.domain.approval.records import Remark
from hitl_temporal.domain.approval.seats import seats
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.telling import notify, participants
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import digest


def may_see(state: Approval, person: str) -> bool:
    """Tell whether a person takes part, or operates."""
    return is_operator(state, person) or person in audience(state)


def audience(state: Approval) -> tuple[str, ...]:
    """Return who takes part: asked for it, was or is asked, was told, has acted, may act now or in an emergency."""
    asked = (p for s in state.stages for p in s.asked)
    told = (*state.told, *(d.person for d in state.deliveries if not d.is_bare))
    now = (seat.holder for s in state.live_stages for seat in seats(state, s, s.who))
    wanted = (state.info.to,) if state.info is not None else ()  # a notice is forgotten after a hundred others
    glass = state.roster.named_by(state.break_glass.who) if state.break_glass is not None else ()
    return tuple(dict.fromkeys((*state.barred, *participants(state), *asked, *told, *now, *wanted, *glass)))


def judge_comment(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a comment."""
    assert isinstance(command, Say), "the table pairs `comment` with Say"
    if not may_see(state, command.actor):
        return "not_eligible", f"{command.actor!r} has no part in this approval"
    return _unless_full(room.for_talk(state, command.text, command.attachments))


def comment(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Keep a comment, and tell those who have taken part."""
    assert isinstance(command, Say), "the table pairs `comment` with Say"
    remark = changing.remark(turn, "comment", command.actor, command.text, to=None, attachments=command.attachments)
    turn.set(conversation=(*turn.state.conversation, remark))
    _write(turn, "commented", remark)
    asker = turn.state.info.by if turn.state.info else None
    people = [p for p in (*participants(turn.state), asker) if p is not None and p != command.actor]
    notify(turn, people, f"{command.actor}: {command.text}")


def judge_request_info(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a question back."""
    assert isinstance(command, RequestInfo), "the table pairs `request_info` with RequestInfo"
    if command.actor not in may_act_anywhere(state):
        reasons = (refusal(state, s, command.actor) for s in state.live_stages)
        return "not_eligible", next((r for r in reasons if r), f"{command.actor!r} can't decide it now")
    to = command.to or spokesperson(state)
    if to == command.actor:
        return "invalid", "to: you would ask yourself"
    if to.startswith(SYSTEM) or not state.roster.is_active(to):
        return "invalid", f"to: {to!r} is not an active person of the directory: say whom to ask"
    if state.info is not None and state.info.to != to:
        return "invalid", f"to: {state.info.to!r} was asked first: it waits for that answer; ask {to!r} after it"
    return _unless_full(room.for_talk(state, command.text))


def request_info(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Ask for more, and stop the clocks until there is an answer."""
    assert isinstance(command, RequestInfo), "the table pairs `request_info` with RequestInfo"
    to = command.to or spokesperson(turn.state)
    remark = changing.remark(turn, "info_requested", command.actor, command.text, to=to)
    changing.wait_for_requester(turn, remark, at, rework=False)
    _write(turn, "info_requested", remark)
    notify(turn, (to,), f"{command.actor} asks: {command.text}")


def judge_provide_info(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge an answer to a question back."""
    assert isinstance(command, Say), "the table pairs `provide_info` with Say"
    if state.info is None:
        return "not_eligible", "nobody has asked for more"
    may = {state.info.to, *state.barred} if not state.info.rework else {*state.barred}
    # Where nobody is there any more who owes the answer, it must not wait for ever.
    is_left = not any(state.roster.is_active(p) for p in may)
    if command.actor not in may and not (is_left and is_operator(state, command.actor)):
        return "not_eligible", f"{state.info.to!r} was asked, or the requester answers"
    return _unless_full(room.for_talk(state, command.text, command.attachments, answers=True))


def provide_info(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Keep the answer, and let the clocks run again; what was sent back comes again as it is."""
    assert isinstance(command, Say), "the table pairs `provide_info` with Say"
    info = turn.state.info
    assert info is not None, "judged before"
    kind = "resubmitted" if info.rework else "info_provided"
    remark = changing.remark(turn, kind, command.actor, command.text, to=info.by, attachments=command.attachments)
    turn.set(conversation=(*turn.state.conversation, remark))
    _write(turn, remark.kind, remark, began=info.since)
    changing.go_on(turn)
    notify(turn, (info.by, *may_act_anywhere(turn.state)), f"{command.actor} answers: {command.text}")


def _write(turn: Turn, name: str, remark: Remark, began: datetime | None = None) -> None:
    turn.record(
        name,
        f"remark:{remark.number}",
        began=began,
        actor=remark.actor,
        to=remark.to,
        text_digest=digest(remark.text),
        attachments=[a.model_dump(mode="json", exclude_none=True) for a in remark.attachments] or None,
    )


def _unless_full(full: str | None) -> tuple[Status, str]:
    return ("counted", "") if full is None else ("invalid", f"text: {full}")
