"""Who calls: established by a door, trusted by the use cases.

Must not know: tokens, sessions.
"""

from datetime import timedelta
from typing import Final, NamedTuple

from hitl_temporal.domain.approval.stage import Assurance
from hitl_temporal.domain.people import OPERATORS
from hitl_temporal.ports import Directory

FRESH: Final = timedelta(minutes=5)
"""How old a login may be at most to prove that it is still the same person at the keyboard."""


class Identity(NamedTuple):
    """A person of the directory, and how sure the door is of them."""

    person: str
    roles: frozenset[str]
    groups: frozenset[str]
    assurance: Assurance
    via: str

    @property
    def is_operator(self) -> bool:
        """Whether the person may see and operate everything."""
        return not self.roles.isdisjoint(OPERATORS)


def assurance_of(age: timedelta) -> Assurance:
    """Return how sure a door is of somebody whose login is so old; one that is yet to come proves nothing more."""
    return "high" if timedelta() <= age <= FRESH else "medium"


async def identify(directory: Directory, person: str, *, assurance: Assurance, via: str) -> Identity | None:
    """Return the identity of an active person of the directory, None for anybody else."""
    roster = await directory.read((), (person,))
    if not roster.is_active(person):
        return None
    groups = await directory.groups_of(person)
    return Identity(person, frozenset(roster.cards[person].roles), frozenset(groups), assurance, via)
