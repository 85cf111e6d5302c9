"""People by name: pages say `Ann Lee` where everything else says `ann`.

Must not know: what people may do.
"""

from collections.abc import Iterable, Mapping

from hitl_temporal.ports import Directory


async def names_of(directory: Directory, people: Iterable[str | None]) -> Mapping[str, str]:
    """Return the name of each person that the directory knows; who is absent stays with their id."""
    wanted = dict.fromkeys(p for p in people if p is not None)
    roster = await directory.read((), tuple(wanted))
    return {person: card.name for person, card in roster.cards.items()}
