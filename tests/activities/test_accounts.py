"""Accounts that are opened for a time: each call has its own, and closing is safe to repeat."""

import asyncio
import csv
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from temporalio.testing import ActivityEnvironment

from activities.accounts import Closing, Opening, close_account, open_account
from hitl_temporal.ports import PermanentError

ANN = Opening(system="erp", person="ann", role="buyer")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an accounts' file with one standing account."""
    path = tmp_path / "accounts.csv"
    path.write_text("account,person,role,state\nerp-ann,ann,buyer,active\n", encoding="utf-8")
    monkeypatch.setenv("HITL_ACCOUNTS", str(path))
    return path


def states(file: Path) -> dict[str, str]:
    """Return the state of each account."""
    with file.open(newline="") as rows:
        return {row["account"]: row["state"] for row in csv.DictReader(rows)}


def opened(activity_id: str) -> str:
    """Open an account in the call with this id."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, activity_id=activity_id)
    return asyncio.run(environment.run(open_account, ANN)).account


def test_the_same_call_opens_once(file: Path) -> None:
    """A retry finds the account that it has opened."""
    first = opened("open.1")
    assert opened("open.1") == first
    assert states(file) == {"erp-ann": "active", first: "active"}


def test_another_call_opens_an_account_of_its_own(file: Path) -> None:
    """Closing the one leaves the other, and what the person had before."""
    first, second = opened("open.1"), opened("open.2")
    closed = asyncio.run(close_account(Closing(account=first)))
    assert closed.changed
    assert states(file) == {"erp-ann": "active", first: "disabled", second: "active"}


def test_closing_is_safe_to_repeat(file: Path) -> None:
    """An account that is closed, or that somebody has removed, is closed: nobody has it."""
    account = opened("open.1")
    assert [asyncio.run(close_account(Closing(account=account))).changed for _ in range(2)] == [True, False]
    file.write_text("account,person,role,state\n", encoding="utf-8")
    assert not asyncio.run(close_account(Closing(account=account))).changed


def test_a_closed_account_is_opened_again_by_its_own_call(file: Path) -> None:
    """A call that is made again after its undo gives what it promises."""
    account = opened("open.1")
    asyncio.run(close_account(Closing(account=account)))
    assert opened("open.1") == account
    assert states(file)[account] == "active"


def test_what_would_break_the_file_is_refused() -> None:
    """Names are words; a machine or a line break is none."""
    for person in ("system:client", "ann\neve,x,y,active", "", "=cmd"):
        with pytest.raises(ValidationError):
            Opening(system="erp", person=person, role="buyer")


def test_a_missing_file_is_named(file: Path) -> None:
    """Nothing is opened in a file that is not there."""
    file.unlink()
    with pytest.raises(PermanentError, match="HITL_ACCOUNTS"):
        opened("open.1")
