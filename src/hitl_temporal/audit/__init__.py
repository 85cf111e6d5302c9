"""Keeping the audit trail, reading it back, proving it whole, showing it. Must not know Temporal or any vendor."""

from hitl_temporal.audit.fanout import Sinks
from hitl_temporal.audit.otlp import OtlpSink, over_http
from hitl_temporal.audit.render import as_json, html, table
from hitl_temporal.audit.sqlite import SqliteStore
from hitl_temporal.audit.verify import Report, export_lines, verify, verify_file

__all__ = [
    "OtlpSink",
    "Report",
    "Sinks",
    "SqliteStore",
    "as_json",
    "export_lines",
    "html",
    "over_http",
    "table",
    "verify",
    "verify_file",
]
