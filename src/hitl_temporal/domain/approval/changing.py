"""Changing what is asked: amended by the requester, edited by an approver, sent back and sent in again.

Whatever is changed, the decisions whose material it touches are void and those people are asked again; all others
keep theirs. Everybody is told the difference.

Must not know: who may (the verbs' own modules judge that), votes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from hitl_temporal.domain.approval import aligning, hiding, room, stages
from hitl_temporal.domain.approval.ask import REWORK
from hitl_temporal.domain.approval.commands import Reference
from hitl_temporal.domain.approval.context import (
    MISSING,
    amended,
    as_declared,
    at_path,
    found_at,
    unfit_field,
    unfit_value,
)
from hitl_temporal.domain.approval.effects import Supersede
from hitl_temporal.domain.approval.eligibility import eligible
from hitl_temporal.domain.approval.lineup import line_up
from hitl_temporal.domain.approval.opening import AskError, break_glass, parties, shown, subject
from hitl_temporal.domain.approval.opening import stages as stages_of
from hitl_temporal.domain.approval.records import Amendment, Change, Decision, InfoWanted, Remark, RemarkKind
from hitl_temporal.domain.approval.seats import Seat
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.telling import notify, participants
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.value import Json, canonical
from hitl_temporal.domain.words import moment

MAX_AMENDMENTS = 100


def unfit(state: Approval, changes: Mapping[str, Json], where: str, reason: str = "") -> str | None:
    """Return why these values can't stand at these paths, None when they can."""
    context = amended(state.context, changes)
    nested = next(((p, q) for p in changes for q in changes if q.startswith(f"{p}.")), None)
    if nested is not None:
        return f"{where}: {nested[1][:100]!r} lies in {nested[0][:100]!r}: change one of them"
    for path, value in changes.items():
        wrong = unfit_value(state, path, value) or unfit_field(state, path, context)
        if wrong is not None:
            return f"{where}: {wrong}"
    full = room.for_changes(state, changes, reason)
    if full is not None:
        return f"{where}: {full}"
    return _unaskable(state, context, where)


def _unaskable(state: Approval, context: dict[str, Json], where: str) -> str | None:
    """Return why the question can't be put over this context, None when it can."""
    try:
        shown(state.ask, state.requester, context)
        parties(state.ask, state.requester, state.on_behalf_of, context)
        break_glass(state.ask, state.requester, context)
        subject(state.ask, context)
    except AskError as error:
        return f"{where}: the question can't be put with it: {error.told(state.hides)}"[:500]
    return None


def stage_after(state: Approval, stage: StageRun, seat: Seat, changes: Mapping[str, Json]) -> StageRun | None:
    """Return a stage as it is with these changes, None if it has this place, or this person in it, no more."""
    turn = Turn(state)
    rewrite(turn, "edit", seat.holder, changes, "")
    freed = aligning.freed(state, turn.state)
    state, ask = turn.state, turn.state.ask
    new = next((s for s in stages_of(ask, state.requester, state.context) if s.name == stage.name), None)
    if new is None:
        return stage if stage.is_added else None
    # Whom an unread `not` bars can't be told yet: it might be the very person who edits.
    if new.state == "skipped" or any(not state.roster.knows(s) for s in new.cast.barred):
        return None
    changed = stage.but(document=new.document, cast=new.cast)
    is_affected = aligning.is_affected(state, stage, new, freed)
    who = line_up(state, changed, may_pick=False).who if is_affected else stage.who
    is_in_it = any((s.holder, s.named) == (seat.holder, seat.named) for s in eligible(state, changed, who))
    return changed if is_in_it else None


def amend(turn: Turn, actor: str, changes: Mapping[str, Json], reason: str) -> None:
    """Change the context, ask again where it is material, and tell everybody the difference."""
    before = turn.state
    difference = rewrite(turn, "amend", actor, changes, reason)
    aligning.bring_in_line(turn, before)
    tell_difference(turn, actor, difference)


def put_back(turn: Turn, vote: Decision, reason: str) -> None:
    """Undo what a vote that was taken back had changed: nobody has agreed to it now."""
    before, changes = turn.state, _undoing(turn.state, vote)
    if not changes:
        return
    difference = rewrite(turn, "edit", vote.actor, changes, reason)
    aligning.bring_in_line(turn, before)
    tell_difference(turn, vote.actor, difference)


def unfit_to_put_back(state: Approval, vote: Decision) -> str | None:
    """Return why what a vote had changed can't be undone, None when it can: others may have changed the rest since."""
    return _unaskable(state, amended(state.context, _undoing(state, vote)), "edit")


def _undoing(state: Approval, vote: Decision) -> dict[str, Json]:
    """Return the values from before a vote's changes; what others have changed since stands."""
    mine = {p: c for p, c in vote.edited.items() if canonical(found_at(state.context, p)) == canonical(c.after)}
    return {path: change.before for path, change in mine.items()}


def rewrite(
    turn: Turn, kind: Literal["amend", "edit"], actor: str, changes: Mapping[str, Json], reason: str
) -> dict[str, Change]:
    """Change the context and everything that is read off it but the stages; return the difference by path."""
    state = turn.state
    changes = {path: as_declared(state, path, value) for path, value in changes.items()}
    difference = {
        path: Change(before=at_path(state.context, path), after=value)
        for path, value in changes.items()
        if canonical(at_path(state.context, path)) != canonical(value)
    }
    context = amended(state.context, changes)
    before = state.shown.digest
    amendment = Amendment(kind=kind, actor=actor, at=turn.now, changes=difference, reason=reason, digest=before)
    amendments = (*state.amendments, amendment)
    turn.set(
        context=context,
        shown=shown(state.ask, state.requester, context),
        barred=_barred(state, context, amendment),
        break_glass=break_glass(state.ask, state.requester, context),
        subject=subject(state.ask, context),
        amendments=amendments,
        amended=_in_the_end(amendments, context),
        reason="" if not state.live_stages else state.reason,
    )
    new = turn.state.subject
    if state.is_open and new is not None and new != state.subject:
        turn.effects.append(Supersede(subject=new))
    turn.record(
        "amended",
        f"amended:{len(turn.state.amendments)}",
        kind=kind,
        actor=actor,
        paths=[*sorted(difference)],
        reason=reason or None,
        digest_before=before,
        digest=turn.state.shown.digest,
    )
    return difference


def _in_the_end(amendments: Sequence[Amendment], context: dict[str, Json]) -> dict[str, Json]:
    """Return the value of each path that was changed, by its last change, as it is now.

    Where one path lies in another, whoever sets them need not know which came first. One that another change has taken
    away is left out until it is there again.
    """
    paths = dict.fromkeys(p for a in reversed(amendments) for p in reversed(a.changes))
    return {p: v for p in reversed(paths) if (v := at_path(context, p)) is not MISSING}


def _barred(state: Approval, context: dict[str, Json], now: Amendment) -> tuple[str, ...]:
    """Return the parties to a request as it is now, and whoever has changed it as one: they would free themselves."""
    amenders = (a.actor for a in (*state.amendments, now) if a.kind == "amend")
    return tuple(dict.fromkeys((*parties(state.ask, state.requester, state.on_behalf_of, context), *amenders)))


def tell_difference(turn: Turn, actor: str, difference: Mapping[str, Change]) -> None:
    """Tell everybody who has had a hand in it, or is asked now, what has changed."""
    if not difference:
        return
    seen = hiding.changes(turn.state, difference)
    parts = [f"{path}: {_short(c.before)} -> {_short(c.after)}" for path, c in seen.items()]
    asked = (*turn.state.told, *(d.person for d in turn.state.deliveries if d.occasion == "asked"))
    people = [p for p in dict.fromkeys((*participants(turn.state), *asked)) if p != actor]
    notify(turn, people, f"changed by {actor}: {'; '.join(parts)}")


def remark(
    turn: Turn, kind: RemarkKind, actor: str, text: str, *, to: str | None, attachments: tuple[Reference, ...] = ()
) -> Remark:
    """Return the next contribution to the conversation, which is not yet among them."""
    number = len(turn.state.conversation) + 1
    return Remark(number=number, kind=kind, actor=actor, at=turn.now, text=text, to=to, attachments=attachments)


def wait_for_requester(turn: Turn, remark: Remark, at: datetime, *, rework: bool) -> None:
    """Stop the clocks until somebody has said something: from when the server had the question on."""
    assert remark.to is not None, "somebody is asked"
    state = turn.state
    since = state.info.since if state.info is not None else at
    turn.set(
        conversation=(*state.conversation, remark),
        info=InfoWanted(by=remark.actor, to=remark.to, since=since, rework=rework),
        rounds=state.rounds + 1 if rework else state.rounds,
    )


def go_on(turn: Turn) -> None:
    """Let the clocks run again; what was sent back comes again as it is."""
    info = turn.state.info
    assert info is not None, f"approval {turn.state.id!r} waits for nothing"
    turn.set(info=None)
    end_wait(turn, info)
    if info.rework:
        stages.open_next(turn)


def end_wait(turn: Turn, info: InfoWanted) -> None:
    """Let the open stages go on; the one that had sent the request back becomes as it was before it was asked.

    Those beside it keep their answers: whether a change with which it comes again touches them, is judged as of any.
    """
    sent_back = {d.stage for d in turn.state.decisions if d.outcome == REWORK}
    why = f"waited for {info.to} since {moment(info.since)}"
    for stage in turn.state.live_stages:
        if stage.name in sent_back:
            stages.void(turn, stage, "sent_back")
            stages.ask_again(turn, stage)
            continue
        stages.run_again(turn, stage, info.since, why)
        # Perhaps it was parked only because nobody was there to send it in again, or an operator has helped meanwhile.
        if info.rework and stage.state == "parked" and not (stage.is_untimed and not stage.handovers):
            stages.reopen(turn, turn.state.stage(stage.name))


def _short(value: Json) -> str:
    text = canonical(value)
    return text if len(text) <= 80 else text[:79] + "…"
