"""`sql.query` on SQLite: bound, bounded, in one transaction, in one file."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.integrations.sql import Query, Rows, connector
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.fakes import FakePlaces


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a database of two people."""
    file = tmp_path / "people.db"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("create table people (name text primary key, age real, photo blob)")
        db.executemany("insert into people values (?, ?, ?)", [("ann", 40, b"\xff"), ("bob", 51.5, None)])
    return file


async def done(file: Path, sql: str, key: str = "k", **given: object) -> Rows:
    """Return what a statement gives."""
    query = Query.model_validate({"url": f"sqlite:///{file.name}", "sql": sql, **given})
    return await connector(FakePlaces(file.parent)).run(query, key)


async def test_rows_come_as_json(file: Path) -> None:
    """By the names of their columns, in order."""
    found = await done(
        file, "select name, age, photo from people where age > :age order by name", parameters={"age": 1}
    )
    assert found == Rows(
        rows=({"name": "ann", "age": 40.0, "photo": "/w=="}, {"name": "bob", "age": 51.5, "photo": None}),
        rowcount=2,
        columns=("name", "age", "photo"),
    )


async def test_a_parameter_is_never_part_of_the_statement(file: Path) -> None:
    """Whatever stands in it."""
    evil = "x'; drop table people; --"
    assert (await done(file, "select :n as n", parameters={"n": evil})).rows == ({"n": evil},)
    assert (await done(file, "select count(*) as n from people")).rows == ({"n": 2},)


async def test_a_change_needs_the_mode_for_it(file: Path) -> None:
    """Reading can change nothing."""
    sql = "update people set age = age + 1 where name = :n"
    with pytest.raises(PermanentError, match="readonly"):
        await done(file, sql, parameters={"n": "ann"})
    assert (await done(file, sql, parameters={"n": "ann"}, mode="write")).rowcount == 1
    assert (await done(file, "select age from people where name = 'ann'")).rows == ({"age": 41.0},)


async def test_the_key_makes_one_change_of_two_tries(file: Path) -> None:
    """Every statement may use it."""
    sql = "insert into people (name) values (:hitl_key) on conflict do nothing"
    assert [(await done(file, sql, key="run.a.1", mode="write")).rowcount for _ in range(2)] == [1, 0]


async def test_too_many_rows_are_an_error_and_change_nothing(file: Path) -> None:
    """Not cut off in silence."""
    with pytest.raises(PermanentError, match="more than 1 rows"):
        await done(file, "update people set age = 0 returning name", mode="write", max_rows=1)
    assert (await done(file, "select sum(age) as s from people")).rows == ({"s": 91.5},)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec 1", "syntax error"),
        ("select * from nobody", "no such table"),
        ("select :missing", "missing"),
        ("insert into people (name) values ('ann')", "UNIQUE"),
        ("select 1; select 2", "one statement"),
        ("select 1 as a, 2 as a", "two columns are called 'a'"),
        ("attach database 'other.db' as o", "not authorized"),
        ("commit", "not authorized"),
        ("vacuum into 'copy.db'", "cannot VACUUM"),
    ],
)
async def test_what_is_refused_is_refused_for_good(file: Path, sql: str, said: str) -> None:
    """The same again would be the same; no other file is reached, the transaction is ours."""
    with pytest.raises(PermanentError, match=said):
        await done(file, sql, mode="write")
    assert [f.name for f in file.parent.iterdir()] == ["people.db"]


async def test_others_lock_is_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A while here, then by trying the step again."""
    monkeypatch.setattr("hitl_temporal.integrations.sql.sqlite._LOCK_WITHIN_SECONDS", 0.0)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(TemporaryError, match="locked"):
            await done(file, "delete from people", mode="write")


async def test_an_endless_statement_is_stopped(file: Path) -> None:
    """Its thread ends, too."""
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as n from n"
    with pytest.raises(TemporaryError, match="within 1s"):
        await done(file, endless, timeout="1s")


async def test_what_is_no_database_is_refused(file: Path) -> None:
    """One that is not there is not made; one outside of the project is not looked at."""
    with pytest.raises(PermanentError, match=r"no database 'new\.db'"):
        await done(file.parent / "new.db", "select 1", mode="write")
    (file.parent / "text.db").write_text("no database at all, but long enough for a header of one hundred bytes" * 3)
    with pytest.raises(PermanentError, match="not a database"):
        await done(file.parent / "text.db", "select * from sqlite_master")
    with pytest.raises(PermanentError, match="outside"):
        await connector(FakePlaces(file.parent)).run(Query(url="sqlite:////etc/passwd", sql="select 1"), "k")


@pytest.mark.parametrize(
    "given",
    [{"url": "mysql://x/y"}, {"url": "sqlite://x"}, {"sql": ""}, {"parameters": {"a b": 1}}, {"parameters": {"a": []}}],
)
def test_what_cannot_be_asked_is_not_taken(given: dict[str, Any]) -> None:
    """Before any database is opened."""
    with pytest.raises(ValidationError):
        Query.model_validate({"url": "sqlite:///x.db", "sql": "select 1", **given})
