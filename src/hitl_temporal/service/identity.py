"""Who calls: established by a door, trusted by the use cases.

Must not know: tokens, sessions.
"""

from typing import Literal, NamedTuple

from hitl_temporal.domain.people import OPERATORS
from hitl_temporal.ports import Directory


class Identity(NamedTuple):
    """A person of the directory, and how sure the door is of them."""

    person: str
    roles: frozenset[str]
    groups: frozenset[str]
    assurance: Literal["low", "medium", "high"]
    via: str

    @property
    def is_operator(self) -> bool:
        """Whether the person may see and operate everything."""
        return not self.roles.isdisjoint(OPERATORS)


async def identify(
    directory: Directory, person: str, *, assurance: Literal["low", "medium", "high"], via: str
) -> Identity | None:
    """Return the identity of an active person of the directory, None for anybody else."""
    roster = await directory.read((), (person,))
    if not roster.is_active(person):
        return None
    groups = await directory.groups_of(person)
    return Identity(person, frozenset(roster.cards[person].roles), frozenset(groups), assurance, via)
