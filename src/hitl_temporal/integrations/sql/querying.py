"""Does one SQL statement in one transaction.

TemporaryError     no connection, a lock or conflict of others, no answer in time
PermanentError     anything else that the database refuses, more rows than allowed

A statement that changes something is done again when its answer was lost: `:hitl_key` says whose work it is, as in
`INSERT ... ON CONFLICT (key) DO NOTHING`.

Must not know: flows, where secrets come from.
"""

import asyncio
from collections.abc import Mapping
from threading import Event
from typing import Final

from hitl_temporal.domain.duration import exact
from hitl_temporal.integrations.sql.models import KEY, Query, Rows, Scalar
from hitl_temporal.integrations.sql.postgres import query_server
from hitl_temporal.integrations.sql.sqlite import query_file
from hitl_temporal.ports import Connector, Places, TemporaryError

_FILE: Final = "sqlite:///"


def connector(places: Places) -> Connector[Query, Rows]:
    """Return `sql.query`; SQLite files are those that `places` allows."""

    async def run(query: Query, key: str) -> Rows:
        values = {KEY: key, **query.parameters}
        try:
            async with asyncio.timeout(exact(query.timeout).total_seconds()):
                if query.url.startswith(_FILE):
                    return await _in_file(places, query, values)
                return await query_server(query, values)
        except TimeoutError as error:
            raise TemporaryError(f"the database gave no answer within {query.timeout}") from error

    return Connector("sql.query", Query, Rows, run)


async def _in_file(places: Places, query: Query, values: Mapping[str, Scalar]) -> Rows:
    file, left = places.path(query.url.removeprefix(_FILE)), Event()
    try:
        return await asyncio.to_thread(query_file, file, query, values, left.is_set)
    finally:
        left.set()  # the thread is stopped by it when nobody waits any more
