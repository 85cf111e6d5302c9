"""Agents on a real server: who runs a command, what comes back, and what is left when it is cancelled or stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.worker import Worker

from hitl_temporal.app.project import Code
from hitl_temporal.app.settings import Settings
from hitl_temporal.app.worker import make_agent, pool_queue
from hitl_temporal.domain.flow.job import Prepared
from hitl_temporal.messages import RUN_COMMAND, CommandEnded, RunCommand
from tests.engine.conftest import Rig, running

pytestmark = pytest.mark.dev_server

ONCE = RetryPolicy(maximum_attempts=1)


@workflow.defn(name="test.runs", sandboxed=False)
class Runs:
    """A workflow that runs one command on a pool."""

    @workflow.run
    async def run(self, queue: str, job: Prepared) -> CommandEnded:
        """Run it, and wait for what becomes of it when it is cancelled."""
        return await workflow.execute_activity(
            RUN_COMMAND,
            RunCommand(
                job=job, key=f"{workflow.info().workflow_id}.load.1", run=workflow.info().workflow_id, step="load"
            ),
            result_type=CommandEnded,
            task_queue=queue,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(seconds=2),
            retry_policy=ONCE,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )


@asynccontextmanager
async def agent(rig: Rig, project: Path, pool: str = "batch") -> AsyncIterator[Worker]:
    """Run an agent of a pool beside the rig's workflows."""
    settings = Settings(project=project, state=project / ".hitl", task_queue=rig.queue, secrets=project / "secrets")
    async with running(make_agent(rig.client, settings, Code((), ()), pool, slots=2)) as worker:
        yield worker


async def start(rig: Rig, code: str, **job: Any) -> WorkflowHandle[Any, Any]:
    """Start a shell's program on the pool `batch`."""
    prepared = Prepared.model_validate({"command": ["sh", "-c", code], **job})
    queue = pool_queue(rig.queue, "batch")
    name = f"c-{Path(queue).name}-{abs(hash(code)) % 10_000}"
    client: Client = rig.client
    return await client.start_workflow(
        Runs.run,
        args=[queue, prepared],
        id=name,
        task_queue=rig.queue,  # pyright: ignore[reportUnknownMemberType]
    )


async def until(file: Path) -> str:
    """Return what a command has written into a file; the test's own limit ends the wait."""
    while not (text := written(file)):
        await asyncio.sleep(0.02)
    return text


def written(file: Path) -> str:
    """Return what is in a file, nothing when it is not there yet."""
    return file.read_text() if file.exists() else ""


async def cause(handle: WorkflowHandle[Any, Any]) -> BaseException:
    """Return why a run has failed."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    error = caught.value.cause
    assert error is not None
    return cast("BaseException", error.cause) if isinstance(error, ActivityError) else error


async def test_an_agent_runs_the_commands_of_its_pool(idle_rig: Rig, tmp_path: Path) -> None:
    """In its own project's folder, with the secrets of its own host."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "db").write_text("hush\n")
    code = """ls; echo "$DB"; printf '{"key": "%s", "size": %s}' "$HITL_KEY" "${#DB}" """
    rules = {"key": "$.key", "size": "$.size"}
    async with idle_rig.worker(workflows=[Runs]), agent(idle_rig, tmp_path):
        handle = await start(idle_rig, code, env={"DB": {"secret": "db"}}, outputs=rules)
        ended = await handle.result()
    assert ended.outputs == {"key": f"{handle.id}.load.1", "size": 4}
    assert ended.stdout_tail.startswith("secrets\n***\n")
    history = await handle.fetch_history()
    assert not any(b"hush" in event.SerializeToString() for event in history.events)


async def test_a_command_waits_for_an_agent_of_its_pool(idle_rig: Rig, tmp_path: Path) -> None:
    """One of another pool does not take it."""
    async with idle_rig.worker(workflows=[Runs]), agent(idle_rig, tmp_path, "other"):
        handle = await start(idle_rig, "echo done")
        async with agent(idle_rig, tmp_path):
            assert (await handle.result()).stdout_tail == "done\n"


async def test_a_failed_command_says_all_it_knows(idle_rig: Rig, tmp_path: Path) -> None:
    """The exit code and the ends of its streams come through the server."""
    async with idle_rig.worker(workflows=[Runs]), agent(idle_rig, tmp_path):
        error = await cause(await start(idle_rig, "echo out; echo no such table >&2; exit 4"))
    assert isinstance(error, ApplicationError)
    assert (error.type, error.message) == ("ExitCode", "the command ended with exit code 4: no such table")
    ended = CommandEnded.model_validate(error.details[0])
    assert (ended.exit_code, ended.stdout_tail) == (4, "out\n")


async def test_the_largest_result_comes_through(idle_rig: Rig, tmp_path: Path) -> None:
    """Both streams at the highest limit, made of what JSON writes longest; as a result and as a failure."""
    flood = "import sys; [s.buffer.write(bytes(range(256)) * 8000) for s in (sys.stdout, sys.stderr)]"
    code = f"python3 -c '{flood}'"
    async with idle_rig.worker(workflows=[Runs]), agent(idle_rig, tmp_path):
        ended = await (await start(idle_rig, code, log_limit_bytes=1024 * 1024)).result()
        assert ended.truncated_bytes > 0
        error = await cause(await start(idle_rig, f"{code}; exit 2", log_limit_bytes=1024 * 1024))
    assert isinstance(error, ApplicationError)
    assert error.type == "ExitCode"


async def test_a_cancelled_run_ends_its_command(idle_rig: Rig, tmp_path: Path) -> None:
    """The cancellation comes with a heartbeat; when the run has ended, so has the command."""
    code = "trap 'echo cleaned > cleaned; exit 0' TERM; echo $$ > pid; while :; do sleep 0.1; done"
    async with idle_rig.worker(workflows=[Runs]), agent(idle_rig, tmp_path):
        handle = await start(idle_rig, code, grace="PT60S")
        await until(tmp_path / "pid")
        await handle.cancel()
        assert isinstance(await cause(handle), CancelledError)
        assert await until(tmp_path / "cleaned") == "cleaned\n"


async def test_a_stopped_agent_tells_the_run(idle_rig: Rig, tmp_path: Path) -> None:
    """At once: nobody waits for a heartbeat that never comes."""
    async with idle_rig.worker(workflows=[Runs]):
        async with agent(idle_rig, tmp_path):
            handle = await start(idle_rig, "echo $$ > pid; exec sleep 3600")
            await until(tmp_path / "pid")
        error = await cause(handle)
    assert isinstance(error, ApplicationError)
    assert error.type == "AgentStopped"
