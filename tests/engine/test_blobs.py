"""A megabyte goes from step to step, and the history holds its digest alone."""

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import WorkflowHandle

from hitl_temporal.app.project import Code
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.worker import make_agent
from hitl_temporal.domain.blobs import is_reference
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.ports import PermanentError
from tests.engine.conftest import Rig, running
from tests.engine.test_flow import eventually

MEGABYTE = 1024 * 1024
FLOW = """
steps:
  - {id: load, call: rows.load, pool: POOL}
  - id: count
    call: rows.count
    pool: POOL
    with: {rows: "{{steps.load.outputs.rows}}", name: "{{steps.load.outputs.name}}"}
outputs: {rows: "{{steps.load.outputs.rows}}", counted: "{{steps.count.outputs.counted}}"}
"""
GATED = FLOW.replace("  - id: count", "  - {id: gate, call: rows.gate, pool: POOL, needs: [load]}\n  - id: count")


@dataclass
class Rows:
    """Two activities of an author, who knows nothing of blobs."""

    seen: list[int] = field(default_factory=list)

    @activity.defn(name="rows.load")
    async def load(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return a megabyte, and something small."""
        return {"rows": ["é" * 64] * (MEGABYTE // 128), "name": "night"}

    @activity.defn(name="rows.count")
    async def count(self, given: dict[str, Any]) -> dict[str, Any]:
        """Count what it is given."""
        self.seen.append(sum(len(row.encode()) for row in given["rows"]))
        return {"counted": len(given["rows"]), "name": given["name"]}

    @activity.defn(name="rows.gate")
    async def gate(self, _: dict[str, Any]) -> None:
        """Let nobody pass but by an operator."""
        raise PermanentError("closed")


@dataclass
class Place:
    """An agent with the store that it uses."""

    rig: Rig
    project: Path
    store: Path
    rows: Rows

    def add(self, document: str) -> None:
        """Add a flow whose calls go to this agent."""
        self.rig.catalogue.add(document.replace("POOL", "rows"))

    @property
    def files(self) -> list[Path]:
        """What is in the store."""
        return [path for path in self.store.rglob("*") if path.is_file()]


@pytest_asyncio.fixture(loop_scope="session")
async def place(rig: Rig, tmp_path: Path) -> AsyncIterator[Place]:
    """An agent as `hitl worker --pool rows` runs it."""
    rows, settings = Rows(), Settings(project=tmp_path, state=tmp_path / "state", task_queue=rig.queue)
    code = Code((rows.load, rows.count, rows.gate), ())
    async with running(make_agent(rig.client, settings, code, "rows")):
        yield Place(rig, tmp_path, settings.blobs_folder, rows)


async def operate(handle: WorkflowHandle[Any, Any], action: str, step: str, **more: str) -> None:
    """Do what an operator may."""
    receipt = await handle.execute_update(action, {"actor": "gus", "step": step, **more}, result_type=Receipt)
    assert receipt.status == "done", receipt.reason


async def largest_event(handle: WorkflowHandle[Any, Any]) -> int:
    """Return the size of the largest event of a run's history, in bytes."""
    return max([event.ByteSize() async for event in handle.fetch_history_events()])


async def test_a_megabyte_goes_from_step_to_step(place: Place) -> None:
    """The history's events stay small, the next activity gets it all, and the result names it."""
    place.add(FLOW)
    handle = await place.rig.start()
    result = await handle.result()
    assert result["outputs"]["counted"] == MEGABYTE // 128
    assert place.rows.seen == [MEGABYTE]
    assert is_reference(result["outputs"]["rows"])
    assert result["steps"]["load"]["outputs"]["name"] == "night"
    assert result["outputs"]["rows"]["size"] > MEGABYTE
    assert len(place.files) == 1
    assert await largest_event(handle) < 20_000


@pytest.mark.parametrize("change", ["missing", "tampered"])
async def test_a_blob_that_is_not_what_it_was_parks_the_step_that_needs_it(place: Place, change: str) -> None:
    """It is not tried again by itself; once the step that gave it is done anew, the run goes on."""
    place.add(GATED)
    handle = await place.rig.start()
    await eventually(handle, lambda run: run.steps["gate"].state == "parked")
    (file,) = place.files
    if change == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace("é".encode(), b"XX", 1))
    await operate(handle, "skip", "gate")
    status = await eventually(handle, lambda run: run.steps["count"].state == "parked")
    assert re.search("sha256:.* (is not in|is damaged)", status.steps["count"].reason or "")
    assert place.rows.seen == []
    await operate(handle, "rerun", "load", **{"as": "from"})
    await eventually(handle, lambda run: run.steps["gate"].state == "parked")
    await operate(handle, "skip", "gate")
    assert (await handle.result())["outputs"]["counted"] == MEGABYTE // 128
    assert place.rows.seen == [MEGABYTE]


async def test_a_command_gives_much_too(place: Place) -> None:
    """What it writes as JSON may be as large as is read of its stdout."""
    (place.project / "load.py").write_text("import json; print(json.dumps({'rows': ['x' * 60] * 8000}))")
    place.add(f"""
steps:
  - id: load
    run: {{command: ['{sys.executable}', load.py], pool: POOL, outputs: {{rows: $.rows}}, log_limit: 1KB}}
  - {{id: count, call: rows.count, pool: POOL, with: {{rows: "{{{{steps.load.outputs.rows}}}}", name: x}}}}
""")
    handle = await place.rig.start()
    result = await handle.result()
    assert place.rows.seen == [60 * 8000]
    assert is_reference(result["steps"]["load"]["outputs"]["rows"])
    assert await largest_event(handle) < 20_000
