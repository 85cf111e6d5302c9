"""What others see of an approval: its status, its result, and what lists filter on.

Must not know: who looks, how it is drawn.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval import glass
from hitl_temporal.domain.approval.ask import REWORK, Answers, Outcome
from hitl_temporal.domain.approval.commands import Reference
from hitl_temporal.domain.approval.context import found_at
from hitl_temporal.domain.approval.dialogue import audience
from hitl_temporal.domain.approval.eligibility import may_act, may_act_anywhere
from hitl_temporal.domain.approval.notation import picking
from hitl_temporal.domain.approval.picking import turn_key
from hitl_temporal.domain.approval.records import (
    Amendment,
    Claim,
    Cooling,
    Decision,
    Delivery,
    InfoWanted,
    Intent,
    Move,
    Refusal,
    Remark,
    Shadowed,
    Voided,
    Withdrawal,
)
from hitl_temporal.domain.approval.seats import seats
from hitl_temporal.domain.approval.stage import Assurance
from hitl_temporal.domain.approval.state import Approval, Origin, StageRun
from hitl_temporal.domain.approval.tally import in_words, of_approval
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.people import SYSTEM
from hitl_temporal.domain.value import Json, Value, digest

MAX_SPENT_KEPT = 100
"""How many spent keys others see: a repeat, or a look at what became of it, comes within minutes."""


class StageStatus(Value):
    """One stage, for people.

    Attributes:
        stand_ins: Who may act for whom.
        moves: What has moved its deadline, and why.
    """

    name: str
    state: str
    tally: str
    may_act: tuple[str, ...]
    due: AwareDatetime | None
    reason: str = ""
    asked: tuple[str, ...] = ()
    who: tuple[str, ...] = ()
    block: int = 0
    round: int = 1
    opened: AwareDatetime | None = None
    next_reminder: AwareDatetime | None = None
    at_due: str = "expire"
    assurance: Assurance = "low"
    claim: Claim | None = None
    stand_ins: dict[str, str] = Field(default_factory=dict)
    moves: tuple[Move, ...] = ()


class Status(Value):
    """The answer of the query `status`: everything a page needs."""

    id: str
    state: str
    outcome: str | None
    digest: str
    title: str
    body: str
    show: dict[str, Json]
    attachments: tuple[Reference, ...] = ()
    form: dict[str, Json] = Field(default_factory=dict)
    """The JSON Schema of each field; `required` names those that a positive answer must have."""
    required: tuple[str, ...] = ()
    edit: dict[str, Json] = Field(default_factory=dict)
    """What an approver may change, by path, with its value now."""
    material: dict[str, Json] = Field(default_factory=dict)
    """What decisions are bound to: path to the value that was shown."""
    outcomes: dict[str, Outcome]
    comment: str
    comment_on: tuple[str, ...] = ()
    requester: str
    on_behalf_of: str | None
    barred: tuple[str, ...] = ()
    """Requester, the person they act for, beneficiary and author: their request, and never theirs to decide."""
    audience: tuple[str, ...] = ()
    """Who takes part, and so may see it; operators may too."""
    break_glass: tuple[str, ...] = ()
    """Who may decide alone in an emergency."""
    origin: Origin | None
    subject: str | None = None
    reason: str
    tally: str
    started: AwareDatetime
    ended: AwareDatetime | None
    stages: tuple[StageStatus, ...]
    decisions: tuple[Decision, ...]
    voided: tuple[Voided, ...] = ()
    deliveries: tuple[Delivery, ...]
    refusals: tuple[Refusal, ...]
    unproven: tuple[Refusal, ...] = ()
    """The last answers that were below the needed assurance, each with its receipt."""
    unrecorded: int = 0
    conversation: tuple[Remark, ...] = ()
    info: InfoWanted | None = None
    amendments: tuple[Amendment, ...] = ()
    cooling: Cooling | None = None
    intents: dict[str, str] = Field(default_factory=dict)
    """Person to the outcome that waits for their confirmation."""
    kept: tuple[Intent, ...] = ()
    """The same answers, whole; a door shows each to its author alone."""
    shadowed: Shadowed | None = None
    rounds_left: int = 0
    token: str | None = None
    """The decision token, once there is an outcome: a system that was given one may compare."""
    withdrawal: Withdrawal | None = None
    spent: dict[str, str] = Field(default_factory=dict)
    """Of the last keys of other verbs the verb, a blank, and the tally after it."""


class Result(Value):
    """What the workflow `Approval` returns.

    Attributes:
        token: Binds the decision to the digest of what was approved: a following step may demand it.
        digest: Of what was approved.
        material: What the decision is bound to: path to value.
        decisions: Counted ones, in order.
        voided: Those that were counted and are no more.
        amended: Path to value of what was changed on the way.
        overridden: Whether one person has decided over the heads of those who were asked.
        shadow: What a rule would have decided, and whether people agreed.
        spent: Of the last keys of other verbs the verb, a blank, and the tally after it.
    """

    outcome: str
    positive: bool
    decisions: tuple[Decision, ...]
    form: dict[str, Json] = Field(default_factory=dict)
    token: str
    evidence: Evidence
    reason: str = ""
    withdrawal: Withdrawal | None = None
    digest: str = ""
    material: dict[str, Json] = Field(default_factory=dict)
    voided: tuple[Voided, ...] = ()
    amended: dict[str, Json] = Field(default_factory=dict)
    overridden: bool = False
    shadow: Shadowed | None = None
    spent: dict[str, str] = Field(default_factory=dict)


class Listing(Value):
    """What lists filter on (`HitlAssignees` and the rest); the engine writes it to search attributes and memo.

    Attributes:
        assignees: People named directly who may act now, and `acted:<id>` for each who has.
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


def status(state: Approval) -> Status:
    """Return the approval as people may see it."""
    kept = tuple(i for i in state.intents if state.now <= i.until and i.digest == state.shown.digest)
    return Status(
        id=state.id,
        state=state.state,
        outcome=state.outcome,
        digest=state.shown.digest,
        title=state.shown.title,
        body=state.shown.body,
        show=state.shown.show,
        attachments=state.shown.attachments,
        form=state.shown.form,
        required=tuple(name for name, field in state.ask.form.items() if field.is_required),
        edit={path: found_at(state.context, path) for path in state.ask.edit},
        material=state.shown.material,
        outcomes=outcomes(state),
        comment=state.ask.comment,
        comment_on=tuple(sorted(state.ask.comment_on)),
        requester=state.requester,
        on_behalf_of=state.on_behalf_of,
        barred=state.barred,
        audience=audience(state),
        break_glass=state.roster.named_by(state.break_glass.who) if state.break_glass is not None else (),
        origin=state.origin,
        subject=state.subject,
        reason=state.reason,
        tally=of_approval(state),
        started=state.started_at,
        ended=state.ended_at,
        stages=tuple(_stage_status(state, stage) for stage in state.stages),
        decisions=state.decisions,
        voided=state.voided,
        deliveries=state.deliveries,
        refusals=state.refusals,
        unproven=state.unproven,
        unrecorded=state.unrecorded,
        conversation=state.conversation,
        info=state.info,
        amendments=state.amendments,
        cooling=state.cooling,
        intents={i.actor: i.outcome for i in kept},
        kept=kept,
        shadowed=state.shadowed,
        rounds_left=state.ask.rework - state.rounds,
        token=_token(state) if state.outcome is not None else None,
        withdrawal=state.withdrawal,
        spent=_last_spent(state),
    )


def _stage_status(state: Approval, stage: StageRun) -> StageStatus:
    live = seats(state, stage, stage.who) if stage.is_live else ()
    return StageStatus(
        name=stage.name,
        state=stage.state,
        tally=in_words(state, stage),
        may_act=may_act(state, stage),
        due=stage.due_at,
        reason=stage.reason,
        asked=stage.asked,
        who=stage.who,
        block=stage.block,
        round=stage.round,
        opened=stage.opened_at,
        next_reminder=stage.remind_at,
        at_due=stage.document.at_due,
        assurance=stage.document.assurance,
        claim=stage.claim,
        stand_ins={s.holder: s.owner for s in live if s.holder != s.owner},
        moves=stage.moves,
    )


def outcomes(state: Approval) -> dict[str, Outcome]:
    """Return every outcome that a person may choose, with its label, in the order to show."""
    labels = {"approved": "Approve", "rejected": "Reject", **{n: o.label for n, o in state.ask.outcomes.items()}}
    if state.ask.rework > state.rounds:
        labels[REWORK] = "Send back"
    required = state.ask.comment_on
    # Each is written out whole: what a document leaves out, a reader of JSON must not have to know.
    return {
        n: Outcome(
            label=label,
            positive=bool(state.ask.is_positive(n)),
            comment="required" if n in required else "optional",
        )
        for n, label in labels.items()
    }


def result(state: Approval, evidence: Evidence) -> Result:
    """Return the result of an approval that has ended."""
    assert state.outcome is not None, f"approval {state.id!r} is open"
    return Result(
        outcome=state.outcome,
        positive=bool(state.ask.is_positive(state.outcome)),
        decisions=state.decisions,
        form=state.decisions[-1].form if state.decisions else {},
        token=_token(state),
        evidence=evidence,
        reason=state.reason,
        withdrawal=state.withdrawal,
        digest=state.shown.digest,
        material=state.shown.material,
        voided=state.voided,
        amended=state.amended,
        overridden=any(d.kind in {"override", "break_glass"} for d in state.decisions),
        shadow=state.shadowed,
        spent=_last_spent(state),
    )


def _token(state: Approval) -> str:
    assert state.outcome is not None, f"approval {state.id!r} is open"
    return token(state.id, state.outcome, state.shown.digest, state.decisions)


def _last_spent(state: Approval) -> dict[str, str]:
    return dict(list(state.spent.items())[-MAX_SPENT_KEPT:])


def token(approval: str, outcome: str, shown: str, decisions: tuple[Decision, ...]) -> str:
    """Return the decision token: anybody who has the result can recompute it, nobody can reuse it for other content."""
    return digest([approval, outcome, shown, [d.key for d in decisions]])


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
    dues = [s.due_at for s in state.live_stages if s.due_at is not None]
    return Listing(
        state=state.state,
        assignees=tuple(dict.fromkeys([*assignees, *acted])),
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


def selectors(state: Approval) -> tuple[str, ...]:
    """Return every selector that the directory must be asked for to judge this approval now.

    Those of stages that have ended are among them: their people are told the end, by name and where they prefer.
    """
    if state.outcome is not None:
        return ()
    found: list[str] = []
    for stage in state.stages:
        if stage.state != "skipped":
            found.extend((*stage.who, *stage.cast.everybody))
    return tuple(dict.fromkeys((*found, *glass.selectors(state))))


def picks(state: Approval) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return what picking needs to know: key of the turn, policy and people, of each stage that may open next."""
    pending = [s for s in state.stages if s.state == "pending"]
    first = min((s.block for s in pending), default=None)
    return tuple(
        (turn_key(state, s), picking(s.document.pick).policy, state.roster.named_by((*s.cast.who, *s.cast.fallback)))
        for s in pending
        if s.block == first and s.document.pick is not None
    )


def people(state: Approval) -> tuple[str, ...]:
    """Return whom the directory must be asked for by id: they are told things, whoever else may decide."""
    acted = (d.actor for d in state.decisions)
    said = (r.actor for r in state.conversation)
    taken = (p for s in state.stages for h in s.handovers for p in (h.taker, h.giver) if p is not None)
    asked = (state.info.to, state.info.by) if state.info is not None else ()
    found = dict.fromkeys((*state.barred, *acted, *said, *taken, *asked))
    return tuple(p for p in found if not p.startswith(SYSTEM))


def _kept_out(state: Approval, acting: frozenset[str]) -> tuple[str, ...]:
    live = state.live_stages
    if not live:
        return state.barred
    requesters = [] if all(s.document.allow_requester for s in live) else list(state.barred)
    named = [p for s in live for p in state.roster.named_by((*s.who, *s.cast.barred))]
    decided = (d.actor for d in state.decisions if not d.actor.startswith(SYSTEM))
    return tuple(p for p in dict.fromkeys((*requesters, *named, *decided)) if p not in acting)
