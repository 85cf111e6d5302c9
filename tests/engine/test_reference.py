"""The reference project's Python workflow, loaded as a worker loads it, on its real accounts file."""

import csv
from pathlib import Path
from uuid import uuid4

import pytest

from hitl_temporal.app.project import load_code
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.worker import make_worker
from tests.engine.conftest import Rig
from tests.engine.test_flow import asked
from tests.fakes import answer

ROOT = Path(__file__).parents[2]


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
    with accounts.open(newline="") as rows:
        assert {r["account"]: r["state"] for r in csv.DictReader(rows)}["erp-fay"] == "disabled"
