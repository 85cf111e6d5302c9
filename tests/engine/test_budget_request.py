"""The reference flow `budget_request`: who is asked by its matrix, and a run of it from the question to the entry."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hitl_temporal.app.project import load_code
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.worker import make_worker
from hitl_temporal.definition.inputs import check_inputs
from hitl_temporal.definition.project import load_project
from hitl_temporal.domain.approval.preview import Preview, preview, selectors_of
from tests.engine.conftest import Rig
from tests.engine.test_flow import asked

ROOT = Path(__file__).parents[2]


def would_ask(requester: str, amount: float, cost_centre: str) -> Preview:
    """Return who would be asked for a budget."""
    project = load_project(ROOT)
    flow = project.flows["budget_request"]
    ask = flow.step("approve").ask
    assert ask is not None
    inputs = check_inputs(flow, {"amount": amount, "cost_centre": cost_centre, "purpose": "trade fair"})
    selectors = selectors_of(ask, requester=requester, context={"inputs": inputs})
    roster = project.people.roster(selectors, [requester])
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return preview(ask, requester=requester, context={"inputs": inputs}, roster=roster, at=at)


@pytest.mark.parametrize(
    ("requester", "amount", "cost_centre", "people"),
    [
        ("ann", 999.99, "it", {"lead": ["bob"]}),
        ("ann", 1000, "sales", {"lead": ["bob"], "finance": ["fay"]}),
        ("ann", 1000, "it", {"it": ["bob"], "finance": ["fay"]}),
        ("ann", 24_999.99, "operations", {"lead": ["bob"], "finance": ["fay"]}),
        ("ann", 25_000, "it", {"lead": ["bob"], "control": ["fay"]}),
        ("bob", 1000, "it", {"it": ["eli"], "finance": ["fay"]}),
        ("fay", 1000, "sales", {"lead": ["eli"], "finance": ["eli"]}),
        ("eli", 10, "sales", {"lead": ["bob"]}),
    ],
)
def test_the_matrix_asks_by_amount_and_cost_centre(
    requester: str, amount: float, cost_centre: str, people: dict[str, list[str]]
) -> None:
    """Every row of the matrix, its borders, and who asks in the place of somebody who would decide their own."""
    stages = would_ask(requester, amount, cost_centre).stages
    assert {s.name: [p.person for p in s.people] for s in stages} == people


async def test_a_budget_is_agreed_to_and_entered(
    idle_rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who agrees lowers the amount; who had agreed to another is asked again; the new one is entered, once."""
    rig = idle_rig
    monkeypatch.setenv("HITL_BUDGETS", str(tmp_path / "budgets.csv"))
    settings = Settings(project=ROOT, state=tmp_path, task_queue=rig.queue)
    async with make_worker(rig.client, settings, load_code(ROOT), notifiers=[rig.notifier], sink=rig.sink):
        inputs = {"amount": 4200, "cost_centre": "sales", "purpose": "trade fair"}
        run = await rig.start("budget_request", inputs, {"requester": "ann"})
        approval = await asked(rig, run)
        agrees = {"outcome": "approved", "form": {"line": "SA-2040"}}
        assert (await rig.decide(approval, {**agrees, "actor": "bob"})).status == "counted"
        lower = {**agrees, "actor": "fay", "edit": {"inputs.amount": 4000}}
        assert (await rig.decide(approval, lower)).status == "counted"
        assert (await rig.decide(approval, {**agrees, "actor": "bob", "key": "again"})).status == "counted"
        result = await run.result()
    assert (result["status"], result["outputs"]["amount"]) == ("completed", 4000)
    with (tmp_path / "budgets.csv").open(newline="") as written:
        (row,) = csv.DictReader(written)
    assert row["entry"] == result["outputs"]["entry"]
    assert (row["amount"], row["line"], row["approved_by"]) == ("4000.00", "SA-2040", "fay bob")
