"""Accounts of a system, in a CSV file: listed for a review, disabled when somebody says so, opened for a time.

The file: `HITL_ACCOUNTS`, else `accounts.csv` in `HITL_STATE` (default `.hitl`), made from the shipped one at first
use.
"""

import asyncio
import csv
import hashlib
import os
import shutil
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from temporalio import activity

from hitl_temporal.ports import PermanentError

from .csv_file import exclusively, replace_rows

SHIPPED = Path("workflows/quarterly_access_review/accounts.csv")
FIELDS: tuple[str, ...] = ("account", "person", "role", "state")


class Account(BaseModel):
    """One row: whose account it is, what it may do, and whether it is `active` or `disabled`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str
    person: str
    role: str
    state: str = "active"


Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@ -]*$", max_length=100)]
"""A name of a system, a person or a role, as it stands in the file."""


class Opening(BaseModel):
    """Who gets which role on which system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Word
    person: Word
    role: Word


class Opened(BaseModel):
    """What opening did; `changed` is False when the same call had opened the account already."""

    account: str
    changed: bool


class Closing(BaseModel):
    """Which account is closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str


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


@activity.defn(name="accounts.open")
async def open_account(opening: Opening) -> Opened:
    """Open an account of its own for one call, so that closing it takes nothing that was given otherwise.

    Raises:
        PermanentError: The file is missing or has other columns.
    """
    info = activity.info() if activity.in_activity() else None
    key = f"{info.workflow_id}.{info.activity_id}" if info else opening.model_dump_json()
    return await asyncio.to_thread(_open, _file(), opening, hashlib.sha256(key.encode()).hexdigest()[:8])


@activity.defn(name="accounts.close")
async def close_account(closing: Closing) -> Disabled:
    """Disable an account that was opened; one that is disabled or removed already is no error, since nobody has it.

    Raises:
        PermanentError: The file is missing or has other columns.
    """
    file = _file()
    if all(a.account != closing.account for a in await asyncio.to_thread(_read, file)):
        return Disabled(account=closing.account, changed=False)
    return await asyncio.to_thread(_disable, file, closing.account)


def _open(file: Path, opening: Opening, mark: str) -> Opened:
    account = f"{opening.system}-{opening.person}-{mark}"
    with exclusively(file):
        accounts = _read(file)
        if any(a.account == account and a.state == "active" for a in accounts):
            return Opened(account=account, changed=False)
        others = [a for a in accounts if a.account != account]
        _write(file, [*others, Account(account=account, person=opening.person, role=opening.role)])
        return Opened(account=account, changed=True)


def _disable(file: Path, account: str) -> Disabled:
    with exclusively(file):
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
    replace_rows(file, FIELDS, (a.model_dump() for a in accounts))
