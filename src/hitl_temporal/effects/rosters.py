"""The people of a question as they are now: what the directory says of them, and who of them is away.

Must not know: activities, who asks.
"""

from collections.abc import Sequence

from hitl_temporal.domain.people import Roster
from hitl_temporal.ports import AbsenceBook, Directory


async def read_roster(
    directory: Directory, absences: AbsenceBook, selectors: Sequence[str], people: Sequence[str]
) -> Roster:
    """Return who each selector names, and the cards and absences of all of them, of `people` and of their substitutes.

    Raises:
        TemporaryError: The directory or the absences can't be read.
    """
    roster = (await directory.read(selectors, people)).bounded(people)
    if not roster.cards:  # a run reads for the time alone (engine/flow.py): that must not wait for who is away
        return roster
    found = await absences.of(tuple(roster.cards))
    substitutes = dict.fromkeys(a.substitute for away in found.values() for a in away if a.substitute)
    strangers = tuple(s for s in substitutes if s not in roster.cards)
    cards = (await directory.read((), strangers)).cards if strangers else {}
    return roster.but(cards={**roster.cards, **cards}, absences=found)
