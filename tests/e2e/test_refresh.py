"""A calendar that changes while people are asked: operators let the open questions look again."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from tests.e2e.house import ROOT, house


def test_a_deadline_moves_with_the_calendar_and_says_why(tmp_path: Path) -> None:
    """Only operators may; the new days off move what was due, and the trail says why."""
    project = tmp_path / "project"
    for folder in ("workflows", "activities"):
        shutil.copytree(ROOT / folder, project / folder)
    with house(tmp_path / "house", project=project) as plot:
        approval = plot.asked("bob", plot.start_firewall())
        before = plot.get("bob", f"/v1/approvals/{approval}")["stages"][0]
        site = project / "workflows" / "site.yaml"
        first = datetime.fromisoformat(before["opened"]).date()
        dates = ", ".join((first + timedelta(days=n)).isoformat() for n in range(12))
        site.write_text(site.read_text().replace("closed: [2026-12-24]", f"closed: [{dates}]"))
        assert plot.call("bob", "POST", "/v1/approvals:refresh", {"reason": "flood"}).status_code == 403
        assert plot.call("gus", "POST", "/v1/approvals:refresh", {"flow": "firewall_change"}).status_code == 422
        told = plot.call("gus", "POST", "/v1/approvals:refresh", {"reason": "flood", "flow": "firewall_change"})
        assert (told.status_code, told.json()) == (200, {"told": 1, "note": ""})

        def has_moved() -> bool:
            return plot.get("bob", f"/v1/approvals/{approval}")["stages"][0]["due"] > before["due"]

        plot.until("the deadline has moved", has_moved)
        moves = plot.get("bob", f"/v1/approvals/{approval}")["stages"][0]["moves"]
        assert moves[-1]["why"] == "the calendar has changed"
