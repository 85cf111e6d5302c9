"""What is read for judging an action: the site's policy about it, with whom that names."""

import pytest

from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.effects.activities import Effects
from hitl_temporal.messages import Governed, PeopleRead, ReadPeople
from hitl_temporal.ports import TemporaryError
from tests.fakes import FakeAbsences, FakeCatalogue, FakeDirectory, FakeNotifier, FakeServerClock, FakeSink

SKIP = Policy.model_validate({"action": "skip", "who": ["manager:requester", "group:secops"]})


async def read(request: ReadPeople, *, is_broken: bool = False) -> PeopleRead:
    """Return what is read while the site says this of `skip`."""
    catalogue = FakeCatalogue()
    catalogue.rules, catalogue.is_broken = (SKIP, Policy()), is_broken
    ports = (catalogue, FakeDirectory(), [FakeNotifier()], FakeSink(), FakeAbsences(), FakeServerClock())
    return await Effects(*ports).read_people(request)


async def test_the_policy_about_an_action_comes_with_whom_it_names() -> None:
    """The manager is that of who has started the run; of the others nothing is read."""
    skip = Governed(flow="f", action="skip", requester="ann")
    found = await read(ReadPeople(people=("gus",), governed=skip))
    assert found.policies == (SKIP,)
    assert found.roster.members == {"manager:user:ann": ("bob",), "group:secops": ("cai", "dee")}
    assert set(found.roster.cards) == {"gus", "bob", "cai", "dee"}
    hold = await read(ReadPeople(people=("gus",), governed=Governed(flow="f", action="hold", requester="ann")))
    assert (hold.policies, hold.roster.members) == ((Policy(),), {})


async def test_who_judges_no_action_reads_no_policies() -> None:
    """An approval goes on while the site's document is broken; an action waits until it is mended."""
    assert (await read(ReadPeople(people=("gus",)), is_broken=True)).policies == ()
    with pytest.raises(TemporaryError):
        await read(ReadPeople(governed=Governed(flow="f", action="skip", requester="ann")), is_broken=True)
