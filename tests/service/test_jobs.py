"""What of a run is with workers, read from a real server: attempts, errors, and what a command has written so far."""

import asyncio
from contextlib import suppress
from pathlib import Path

from hitl_temporal.service.errors import NotFoundError
from hitl_temporal.service.jobs import Job
from hitl_temporal.service.runs import Runs
from tests.engine.conftest import Rig
from tests.engine.test_agents import agent
from tests.service.test_approvals import me

WRITES = """
owner: group:leads
steps:
  - {id: load, run: {command: [sh, -c, "echo one; echo oops >&2; while [ ! -e go ]; do sleep 0.1; done"], pool: batch}}
"""
FAILS = "steps: [{id: a, call: job.flaky, retry: {max: 3, backoff: 1h..1h}, with: {name: a}}]"


def use(rig: Rig) -> Runs:
    """Return the use cases."""
    return Runs(rig.client, rig.catalogue, rig.directory, rig.queue)


async def until(rig: Rig, run: str, who: str, wanted: str) -> Job:
    """Return the one job of a run once it is as is wanted: `queued`, or with this in what it has told."""
    while True:
        with suppress(NotFoundError):  # whose it is says its first task
            for job in await use(rig).jobs(me(who), run):
                if wanted in {job.state, job.error} or wanted in (job.stdout or ""):
                    return job
        await asyncio.sleep(0.05)


async def test_what_a_command_writes_is_seen_while_it_runs(rig: Rig, tmp_path: Path) -> None:
    """By operators and owners; whoever has asked for the run sees that it goes on; nothing once it is over."""
    rig.catalogue.add(WRITES)
    handle = await rig.start("test_flow", {}, {"requester": "ann"})
    waiting = await until(rig, handle.id, "gus", "queued")
    assert (waiting.step, waiting.call, waiting.worker, waiting.attempt) == ("load", "hitl.run_command", "", 1)
    async with agent(rig, tmp_path):
        job = await until(rig, handle.id, "gus", "one\n")
        assert (job.state, job.stdout, job.stderr, job.written_bytes) == ("running", "one\n", "oops\n", 9)
        assert (await until(rig, handle.id, "bob", "one\n")).stdout == "one\n"
        (seen,) = await use(rig).jobs(me("ann"), handle.id)
        assert (seen.step, seen.state, seen.stdout, seen.stderr) == ("load", "running", None, None)
        (tmp_path / "go").touch()
        assert (await handle.result())["status"] == "completed"
    assert await use(rig).jobs(me("gus"), handle.id) == ()


async def test_a_call_that_is_tried_again_says_why_and_when(rig: Rig) -> None:
    """Before its last attempt the run itself hears nothing of it."""
    rig.jobs.flaky.add("a")
    rig.catalogue.add(FAILS)
    handle = await rig.start("test_flow", {}, {"requester": "ann"})
    job = await until(rig, handle.id, "ann", "a is busy")
    assert (job.step, job.call, job.state, job.attempt, job.attempts) == ("a", "job.flaky", "queued", 2, 3)
    assert job.again is not None
    await handle.terminate()
