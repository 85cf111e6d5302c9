"""What one person is told: the one view that every channel renders.

Must not know: channels, markup.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.approval.ask import Outcome
from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.state import Approval, Occasion, delivery_id
from hitl_temporal.domain.approval.tally import of_approval
from hitl_temporal.domain.approval.views import outcomes
from hitl_temporal.domain.value import Json, Value


class Message(Value):
    """One message to one person.

    Attributes:
        key: The same for every try: a channel that has sent it once does not send it again.
        settles: The key of the message that this one brings up to date, None for a new one.
        via: Channels in order of preference; empty: the site's default.
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
    digest: str
    outcomes: dict[str, Outcome]
    requester: str
    flow: str | None = None
    due: AwareDatetime | None = None
    tally: str = ""
    outcome: str | None = None


def message(state: Approval, effect: Deliver) -> Message:
    """Return the message of a delivery, as the approval stands now."""
    delivery = effect.delivery
    card = state.roster.cards.get(delivery.person)
    asked = delivery_id("asked", delivery.stage, delivery.person)
    return Message(
        key=f"{state.id}:{delivery.id}",
        approval=state.id,
        occasion=delivery.occasion,
        stage=delivery.stage,
        person=delivery.person,
        name=card.name if card else delivery.person,
        via=effect.via,
        settles=f"{state.id}:{asked}" if delivery.occasion == "settled" else None,
        title=state.shown.title,
        body=state.shown.body,
        show=state.shown.show,
        digest=state.shown.digest,
        outcomes=outcomes(state),
        requester=state.requester,
        flow=state.origin.flow if state.origin else None,
        due=effect.due,
        tally=of_approval(state),
        outcome=state.outcome,
    )
