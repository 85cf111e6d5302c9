"""The reference project's workflows on accounts, loaded as a worker loads them, on the real accounts file."""

import csv
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from hitl_temporal.app.project import load_code
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.worker import make_worker
from hitl_temporal.domain.flow.commands import Receipt
from tests.engine.conftest import Rig
from tests.engine.test_flow import BY_ANN, asked, eventually
from tests.fakes import answer

ROOT = Path(__file__).parents[2]


def states(accounts: Path) -> dict[str, str]:
    """Return the state of each account in the file."""
    with accounts.open(newline="") as rows:
        return {r["account"]: r["state"] for r in csv.DictReader(rows)}


async def test_temporary_access(idle_rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account is open from the manager's yes to the end that secops has moved; the file says so."""
    accounts = tmp_path / "accounts.csv"
    accounts.write_bytes((ROOT / "workflows" / "quarterly_access_review" / "accounts.csv").read_bytes())
    monkeypatch.setenv("HITL_ACCOUNTS", str(accounts))
    rig = idle_rig
    settings = Settings(project=ROOT, state=tmp_path, task_queue=rig.queue)
    inputs = {"system": "erp", "role": "buyer", "days": 14, "reason": "month end"}
    async with make_worker(rig.client, settings, load_code(ROOT), notifiers=[rig.notifier], sink=rig.sink):
        with rig.skipper.with_time_skipping_disabled():
            handle = await rig.skipper.client.start_workflow(
                "temporary_access", args=[inputs, BY_ANN], id=f"access-{uuid4().hex[:8]}", task_queue=rig.queue
            )
        assert (await rig.decide(await asked(rig, handle), answer("approved", "bob"))).status == "counted"
        now = await eventually(handle, lambda s: s.steps["open"].grant is not None)
        account = str(now.steps["open"].outputs["account"])
        assert states(accounts)[account] == "active"
        longer = {"actor": "ann", "reason": "audit", "with": {"for": "5d"}}
        assert (await handle.execute_update("extend_grant", longer, result_type=Receipt)).status == "asked"
        question = await asked(rig, handle, "open.1.extend")
        assert (await rig.decide(question, answer("approved", "bob"))).status == "not_eligible"
        assert (await rig.decide(question, answer("approved", "dee"))).status == "counted"
        await eventually(handle, lambda s: s.steps["open"].grant.extensions[0].state == "granted")
        await rig.skipper.fast_forward(handle, timedelta(days=18))
        assert states(accounts)[account] == "active"
        await rig.skipper.fast_forward(handle, timedelta(days=1, minutes=1))
        assert (await handle.result())["outputs"] == {"account": account}
    assert states(accounts) == {"erp-ann": "active", "erp-fay": "active", "vpn-gus": "active", account: "disabled"}


async def test_quarterly_access_review(idle_rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each account's manager is asked; what is refused is disabled in the file, what is confirmed is kept."""
    accounts = tmp_path / "accounts.csv"
    accounts.write_bytes((ROOT / "workflows" / "quarterly_access_review" / "accounts.csv").read_bytes())
    monkeypatch.setenv("HITL_ACCOUNTS", str(accounts))
    rig = idle_rig
    settings = Settings(project=ROOT, state=tmp_path, task_queue=rig.queue)
    worker = make_worker(rig.client, settings, load_code(ROOT), notifiers=[rig.notifier], sink=rig.sink)
    async with worker:
        handle = await rig.client.start_workflow(
            "quarterly_access_review", {"quarter": "2026-Q4"}, id=f"review-{uuid4().hex[:8]}", task_queue=rig.queue
        )
        for name, manager, outcome in (
            ("erp_ann", "bob", "approved"),
            ("erp_fay", "eli", "rejected"),
            ("vpn_gus", "bob", "approved"),
        ):
            approval = await asked(rig, handle, name)
            assert (await rig.decide(approval, answer("approved", "cai"))).status == "not_eligible"
            assert (await rig.decide(approval, answer(outcome, manager))).status == "counted"
        assert await handle.result() == {"kept": ["erp-ann", "vpn-gus"], "disabled": ["erp-fay"]}
    assert states(accounts)["erp-fay"] == "disabled"
