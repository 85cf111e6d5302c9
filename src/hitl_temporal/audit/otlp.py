"""The audit sink for any OpenTelemetry backend: it exports without queue or sampler and believes only a confirmation.

The SDK's exporter takes any answer below 400 for success: a redirect to a login page, or "I have rejected three of your
spans". `over_http` builds one that does not.

Must not know: Temporal, stores, who retries.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from requests import Response, Session

from hitl_temporal.audit.spans import RESOURCE, spans
from hitl_temporal.domain.audit import Fact
from hitl_temporal.ports import TemporaryError

__all__ = ["OtlpSink", "over_http"]


class OtlpSink:
    """Sends facts as spans through an exporter: an `AuditSink`.

    Args:
        exporter: Called on a thread; no processor or sampler stands before it.
        resource: Who speaks, on every span.
    """

    def __init__(self, exporter: SpanExporter, resource: Resource = RESOURCE) -> None:
        self._exporter = exporter
        self._resource = resource

    async def append(self, facts: Sequence[Fact]) -> None:
        """Export these facts as one batch.

        Raises:
            TemporaryError: The exporter has not confirmed all of them.
        """
        if not facts:
            return
        result = await asyncio.to_thread(self._exporter.export, spans(facts, self._resource))
        if result is not SpanExportResult.SUCCESS:
            raise TemporaryError(
                f"{len(facts)} facts from {facts[0].name!r} of workflow {facts[0].workflow_id!r} on were not confirmed "
                "by the OpenTelemetry exporter; its log says why"
            )


def over_http(
    endpoint: str, headers: Mapping[str, str] | None = None, timeout: timedelta = timedelta(seconds=10)
) -> SpanExporter:
    """Return an OTLP exporter over HTTP that counts nothing but a full acceptance as success.

    Args:
        endpoint: The whole URL, with `/v1/traces`.
        headers: Sent with each request, for instance for authentication.
        timeout: For one export with the exporter's own repetitions; below the activity's `start_to_close`.
    """
    session = Session()
    session.hooks["response"].append(_demand_confirmation)
    seconds = timeout.total_seconds()
    return OTLPSpanExporter(endpoint=endpoint, headers=dict(headers or {}), timeout=seconds, session=session)


class _NotConfirmedError(Exception):
    """The collector has answered, but has not taken all spans."""


def _demand_confirmation(response: Response, *_: object, **__: object) -> None:
    """Raise where the exporter would see success and the collector has not said so; the exporter makes it a FAILURE.

    OTLP tells clients not to repeat a batch of which spans were rejected. For evidence silence is worse: it is
    repeated, which harms nothing because the ids stay, until somebody mends the collector.
    See https://opentelemetry.io/docs/specs/otlp/#partial-success.
    """
    if response.status_code >= 400:
        return  # the exporter knows these itself, and repeats what may be repeated
    content = response.content  # read before any raise: it gives the connection back to the pool
    if response.status_code >= 300:
        raise _NotConfirmedError(f"collector redirects ({response.status_code}): give the final URL as endpoint")
    try:
        answer = ExportTraceServiceResponse.FromString(content)
    except DecodeError as error:
        raise _NotConfirmedError("collector answered with something that is not OTLP") from error
    if rejected := answer.partial_success.rejected_spans:
        raise _NotConfirmedError(f"collector rejected {rejected} spans: {answer.partial_success.error_message[:200]}")
