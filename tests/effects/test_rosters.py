"""People as they are now: what is read for them, and what is not."""

from collections.abc import Sequence

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.people import Roster
from hitl_temporal.effects.rosters import read_roster
from hitl_temporal.ports import TemporaryError
from tests.fakes import FakeDirectory


class Unreachable:
    """A list of absences that nobody can read now."""

    async def of(self, people: Sequence[str]) -> dict[str, tuple[Absence, ...]]:
        """Refuse for a while."""
        raise TemporaryError(f"no answer about {len(people)}")


async def test_who_asks_about_nobody_does_not_wait_for_who_is_away() -> None:
    """A run reads for the time alone: absences that can't be read must not hold it up."""
    assert await read_roster(FakeDirectory(), Unreachable(), (), ()) == Roster()
