"""What one person is told: the one view that every channel renders.

Must not know: channels, markup.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.ask import Outcome
from hitl_temporal.domain.approval.commands import Reference
from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.records import Occasion
from hitl_temporal.domain.approval.stage import Assurance
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.approval.status import outcomes
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.value import Json, Value


class Message(Value):
    """One message to one person.

    Attributes:
        key: The same for every try: a channel that has sent it once does not send it again.
        on_behalf_of: In whose place this person is asked; None: their own.
        text: What a notice says; empty for a question.
        settles: The key of the message that this one brings up to date, None for a new one.
        via: Channels in order of preference; empty: the site's default.
        run: Of an alert the run that it is about: then `approval` is its id, too, `stage` the step; nothing is asked.
    """

    key: str
    approval: str
    occasion: Occasion
    stage: str
    person: str
    name: str
    via: tuple[str, ...] = ()
    settles: str | None = None
    title: str
    body: str
    show: dict[str, Json] = Field(default_factory=dict)
    attachments: tuple[Reference, ...] = ()
    form: dict[str, Json] = Field(default_factory=dict)
    digest: str
    on_behalf_of: str | None = None
    text: str = ""
    assurance: Assurance = "low"
    outcomes: dict[str, Outcome]
    requester: str
    flow: str | None = None
    due: AwareDatetime | None = None
    tally: str = ""
    outcome: str | None = None
    run: str | None = None


def message(state: Approval, effect: Deliver) -> Message:
    """Return the message of a delivery, as the approval stands now."""
    delivery = effect.delivery
    if delivery.is_bare:
        return _bare(state, effect)
    card = state.roster.cards.get(delivery.person)
    stage = next((s for s in state.stages if s.name == delivery.stage), None)
    return Message(
        key=f"{state.id}:{delivery.id}",
        approval=state.id,
        occasion=delivery.occasion,
        stage=delivery.stage,
        person=delivery.person,
        name=card.name if card else delivery.person,
        via=effect.via,
        settles=f"{state.id}:{delivery.settles}" if delivery.settles is not None else None,
        title=state.shown.title,
        body=state.shown.body,
        show=state.shown.show,
        attachments=state.shown.attachments,
        form={name: field.form_schema() for name, field in state.ask.form.items()},
        digest=state.shown.digest,
        on_behalf_of=delivery.on_behalf_of,
        text=delivery.text,
        assurance=stage.document.assurance if stage else "low",
        outcomes=outcomes(state),
        requester=state.requester,
        flow=state.flow,
        due=effect.due,
        tally=of_approval(state),
        outcome=state.outcome,
    )


def _bare(state: Approval, effect: Deliver) -> Message:
    """Return a message to somebody who takes no part: they know the approval's id already, and learn nothing else."""
    delivery = effect.delivery
    card = state.roster.cards.get(delivery.person)
    return Message(
        key=f"{state.id}:{delivery.id}",
        approval=state.id,
        occasion=delivery.occasion,
        stage="",
        person=delivery.person,
        name=card.name if card else delivery.person,
        via=effect.via,
        title=state.id,
        body="",
        digest="",
        text=delivery.text,
        outcomes={},
        requester="",
    )
