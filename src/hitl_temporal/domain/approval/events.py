"""What can happen to an approval; each event carries its time.

Must not know: who observed the event.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, SerializeAsAny

from hitl_temporal.domain.approval.commands import Command
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.value import Value


class PeopleResolved(Value):
    """The directory and the calendars have been read for the first time: people can be asked."""

    kind: Literal["people_resolved"] = "people_resolved"
    at: AwareDatetime
    roster: Roster
    calendars: dict[str, Calendar] = Field(default_factory=dict)


class CommandSubmitted(Value):
    """Somebody does something.

    Attributes:
        verb: One of `VERBS`.
        roster: The directory as read for judging just this command; None: as last read.
        has_no_answer: Whether its sender gets no receipt: it came as a Signal, and they know no more than `recorded`.
    """

    kind: Literal["command_submitted"] = "command_submitted"
    at: AwareDatetime
    verb: str
    command: SerializeAsAny[Command]
    roster: Roster | None = None
    has_no_answer: bool = False


class TimePassed(Value):
    """It is now `at`.

    Attributes:
        roster: The directory as read now, for what falls due opens the next stage or reminds; None: as last read.
    """

    kind: Literal["time_passed"] = "time_passed"
    at: AwareDatetime
    roster: Roster | None = None


class CalendarChanged(Value):
    """A calendar is another than when the deadlines were set: they are planned anew."""

    kind: Literal["calendar_changed"] = "calendar_changed"
    at: AwareDatetime
    calendars: dict[str, Calendar]


class DeliveryEnd(Value):
    """A channel confirmed a message, or gave up on it for good."""

    delivery: str
    state: Literal["delivered", "failed"]
    reason: str = ""
    channel: str | None = None


class DeliveriesEnded(Value):
    """What became of some messages, in the order in which they ended: of a crowd's many end at once."""

    kind: Literal["deliveries_ended"] = "deliveries_ended"
    at: AwareDatetime
    ended: tuple[DeliveryEnd, ...]


class Closed(Value):
    """Everything about an ended approval has been said and sent: the last event."""

    kind: Literal["closed"] = "closed"
    at: AwareDatetime


Event = Annotated[
    PeopleResolved | CommandSubmitted | TimePassed | CalendarChanged | DeliveriesEnded | Closed,
    Field(discriminator="kind"),
]
