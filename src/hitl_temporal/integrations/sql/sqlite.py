"""One statement on a SQLite file.

Must not know: PostgreSQL, flows.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from hitl_temporal.domain.words import shorten
from hitl_temporal.integrations.sql.models import Query, Rows, Scalar, rows_of
from hitl_temporal.ports import PermanentError, TemporaryError

__all__ = ["query_file"]

_TEMPORARY: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}
)
"""Primary result codes. Source: https://sqlite.org/rescode.html (read 2026-12-01)."""

_REFUSED: Final = frozenset(
    {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}
)
"""A statement is about the one file that was looked at, and lives and dies in our transaction."""

_STEPS: Final = 10_000
"""Of SQLite's machine, between two looks at the clock."""

_LOCK_WITHIN_SECONDS: Final = 5.0
"""How long others may hold the lock; then the step tries again."""


def query_file(file: Path, query: Query, values: Mapping[str, Scalar], is_over: Callable[[], bool]) -> Rows:
    """Do it in this thread, until `is_over` says that it has taken too long.

    Raises:
        TemporaryError: Others hold the file's lock, the disk is full, it took too long.
        PermanentError: There is no such file, or the statement is refused.
    """
    if not file.is_file():
        raise PermanentError(f"there is no database {file.name!r}; create it first, a query does not")
    access = "rw" if query.mode == "write" else "ro"
    try:
        with closing(_open(file, access)) as connection:
            connection.execute("BEGIN IMMEDIATE" if query.mode == "write" else "BEGIN")
            connection.set_progress_handler(lambda: 1 if is_over() else 0, _STEPS)
            connection.set_authorizer(_authorized)
            rows = _rows(connection.execute(query.sql, values), query)
            connection.set_authorizer(None)
            connection.execute("COMMIT")
            return rows
    except sqlite3.Error as error:
        raise _error(error, file.name, query) from error


def _authorized(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action in _REFUSED else sqlite3.SQLITE_OK


def _open(file: Path, access: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(file))}?mode={access}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_WITHIN_SECONDS)


def _rows(cursor: sqlite3.Cursor, query: Query) -> Rows:
    if cursor.description is None:
        return Rows(rowcount=cursor.rowcount)
    columns = tuple(str(column[0]) for column in cursor.description)
    found: list[tuple[object, ...]] = cursor.fetchmany(query.max_rows + 1)
    return rows_of(columns, found, query)


def _error(error: sqlite3.Error, name: str, query: Query) -> TemporaryError | PermanentError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary one
    if code == sqlite3.SQLITE_INTERRUPT:
        return TemporaryError(f"{name!r}: the statement took longer than {query.timeout}")
    said = f"{name!r}: {shorten(str(error))}"
    return TemporaryError(said) if code in _TEMPORARY else PermanentError(said)
