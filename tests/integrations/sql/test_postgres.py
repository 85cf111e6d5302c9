"""`sql.query` on a real PostgreSQL server, on loopback."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from hitl_temporal.integrations.sql import Query, Rows, connector
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.fakes import FakePlaces

PASSWORD = "pg-pa55"


def programs() -> Path | None:
    """Return where PostgreSQL's server programs are."""
    found = shutil.which("initdb")
    return Path(found).parent if found else next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the URL of a server with one table, without its password."""
    found = programs()
    if found is None:
        pytest.skip("not run: needs PostgreSQL")
    # The server refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        (Path(folder) / "pw").write_text(PASSWORD)
        for path in (Path(folder), Path(folder) / "pw"):
            path.chmod(0o700)
            if as_user:
                shutil.chown(path, "postgres")
        run = lambda *command: subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=folder)  # noqa: E731
        run(found / "initdb", "-D", f"{folder}/db", "-U", "ann", "--pwfile", f"{folder}/pw", "-A", "scram-sha-256")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        run(found / "pg_ctl", "-D", f"{folder}/db", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            with psycopg.connect(f"postgresql://ann:{PASSWORD}@127.0.0.1:{port}/postgres") as db:
                db.execute("create table people (name text primary key, age numeric, born date, tags jsonb)")
                db.execute("insert into people values ('ann', 40.50, '1986-01-02', '[1, {\"a\": null}]')")
            yield f"postgresql://ann@127.0.0.1:{port}/postgres"
        finally:
            run(found / "pg_ctl", "-D", f"{folder}/db", "-m", "immediate", "stop")


async def done(url: str, sql: str, key: str = "k", password: str = PASSWORD, **given: object) -> Rows:
    """Return what a statement gives."""
    query = Query.model_validate({"url": url, "password": password, "sql": sql, **given})
    return await connector(FakePlaces(Path())).run(query, key)


async def test_rows_come_as_json(url: str) -> None:
    """Numbers with their digits, days as texts, JSON as it is, bytes in base64."""
    sql = "select *, '\\xff'::bytea as raw, 5 % 3 as rest from people where name = :n and age > :a::numeric"
    found = await done(url, sql, parameters={"n": "ann", "a": 1})
    row = {"name": "ann", "age": "40.50", "born": "1986-01-02", "tags": [1, {"a": None}], "raw": "/w==", "rest": 2}
    assert found == Rows(rows=(row,), rowcount=1, columns=tuple(row))


async def test_a_parameter_is_never_part_of_the_statement(url: str) -> None:
    """Whatever stands in it."""
    evil = "x'; drop table people; --"
    assert (await done(url, "select :n::text as n", parameters={"n": evil})).rows == ({"n": evil},)


async def test_reading_can_change_nothing(url: str) -> None:
    """Nor by a second statement behind the first."""
    for sql in ("delete from people", "commit; delete from people", "select 1; delete from people"):
        with pytest.raises(PermanentError):
            await done(url, sql)
    assert (await done(url, "select count(*) as n from people where name = 'ann'")).rows == ({"n": 1},)


async def test_the_key_makes_one_change_of_two_tries(url: str) -> None:
    """Every statement may use it."""
    sql = "insert into people (name) values (:hitl_key) on conflict do nothing"
    assert [(await done(url, sql, key="run.a.1", mode="write")).rowcount for _ in range(2)] == [1, 0]
    assert (await done(url, "delete from people where name = 'run.a.1'", mode="write")).rowcount == 1


async def test_too_many_rows_are_an_error_and_change_nothing(url: str) -> None:
    """Not cut off in silence."""
    with pytest.raises(PermanentError, match="more than 0 rows"):
        await done(url, "update people set age = 0 returning name", mode="write", max_rows=0)
    assert (await done(url, "select age from people")).rows == ({"age": "40.50"},)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec 1", r"syntax error.*42601"),
        ("select * from nobody", "does not exist"),
        ("select :missing", "has `:missing`"),
        ("insert into people (name) values ('ann')", "duplicate key value"),
    ],
)
async def test_what_is_refused_is_refused_for_good(url: str, sql: str, said: str) -> None:
    """What stands in the rows is not told."""
    with pytest.raises(PermanentError, match=said) as caught:
        await done(url, sql, mode="write")
    assert "ann" not in str(caught.value)


async def test_conflicts_and_cancellations_are_tried_again(url: str) -> None:
    """Here: others hold the lock for longer than the statement may take."""
    with psycopg.connect(url, password=PASSWORD) as other:
        other.execute("select * from people for update")
        with pytest.raises(TemporaryError):
            await done(url, "update people set age = 1", mode="write", timeout="1s")


async def test_a_wrong_login_is_refused_for_good(url: str) -> None:
    """The server's word for it; its password is not told. A server that is away is tried again."""
    with pytest.raises(PermanentError, match="authentication failed"):
        await done(url, "select 1", password="wr0ng-pw")
    with pytest.raises(PermanentError, match="does not exist"):
        await done(url.replace("/postgres", "/nowhere"), "select 1")
    with pytest.raises(PermanentError, match="can't be read") as caught:
        await done("postgresql://ann:sesam@[::1/x", "select 1")
    assert "sesam" not in f"{caught.value} {caught.value.__cause__}"
    with pytest.raises(PermanentError, match="invalid integer"):
        await done("postgresql://ann@127.0.0.1:port/x", "select 1")
    with pytest.raises(TemporaryError, match="can't be reached"):
        await done("postgresql://ann@127.0.0.1:1/x", "select 1")
