"""The scripts that the containers run, against a real Temporal server and a real HTTP service on loopback."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent  # not resolved: a virtual environment's python is a link out of it


async def run(*command: str | Path, **environment: str) -> tuple[int, str]:
    """Run a script with this environment's programs; return its exit code and all it wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": f"{BIN}:{os.environ['PATH']}", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode()


async def health(*arguments: str, **environment: str) -> tuple[int, str]:
    return await run(sys.executable, ROOT / "deploy/health.py", *arguments, **environment)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server that knows none of our search attributes."""
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=str(BIN / "temporal")) as environment:
        yield environment


def address(server: WorkflowEnvironment) -> str:
    return server.client.service_client.config.target_host


@workflow.defn
class Idle:
    """A workflow that a worker can offer; nobody starts it."""

    @workflow.run
    async def run(self) -> None:
        """Do nothing."""


@pytest.mark.dev_server
async def test_setup_may_be_repeated(server: WorkflowEnvironment) -> None:
    """Set-up makes the namespace and its attributes ready, and run again it changes nothing."""
    environment = {
        "TEMPORAL_ADDRESS": address(server),
        "TEMPORAL_NAMESPACE": "ours",
        "TEMPORAL_RETENTION": "30d",
    }
    for _ in range(2):
        assert await run("sh", ROOT / "deploy/temporal/setup.sh", **environment) == (0, "namespace ours is ready\n")
    _, listed = await run("temporal", "operator", "search-attribute", "list", "--namespace", "ours", **environment)
    assert [line.split() for line in sorted(listed.splitlines()) if "Hitl" in line] == [
        ["HitlAssignees", "KeywordList"],
        ["HitlDue", "Datetime"],
        ["HitlFlow", "Keyword"],
        ["HitlGroups", "KeywordList"],
        ["HitlPriority", "Int"],
        ["HitlRequester", "Keyword"],
        ["HitlState", "Keyword"],
        ["HitlWaiting", "KeywordList"],
    ]


@pytest.mark.dev_server
async def test_a_worker_is_well_while_it_polls(server: WorkflowEnvironment) -> None:
    """A host without a poller is unwell and says which queue; with one it is well."""
    environment = {"TEMPORAL_ADDRESS": address(server), "HITL_TASK_QUEUE": "health"}
    code, said = await health("worker", **environment)
    assert (code, "task queue 'health'" in said) == (1, True)
    worker = Worker(server.client, task_queue="health", workflows=[Idle], workflow_runner=UnsandboxedWorkflowRunner())
    async with worker:
        async with asyncio.timeout(20):
            while (await health("worker", **environment)) != (0, ""):
                pass
    code, said = await health("worker", **environment | {"TEMPORAL_NAMESPACE": "nowhere"})
    assert (code, "Namespace nowhere is not found" in said) == (1, True)


async def test_a_worker_without_temporal_is_unwell() -> None:
    """A Temporal that cannot be reached is the reason that is told."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code, said = await health("worker", TEMPORAL_ADDRESS=f"127.0.0.1:{port}")
    assert (code, said.startswith("Temporal does not answer")) == (1, True)


@pytest.mark.parametrize(("status", "expected"), [(200, (0, "")), (503, (1, "answered 503"))])
async def test_the_service_is_well_when_healthz_says_so(status: int, expected: tuple[int, str]) -> None:
    """Only a 200 on /healthz counts."""

    class Healthz(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Healthz) as service:
        thread = Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            code, said = await health("http", HITL_HTTP_PORT=str(service.server_port))
        finally:
            service.shutdown()
            thread.join()
    assert (code, expected[1] in said) == (expected[0], True)


async def test_an_unknown_question_is_no_health() -> None:
    """A misspelled check fails instead of passing in silence."""
    assert await health("worke") == (1, "usage: health.py http|worker\n")
