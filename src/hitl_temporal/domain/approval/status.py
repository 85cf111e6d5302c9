"""What people see of an approval: the answer of the query `status`, everything a page needs.

Must not know: who looks, how it is drawn.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval import hiding
from hitl_temporal.domain.approval.ask import REWORK, Outcome
from hitl_temporal.domain.approval.commands import Reference
from hitl_temporal.domain.approval.context import found_at
from hitl_temporal.domain.approval.dialogue import audience
from hitl_temporal.domain.approval.eligibility import eligible, may_act
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
from hitl_temporal.domain.approval.result import last_spent, token_of
from hitl_temporal.domain.approval.stage import Assurance
from hitl_temporal.domain.approval.state import Approval, Origin, StageRun
from hitl_temporal.domain.approval.tally import in_words, of_approval
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.domain.waits import LIVE


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

    @property
    def is_live(self) -> bool:
        """Whether it may still get an outcome."""
        return self.outcome is None and self.state in LIVE


def status(state: Approval) -> Status:
    """Return the approval as people may see it: nothing that is sensitive, whoever reads it from Temporal."""
    kept = tuple(i for i in state.intents if i.holds(state.now, state.shown.digest))
    return Status(
        id=state.id,
        state=state.state,
        outcome=state.outcome,
        digest=state.shown.digest,
        title=state.shown.title,
        body=state.shown.body,
        show=state.shown.show,
        attachments=state.shown.attachments,
        form={name: field.form_schema() for name, field in state.ask.form.items()},
        required=tuple(name for name, field in state.ask.form.items() if field.is_required),
        edit=hiding.by_path(state, {path: found_at(state.context, path) for path in state.ask.edit}),
        material=hiding.by_path(state, state.shown.material),
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
        decisions=tuple(hiding.decision(state, d) for d in state.decisions),
        voided=tuple(v.but(decision=hiding.decision(state, v.decision)) for v in state.voided),
        deliveries=state.deliveries,
        refusals=state.refusals,
        unproven=state.unproven,
        unrecorded=state.unrecorded,
        conversation=state.conversation,
        info=state.info,
        amendments=tuple(hiding.amendment(state, a) for a in state.amendments),
        cooling=state.cooling,
        intents={i.actor: i.outcome for i in kept},
        kept=tuple(hiding.intent(state, i) for i in kept),
        shadowed=state.shadowed,
        rounds_left=state.ask.rework - state.rounds,
        token=token_of(state) if state.outcome is not None else None,
        withdrawal=state.withdrawal,
        spent=last_spent(state),
    )


def _stage_status(state: Approval, stage: StageRun) -> StageStatus:
    live = eligible(state, stage, stage.who) if stage.is_live else ()
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
        moves=tuple(m for m in stage.moves if m.before != m.after),
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
