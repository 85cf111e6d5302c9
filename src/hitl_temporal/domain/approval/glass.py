"""Breaking the glass: who may, who is alarmed at once, and who is asked afterwards whether it was right.

Must not know: what a decision over everybody's head does to the stages (overruling.py).
"""

from hitl_temporal.domain.approval.answering import names_others, who_answers
from hitl_temporal.domain.approval.effects import StartReview
from hitl_temporal.domain.approval.eligibility import may_act_anywhere
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.telling import participants, requesters
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.people import is_selector
from hitl_temporal.domain.value import Json, canonical

MAX_SHOWN = 60_000
"""How many bytes of a request its review shows: it carries them several times, and is bounded itself (room.py)."""


def may_break(state: Approval, person: str) -> bool:
    """Tell whether a person is among those who may decide alone in an emergency."""
    glass = state.break_glass
    return glass is not None and person in state.roster.named_by(glass.who)


def selectors(state: Approval) -> tuple[str, ...]:
    """Return every selector that the directory must be asked for because there may be an emergency."""
    glass = state.break_glass
    return () if glass is None else (*glass.who, *glass.review.who)


def alarmed(state: Approval, breaker: str) -> tuple[str, ...]:
    """Return who hears of it at once, whatever state the request was in: a parked one has been asked of nobody.

    Whoever was asked or has taken part, the reviewers, and the flow's owner, else the operators. The requester hears of
    it with the outcome.
    """
    glass = state.break_glass
    assert glass is not None, f"approval {state.id!r} has no glass to break"
    answering = who_answers(state, (breaker, *state.barred))
    named = state.roster.named_by((*glass.review.who, *answering))
    found = dict.fromkeys((*may_act_anywhere(state), *participants(state), *named))
    return tuple(p for p in found if p != breaker and p not in requesters(state) and state.roster.is_active(p))


def has_reviewers(state: Approval, breaker: str) -> bool:
    """Tell whether somebody can be asked whether it was right."""
    glass, out = state.break_glass, (breaker, *state.barred)
    assert glass is not None, f"approval {state.id!r} has no glass to break"
    return names_others(state, (*glass.review.who, *who_answers(state, out)), out)


def ask_for_review(turn: Turn, breaker: str, outcome: str, reason: str) -> None:
    """Put the question, to others, whether the emergency was one.

    What people wrote goes in as values of the context: as text of the document it would be read as expressions.
    """
    state, glass = turn.state, turn.state.break_glass
    assert glass is not None, f"approval {state.id!r} has no glass to break"
    about: dict[str, Json] = {"approval": state.id, "decided by": breaker, "reason": reason}
    # What the request itself shows under such a name must not be hidden by it, nor hide it.
    show: dict[str, Json] = {
        **{f"request: {n}" if n in about else n: value for n, value in state.shown.show.items()},
        **about,
    }
    if len(canonical([show, reason, state.shown.title]).encode()) > MAX_SHOWN:
        show = {"approval": state.id, "decided by": breaker, "request": f"too much to show again: see {state.id}"}
    told = f"{breaker} has broken the glass: {outcome}.\n\n{reason}"
    parties: list[Json] = [s for s in (f"user:{p}" for p in state.barred) if is_selector(s)]
    context: dict[str, Json] = {"title": state.shown.title[:500], "told": told, "show": show, "parties": parties}
    fallback = who_answers(state, (breaker, *state.barred))
    stage: dict[str, Json] = {
        "name": "review",
        "who": list(glass.review.who),
        "not": "{{parties}}",
        "fallback": list(fallback),
        "due": glass.review.due,
        "remind": "1d",
        # What nobody has looked at until then must not end in silence.
        "escalate": [{"after": glass.review.due, "to": list(fallback), "how": "notify"}],
    }
    request: dict[str, Json] = {
        "title": "Review: {{title}}",
        "body": "{{told}}",
        "show": {name: f"{{{{show[{canonical(name)}]}}}}" for name in show},
        "context": context,
        "requester": breaker,
        "on_behalf_of": state.requester if state.requester != breaker else None,
        "stages": [stage],
        "comment": "required",
    }
    if state.ask.calendar is not None:
        request["calendar"] = state.ask.calendar
    turn.effects.append(StartReview(approval=review_id(state), request=request))
    turn.record(
        "review_asked", "review_asked", approval=review_id(state), who=list(glass.review.who), fallback=list(fallback)
    )


def review_id(state: Approval) -> str:
    """Return the id of the question whether it was right."""
    return f"{state.id}.review"
