"""Connections to Temporal: where it is, how values are written, which sandbox runs workflows.

One converter and one sandbox runner serve worker, clients, replayer and test kit, so that none sees another world.

TemporalUnreachableError       nobody answers, or the configuration is wrong
└── UnknownNamespaceError      Temporal answers, and has no such namespace
"""

import asyncio
from datetime import timedelta
from functools import cache
from typing import Final

import structlog
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from hitl_temporal.app.guarding import GuardedRunner

log = structlog.get_logger(__name__)

RUNNER: Final = GuardedRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(
        # Pure and the same for every run: importing them anew for each workflow would only cost time.
        "hitl_temporal.domain",
        "hitl_temporal.messages",
        # Activities reach I/O libraries that the sandbox refuses; `cel` asks for random bits at import.
        "hitl_project.activities",
        "cel",
        # Made in C++, which can't be imported twice.
        "re2",
    )
)


class TemporalUnreachableError(Exception):
    """Temporal did not answer; the message says where it was looked for and what to set."""


class UnknownNamespaceError(TemporalUnreachableError):
    """Temporal has no such namespace; the message names it, and what to set."""


_NO_SUCH_NAMESPACE = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT})

_NAMESPACE_WITHIN = timedelta(seconds=10)
"""Who has just answered and is silent for so long is asked again."""


async def connect(*, address: str | None = None, patience: timedelta = timedelta(seconds=30)) -> Client:
    """Return a client, by the SDK's own environment configuration (`TEMPORAL_ADDRESS`, profiles, TLS).

    Args:
        address: The embedded server's address, for which the environment does not count; None: what that says.
        patience: How long to try again before giving up.

    Raises:
        TemporalUnreachableError: Nobody answered in time, the configuration is wrong, or there is no such namespace.
    """
    try:
        options = (
            ClientConfig.load_client_connect_config(config_file_strict=True)
            if address is None
            else ClientConnectConfig(target_host=address)
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise TemporalUnreachableError(
            f"Temporal's configuration is wrong: {error}; mend the file or variable"
        ) from error
    target = options.get("target_host") or "localhost:7233"
    options["target_host"] = target
    deadline = asyncio.get_running_loop().time() + patience.total_seconds()
    delay = 0.2
    while True:
        try:
            client = await Client.connect(**options, data_converter=pydantic_data_converter, runtime=_runtime())
            await _check_namespace(client, target)
            return client
        except (RuntimeError, RPCError, OSError) as error:
            if asyncio.get_running_loop().time() + delay > deadline:
                raise TemporalUnreachableError(
                    f"Temporal does not answer at {target!r}: {str(error)[:200]}; start it (`hitl up`), "
                    "or set TEMPORAL_ADDRESS to where it is"
                ) from error
            await log.ainfo("temporal.retrying", address=target, seconds=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5)


async def _check_namespace(client: Client, target: str) -> None:
    """Ask for the namespace now: a client connects without it, and a worker would crash on it later."""
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=_NAMESPACE_WITHIN
        )
    except RPCError as error:
        if error.status not in _NO_SUCH_NAMESPACE:
            raise
        raise UnknownNamespaceError(
            f"Temporal at {target!r} has no namespace {client.namespace!r}; create it "
            "(`temporal operator namespace create`), or set TEMPORAL_NAMESPACE to one that is there"
        ) from error


@cache
def _runtime() -> Runtime:
    """Return the process's one runtime, with the SDK's telemetry quiet: our logs say what matters."""
    return Runtime(telemetry=TelemetryConfig())


_LEAST_MEMORY = timedelta(days=1)
"""Temporal takes no shorter retention."""


async def memory_of(client: Client) -> timedelta:
    """Return how long Temporal keeps closed runs at least, and with them the ids that they have taken."""
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        found = await client.workflow_service.describe_namespace(request, timeout=_NAMESPACE_WITHIN)
    except RPCError as error:  # whoever may start runs need not be allowed to look at the namespace
        await log.awarning("temporal.unknown_retention", reason=error.message[:200], taken=str(_LEAST_MEMORY))
        return _LEAST_MEMORY
    return found.config.workflow_execution_retention_ttl.ToTimedelta() or _LEAST_MEMORY
