"""The activity `budgets.record`, on real files."""

import asyncio
import csv
import importlib
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from temporalio.testing import ActivityEnvironment

from hitl_temporal.ports import PermanentError, TemporaryError

ROOT = Path(__file__).parents[2]

package = types.ModuleType("reference_activities")
package.__path__ = [str(ROOT / "activities")]
sys.modules.setdefault(package.__name__, package)
budgets: Any = importlib.import_module("reference_activities.budgets")

AGREED = {
    "amount": 4200.5,
    "cost_centre": "sales",
    "purpose": "trade fair",
    "line": "SA-2040",
    "approved_by": ["bob", "fay"],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of budgets that is not there yet."""
    monkeypatch.setenv("HITL_BUDGETS", str(tmp_path / "books" / "budgets.csv"))
    return tmp_path / "books" / "budgets.csv"


def record(**changes: object) -> Any:
    """Record a budget as a worker does."""
    budget = budgets.Budget.model_validate({**AGREED, **changes})
    return asyncio.run(ActivityEnvironment().run(budgets.record, budget))


def entries(file: Path) -> list[dict[str, str]]:
    """Return the rows of the list."""
    with file.open(newline="", encoding="utf-8") as written:
        return list(csv.DictReader(written))


def test_what_was_agreed_is_one_row(file: Path) -> None:
    """The list is made at the first entry, with cents, the line and who agreed."""
    done = record()
    (row,) = entries(file)
    assert done == budgets.Recorded(entry=row["entry"], file=str(file), changed=True)
    assert row == {
        "entry": done.entry,
        "cost_centre": "sales",
        "amount": "4200.50",
        "purpose": "trade fair",
        "line": "SA-2040",
        "approved_by": "bob fay",
    }


def test_a_repetition_changes_nothing(file: Path) -> None:
    """A retry of the same run finds its own entry."""
    first, before = record(), file.read_bytes()
    again = record()
    assert (again.entry, again.changed) == (first.entry, False)
    assert file.read_bytes() == before


def test_another_run_is_another_entry(file: Path) -> None:
    """Two requests that look the same are two budgets."""
    assert record(key="run-1").entry != record(key="run-2").entry
    assert len(entries(file)) == 2


def test_an_entry_is_never_overwritten(file: Path) -> None:
    """The same run with another amount is refused, and says what differs."""
    entry = record().entry
    with pytest.raises(PermanentError, match=rf"entry {entry} has another amount; correct it there by hand"):
        record(amount=1)
    assert [row["amount"] for row in entries(file)] == ["4200.50"]


def test_entries_at_the_same_time_are_all_kept(file: Path) -> None:
    """Runs of many workers write one list."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: record(key=f"run-{n}"), range(24)))
    assert len({row["entry"] for row in entries(file)}) == 24


def test_outside_of_a_workflow_a_key_is_needed(file: Path) -> None:
    """Nothing else could tell a repetition."""
    with pytest.raises(PermanentError, match="needs a `key`"):
        asyncio.run(budgets.record(budgets.Budget.model_validate(AGREED)))
    assert not file.exists()


@pytest.mark.parametrize("text", ["name,amount\n", "", f"{','.join(budgets.FIELDS)}\na,b\n"])
def test_a_file_that_is_no_list_of_budgets_is_left_alone(file: Path, text: str) -> None:
    """What somebody else keeps there is not touched."""
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PermanentError, match=r"budgets\.csv"):
        record()
    assert file.read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file and the setting."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HITL_BUDGETS", str(tmp_path / "file" / "budgets.csv"))
    with pytest.raises(TemporaryError, match="HITL_BUDGETS names it"):
        record()


def test_without_a_setting_the_list_lies_in_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.hitl/` of the installation has it."""
    monkeypatch.setenv("HITL_STATE", str(tmp_path))
    assert record().file == str(tmp_path / "budgets.csv")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": 1.005},
        {"cost_centre": "a,b"},
        {"purpose": "a\nb"},
        {"line": ""},
        {"approved_by": []},
        {"note": "x"},
    ],
)
def test_what_is_no_budget_is_refused(wrong: dict[str, object]) -> None:
    """Nothing that nobody agreed to, and nothing that would break a row."""
    with pytest.raises(ValidationError):
        budgets.Budget.model_validate({**AGREED, **wrong})


@given(st.decimals(min_value="0.01", max_value=1_000_000, places=2), st.text("ab,\"' =;é", min_size=1, max_size=20))
def test_every_amount_and_purpose_comes_back_as_it_was(amount: Decimal, purpose: str) -> None:
    """Cents and quotes survive the file."""
    budget = budgets.Budget.model_validate({**AGREED, "amount": float(amount), "purpose": purpose})
    assert budget.amount == amount
    assert budget.row("run")["purpose"] == purpose
