"""Bringing the stages in line with a changed request: asked again, left out, put in, held back.

Answers whose material was touched are void, and so are those that were for others to give; all others stay.

Must not know: who changes what, and whether they may (changing.py).
"""

from typing import NamedTuple

from hitl_temporal.domain.approval import stages
from hitl_temporal.domain.approval.opening import material
from hitl_temporal.domain.approval.opening import stages as stages_of
from hitl_temporal.domain.approval.records import Decision
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.telling import settle
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.value import canonical


class _Merged(NamedTuple):
    """The stages as they are wanted now, with what has happened to them.

    Attributes:
        affected: Names of those to be asked again.
    """

    stages: list[StageRun]
    affected: set[str]


def bring_in_line(turn: Turn, before: Approval, keep: Decision | None = None) -> None:
    """Bring the stages in line with the changed context.

    Args:
        turn: The event being worked on.
        before: The approval before the change.
        keep: The answer that has brought the change: it is about what is asked now.
    """
    state = turn.state
    wanted = stages_of(state.ask, state.requester, state.context)
    if not state.is_open:  # nobody has been asked anything yet
        turn.set(stages=wanted)
        return
    merged = _merge(state, wanted, freed(before, state))
    turn.set(stages=tuple(sorted(merged.stages, key=lambda s: s.block)))
    for stage in turn.state.stages:
        if stage.state == "skipped" and stage.name not in merged.affected:
            settle(turn, stage)
            stages.void(turn, stage, "changed")
        elif stage.name in merged.affected:
            _ask_again(turn, stage, keep)
    _in_order(turn)


def freed(before: Approval, after: Approval) -> frozenset[str]:
    """Return who was a party to the request and is none any more: they may decide now."""
    return frozenset(before.barred) - frozenset(after.barred)


def _merge(state: Approval, wanted: tuple[StageRun, ...], freed: frozenset[str]) -> _Merged:
    known = {s.name: s for s in state.stages}
    applies = any(s.state != "skipped" for s in wanted)
    merged = _Merged([], set())
    for new in wanted:
        run = known.pop(new.name, None)
        if run is None or run.openings == 0:
            merged.stages.append(new)
        elif new.state == "skipped":
            merged.stages.append(_left_out(state, run.but(block=new.block), new.reason, applies=applies))
        else:
            merged.stages.append(run.but(document=new.document, cast=new.cast, block=new.block, is_surplus=False))
            if run.state == "skipped" or is_affected(state, run, new, freed):
                merged.affected.add(run.name)
    for run in known.values():
        if run.is_added:
            merged.stages.append(run)
            if is_affected(state, run, run, freed):
                merged.affected.add(run.name)
        elif run.openings:
            merged.stages.insert(0, _left_out(state, run.but(block=0), stages.NO_ROW, applies=applies))
    return merged


def _left_out(state: Approval, run: StageRun, reason: str, *, applies: bool) -> StageRun:
    """Return a stage that the request does not need any more; one that was passed stays so: more was asked than needed.

    Unless somebody has passed it who is a party to the request now. And where no stage applies at all nobody has agreed
    to what is asked now, whoever has agreed before.
    """
    if applies and state.ask.is_positive(run.state) and not _is_by_party(state, run):
        return run.but(is_surplus=True)
    return run.but(state="skipped", reason=reason, claim=None, opened_at=None, held_since=None)


def _ask_again(turn: Turn, stage: StageRun, keep: Decision | None) -> None:
    is_waiting = stage.state == "pending" and stage.opened_at is None
    if is_waiting and not any(d.stage == stage.name and d != keep for d in turn.state.decisions):
        return  # it is to be asked again already
    stages.void(turn, stage, "changed", keep)
    stages.ask_again(turn, stage)


def _in_order(turn: Turn) -> None:
    """Let later stages wait for an earlier one that is asked again; open what is to be open now."""
    first = min((s.block for s in turn.state.stages if s.state == "pending"), default=None)
    for stage in turn.state.live_stages:
        if first is not None and stage.block > first:
            stages.hold_back(turn, stage)
    stages.open_next(turn)


def is_affected(state: Approval, run: StageRun, new: StageRun, freed: frozenset[str]) -> bool:
    """Tell whether a stage has to be asked again: about something else, of others, or because of who has answered.

    Args:
        state: After the change.
        run: The stage as it stands.
        new: As it is wanted now.
        freed: Who was barred from it and is no more: then too few were asked.
    """
    return (
        run.document != new.document  # first: what was material may not be there any more
        or _is_touched(state, run)
        or _asks_others(run, new)
        or _is_by_party(state, run)
        or _asked_too_few(state, run, new, freed)
    )


def _asked_too_few(state: Approval, run: StageRun, new: StageRun, freed: frozenset[str]) -> bool:
    """Tell whether a stage names somebody who was barred when it was opened, and is no more."""
    is_still_to_open = run.state == "pending" and run.held_since is None
    may_anyway = run.document.allow_requester or is_still_to_open
    return not may_anyway and not freed.isdisjoint(state.roster.named_by((*run.who, *new.cast.who)))


def _is_touched(state: Approval, run: StageRun) -> bool:
    """Tell whether what a stage was asked about is another now."""
    return canonical(run.bound) != canonical(material(run.document.material or (), state.context))


def _asks_others(run: StageRun, new: StageRun) -> bool:
    """Tell whether the changed request is for others to decide: then those who have decided were the wrong ones."""
    old, cast = run.cast, new.cast
    has_changed = (old.ways, old.barred, old.weights) != (cast.ways, cast.barred, cast.weights)
    uses_fallback = any(s in run.who for s in old.fallback)
    return has_changed or (uses_fallback and old.fallback != cast.fallback)


def _is_by_party(state: Approval, run: StageRun) -> bool:
    """Tell whether a party to the request has answered in a stage, or somebody in their name, although it bars them."""
    if run.document.allow_requester:
        return False
    return any(p in state.barred for d in state.decisions if d.stage == run.name for p in (d.actor, d.place))
