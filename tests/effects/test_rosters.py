"""The people of a question as activities read them: no more of them than can be carried."""

from hitl_temporal.domain.people import MAX_PEOPLE, Group, Person
from hitl_temporal.effects.rosters import read_roster
from tests.fakes import PEOPLE, FakeAbsences, FakeDirectory


async def test_a_group_too_large_to_be_carried_is_only_counted() -> None:
    """Else no workflow task that reads it would ever succeed; who was asked for by id is there."""
    many = {f"p{n}": Person(name=f"P {n}") for n in range(MAX_PEOPLE + 1)}
    people = PEOPLE.but(people={**PEOPLE.people, **many}, groups={"all": Group(members=tuple(many))})
    found = await read_roster(FakeDirectory(people), FakeAbsences(), ("group:all",), ("cai", "nobody"))
    assert (found.oversized, list(found.cards), found.members) == (MAX_PEOPLE + 2, ["cai"], {"group:all": ()})
