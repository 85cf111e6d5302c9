"""Deciding: what becomes of an answer, in the order the contract promises, and how it is counted.

Must not know: doors, keys (judge.py), how votes add up (tally.py).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from hitl_temporal.domain.approval import aligning, changing, room, stages
from hitl_temporal.domain.approval.ask import REWORK, Answers
from hitl_temporal.domain.approval.commands import Command, Decide, Receipt, Status
from hitl_temporal.domain.approval.eligibility import claimed_by_another, eligible, refusal, seat_of, spokesperson
from hitl_temporal.domain.approval.records import Cooling, Decision, Intent, Refusal, times_voided
from hitl_temporal.domain.approval.seats import Seat
from hitl_temporal.domain.approval.stage import Assurance, Stage, suffices
from hitl_temporal.domain.approval.state import MAX_UNPROVEN, Approval, StageRun
from hitl_temporal.domain.approval.tally import of_approval, selectors_naming
from hitl_temporal.domain.approval.telling import notify, tell_requester
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.form import complete, problem
from hitl_temporal.domain.value import digest


class Place(NamedTuple):
    """Where an answer counts."""

    stage: StageRun
    seat: Seat


def verdict(state: Approval, command: Command, at: datetime) -> tuple[Status, str]:
    """Return the first row of the contract's table that applies to an answer."""
    assert isinstance(command, Decide), "the table pairs `decide` with Decide"
    decide = confirmed(state, command, at)
    if decide.confirm:
        return "invalid", "confirm: no answer of yours is kept, or no more: look again, and answer anew"
    wrong = unfit(decide, state.ask.answers) or _unfit_rework(state, decide) or _unfit_edit(state, decide)
    if wrong is not None:
        return "invalid", wrong
    if state.outcome is not None:
        return "closed", f"already {state.outcome}"
    if state.cooling is not None:
        return "closed", why_cooling(state.cooling)
    if decide.digest not in {None, state.shown.digest}:
        return "superseded", "what is asked has changed since you saw it: look again"
    found = place_for(state, decide)
    if found is not None:
        return _verdict_in(state, found, decide)
    stage = stage_of(state, decide)
    if stage is None:
        return "not_eligible", state.reason or "nobody is asked yet"
    return _why_no_seat(state, stage, decide)


def _verdict_in(state: Approval, place: Place, decide: Decide) -> tuple[Status, str]:
    """Return what becomes of a well-formed, timely answer of somebody who has a place in a stage."""
    stage, seat = place
    edited = changing.stage_after(state, stage, seat, decide.edit) if decide.edit else stage
    if edited is None:
        return "invalid", f"edit: with it stage {stage.name!r} is not {decide.actor!r}'s to decide"
    full = room.for_answer(state, decide)
    if full is None and decide.outcome == REWORK:  # what is to be mended is said to all
        full = room.for_talk(state, decide.comment, answers=True)
    if full is not None:
        return "invalid", f"{'form' if decide.form else 'comment'}: {full}"
    return step_up((stage.document, edited.document), decide.assurance) or ("counted", "")


def step_up(passed: Iterable[Stage], given: Assurance) -> tuple[Status, str] | None:
    """Return the verdict that asks for a better proof of who decides, None when this one does for all these stages."""
    lacking = next((s for s in passed if not suffices(given, s.assurance)), None)
    if lacking is None:
        return None
    return "needs_step_up", f"stage {lacking.name!r} needs assurance {lacking.assurance!r}, this answer has {given!r}"


def _why_no_seat(state: Approval, stage: StageRun, decide: Decide) -> tuple[Status, str]:
    """Return why somebody has no free place in a stage."""
    reason = refusal(state, stage, decide.actor, decide.on_behalf_of)
    if reason is not None:
        return "not_eligible", reason
    first = _first_answer(state, stage, decide)
    if first is not None:
        return "duplicate", first
    claimed = claimed_by_another(state, stage, decide.actor)
    assert claimed is not None, f"{decide.actor!r} has no place in stage {stage.name!r}, and nothing says why"
    return "not_eligible", claimed


def why_cooling(cooling: Cooling) -> str:
    """Return what is told to whom comes after the deciding vote."""
    return (
        f"already decided {cooling.outcome}; it may be taken back until {cooling.until.isoformat(timespec='seconds')}"
    )


def unfit(decide: Decide, answers: Answers) -> str | None:
    """Return what is wrong with an answer in itself, whoever gives it and whenever; None when it is well formed."""
    form = answers.form
    if decide.outcome not in answers.outcomes:
        return f"outcome {decide.outcome[:100]!r} is not one of {', '.join(answers.outcomes)}"
    if decide.outcome in answers.comment_on and not decide.comment.strip():
        return f"a comment is required with {decide.outcome!r}"
    if decide.form and not form:
        return f"this approval has no form, but {', '.join(sorted(decide.form))[:200]} was sent"
    if form and (decide.form or decide.outcome in answers.positive):
        return problem(form, decide.form)
    return None


def count(turn: Turn, command: Command, at: datetime, key: str) -> None:
    """Count an answer that was judged to count: edit what it edits, vote, and see what follows."""
    assert isinstance(command, Decide), "the table pairs `decide` with Decide"
    decide = confirmed(turn.state, command, at)
    found = place_for(turn.state, decide)
    assert found is not None, f"{decide.actor!r} was judged to have a place"
    stage, seat = found
    before = turn.state
    if turn.state.intents:
        turn.set(intents=tuple(i for i in turn.state.intents if i.actor != decide.actor))
    edited = changing.rewrite(turn, "edit", decide.actor, decide.edit, "") if decide.edit else {}
    positive = bool(turn.state.ask.is_positive(decide.outcome))
    form = complete(turn.state.ask.form, decide.form) if decide.form or positive else {}
    decision = Decision(
        key=key,
        clicks=(decide.click,) if decide.click is not None else (),
        actor=decide.actor,
        on_behalf_of=seat.owner if seat.owner != decide.actor else None,
        stage=stage.name,
        outcome=decide.outcome,
        comment=decide.comment,
        form=form,
        edited=edited,
        via=decide.via,
        assurance=decide.assurance,
        at=at,
        digest=turn.state.shown.digest,
        named=seat.named,
        counts_for=selectors_naming(turn.state, stage, seat.named),
    )
    add(turn, decision, began=stage.opened_at)
    if stage.claim is not None and stage.claim.holder == decide.actor:
        turn.set_stage(stage, claim=None)
    if decide.edit:
        aligning.bring_in_line(turn, before, keep=decision)
        changing.tell_difference(turn, decide.actor, edited)
    stage = turn.state.stage(stage.name)
    if decide.outcome == REWORK:
        _send_back(turn, decision)
    elif stage.state == "open":  # else the edit has let it wait for an earlier one, or has ended it already
        stages.settle_votes(turn, stage)
    stages.see_who_is_left(turn)
    say_tally(turn, decision)


def add(turn: Turn, decision: Decision, began: datetime | None = None) -> None:
    """Put a decision among those that count, and write it down."""
    turn.set(decisions=(*turn.state.decisions, decision))
    again = times_voided(turn.state.voided, decision.stage, decision.actor)
    turn.record(
        "decided",
        f"decided:{decision.stage}:{decision.actor}" + (f":{again + 1}" if again else ""),
        began=began,
        actor=decision.actor,
        on_behalf_of=decision.on_behalf_of,
        stage=decision.stage,
        outcome=decision.outcome,
        kind=decision.kind if decision.kind != "vote" else None,
        comment_digest=digest(decision.comment) if decision.comment else None,
        form_digest=digest(decision.form) if decision.form else None,
        edited=[*sorted(decision.edited)] or None,
        via=decision.via,
        assurance=decision.assurance,
        digest=decision.digest,
        decision=decision.key,
    )


def keep_intent(turn: Turn, command: Command, at: datetime, receipt: Receipt) -> bool:
    """Keep an answer below the needed assurance until the same person confirms it, and what it was told.

    Beyond the bound only the number of such answers grows, and False is returned.
    """
    assert isinstance(command, Decide), "the table pairs `decide` with Decide"
    if turn.state.has_enough_intents_of(command.actor):
        turn.set(unrecorded=turn.state.unrecorded + 1)
        return False
    decide = confirmed(turn.state, command, at)
    found = place_for(turn.state, decide)
    assert found is not None, "the judge asks only those for a confirmation who have a place"
    stage = found.stage
    before = next((i for i in turn.state.intents if i.actor == decide.actor), None)
    intent = Intent(
        actor=decide.actor,
        stage=stage.name,
        outcome=decide.outcome,
        comment=decide.comment,
        form=decide.form,
        edit=decide.edit,
        on_behalf_of=decide.on_behalf_of,
        at=at,
        digest=turn.state.shown.digest,
        number=before.number + 1 if before else 1,
    )
    others = tuple(i for i in turn.state.intents if i.actor != decide.actor)
    told = Refusal(actor=decide.actor, at=at, receipt=receipt)
    turn.set(
        intents=(*others, intent),
        intended=turn.state.intended + 1,
        unproven=(*turn.state.unproven, told)[-MAX_UNPROVEN:],
    )
    turn.record(
        "intended",
        f"intended:{stage.name}:{decide.actor}:{turn.state.intended}",
        actor=decide.actor,
        stage=stage.name,
        outcome=decide.outcome,
        assurance=decide.assurance,
        needed=stage.document.assurance,
    )
    return True


def say_tally(turn: Turn, decision: Decision) -> None:
    """Keep the count in words with a decision: its receipt, whenever it is asked for."""
    tally = of_approval(turn.state)
    decisions = turn.state.decisions
    place = next(n for n in range(len(decisions) - 1, -1, -1) if decisions[n].key == decision.key)
    turn.set(decisions=(*decisions[:place], decisions[place].but(tally=tally), *decisions[place + 1 :]))


def confirmed(state: Approval, decide: Decide, at: datetime) -> Decide:
    """Return an answer together with what its author said when it was below the needed assurance.

    It must be for the same stage: what was said about one is not said about the next. And who says something anew says
    it all anew: nobody agrees to an edit that they have not sent again.
    """
    if decide.comment or decide.form or decide.edit:
        return decide
    intent = next((i for i in state.intents if i.actor == decide.actor and i.outcome == decide.outcome), None)
    if intent is None or not intent.holds(at, state.shown.digest):
        return decide
    owner = decide.on_behalf_of or intent.on_behalf_of
    said = {"comment": intent.comment, "form": intent.form, "edit": intent.edit, "on_behalf_of": owner}
    whole = decide.model_copy(update={**said, "confirm": False})
    place = place_for(state, whole)
    return whole if place is not None and place.stage.name == intent.stage else decide


def place_for(state: Approval, decide: Decide) -> Place | None:
    """Return the place that an answer fills: in the first open stage that has a free one for its author."""
    for stage in state.live_stages:
        seat = seat_of(state, stage, decide.actor, decide.on_behalf_of)
        if seat is not None:
            return Place(stage, seat)
    return None


def stage_of(state: Approval, decide: Decide) -> StageRun | None:
    """Return the stage that says why somebody without a free place can't answer; None when no stage is live."""
    live = state.live_stages
    counted = {d.stage for d in state.decisions if d.actor == decide.actor}
    own = [s for s in live if s.name in counted]
    asked = [s for s in live if refusal(state, s, decide.actor, decide.on_behalf_of) is None]
    return next(iter((*own, *asked, *live)), None)


def _first_answer(state: Approval, stage: StageRun, decide: Decide) -> str | None:
    """Return which answer came first: of the same person, or for the same place; None when there is none."""
    mine = next((d for d in state.decisions if d.actor == decide.actor and d.stage == stage.name), None)
    if mine is not None:
        return f"{decide.actor!r} has already answered {mine.outcome!r}; the first answer stands"
    wanted = decide.on_behalf_of
    seats = [s for s in eligible(state, stage, stage.who) if s.holder == decide.actor]
    held = {name for s in seats if wanted in {None, decide.actor, s.owner} for name in (s.owner, s.named)}
    votes = (d for d in state.decisions if d.stage == stage.name)
    other = next((d for d in votes if d.place in held or d.named in held), None)
    if other is None:
        return None
    return f"{other.actor!r} has already answered {other.outcome!r} for {other.place!r}; the first answer stands"


def _send_back(turn: Turn, decision: Decision) -> None:
    remark = changing.remark(turn, "sent_back", decision.actor, decision.comment, to=spokesperson(turn.state))
    changing.wait_for_requester(turn, remark, decision.at, rework=True)
    text = f"sent back by {decision.actor}: {decision.comment}"
    tell_requester(turn, text)
    others = [d.actor for d in turn.state.decisions if d.stage == decision.stage and d.actor != decision.actor]
    notify(turn, others, text, turn.state.stage(decision.stage))


def _unfit_rework(state: Approval, decide: Decide) -> str | None:
    if decide.outcome != REWORK:
        return None
    if state.rounds >= state.ask.rework:
        return f"it has been sent back {state.rounds} times, and no more is allowed: decide it"
    to = spokesperson(state)
    if not state.roster.is_active(to):
        return f"it can't be sent back: {to!r}, who answers for it, is not an active person of the directory"
    return None


def _unfit_edit(state: Approval, decide: Decide) -> str | None:
    if not decide.edit:
        return None
    strange = sorted(p for p in decide.edit if p not in state.ask.edit)
    if strange:
        known = ", ".join(state.ask.edit) or "nothing"
        return f"edit: {strange[0][:100]!r} may not be changed here; what may: {known}"
    if not state.ask.is_positive(decide.outcome):
        return "edit: a change goes with an outcome that lets the work go on"
    if len(state.amendments) >= changing.MAX_AMENDMENTS:
        return f"edit: it has been changed {changing.MAX_AMENDMENTS} times: decide it as it is"
    return changing.unfit(state, decide.edit, "edit")
