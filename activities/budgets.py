"""Budgets that have been agreed, in a CSV file: one row an entry.

The file: `HITL_BUDGETS`, else `budgets.csv` in `HITL_STATE` (default `.hitl`), made at the first entry.

Must not know: the flow that calls it, how people came to agree.
"""

import asyncio
import csv
import hashlib
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints
from temporalio import activity

from hitl_temporal.ports import PermanentError, TemporaryError

from .csv_file import exclusively, replace_rows

FIELDS: tuple[str, ...] = ("entry", "cost_centre", "amount", "purpose", "line", "approved_by")

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._@:-]{1,200}$")]


class Budget(BaseModel, frozen=True, extra="forbid"):
    """What was agreed.

    Attributes:
        amount: In the currency of the books, in cents at the finest.
        line: The budget line that it is charged to.
        approved_by: Ids of those who agreed, in order.
        key: Whose it is: one key is one entry. None is the workflow that runs the activity.
    """

    amount: Decimal = Field(gt=0, max_digits=12, decimal_places=2)
    cost_centre: Word
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")]
    line: Word
    approved_by: tuple[Word, ...] = Field(min_length=1)
    key: str | None = Field(default=None, max_length=1000)

    def row(self, owner: str) -> dict[str, str]:
        """Return it as a row of the file; one owner has one entry."""
        return {
            "entry": "b-" + hashlib.sha256(owner.encode()).hexdigest()[:12],
            "cost_centre": self.cost_centre,
            "amount": f"{self.amount:.2f}",
            "purpose": self.purpose,
            "line": self.line,
            "approved_by": " ".join(self.approved_by),
        }


class Recorded(BaseModel, frozen=True):
    """What became of it; `changed` is False when the entry was there already."""

    entry: str
    file: str
    changed: bool


@activity.defn(name="budgets.record")
async def record(budget: Budget) -> Recorded:
    """Enter a budget once, however often it is called.

    Raises:
        PermanentError: There is another entry of the same key, there is no key, or the file is no list of budgets.
        TemporaryError: The file can't be written now.
    """
    owner = budget.key or (activity.info().workflow_id if activity.in_activity() else None)
    if not owner:
        raise PermanentError("outside of a workflow a budget needs a `key`, or each call would make another entry")
    return await asyncio.to_thread(_record, budget.row(owner))


def _record(row: dict[str, str]) -> Recorded:
    named = os.environ.get("HITL_BUDGETS")
    file = Path(named or Path(os.environ.get("HITL_STATE") or ".hitl", "budgets.csv"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with exclusively(file):
            rows = _read(file)
            known = next((r for r in rows if r["entry"] == row["entry"]), None)
            if known is None:
                replace_rows(file, FIELDS, [*rows, row])
    except OSError as error:
        raise TemporaryError(f"{file} can't be read or written: {error.strerror}; HITL_BUDGETS names it") from error
    if known is not None and known != row:
        other = ", ".join(field for field in FIELDS if known[field] != row[field])
        raise PermanentError(f"{file}: entry {row['entry']} has another {other}; correct it there by hand")
    return Recorded(entry=row["entry"], file=str(file), changed=known is None)


def _read(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as written:
        reader = csv.DictReader(written)
        if tuple(reader.fieldnames or ()) != FIELDS:
            raise PermanentError(f"{file}: the columns must be {','.join(FIELDS)}, found {reader.fieldnames}")
        rows = list(reader)
    if wrong := [n for n, row in enumerate(rows, 2) if None in row or None in row.values()]:
        raise PermanentError(f"{file}: row {wrong[0]} does not have {len(FIELDS)} fields; mend it by hand")
    return rows
