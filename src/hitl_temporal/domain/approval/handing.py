"""Handing a place in a stage over: delegate, reassign, add an approver, claim and release.

Whoever takes a place is judged as if they had been named: no hand-over opens a way that is barred.

Must not know: votes, how a stage goes on (stages.py).
"""

from datetime import datetime

from hitl_temporal.domain import calendar
from hitl_temporal.domain.approval import clock, stages
from hitl_temporal.domain.approval.commands import AddApprover, Command, Delegate, Reassign, Status
from hitl_temporal.domain.approval.eligibility import (
    bar,
    claimed_by_another,
    eligible,
    filled,
    free_seats,
    is_operator,
    may_act,
    may_act_anywhere,
    party_bar,
    refusal,
    voters,
)
from hitl_temporal.domain.approval.records import Claim, Handover
from hitl_temporal.domain.approval.seats import seats
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.approval.state import Approval, Cast, StageRun
from hitl_temporal.domain.approval.tally import out_of_reach
from hitl_temporal.domain.approval.telling import ask_people, notify, settle
from hitl_temporal.domain.approval.turn import Turn

MAX_HANDOVERS = 100
"""How often places of one stage may change hands: enough for people, a bound for a loop of two robots."""
MAX_ADDED = 20


# --- Delegate ---------------------------------------------------------------------------------------------------------


def judge_delegate(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a delegation."""
    assert isinstance(command, Delegate), "the table pairs `delegate` with Delegate"
    stage = _stage_of(state, command.actor)
    if stage is None:
        return "not_eligible", _why_not(state, command.actor)
    if command.to == command.actor:
        return "invalid", "to: you have this place already"
    return _may_take(state, stage, _delegated(state, command))


def _delegated(state: Approval, command: Delegate) -> Handover:
    return Handover(kind="delegate", giver=command.actor, taker=command.to, by=command.actor, at=state.now)


def delegate(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Let somebody else answer in the actor's name."""
    assert isinstance(command, Delegate), "the table pairs `delegate` with Delegate"
    stage = _stage_of(turn.state, command.actor)
    assert stage is not None, "judged before"
    _hand_over(turn, stage, _delegated(turn.state, command), command.reason)


# --- Reassign ---------------------------------------------------------------------------------------------------------


def judge_reassign(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a reassignment."""
    assert isinstance(command, Reassign), "the table pairs `reassign` with Reassign"
    if command.source == command.to:
        return "invalid", "to: it is the same person"
    if not is_operator(state, command.actor):
        return "not_eligible", f"{command.actor!r} is neither operator nor admin"
    if (own := party_bar(state, command.actor)) is not None:
        return "not_eligible", f"{own}, nor who decides it"
    stage = _stage_to_reassign(state, command.source)
    if stage is None:
        if command.source is not None:
            return "not_eligible", f"{command.source!r} has no place in a stage that is open"
        return "not_eligible", state.reason or "no stage is open"
    handover = _reassigned(state, command)
    own = next((s for s in seats(state, stage, stage.who) if command.to in {s.named, s.owner}), None)
    if command.source is None and own is not None and not _helps(state, stage, handover):
        gone = "" if own.holder == command.to else f"; {own.holder!r} holds it, give it from there"
        return "invalid", f"to: {command.to!r} has a place in stage {stage.name!r} already{gone}"
    return _may_take(state, stage, handover)


def _helps(state: Approval, stage: StageRun, handover: Handover) -> bool:
    """Tell whether a parked stage could go on: people have come back, or somebody counts for any entry with it."""
    opened = stage.but(state="open", handovers=(*stage.handovers, handover))
    return stage.state == "parked" and out_of_reach(state, opened) is None


def _reassigned(state: Approval, command: Reassign) -> Handover:
    return Handover(kind="reassign", giver=command.source, taker=command.to, by=command.actor, at=state.now)


def reassign(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Give a place to somebody else; without a giver, somebody is added who may act."""
    assert isinstance(command, Reassign), "the table pairs `reassign` with Reassign"
    stage = _stage_to_reassign(turn.state, command.source)
    assert stage is not None, "judged before"
    _hand_over(turn, stage, _reassigned(turn.state, command), command.reason)


# --- Add an approver --------------------------------------------------------------------------------------------------


def judge_add(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge an added approver: one more who must agree can only make a request harder to pass."""
    assert isinstance(command, AddApprover), "the table pairs `add_approver` with AddApprover"
    live = state.live_stages
    may = command.actor in state.barred or command.actor in may_act_anywhere(state) or is_operator(state, command.actor)
    if not may:
        return "not_eligible", f"{command.actor!r} is neither the requester, nor asked, nor an operator"
    if not live:
        return "not_eligible", state.reason or "no stage is open"
    if sum(s.is_added for s in state.stages) >= MAX_ADDED:
        return "invalid", f"{MAX_ADDED} approvers have been added, and no more is allowed"
    reason = party_bar(state, command.to) or state.roster.stranger(command.to)
    if reason is not None:
        return "invalid", f"to: {reason}"
    has_place = any(_has_place(state, s, s.who, command.to) for s in live)
    if has_place or any(command.to in {d.actor, d.place} for d in state.decisions):
        return "invalid", f"to: {command.to!r} is asked already, or has answered"
    later = _wanted_later(state, command.to)
    if later is not None:
        return "invalid", f"to: {command.to!r} is to decide stage {later!r} too, and nobody decides two stages"
    return "counted", ""


def _has_place(state: Approval, stage: StageRun, selectors: tuple[str, ...], person: str) -> bool:
    """Tell whether a person has a place of these in a stage, or holds one, whether or not they may act just now."""
    return any(person in {s.owner, s.holder} for s in eligible(state, stage, selectors))


def _wanted_later(state: Approval, person: str) -> str | None:
    """Return the stage that could lose a person by being decided by them elsewhere, None when none could."""
    for stage in state.stages:
        cast = stage.cast
        # Who will be there then nobody can tell: the fallback may be needed yet, and so may the help of who is quiet.
        wanted = (*stage.who, *cast.who, *cast.fallback, *cast.quiet)
        if stage.state == "pending" and stage.document.distinct and _has_place(state, stage, wanted, person):
            return stage.name
    return None


def add_approver(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Open a stage of its own beside the open ones: it must be passed too."""
    assert isinstance(command, AddApprover), "the table pairs `add_approver` with AddApprover"
    block = turn.state.live_stages[0].block
    names = {s.name for s in turn.state.stages}
    name = next(f"added-{n}" for n in range(1, MAX_ADDED + 1) if f"added-{n}" not in names)
    beside = turn.state.live_stages[0].document
    document = Stage(
        name=name,
        who=(f"user:{command.to}",),
        material=turn.state.ask.material,
        due=beside.due,
        remind=beside.remind,
        calendar=beside.calendar,
    )
    added = StageRun(document=document, cast=Cast(ways=(document.who,)), block=block, who=document.who, is_added=True)
    place = 1 + max(n for n, s in enumerate(turn.state.stages) if s.block == block)
    all_stages = turn.state.stages
    turn.set(stages=(*all_stages[:place], added, *all_stages[place:]))
    turn.record(
        "approver_added",
        f"approver_added:{name}",
        actor=command.actor,
        person=command.to,
        stage=name,
        reason=command.reason or None,
    )
    stages.open_block(turn)


# --- Claim ------------------------------------------------------------------------------------------------------------


def judge_claim(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge a claim."""
    if _stage_of(state, command.actor) is None:
        return "not_eligible", _why_not(state, command.actor)
    return "counted", ""


def claim(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Let one person decide for as long as the stage's lease says; the same again renews it."""
    stage = _stage_of(turn.state, command.actor)
    assert stage is not None, "judged before"
    try:
        until = clock.later(turn.state, stage.document, turn.now, stage.document.lease)
    except calendar.CalendarError:
        until = turn.now + clock.LEASE_WITHOUT_CALENDAR
    held = Claim(holder=command.actor, since=turn.now, until=until)
    stage = turn.set_stage(stage, claim=held, claims=stage.claims + 1)
    fact = f"claimed:{stage.name}:{stage.claims}"
    turn.record("claimed", fact, actor=command.actor, stage=stage.name, until=until.isoformat())


def judge_release(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:  # noqa: ARG001 - one shape
    """Judge the release of a claim."""
    if _claimed_by(state, command.actor) is None:
        return "not_eligible", "there is no claim of yours to release"
    return "counted", ""


def release_claim(turn: Turn, command: Command, at: datetime, key: str) -> None:  # noqa: ARG001 - one shape
    """Let the others decide again."""
    stage = _claimed_by(turn.state, command.actor)
    assert stage is not None, "judged before"
    assert stage.claim is not None, "found by its claim"
    holder = stage.claim.holder
    stage = turn.set_stage(stage, claim=None)
    turn.record(
        "claim_released",
        f"claim_released:{stage.name}:{stage.claims}",
        actor=command.actor,
        stage=stage.name,
        holder=holder,
    )
    others = [p for p in may_act(turn.state, stage) if p != holder]
    notify(turn, others, f"{command.actor} has released the claim of {holder}: it is yours to decide", stage)


def _hand_over(turn: Turn, stage: StageRun, handover: Handover, reason: str) -> None:
    giver, taker = handover.giver, handover.taker
    releases = stage.claim is not None and stage.claim.holder == giver
    claim = None if releases else stage.claim
    handovers = (*stage.handovers, handover)
    stage = turn.set_stage(stage, handovers=handovers, handed=stage.handed + 1, claim=claim)
    turn.record(
        "delegated" if handover.kind == "delegate" else "reassigned",
        f"handed_over:{stage.name}:{stage.handed}",
        actor=handover.by,
        stage=stage.name,
        giver=giver,
        taker=taker,
        reason=reason or None,
    )
    if giver is not None:
        settle(turn, stage, giver, f"{taker} has taken your place")
        if giver != handover.by:
            notify(turn, (giver,), f"{handover.by} has given your place to {taker}: {reason}", stage)
    if stage.state == "parked":
        stages.reopen(turn, stage)
    else:
        ask_people(turn, stage)


def _stage_of(state: Approval, person: str) -> StageRun | None:
    """Return the open stage in which a person may act now, the first in document order."""
    return next((s for s in state.live_stages if any(f.holder == person for f in free_seats(state, s))), None)


def _stage_to_reassign(state: Approval, giver: str | None) -> StageRun | None:
    if giver is None:
        parked = [s for s in state.live_stages if s.state == "parked"]
        return next(iter((*parked, *state.live_stages)), None)
    for stage in state.live_stages:
        if giver in voters(state, stage):
            continue
        done = filled(state, stage)
        if any(s.holder == giver and s.named not in done for s in seats(state, stage, stage.who)):
            return stage
    return None


def _may_take(state: Approval, stage: StageRun, handover: Handover) -> tuple[Status, str]:
    taker = handover.taker
    reason = bar(state, stage, taker)
    if reason is None and taker in voters(state, stage):
        reason = f"{taker!r} has already answered in stage {stage.name!r}"
    if reason is not None:
        return "invalid", f"to: {reason}"
    if stage.handed >= MAX_HANDOVERS:
        return "invalid", f"places of stage {stage.name!r} have changed hands {MAX_HANDOVERS} times: decide it"
    after = out_of_reach(state, stage.but(handovers=(*stage.handovers, handover)))
    if after is not None and out_of_reach(state, stage) is None:
        return "invalid", f"to: {taker!r} would hold two places of stage {stage.name!r}, and one person is one vote"
    return "counted", ""


def _why_not(state: Approval, person: str) -> str:
    for stage in state.live_stages:
        reason = refusal(state, stage, person) or claimed_by_another(state, stage, person)
        if reason is None:
            reason = f"{person!r} has already answered in stage {stage.name!r}"
        return reason
    return state.reason or "no stage is open"


def _claimed_by(state: Approval, person: str) -> StageRun | None:
    may_any = is_operator(state, person) and party_bar(state, person) is None
    return next((s for s in state.live_stages if s.claim is not None and (may_any or s.claim.holder == person)), None)
