"""Changing what is asked: amended by the requester, edited by an approver, sent back and sent in again.

Whatever is changed, the decisions whose material it touches are void and those people are asked again; all others
keep theirs. Everybody is told the difference.

Must not know: who may (the verbs' own modules judge that), votes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from hitl_temporal.domain.approval import stages
from hitl_temporal.domain.approval.opening import AskError, material, shown
from hitl_temporal.domain.approval.opening import stages as stages_of
from hitl_temporal.domain.approval.records import Amendment, Change, InfoWanted, Remark, Voided, Why
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.telling import notify, participants, settle
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.form import check
from hitl_temporal.domain.value import Json, canonical

IN_A_RUN = ("inputs", "vars")
"""What of a flow's scope may be amended: everything else has already happened."""

MAX_AMENDMENTS = 100
_MISSING = object()


def unfit(state: Approval, changes: Mapping[str, Json], where: str) -> str | None:
    """Return why these values can't stand at these paths, None when they can."""
    for path, value in changes.items():
        wrong = _unfit_value(state, path, value)
        if wrong is not None:
            return f"{where}: {wrong}"
    context = amended(state.context, changes)
    try:
        shown(state.ask, context)
        stages_of(state.ask, state.requester, context)
    except AskError as error:
        return f"{where}: the question can't be put with it: {error}"[:500]
    return None


def amended(context: dict[str, Json], changes: Mapping[str, Json]) -> dict[str, Json]:
    """Return the context with these values at these paths."""
    for path, value in changes.items():
        context = _with(context, path.split("."), value)
    return context


def amend(
    turn: Turn, kind: Literal["amend", "edit"], actor: str, changes: Mapping[str, Json], reason: str
) -> dict[str, Change]:
    """Change the context, ask again where it is material, and return the difference by path."""
    state = turn.state
    before = state.shown.digest
    difference = {
        path: Change(before=_at(state.context, path), after=value)
        for path, value in changes.items()
        if _at(state.context, path) != value
    }
    context = amended(state.context, changes)
    amendment = Amendment(kind=kind, actor=actor, at=turn.now, changes=difference, reason=reason, digest=before)
    old = state.context
    turn.set(
        context=context,
        shown=shown(state.ask, context),
        amendments=(*state.amendments, amendment),
        amended={**state.amended, **{p: c.after for p, c in difference.items()}},
        reason="" if not state.live_stages else state.reason,
    )
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
    _apply(turn, old)
    return difference


def edit(turn: Turn, actor: str, changes: Mapping[str, Json]) -> dict[str, Change]:
    """Change the context by an approver's hand, and return the difference by path."""
    difference = amend(turn, "edit", actor, changes, "")
    tell_difference(turn, actor, difference)
    return difference


def tell_difference(turn: Turn, actor: str, difference: Mapping[str, Change]) -> None:
    """Tell everybody who has had a hand in it, or is asked now, what has changed."""
    if not difference:
        return
    parts = [f"{path}: {_short(c.before)} -> {_short(c.after)}" for path, c in difference.items()]
    asked = (d.person for d in turn.state.deliveries if d.occasion == "asked")
    people = [p for p in dict.fromkeys((*participants(turn.state), *asked)) if p != actor]
    notify(turn, people, f"changed by {actor}: {'; '.join(parts)}")


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
    """Let the clocks run again; what was sent back is asked anew, of those who had it."""
    info = turn.state.info
    assert info is not None, f"approval {turn.state.id!r} waits for nothing"
    turn.set(info=None)
    if info.rework:
        ask_all_again(turn)
        stages.open_next(turn)
        return
    why = f"waited for {info.to} since {info.since.isoformat()}"
    for stage in turn.state.live_stages:
        stages.run_again(turn, stage, info.since, why)


def ask_all_again(turn: Turn) -> None:
    """Make the stages that had sent the request back as they were before they were asked."""
    for stage in turn.state.live_stages:
        _void(turn, stage, "sent_back")
        stages.ask_again(turn, stage)


def _apply(turn: Turn, old: dict[str, Json]) -> None:
    """Bring the stages in line with the amended context."""
    state = turn.state
    wanted = stages_of(state.ask, state.requester, state.context)
    known = {s.name: s for s in state.stages}
    merged: list[StageRun] = []
    affected: list[str] = []
    dropped = [s.name for s in state.stages if s.name not in {w.name for w in wanted}]
    for new in wanted:
        run = known.get(new.name)
        if run is None or run.openings == 0:
            merged.append(new)
        elif new.state == "skipped" and not state.ask.is_positive(run.state):
            dropped.append(run.name)
            merged.append(run.but(state="skipped", reason=new.reason, claim=None, opened_at=None))
        elif new.state == "skipped":  # passed already: more was asked than had to be
            merged.append(run.but(block=new.block))
        elif run.state == "skipped":
            merged.append(new.but(round=run.round + 1, openings=run.openings, parkings=run.parkings))
        else:
            merged.append(run.but(document=new.document, cast=new.cast, block=new.block))
            if _touches(run, old, state.context) or _asks_others(run, new):
                affected.append(run.name)
    for name in dropped:
        settle(turn, known[name])
        _void(turn, known[name], "changed")
    turn.set(stages=tuple(merged))
    for name in affected:
        stage = turn.state.stage(name)
        if stage.opened_at is not None:
            _void(turn, stage, "changed")
            stages.ask_again(turn, stage)
    _in_order(turn)


def _in_order(turn: Turn) -> None:
    """Let later stages wait for an earlier one that is asked again; open what is to be open now."""
    first = min((s.block for s in turn.state.stages if s.state == "pending"), default=None)
    for stage in turn.state.live_stages:
        if first is not None and stage.block > first:
            stages.hold_back(turn, stage)
    stages.open_next(turn)


def _void(turn: Turn, stage: StageRun, why: Why) -> None:
    void = tuple(d for d in turn.state.decisions if d.stage == stage.name)
    if not void:
        return
    turn.set(
        decisions=tuple(d for d in turn.state.decisions if d.stage != stage.name),
        voided=(*turn.state.voided, *(Voided(decision=d, why=why, at=turn.now) for d in void)),
    )
    turn.record(
        "decisions_voided",
        f"decisions_voided:{stage.name}:{stage.openings}",
        stage=stage.name,
        reason=why,
        decisions=[d.key for d in void],
    )


def _touches(run: StageRun, old: dict[str, Json], new: dict[str, Json]) -> bool:
    paths = run.document.material or ()
    return canonical(material(paths, old)) != canonical(material(paths, new))


def _asks_others(run: StageRun, new: StageRun) -> bool:
    """Tell whether the amended request is for others to decide: then those who have decided were the wrong ones."""
    return run.cast.ways != new.cast.ways


def _unfit_value(state: Approval, path: str, value: Json) -> str | None:
    head, _, rest = path.partition(".")
    if state.origin is not None and (head not in IN_A_RUN or not rest):
        return f"{path[:100]!r} can't be changed: of a run only inputs.* and vars.* may be"
    before = _at(state.context, path)
    if before is _MISSING or head == "requester":
        return f"there is no {path[:100]!r} to change; there is {', '.join(sorted(state.context))[:200]}"
    field = state.fields.get(path)
    if field is not None:
        return check(path, field, value)
    if before is not None and value is not None and _kind(before) != _kind(value):
        return f"{path[:100]!r} is {_kind(before)}, not {_kind(value)}"
    return None


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def _at(context: Mapping[str, Json], path: str) -> Json:
    value: object = context
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return _MISSING  # pyright: ignore[reportReturnType] - compared by identity alone, never kept
        value = value[part]  # pyright: ignore[reportUnknownVariableType]
    return value  # pyright: ignore[reportReturnType, reportUnknownVariableType]


def _with(context: dict[str, Json], parts: list[str], value: Json) -> dict[str, Json]:
    head, *rest = parts
    if not rest:
        return {**context, head: value}
    inner = context.get(head)
    return {**context, head: _with(inner if isinstance(inner, dict) else {}, rest, value)}


def _short(value: Json) -> str:
    text = canonical(value)
    return text if len(text) <= 80 else text[:79] + "…"
