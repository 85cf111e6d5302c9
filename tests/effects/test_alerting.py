"""An alert reaches everybody whom it can; a ticket is kept in the system that is named."""

import pytest

from hitl_temporal.domain.flow.effects import KeepTicket, Notify
from hitl_temporal.effects.alerting import tell
from hitl_temporal.effects.sending import Sending
from hitl_temporal.effects.ticketing import Ticketing
from hitl_temporal.messages import AlertTold
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.fakes import PEOPLE, FakeNotifier, FakeTickets

NOTICE = Notify(
    key="r:alert:1:0", run="r", flow="f", requester="ann", alert="parked", to=("group:secops",), title="T", text="why"
)


async def told(notifier: FakeNotifier, notice: Notify = NOTICE) -> AlertTold:
    """Tell people on one channel."""
    return await tell(notice, PEOPLE.roster(notice.to), Sending([notifier]))


async def test_everybody_active_is_told_once() -> None:
    """By a key of their own; the message says which run it is about."""
    notifier = FakeNotifier()
    assert (await told(notifier)).people == ("cai", "dee")
    await told(notifier)
    assert [*notifier.messages] == ["r:alert:1:0:cai", "r:alert:1:0:dee"]
    message = notifier.messages["r:alert:1:0:cai"]
    assert (message.run, message.occasion, message.text, message.outcomes) == ("r", "notice", "why", {})


async def test_nobody_is_told_for_good_where_nobody_is() -> None:
    """A selector that names nobody who is active, and a person without an address."""
    notifier = FakeNotifier()
    assert (await told(notifier, NOTICE.but(to=("group:gone",)))).refused == "group:gone names nobody who is active"
    notifier.refuses = frozenset({"cai"})
    found = await told(notifier)
    assert (found.people, "cai has no address" in found.refused) == (("dee",), True)


async def test_who_can_be_told_now_is_told_before_it_is_tried_again() -> None:
    """A channel that is down for one is tried again for all; who was told is not told twice."""
    notifier = FakeNotifier()
    notifier.is_down = True
    with pytest.raises(TemporaryError):
        await told(notifier)


WORK = KeepTicket(ticket="f/a", key="k1", via=None, doing="open", title="T", text="why")


async def nobody(_: frozenset[str]) -> str | None:
    """No other run stands in a ticket."""
    return None


async def test_a_ticket_that_is_open_is_commented_and_not_opened_again() -> None:
    """Opened by another run, say; what is wanted of one that is closed does nothing."""
    fake = FakeTickets()
    keeping = Ticketing([fake], nobody).keep_ticket
    assert (await keeping(WORK)).ref == "T-1"
    assert (await keeping(WORK.but(key="k2"))).ref == "T-1"
    assert (await keeping(WORK.but(key="k3", doing="resolve"))).ref == "T-1"
    assert (await keeping(WORK.but(key="k4", doing="comment"))).ref == ""
    assert fake.done() == ["open", "comment", "resolve"]


async def test_a_system_that_is_not_set_up_is_told() -> None:
    """With those that are."""
    with pytest.raises(PermanentError, match="no ticket system is called 'snow' here; known: fake"):
        await Ticketing([FakeTickets()], nobody).keep_ticket(WORK.but(via="snow"))


async def test_a_ticket_in_which_another_run_stands_is_not_resolved() -> None:
    """It is said in it; asked by its key and by what its system calls it."""
    fake, asked = FakeTickets(), list[frozenset[str]]()

    async def standing(names: frozenset[str]) -> str | None:
        asked.append(names)
        return "other" if len(asked) == 1 else None

    keeping = Ticketing([fake], standing).keep_ticket
    await keeping(WORK)
    assert (await keeping(WORK.but(key="k2", doing="resolve", text="a has succeeded"))).left_to == "other"
    assert fake.works[-1] == ("comment", "T-1", "a has succeeded; run other can't go on yet")
    assert (await keeping(WORK.but(key="k3", doing="resolve"))).left_to is None
    assert (fake.done(), asked) == (["open", "comment", "resolve"], [frozenset({"f/a", "T-1"})] * 2)
