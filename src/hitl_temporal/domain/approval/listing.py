"""What lists of approvals filter on and show.

Must not know: search attributes, queries.
"""

from pydantic import AwareDatetime

from hitl_temporal.domain.approval.ask import Answers
from hitl_temporal.domain.approval.eligibility import may_act, may_act_anywhere
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import Value


class Listing(Value):
    """What lists filter on (`HitlAssignees` and the rest); the engine writes it to search attributes and memo.

    Attributes:
        assignees: People named directly who may act now, `acted:<id>` for each who has, and `info:<id>` for who owes
            an answer before it goes on.
        groups: Those that may act; a joiner may, so a group stays however many of its members have answered.
        answers: What may be answered, for who comes after the end.
        barred: Who may not act now although a group of theirs may: requesters, excluded, counted and inactive people.
        stage: The stage that an answer is for, as keys are made of it.
        claimed_by: Who has taken it on; None: nobody has.
    """

    state: str
    assignees: tuple[str, ...]
    groups: tuple[str, ...]
    due: AwareDatetime | None
    title: str
    tally: str
    answers: Answers
    barred: tuple[str, ...] = ()
    stage: str = ""
    subject: str | None = None
    claimed_by: str | None = None


def listing(state: Approval) -> Listing:
    """Return what the inbox filters on and shows; groups stay groups, never expanded to their members."""
    acting = may_act_anywhere(state)
    named: list[str] = []
    for stage in state.live_stages:
        here = frozenset(may_act(state, stage))
        if here:
            named.extend(stage.who if stage.claim is None or stage.claim.holder not in here else ())
    in_groups = {p for s in named if s.startswith("group:") for p in state.roster.named_by((s,))}
    direct = {p for s in named if not s.startswith("group:") for p in state.roster.named_by((s,))}
    assignees = [p for p in acting if p in direct or p not in in_groups]
    acted = [f"acted:{d.actor}" for d in state.decisions if not d.actor.startswith(SYSTEM)]
    owed = [f"info:{state.info.to}"] if state.info is not None and not state.is_decided else []
    dues = [s.due_at for s in state.live_stages if s.due_at is not None]
    return Listing(
        state=state.state,
        assignees=tuple(dict.fromkeys([*assignees, *acted, *owed])),
        groups=tuple(dict.fromkeys(s.removeprefix("group:") for s in named if s.startswith("group:"))),
        due=min(dues, default=None),
        title=state.shown.title,
        tally=of_approval(state),
        answers=state.ask.answers,
        barred=_kept_out(state, frozenset(acting)),
        stage=state.live_stages[0].name if state.live_stages else "",
        subject=state.subject,
        claimed_by=next((s.claim.holder for s in state.live_stages if s.claim is not None), None),
    )


def _kept_out(state: Approval, acting: frozenset[str]) -> tuple[str, ...]:
    live = state.live_stages
    if not live:
        return state.barred
    requesters = [] if all(s.document.allow_requester for s in live) else list(state.barred)
    named = [p for s in live for p in state.roster.named_by((*s.who, *s.cast.barred))]
    decided = (d.actor for d in state.decisions if not d.actor.startswith(SYSTEM))
    return tuple(p for p in dict.fromkeys((*requesters, *named, *decided)) if p not in acting)
