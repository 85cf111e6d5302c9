"""One statement on a PostgreSQL server.

Must not know: SQLite, flows.
"""

from collections.abc import Mapping
from typing import Final, LiteralString, cast

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from hitl_temporal.domain.duration import exact
from hitl_temporal.domain.words import shorten
from hitl_temporal.integrations.sql.models import Query, Rows, Scalar, rows_of
from hitl_temporal.integrations.sql.parameters import placeholders
from hitl_temporal.ports import PermanentError, TemporaryError

__all__ = ["query_server"]

_TEMPORARY_CLASSES: Final = ("08", "40", "53", "57", "58")
"""No connection, rolled back for others' sake, no resources, stopped by somebody, a fault of the system.

Source: https://www.postgresql.org/docs/15/errcodes-appendix.html (read 2026-12-01).
"""

_LOCK_NOT_AVAILABLE: Final = "55P03"
_NEVER: Final = ("authentication failed", "does not exist", "no pg_hba.conf entry", "invalid ")
"""What libpq says, without a code, of a connection that the server will not take as it is."""


async def query_server(query: Query, values: Mapping[str, Scalar]) -> Rows:
    """Do it in one transaction.

    Raises:
        TemporaryError: No connection, a conflict with others, or it took too long.
        PermanentError: The login or the statement is refused.
    """
    text = _statement(query, values)
    password = None if query.password is None else query.password.get_secret_value()
    try:
        connection = await AsyncConnection.connect(make_conninfo(query.url, password=password))
    except psycopg.ProgrammingError:  # its text would show the URL, and the password in it
        raise PermanentError("the URL of the database can't be read; write postgresql://user@host:port/name") from None
    except psycopg.OperationalError as error:
        said = f"PostgreSQL can't be reached: {shorten(str(error))}"
        raise (PermanentError if any(word in said for word in _NEVER) else TemporaryError)(said) from error
    try:
        async with connection:
            await connection.set_read_only(query.mode == "read")
            milliseconds = str(int(exact(query.timeout).total_seconds() * 1000))
            await connection.execute("SELECT set_config('statement_timeout', %s, true)", [milliseconds])
            # Prepared, so that the server takes one statement and no second one behind a semicolon.
            cursor = await connection.execute(text, values, prepare=True)
            if cursor.description is None:
                return Rows(rowcount=cursor.rowcount)
            columns = [column.name for column in cursor.description]
            return rows_of(columns, await cursor.fetchmany(query.max_rows + 1), query)
    except psycopg.Error as error:
        raise _error(error) from error


def _statement(query: Query, values: Mapping[str, Scalar]) -> sql.SQL:
    try:
        text = placeholders(query.sql, values.keys())
    except KeyError as error:
        raise PermanentError(f"the statement has `:{error.args[0]}`, and `parameters` has no such name") from error
    # psycopg wants texts that a program's author wrote; the author of this one is the flow's.
    return sql.SQL(cast("LiteralString", text))


def _error(error: psycopg.Error) -> TemporaryError | PermanentError:
    """Return what it is; the detail is left out, which says what stands in rows."""
    said = f"PostgreSQL: {shorten(error.diag.message_primary or str(error))}"
    code = error.sqlstate
    if code is None:
        is_temporary = isinstance(error, psycopg.OperationalError)
    else:
        is_temporary = code.startswith(_TEMPORARY_CLASSES) or code == _LOCK_NOT_AVAILABLE
    return TemporaryError(said) if is_temporary else PermanentError(said if code is None else f"{said} ({code})")
