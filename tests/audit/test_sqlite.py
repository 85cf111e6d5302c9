"""The SQLite store: append-only, idempotent, shared by processes, there after a restart."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hitl_temporal.audit.sqlite import SqliteStore
from hitl_temporal.domain.audit import Trail, record
from hitl_temporal.ports import PermanentError, TemporaryError

if TYPE_CHECKING:
    from conftest import Trace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path in a folder that does not exist yet."""
    return tmp_path / "state" / "audit.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """Give an empty store."""
    store = SqliteStore(path)
    yield store
    store.close()


async def test_what_was_appended_is_read_back(store: SqliteStore, trace: "Trace") -> None:
    """A trace and a workflow come back fact by fact, in order, whatever order they came in."""
    await store.append(trace.approval)
    await store.append(trace.run[::-1])
    assert await store.of_trace(trace.result.trace_id) == trace.facts
    assert await store.of_workflow("run-1") == trace.run
    assert await store.trace_of("run-1.ask.1") == trace.result.trace_id


async def test_what_is_unknown_is_nothing(store: SqliteStore) -> None:
    """Reading an unknown workflow or trace is no error."""
    assert await store.of_workflow("nobody") == ()
    assert await store.of_trace("ab" * 16) == ()
    assert await store.trace_of("nobody") is None


async def test_the_same_facts_again_change_nothing(store: SqliteStore, trace: "Trace") -> None:
    """An activity that is repeated appends nothing twice, whole or in part, in one batch or in several."""
    await store.append(trace.run[:2])
    await store.append((*trace.run, *trace.run))
    await store.append(())
    assert await store.of_workflow("run-1") == trace.run


async def test_another_fact_under_the_same_id_is_refused(store: SqliteStore, trace: "Trace") -> None:
    """A span that is there with other content is named, and nothing of its batch is kept."""
    await store.append(trace.run[:1])
    forged = trace.run[0].but(attributes={"hitl.requester": "mallory"}).seal()
    with pytest.raises(PermanentError, match=rf"span {forged.span_id} of run 'r1'.*fact 1 of workflow 'run-1'"):
        await store.append((trace.run[1], forged))
    assert await store.of_workflow("run-1") == trace.run[:1]


async def test_another_run_may_tell_the_same_span(store: SqliteStore, trace: "Trace") -> None:
    """After a reset the same event is judged again: same span id, another run id, both kept."""
    again = trace.run[0].but(run_id="r2").seal()
    await store.append((trace.run[0], again))
    assert await store.of_workflow("run-1") == (trace.run[0], again)


async def test_a_workflow_id_means_its_latest_execution(store: SqliteStore, trace: "Trace") -> None:
    """A workflow id that was used again names the newer execution; the older one's trace stays readable."""
    later = trace.run[-1].at + timedelta(days=1)
    _, newer = record(
        Trail.begin("run-1", "r9"), name="run.started", key="started", at=later, attributes={}, run_id="r9"
    )
    await store.append((newer, *trace.run))
    assert await store.of_workflow("run-1") == (newer,)
    assert await store.trace_of("run-1") == newer.trace_id
    assert await store.of_trace(trace.result.trace_id) == trace.run


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spans SET fact = '{}' WHERE seq = 1",
        "DELETE FROM spans WHERE seq = 1",
        "INSERT OR REPLACE INTO spans SELECT * FROM spans",
        "INSERT INTO spans SELECT * FROM spans WHERE true ON CONFLICT DO UPDATE SET fact = '{}'",
    ],
)
async def test_nobody_changes_what_is_kept(store: SqliteStore, path: Path, trace: "Trace", statement: str) -> None:
    """The database itself refuses every statement that would change or remove a fact."""
    await store.append(trace.run)
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert await store.of_workflow("run-1") == trace.run


async def test_a_row_that_was_damaged_is_named(store: SqliteStore, path: Path, trace: "Trace") -> None:
    """Who removes the triggers and writes something that is no fact is found when reading, with the row's name."""
    await store.append(trace.run)
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER spans_are_never_updated")
    connection.execute("UPDATE spans SET fact = replace(fact, 'ann', 'ann\\u0000') WHERE seq = 1")
    connection.execute("UPDATE spans SET fact = fact || ' ' WHERE seq = 1")
    connection.commit()
    connection.close()
    with pytest.raises(PermanentError, match=f"row of span {trace.run[0].span_id} in run 'r1' was changed"):
        await store.of_workflow("run-1")


async def test_facts_survive_a_restart(path: Path, trace: "Trace") -> None:
    """A store that is closed and opened again has every fact."""
    first = SqliteStore(path)
    await first.append(trace.facts)
    first.close()
    second = SqliteStore(path)
    assert await second.of_trace(trace.result.trace_id) == trace.facts
    second.close()


def test_a_store_that_was_never_used_closes(path: Path) -> None:
    """Closing makes no file."""
    SqliteStore(path).close()
    assert not path.exists()


async def test_an_append_is_on_disk_before_it_returns(store: SqliteStore, path: Path, trace: "Trace") -> None:
    """The journal is a write-ahead log, and a commit waits for the disk: Temporal never repeats what it saw succeed."""
    await store.append(trace.run)
    connection = store._opened
    assert connection is not None
    modes = await store._on_thread(
        lambda: [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert modes == ["wal", 2]


async def test_a_busy_database_is_a_matter_of_time(path: Path, trace: "Trace") -> None:
    """While another process holds the lock, an append fails as temporary; afterwards it succeeds."""
    store = SqliteStore(path, patience=timedelta(milliseconds=20))
    await store.append(trace.run[:1])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TemporaryError, match="locked"):
        await store.append(trace.run)
    other.execute("ROLLBACK")
    other.close()
    await store.append(trace.run)
    assert await store.of_workflow("run-1") == trace.run
    store.close()


async def test_a_file_that_is_no_database_is_refused(trace: "Trace") -> None:
    """A path that names something else is a permanent error with the path in it."""
    store = SqliteStore(Path(__file__))
    with pytest.raises(PermanentError, match=r"test_sqlite\.py"):
        await store.append(trace.run)
    store.close()


async def test_a_store_of_a_newer_program_is_refused(path: Path, trace: "Trace") -> None:
    """A schema that this program does not know is not touched."""
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    store = SqliteStore(path)
    with pytest.raises(PermanentError, match="schema 99"):
        await store.append(trace.run)
    store.close()


async def test_a_folder_that_cannot_be_made_is_a_matter_of_time(trace: "Trace") -> None:
    """The facts must not be lost because a volume is not mounted yet."""
    store = SqliteStore(Path(__file__) / "audit.db")
    with pytest.raises(TemporaryError, match="has no folder"):
        await store.append(trace.run)
    store.close()


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from hitl_temporal.audit.sqlite import SqliteStore
from hitl_temporal.domain.audit import Trail, record

async def main(path, mine):
    store, ours, own = SqliteStore(Path(path)), Trail.begin("shared", "r1"), Trail.begin(mine, "r1")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for n in range(40):
        told = {"name": "run.told", "key": str(n), "at": at, "attributes": {}, "run_id": "r1"}
        ours, shared = record(ours, **told)
        own, fact = record(own, **told)
        await store.append((shared, fact))
    store.close()

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def writers(path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Give two processes that are about to open the same store that does not exist yet."""
    command = [sys.executable, "-c", WRITER, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen([*command, "one"], **pipes, text=True) as one,
        subprocess.Popen([*command, "two"], **pipes, text=True) as two,
    ):
        for writer in (one, two):
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        yield [one, two]


async def test_processes_share_a_store(writers: list[subprocess.Popen[str]], path: Path) -> None:
    """Two processes create the same file at once and append the same facts and others: each fact is there once."""
    await asyncio.gather(*(asyncio.to_thread(writer.communicate, "go\n", timeout=60) for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0]
    store = SqliteStore(path)
    for workflow_id in ("shared", "one", "two"):
        assert [fact.seq for fact in await store.of_workflow(workflow_id)] == list(range(1, 41))
    store.close()
