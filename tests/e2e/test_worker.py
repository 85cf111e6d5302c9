"""`hitl worker`: how it ends when something in it does not."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.e2e.house import ROOT, house

pytestmark = pytest.mark.process

STUCK = """
import asyncio
from contextlib import suppress

from temporalio import workflow


@workflow.defn(name="stuck")
class Stuck:
    @workflow.run
    async def run(self) -> None:
        while True:
            with suppress(BaseException):
                await asyncio.Event().wait()
"""
"""It swallows the cancellation by which the SDK takes a workflow out of its cache."""


def test_a_workflow_that_cannot_be_evicted_holds_no_worker_up(tmp_path: Path) -> None:
    """A worker that was asked to stop ends, whatever an author's workflow does, and says what it has left."""
    project = tmp_path / "project"
    for folder in ("workflows", "activities"):
        shutil.copytree(ROOT / folder, project / folder)
    (project / "workflows" / "stuck").mkdir()
    (project / "workflows" / "stuck" / "workflow.py").write_text(STUCK)
    with house(tmp_path / "house", project=project, HITL_WORKER_CACHED_WORKFLOWS="1") as opened:
        for name in ("s-1", "s-2", "s-3"):  # there is room for one of them
            opened.temporal("workflow", "start", "--type", "stuck", "--task-queue", "hitl", "--workflow-id", name)
        log = opened.state / "worker.log"
        opened.until("one can't be evicted", lambda: "continually retrying eviction" in log.read_text())
        worker = opened.pid("worker")
        os.kill(worker, signal.SIGTERM)
        opened.until("the worker has left", lambda: worker not in opened.processes())
        assert "worker.abandoned" in log.read_text()
