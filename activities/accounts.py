"""Accounts of a system, in a CSV file: listed for a review, disabled when somebody says so.

The file: `HITL_ACCOUNTS`, else `accounts.csv` in `HITL_STATE` (default `.hitl`), made from the shipped one at first
use.
"""

import asyncio
import csv
import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from hitl_temporal.ports import PermanentError

SHIPPED = Path("workflows/quarterly_access_review/accounts.csv")
FIELDS: tuple[str, ...] = ("account", "person", "role", "state")


class Account(BaseModel):
    """One row: whose account it is, what it may do, and whether it is `active` or `disabled`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str
    person: str
    role: str
    state: str = "active"


class Disabled(BaseModel):
    """What disabling did; `changed` is False when the account was disabled already."""

    account: str
    changed: bool


@activity.defn(name="accounts.list")
async def list_accounts() -> list[Account]:
    """Return the active accounts, in the order of the file.

    Raises:
        PermanentError: The file is missing or has other columns.
    """
    found = await asyncio.to_thread(_read, _file())
    return [a for a in found if a.state == "active"]


@activity.defn(name="accounts.disable")
async def disable(account: str) -> Disabled:
    """Disable one account; doing it twice changes nothing.

    Raises:
        PermanentError: There is no such account.
    """
    return await asyncio.to_thread(_disable, _file(), account)


def _disable(file: Path, account: str) -> Disabled:
    with _locked(file):
        accounts = _read(file)
        mine = next((a for a in accounts if a.account == account), None)
        if mine is None:
            raise PermanentError(f"no account {account!r} in {file.name}; it may have been removed since it was listed")
        if mine.state == "disabled":
            return Disabled(account=account, changed=False)
        changed = mine.model_copy(update={"state": "disabled"})
        _write(file, [changed if a is mine else a for a in accounts])
        return Disabled(account=account, changed=True)


def _file() -> Path:
    named = os.environ.get("HITL_ACCOUNTS")
    if named:
        return Path(named)
    file = Path(os.environ.get("HITL_STATE", ".hitl")) / "accounts.csv"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        shutil.copyfile(Path(os.environ.get("HITL_PROJECT", ".")) / SHIPPED, draft)
        draft.replace(file)
    return file


def _read(file: Path) -> list[Account]:
    try:
        with file.open(newline="", encoding="utf-8") as rows:
            reader = csv.DictReader(rows)
            if tuple(reader.fieldnames or ()) != FIELDS:
                raise PermanentError(f"{file}: the columns must be {','.join(FIELDS)}, found {reader.fieldnames}")
            return [Account.model_validate(row) for row in reader]
    except OSError as error:
        raise PermanentError(
            f"{file} can't be read: {error.strerror}; set HITL_ACCOUNTS to the accounts' file"
        ) from error


def _write(file: Path, accounts: list[Account]) -> None:
    draft = file.with_suffix(".new")
    with draft.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, FIELDS)
        writer.writeheader()
        writer.writerows(a.model_dump() for a in accounts)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)


@contextmanager
def _locked(file: Path) -> Generator[None]:
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
