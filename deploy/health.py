"""Tell a container engine whether this container does its work: exit 0 if so, else 1 with the reason on stderr.

`health.py http` asks the HTTP service. `health.py worker` asks Temporal whether a worker on this host still polls: a
process that is alive but has lost Temporal helps nobody. A script beside the package: it knows environment variables
and the SDK, and must not import the platform, so that a broken platform is reported, not shared.
"""
# ruff: noqa: INP001 - a script that the image carries, not a package

import asyncio
import http.client
import os
import socket
import sys
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

PATIENCE = timedelta(seconds=3)
"""How long one answer may take: well below the engine's own timeout, so that the reason is told."""

FRESH = timedelta(minutes=2)
"""How old a poll may be: a long poll lasts a minute, and one may be missed."""


def http_trouble() -> str | None:
    """Say why the HTTP service is not well, or `None`."""
    port = int(os.environ.get("HITL_HTTP_PORT", "8080"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE.total_seconds())
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"GET /healthz on port {port}: {error}"
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"GET /healthz on port {port} answered {status}"


async def worker_trouble() -> str | None:
    """Say why no worker of this host serves the task queue, or `None`."""
    queue = os.environ.get("HITL_TASK_QUEUE", "hitl")
    host = socket.gethostname()
    try:
        client = await asyncio.wait_for(
            Client.connect(**ClientConfig.load_client_connect_config()), PATIENCE.total_seconds()
        )
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=PATIENCE,
        )
    except (RPCError, RuntimeError, TimeoutError) as error:
        return f"Temporal does not answer: {error!r}"
    since = datetime.now(UTC) - FRESH
    for poller in answer.pollers:
        # The SDK's identity is `pid@host`.
        if host in poller.identity and poller.last_access_time.ToDatetime(UTC) >= since:
            return None
    return f"no worker on {host!r} has polled task queue {queue!r} within {FRESH}"


def main(arguments: list[str]) -> str | None:
    """Return what is wrong, or `None`."""
    match arguments:
        case ["http"]:
            return http_trouble()
        case ["worker"]:
            return asyncio.run(worker_trouble())
        case _:
            return "usage: health.py http|worker"


if __name__ == "__main__":
    trouble = main(sys.argv[1:])
    if trouble:
        sys.stderr.write(f"{trouble}\n")
    sys.stderr.flush()
    # The SDK's threads may abort the interpreter at its exit (temporalio/sdk-python#300), and say that all is not well.
    os._exit(1 if trouble else 0)
