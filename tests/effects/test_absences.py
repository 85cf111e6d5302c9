"""Reading absences: beside the people whom an approval reads, and from a Temporal that may not answer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from hitl_temporal.domain.absence import Absence
from hitl_temporal.effects import absences as module
from hitl_temporal.effects.absences import TemporalAbsences
from hitl_temporal.effects.activities import Effects
from hitl_temporal.effects.sharing import Shared
from hitl_temporal.messages import PeopleRead, ReadPeople
from hitl_temporal.ports import TemporaryError
from tests.fakes import FakeAbsences, FakeCatalogue, FakeDirectory, FakeNotifier, FakeServerClock, FakeSink

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def away(person: str, substitute: str | None) -> Absence:
    """Return an absence of a day."""
    return Absence(id="1", person=person, substitute=substitute, since=NOW, until=NOW + timedelta(days=1))


async def read(request: ReadPeople, *absences: Absence) -> PeopleRead:
    """Return the people that are read while these absences are known."""
    book = FakeAbsences()
    book.absences = {a.person: (a,) for a in absences}
    ports = (FakeCatalogue(), FakeDirectory(), [FakeNotifier()], FakeSink(), book, FakeServerClock())
    return await Effects(*ports).read_people(request)


# --- beside the people ------------------------------------------------------------------------------------------------


async def test_people_are_read_with_their_absences_and_the_cards_of_substitutes() -> None:
    """Of everybody in the chains, and of nobody else; also of who is only asked for by id."""
    chain = (away("bob", "cai"), away("cai", "dee"), away("gus", "bob"))
    roster = (await read(ReadPeople(selectors=("group:leads",), people=("ann",)), *chain)).roster
    assert roster.absences == {"bob": (chain[0],), "cai": (chain[1],)}
    assert list(roster.cards) == ["bob", "ann", "cai", "dee"]
    assert roster.members == {"group:leads": ("bob",)}


async def test_a_substitute_whom_nobody_knows_has_no_card() -> None:
    """So that who judges finds them inactive."""
    roster = (await read(ReadPeople(people=("bob",)), away("bob", "gone"))).roster
    assert (list(roster.cards), roster.is_active("gone")) == (["bob"], False)


async def test_nobody_away_is_read_as_before() -> None:
    """Absences of others are left out."""
    roster = (await read(ReadPeople(people=("bob",)), away("cai", "bob"))).roster
    assert (list(roster.cards), roster.absences) == (["bob"], {})


# --- from Temporal ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def mute() -> AsyncIterator[Client]:
    """A client of a Temporal that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield await Client.connect(f"127.0.0.1:{server.getsockname()[1]}", lazy=True)


async def test_a_temporal_that_does_not_answer_is_a_temporary_error(
    mute: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon, not when the SDK gives up."""
    monkeypatch.setattr(module, "WITHIN_SECONDS", 0.05)
    with pytest.raises(TemporaryError, match="does not answer"):
        await TemporalAbsences(mute).of(["bob"])


# --- sharing ----------------------------------------------------------------------------------------------------------


class Source:
    """Gives the number of the read, once the test has let it."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def read(self) -> int:
        """Count, wait, and answer with what was true at the beginning."""
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_who_comes_while_a_read_is_under_way_shares_the_next() -> None:
    """Nobody gets what was read before they asked, and many cost no more than one."""
    source = Source()
    shared = Shared(source.read)
    first = asyncio.create_task(shared.get())
    while not source.begun:
        await asyncio.sleep(0)
    others = [asyncio.create_task(shared.get()) for _ in range(50)]
    await asyncio.sleep(0)
    assert source.begun == 1
    source.may_end.set()
    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 50
    assert await shared.get() == 3


async def test_one_who_gives_up_leaves_the_others_their_answer() -> None:
    """A read belongs to all who wait for it."""
    source = Source()
    shared = Shared(source.read)
    waiting = [asyncio.create_task(shared.get()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    source.may_end.set()
    assert await waiting[1] == 1


async def test_a_read_that_failed_is_the_answer_of_those_who_waited_for_it() -> None:
    """The next one reads again."""
    source = Source()
    source.error = TemporaryError("not now")
    source.may_end.set()
    shared = Shared(source.read)
    found = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
    assert found == [source.error] * 2
    source.error = None
    assert await shared.get() == 2
