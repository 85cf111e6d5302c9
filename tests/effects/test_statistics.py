"""What past runs took is read from as many of them as can be read in time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from hitl_temporal.domain.audit import Trail, record
from hitl_temporal.effects import statistics
from hitl_temporal.effects.statistics import PastRuns
from hitl_temporal.messages import ReadStatistics
from tests.fakes import FakeCatalogue, FakeSink

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Listing:
    """A client whose list has these runs, the newest first."""

    def __init__(self, *runs: str) -> None:
        self._runs = runs

    async def list_workflows(self, _query: str, **_bounds: int) -> AsyncIterator[Any]:
        """Yield a row for each."""
        for run in self._runs:
            yield SimpleNamespace(id=run)


async def kept(sink: FakeSink, run: str, hours: float) -> None:
    """Keep the trail of a run whose one step took so long."""
    trail = Trail.begin(run, run)
    at = START + timedelta(hours=hours)
    told: dict[str, Any] = {"at": at, "began": START, "run_id": run}
    trail, step = record(trail, name="step.succeeded", key="1", attributes={"hitl.step": "a"}, **told)
    _, end = record(trail, name="run.ended", key="2", attributes={"hitl.status": "completed"}, **told)
    await sink.append([step, end])


@pytest.mark.parametrize(("most", "runs", "median"), [(50_000, 3, 2), (4, 2, 1), (1, 1, 1)])
async def test_no_further_run_is_read_once_there_are_enough_facts(
    monkeypatch: pytest.MonkeyPatch, most: int, runs: int, median: float
) -> None:
    """The newest are; an `each` of thousands of items has tens of thousands of facts."""
    monkeypatch.setattr(statistics, "MAX_FACTS", most)
    sink = FakeSink()
    for run, hours in (("new", 1), ("old", 2), ("older", 3)):
        await kept(sink, run, hours)
    client: Any = Listing("new", "old", "older")
    found = await PastRuns(client, sink, FakeCatalogue(), "q").read_statistics(ReadStatistics(flow="f"))
    assert (found.runs, found.steps["a"].median) == (runs, timedelta(hours=median))
