"""Where the audit trail goes: SQLite always, an OTLP backend beside it when the environment names one."""

import os

from hitl_temporal.app.settings import Settings
from hitl_temporal.audit import OtlpSink, Sinks, SqliteStore, over_http
from hitl_temporal.ports import AuditSink

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
"""Source: opentelemetry.io, "OTLP Exporter Configuration" (2026-11): the first is a base, the second the whole URL."""


def audit_store(settings: Settings) -> SqliteStore:
    """Return the SQLite store, which is also what is read back."""
    return SqliteStore(settings.audit_file)


def audit_sink(settings: Settings) -> AuditSink:
    """Return the sink that workers write to."""
    store = audit_store(settings)
    endpoint = os.environ.get(TRACES_ENDPOINT)
    if not endpoint and (base := os.environ.get(ENDPOINT)):
        endpoint = f"{base.rstrip('/')}/v1/traces"
    return Sinks((store, OtlpSink(over_http(endpoint)))) if endpoint else store
