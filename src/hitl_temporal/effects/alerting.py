"""An alert, told to everybody whom it names: one who can't be told keeps nobody else from being told.

Must not know: Temporal, why people are told.
"""

from hitl_temporal.domain.approval.message import Message
from hitl_temporal.domain.flow.effects import Notify
from hitl_temporal.domain.people import Card, Roster
from hitl_temporal.effects.sending import Sending
from hitl_temporal.messages import AlertTold
from hitl_temporal.ports import PermanentError, TemporaryError


async def tell(notice: Notify, roster: Roster, sending: Sending) -> AlertTold:
    """Tell all of them that are active.

    Raises:
        TemporaryError: Somebody could not be told now; everybody else has been.
    """
    people = [p for p in roster.named_by(notice.to) if roster.is_active(p)]
    told: list[str] = []
    refused: list[str] = [] if people else [f"{', '.join(notice.to)} names nobody who is active"]
    later: TemporaryError | None = None
    for person in people:
        try:
            await sending.send(_message(notice, person, roster.cards[person]))
        except PermanentError as error:
            refused.append(f"{person}: {error.reason}")
        except TemporaryError as error:
            later = error
        else:
            told.append(person)
    if later is not None:
        raise later
    return AlertTold(people=tuple(told), refused="; ".join(refused)[:1000])


def _message(notice: Notify, person: str, card: Card) -> Message:
    return Message(
        key=f"{notice.key}:{person}",
        approval=notice.run,
        occasion="notice",
        stage=notice.step,
        person=person,
        name=card.name,
        via=notice.via or card.via,
        title=notice.title,
        body=notice.text,
        digest="",
        text=notice.text,
        outcomes={},
        requester=notice.requester,
        flow=notice.flow,
        run=notice.run,
    )
