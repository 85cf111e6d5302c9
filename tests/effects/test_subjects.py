"""Requests about the same, as lists of Temporal show them: a row may be behind, and never speaks against itself."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hitl_temporal.effects.subjects import Subjects
from hitl_temporal.messages import AboutSubject

PUT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Row:
    """One approval in a list; `started` is what its memo says, if it has been written yet."""

    def __init__(self, name: str, start_time: datetime, started: datetime | None = None) -> None:
        self.id, self.start_time, self._started = name, start_time, started

    async def memo(self) -> dict[str, str]:
        """Return what is written beside it."""
        return {} if self._started is None else {"started": self._started.isoformat()}


class Listed:
    """Temporal with these rows; who is signalled is written down."""

    def __init__(self, *rows: Row) -> None:
        self.rows, self.told = rows, []

    async def list_workflows(self, query: str) -> AsyncIterator[Row]:
        """Yield all rows, whatever is asked."""
        assert "HitlWaiting" in query
        for row in self.rows:
            yield row

    def get_workflow_handle(self, name: str) -> SimpleNamespace:
        """Return what can be signalled."""

        async def signal(verb: str, command: dict[str, str]) -> None:
            self.told.append((name, verb, command["reason"]))

        return SimpleNamespace(signal=signal)


ABOUT = AboutSubject(approval="mine", subject="laptop", started_at=PUT)


async def test_no_request_is_newer_than_itself() -> None:
    """After a continue-as-new its row has a later start, and its memo may not be there yet."""
    rows = Listed(Row("mine", PUT + timedelta(days=9)))
    assert (await Subjects(rows).newer_about(ABOUT)).approval is None
    assert (await Subjects(rows).supersede(ABOUT), rows.told) == (0, [])


async def test_what_counts_is_when_a_request_was_put() -> None:
    """Not when its present run began; a newer one takes the place of this one too."""
    old = Row("old", PUT + timedelta(days=9), PUT - timedelta(days=1))
    rows = Listed(Row("mine", PUT), old)
    assert (await Subjects(rows).newer_about(ABOUT)).approval is None
    assert await Subjects(rows).supersede(ABOUT) == 1
    assert rows.told == [("old", "withdraw", "superseded by mine")]
    rows = Listed(Row("mine", PUT), Row("new", PUT + timedelta(seconds=1)))
    assert (await Subjects(rows).newer_about(ABOUT)).approval == "new"
    assert (await Subjects(rows).supersede(ABOUT), rows.told) == (1, [("mine", "withdraw", "superseded by new")])
