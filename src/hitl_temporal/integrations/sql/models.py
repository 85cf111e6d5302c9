"""What `sql.query` takes and gives.

Must not know: databases.
"""

import math
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hitl_temporal.domain.duration import ExactDuration
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.ports import PermanentError

__all__ = ["KEY", "Query", "Rows", "Scalar", "rows_of"]

KEY = "hitl_key"
"""A parameter that every statement may use: the key of this piece of work, the same for its retries."""

Scalar = str | int | float | bool | None


class Query(Value):
    """One statement in one transaction.

    Attributes:
        url: `sqlite:///path` (from the project's folder; `sqlite:////path` from the root) or `postgresql://host/name`.
        password: Of the database's user, where the URL has none.
        sql: One statement; its parameters are written `:name`.
        parameters: Bound by the database, never written into the statement.
        mode: `read` can change nothing.
        max_rows: More rows are an error, not cut off in silence.
    """

    url: Annotated[str, Field(pattern=r"^(sqlite:///.|postgres(ql)?://)", max_length=2_000)]
    password: SecretStr | None = None
    sql: Annotated[str, Field(min_length=1, max_length=100_000)]
    parameters: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Scalar] = Field(default_factory=dict)
    mode: Literal["read", "write"] = "read"
    max_rows: Annotated[int, Field(ge=0, le=10_000)] = 1_000
    timeout: ExactDuration = "30s"


class Rows(BaseModel):
    """What the statement gave.

    Attributes:
        rows: Each by the names of its columns; none when the statement gives none.
        rowcount: How many rows it gave or changed; -1 when the database does not say.
        columns: In order.
    """

    model_config = ConfigDict(frozen=True)

    rows: tuple[dict[str, Json], ...] = ()
    rowcount: int
    columns: tuple[str, ...] = ()


def rows_of(columns: Sequence[str], rows: Sequence[Sequence[object]], query: Query) -> Rows:
    """Return rows as JSON: what JSON has no word for is a text, bytes are base64.

    Raises:
        PermanentError: There are more than the query allows, or two columns have one name.
    """
    if len(rows) > query.max_rows:
        raise PermanentError(f"there are more than {query.max_rows} rows; write a LIMIT, or raise max_rows")
    if doubled := sorted({name for name in columns if columns.count(name) > 1}):
        raise PermanentError(f"two columns are called {doubled[0]!r}; give each its own name with AS")
    found = tuple({name: _cell(value) for name, value in zip(columns, row, strict=True)} for row in rows)
    return Rows(rows=found, rowcount=len(found), columns=tuple(columns))


def _cell(value: object) -> Json:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return b64encode(value).decode()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return str(value)
        case list() | tuple():
            return [_cell(part) for part in cast("Sequence[object]", value)]
        case dict():
            return {str(key): _cell(part) for key, part in cast("dict[object, object]", value).items()}
        case _:
            return str(value)
