"""Whom an approval tells what: questions, reminders, notices, and bringing what was sent up to date.

Must not know: channels, when it is time to tell.
"""

from collections.abc import Iterable

from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.eligibility import free_seats, quiet_people
from hitl_temporal.domain.approval.records import Delivery, Occasion
from hitl_temporal.domain.approval.seats import Seat
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.approval.turn import Turn
from hitl_temporal.domain.people import SYSTEM

_ASKING = frozenset({"asked", "escalated"})
"""What shows a question that must not stay on a screen as if it were open."""

MAX_NOTICE = 1_000
"""How many characters of a notice are sent; what was said stands whole in the conversation."""
A_CROWD, MAX_NOTICE_TO_A_CROWD = 100, 200
"""Each keeps the text until it has it: of what tells so many something, the approval could not carry more (room.py)."""


def delivery_id(occasion: Occasion, stage: str, person: str, *numbers: int) -> str:
    """Return the id of the one message to a person on an occasion; those that come again have a number."""
    return ":".join([occasion, stage, person, *map(str, numbers)])


def ask_people(turn: Turn, stage: StageRun) -> frozenset[str]:
    """Ask everybody who may act and has not been asked in this round, but for those who want to know nothing of it.

    Returns:
        Whom it has asked.
    """
    state = turn.state
    mine = [d for d in state.deliveries if (d.stage, d.round) == (stage.name, stage.round)]
    told = _told(state, mine)
    free = _loud_seats(state, stage)
    own = {s.owner for s in free if s.owner == s.holder}
    stand_ins = {s.owner: s.holder for s in free if s.owner != s.holder and s.owner in own}
    wanted: dict[str, str | None] = {}
    for seat in free:
        if seat.holder not in told:
            wanted.setdefault(seat.holder, seat.owner if seat.holder not in own else None)
    asked = [(person, owner) for person, owner in wanted.items() if person not in stand_ins]
    sent = [
        message(state, "asked", stage, p, *_numbers(stage, mine, p), on_behalf_of=_other(owner, p))
        for p, owner in asked
    ]
    turn.send(*sent)
    for owner, holder in stand_ins.items():
        text = f"{_name(state, holder)} stands in for you"
        if owner in wanted and not any(d.person == owner and d.text == text for d in mine):
            notify(turn, (owner,), text, stage)
    return frozenset(person for person, _ in asked)


def _loud_seats(state: Approval, stage: StageRun) -> tuple[Seat, ...]:
    """Return the seats whose holders are told that they may vote.

    It goes by whose place it is: who is quiet there is asked all the same in the place of somebody who is not.
    """
    quiet = quiet_people(state, stage)
    return tuple(s for s in free_seats(state, stage) if s.named not in quiet)


def _told(state: Approval, mine: list[Delivery]) -> frozenset[str]:
    """Return who has the question before them; where it was said to have gone to others, it has to be put again."""
    settled = {d.settles for d in state.deliveries if d.settles is not None}
    put = [d for d in mine if d.occasion in _ASKING]
    is_open = {d.person for d in put if d.id not in settled}
    reminded = {d.person for d in mine if d.occasion == "reminded"}
    return frozenset(is_open | (reminded - {d.person for d in put}))


def _numbers(stage: StageRun, mine: list[Delivery], person: str) -> tuple[int, ...]:
    """Return what makes the id of a question differ from those of earlier rounds and times."""
    times = sum(d.occasion == "asked" and d.person == person for d in mine)
    return (stage.round, times + 1) if times else (stage.round,) if stage.round > 1 else ()


def remind_people(turn: Turn, stage: StageRun, number: int) -> tuple[str, ...]:
    """Remind those who may act and know of it; who has come at this very moment is asked instead. Return the first."""
    newcomers = ask_people(turn, stage)
    people = dict.fromkeys(s.holder for s in _loud_seats(turn.state, stage) if s.holder not in newcomers)
    numbers = (stage.round, number) if stage.round > 1 else (number,)
    turn.send(*(message(turn.state, "reminded", stage, person, *numbers) for person in people))
    return tuple(people)


def tell_escalation(turn: Turn, stage: StageRun, people: Iterable[str], index: int) -> None:
    """Tell people that a stage has come to them."""
    numbers = (stage.round, index) if stage.round > 1 else (index,)
    turn.send(*(message(turn.state, "escalated", stage, person, *numbers) for person in people))


def notify(
    turn: Turn, people: Iterable[str], text: str, stage: StageRun | None = None, *, is_bare: bool = False
) -> None:
    """Tell people something that asks nothing of them; machines and strangers to the directory hear nothing."""
    state = turn.state
    wanted = [p for p in dict.fromkeys(people) if not p.startswith(SYSTEM) and state.roster.is_active(p)]
    if not wanted:
        return
    turn.set(notices=state.notices + 1)
    name = stage.name if stage else ""
    sent: list[Deliver] = []
    text = text[:MAX_NOTICE] if len(wanted) <= A_CROWD else text[:MAX_NOTICE_TO_A_CROWD]
    for person in wanted:
        delivery = Delivery(
            id=delivery_id("notice", name, person, turn.state.notices),
            person=person,
            occasion="notice",
            stage=name,
            text=text,
            round=stage.round if stage else 1,
            is_bare=is_bare,
        )
        sent.append(Deliver(delivery=delivery, via=_via(state, stage, person)))
    turn.send(*sent)


def settle(turn: Turn, stage: StageRun | None = None, person: str | None = None, text: str = "") -> None:
    """Bring questions that were sent up to date, on the channel that took them.

    Args:
        turn: The event being worked on.
        stage: Only those of this stage; None: all.
        person: Only theirs; None: everybody's.
        text: What has become of the question; empty: what the message itself says of its outcome.
    """
    state = turn.state
    done = {d.settles for d in state.deliveries if d.settles is not None}
    stages = {s.name: s for s in state.stages}
    sent: list[Deliver] = []
    for d in state.deliveries:
        is_meant = (stage is None or d.stage == stage.name) and (person is None or d.person == person)
        if d.occasion in _ASKING and d.state != "failed" and d.id not in done and is_meant:
            head, _, rest = d.id.partition(":")
            via = (d.channel,) if d.channel else _via(state, stages.get(d.stage), d.person)
            name = f"settled:{rest}" if head == "asked" else f"settled:{d.id}"
            delivery = Delivery(
                id=name, person=d.person, occasion="settled", stage=d.stage, settles=d.id, text=text, round=d.round
            )
            sent.append(Deliver(delivery=delivery, via=via))
    turn.send(*sent)


def forget_rounds(turn: Turn, stage: StageRun) -> None:
    """Forget what has arrived of the rounds before a stage's present one: a crowd may be asked again and again.

    Whom it has told stays known: they have taken part.
    """
    state = turn.state
    past = [d for d in state.deliveries if d.stage == stage.name and d.round < stage.round and d.state != "sending"]
    on_their_way = {d.id for d in state.deliveries if d.state == "sending"}
    # What brings a question up to date is remembered as long as the question: else it would be brought so again.
    past = [d for d in past if d.settles not in on_their_way]
    if past:
        ids = frozenset(d.id for d in past)
        told = tuple(dict.fromkeys((*state.told, *(d.person for d in past if not d.is_bare))))
        turn.set(deliveries=tuple(d for d in state.deliveries if d.id not in ids), told=told)


def message(
    state: Approval,
    occasion: Occasion,
    stage: StageRun,
    person: str,
    *numbers: int,
    on_behalf_of: str | None = None,
) -> Deliver:
    """Return a new delivery, on the channels the person prefers, else on the stage's."""
    delivery = Delivery(
        id=delivery_id(occasion, stage.name, person, *numbers),
        person=person,
        occasion=occasion,
        stage=stage.name,
        on_behalf_of=on_behalf_of,
        round=stage.round,
    )
    return Deliver(delivery=delivery, via=_via(state, stage, person), due=stage.due_at)


def requesters(state: Approval) -> tuple[str, ...]:
    """Return who has asked, and whom they act for."""
    return (state.requester,) if state.on_behalf_of is None else (state.requester, state.on_behalf_of)


def participants(state: Approval) -> tuple[str, ...]:
    """Return who has had a hand in it: the requester's side, and whoever has voted or said something."""
    said = (r.actor for r in state.conversation)
    return tuple(dict.fromkeys((*requesters(state), *(d.actor for d in state.decisions), *said)))


def tell_requester(turn: Turn, text: str) -> None:
    """Tell the requester, and whom they act for."""
    notify(turn, requesters(turn.state), text)


def _other(owner: str | None, person: str) -> str | None:
    return owner if owner != person else None


def _via(state: Approval, stage: StageRun | None, person: str) -> tuple[str, ...]:
    card = state.roster.cards.get(person)
    return (card.via if card else ()) or (stage.document.via if stage else ())


def _name(state: Approval, person: str) -> str:
    card = state.roster.cards.get(person)
    return card.name if card else person
