"""What others see of an approval: its status, its result, and what lists filter on.

Must not know: who looks, how it is drawn.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.ask import Outcome
from hitl_temporal.domain.approval.eligibility import may_act
from hitl_temporal.domain.approval.state import Approval, Decision, Delivery, Origin, Refusal, StageRun, Withdrawal
from hitl_temporal.domain.approval.tally import in_words, of_approval
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import Json, Value, digest


class StageStatus(Value):
    """One stage, for people."""

    name: str
    state: str
    tally: str
    may_act: tuple[str, ...]
    due: AwareDatetime | None
    reason: str = ""
    asked: tuple[str, ...] = ()


class Status(Value):
    """The answer of the query `status`: everything a page needs."""

    id: str
    state: str
    outcome: str | None
    digest: str
    title: str
    body: str
    show: dict[str, Json]
    outcomes: dict[str, Outcome]
    comment: str
    requester: str
    on_behalf_of: str | None
    origin: Origin | None
    reason: str
    tally: str
    started: AwareDatetime
    ended: AwareDatetime | None
    stages: tuple[StageStatus, ...]
    decisions: tuple[Decision, ...]
    deliveries: tuple[Delivery, ...]
    refusals: tuple[Refusal, ...]
    conversation: tuple[Json, ...] = ()


class Result(Value):
    """What the workflow `Approval` returns.

    Attributes:
        token: Binds the decision to the digest of what was approved: a following step may demand it.
        decisions: Counted ones, in order.
    """

    outcome: str
    positive: bool
    decisions: tuple[Decision, ...]
    form: dict[str, Json] = Field(default_factory=dict)
    token: str
    evidence: Evidence
    reason: str = ""
    withdrawal: Withdrawal | None = None


class Listing(Value):
    """What lists filter on (`HitlAssignees` and the rest); the engine writes it to search attributes and memo.

    Attributes:
        assignees: People named directly who may act now, and `acted:<id>` for each who has.
        groups: Those that may act; a joiner may, so a group stays however many of its members have answered.
        outcomes: Those that a person may choose, sorted.
        comment_on: Those of them that need a comment.
        barred: Who may not act now although a group of theirs may: requesters, excluded, counted and inactive people.
    """

    state: str
    assignees: tuple[str, ...]
    groups: tuple[str, ...]
    due: AwareDatetime | None
    title: str
    tally: str
    outcomes: tuple[str, ...] = ()
    comment_on: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()


def status(state: Approval) -> Status:
    """Return the approval as people may see it."""
    return Status(
        id=state.id,
        state=state.state,
        outcome=state.outcome,
        digest=state.shown.digest,
        title=state.shown.title,
        body=state.shown.body,
        show=state.shown.show,
        outcomes=outcomes(state),
        comment=state.ask.comment,
        requester=state.requester,
        on_behalf_of=state.on_behalf_of,
        origin=state.origin,
        reason=state.reason,
        tally=of_approval(state),
        started=state.started_at,
        ended=state.ended_at,
        stages=tuple(
            StageStatus(
                name=stage.name,
                state=stage.state,
                tally=in_words(state, stage),
                may_act=may_act(state, stage),
                due=stage.due_at,
                reason=stage.reason,
                asked=stage.asked,
            )
            for stage in state.stages
        ),
        decisions=state.decisions,
        deliveries=state.deliveries,
        refusals=state.refusals,
    )


def outcomes(state: Approval) -> dict[str, Outcome]:
    """Return every outcome that a person may choose, with its label, in the order to show."""
    labels = {"approved": "Approve", "rejected": "Reject", **{n: o.label for n, o in state.ask.outcomes.items()}}
    # Each is written out whole: what a document leaves out, a reader of JSON must not have to know.
    return {n: Outcome(label=label, positive=bool(state.ask.is_positive(n))) for n, label in labels.items()}


def result(state: Approval, evidence: Evidence) -> Result:
    """Return the result of an approval that has ended."""
    assert state.outcome is not None, f"approval {state.id!r} is open"
    return Result(
        outcome=state.outcome,
        positive=bool(state.ask.is_positive(state.outcome)),
        decisions=state.decisions,
        form=state.decisions[-1].form if state.decisions else {},
        token=token(state.id, state.outcome, state.shown.digest, state.decisions),
        evidence=evidence,
        reason=state.reason,
        withdrawal=state.withdrawal,
    )


def token(approval: str, outcome: str, shown: str, decisions: tuple[Decision, ...]) -> str:
    """Return the decision token: anybody who has the result can recompute it, nobody can reuse it for other content."""
    return digest([approval, outcome, shown, [d.key for d in decisions]])


def listing(state: Approval) -> Listing:
    """Return what the inbox filters on and shows; groups stay groups, never expanded to their members."""
    stage = state.live_stage
    acting = frozenset(may_act(state, stage) if stage else ())
    who = stage.who if stage and acting else ()
    direct = [p for s in who if not s.startswith("group:") for p in state.roster.members.get(s, ()) if p in acting]
    acted = [f"acted:{d.actor}" for d in state.decisions if not d.actor.startswith(SYSTEM)]
    return Listing(
        state=state.state,
        assignees=tuple(dict.fromkeys([*direct, *acted])),
        groups=tuple(s.removeprefix("group:") for s in who if s.startswith("group:")),
        due=stage.due_at if stage else None,
        title=state.shown.title,
        tally=of_approval(state),
        outcomes=tuple(sorted(state.ask.outcome_names)),
        comment_on=tuple(sorted(state.ask.comment_on)),
        barred=_kept_out(state, stage, acting) if stage else state.barred,
    )


def selectors(state: Approval) -> tuple[str, ...]:
    """Return every selector that the directory must be asked for to judge this approval now.

    Those of stages that have ended are among them: their people are told the end, by name and where they prefer.
    """
    if state.outcome is not None:
        return ()
    asking = [s for s in state.stages if s.state != "skipped"]
    return tuple(dict.fromkeys(x for s in asking for x in (*s.who, *s.barred, *s.document.fallback)))


def _kept_out(state: Approval, stage: StageRun, acting: frozenset[str]) -> tuple[str, ...]:
    requesters = () if stage.document.allow_requester else state.barred
    named = state.roster.named_by((*stage.who, *stage.barred))
    decided = (d.actor for d in state.decisions if not d.actor.startswith(SYSTEM))
    return tuple(p for p in dict.fromkeys((*requesters, *named, *decided)) if p not in acting)
