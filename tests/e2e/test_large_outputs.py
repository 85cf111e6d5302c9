"""A large output in a whole house: the run names it, whoever sees the run may read it, and nobody else."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.house import OPEN, ROOT, House, house

pytestmark = pytest.mark.process

FLOW = """
flow: report
owner: group:network
steps:
  - {id: load, call: rows.load}
  - {id: count, call: rows.count, with: {rows: "{{steps.load.outputs.rows}}"}}
outputs: {counted: "{{steps.count.outputs.counted}}"}
"""
CODE = '''
"""Rows."""

from typing import Any

from temporalio import activity


@activity.defn(name="rows.load")
async def load(_: dict[str, Any]) -> dict[str, Any]:
    """Return a megabyte, and something small."""
    return {"rows": ["x" * 63] * 16_384, "name": "night"}


@activity.defn(name="rows.count")
async def count(given: dict[str, Any]) -> dict[str, Any]:
    """Count."""
    return {"counted": len(given["rows"])}
'''
ROWS = ["x" * 63] * 16_384


@pytest.fixture(name="home", scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose project has a flow with a large output."""
    folder = tmp_path_factory.mktemp("large")
    project = folder / "project"
    (project / "workflows" / "report").mkdir(parents=True)
    (project / "activities").mkdir()
    for name in ("people.yaml", "site.yaml"):
        shutil.copy(ROOT / "workflows" / name, project / "workflows")
    (project / "workflows" / "report" / "flow.yaml").write_text(FLOW)
    (project / "activities" / "rows.py").write_text(CODE)
    with house(folder / "house", project=project) as found:
        yield found


def test_whoever_sees_the_run_reads_its_large_output(home: House) -> None:
    """Over HTTP by its digest, and by the command as if it lay in the run."""
    run = home.call("ann", "POST", "/v1/flows/report/runs", {"inputs": {}}).json()["id"]

    def ended() -> Any:
        answer = home.call("ann", "GET", f"/v1/runs/{run}")
        return answer.json() if answer.status_code == 200 and answer.json()["status"] not in OPEN else None

    result = home.until("the run has ended", ended)
    assert result["outputs"] == {"counted": len(ROWS)}
    reference = result["steps"]["load"]["outputs"]["rows"]
    assert reference == {
        "$blob": reference["$blob"],
        "size": len(json.dumps(ROWS, separators=(",", ":"))),
        "type": "application/json",
    }
    path = f"/v1/runs/{run}/blobs/{reference['$blob']}"
    for person in ("ann", "gus", "eli"):  # who asked for it, its owner, an admin
        answer = home.call(person, "GET", path)
        assert (answer.status_code, answer.json() == ROWS) == (200, True)
    assert home.call("fay", "GET", path).status_code == 404
    assert home.call(None, "GET", path).status_code == 401
    assert home.call("ann", "GET", path[:-1] + ("0" if path[-1] != "0" else "1")).status_code == 404

    shown = home.hitl("output", run, "load", "rows")
    assert (shown.returncode, json.loads(shown.stdout) == ROWS) == (0, True)
    assert json.loads(home.hitl("output", run, "load").stdout) == {"rows": ROWS, "name": "night"}
    assert home.hitl("output", run, "load", "name").stdout == '"night"\n'

    other = home.call("fay", "POST", "/v1/flows/report/runs", {"inputs": {}}).json()["id"]
    assert home.call("fay", "GET", f"/v1/runs/{other}/blobs/sha256:{'a' * 64}").status_code == 404

    (file,) = (found for found in (home.state / "blobs").rglob("*") if found.is_file())
    file.unlink()
    gone = home.call("ann", "GET", path)
    assert gone.status_code == 404
    assert "let all workers share HITL_BLOBS" in gone.json()["detail"]
