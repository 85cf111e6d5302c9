"""How a fact looks as an OpenTelemetry span: ids, times and attributes, with nothing lost.

The ids are the fact's own, so a span that is exported twice is one span to every reader that knows ids. Attributes that
OpenTelemetry cannot hold as they are (objects, null, mixed lists, integers beyond 64 bits) become JSON texts, and
`hitl.audit.json` names them.

Must not know: exporters, networks, stores.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.value import Json, canonical

__all__ = ["RESOURCE", "SCOPE", "span", "spans"]

SCOPE = InstrumentationScope("hitl_temporal.audit", "1")
"""Tells facts from the technical spans of the same trace; the version is that of the attributes below."""

RESOURCE = Resource({"service.name": "hitl-temporal"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = range(-(2**63), 2**63)


def spans(facts: Sequence[Fact], resource: Resource = RESOURCE) -> tuple[ReadableSpan, ...]:
    """Return one span for each fact, in order."""
    return tuple(span(fact, resource) for fact in facts)


def span(fact: Fact, resource: Resource = RESOURCE) -> ReadableSpan:
    """Return the span of a fact: a point in time, or from `began` to `at`."""
    return ReadableSpan(
        name=fact.name,
        context=_context(fact.trace_id, fact.span_id, is_remote=False),
        parent=_context(fact.trace_id, fact.parent_span_id, is_remote=True) if fact.parent_span_id else None,
        resource=resource,
        attributes=_attributes(fact),
        kind=SpanKind.INTERNAL,
        instrumentation_scope=SCOPE,
        start_time=_nanoseconds(fact.began or fact.at),
        end_time=_nanoseconds(fact.at),
    )


def _context(trace_id: str, span_id: str, *, is_remote: bool) -> SpanContext:
    # SAMPLED always: an exporter or collector that looks at the flag must not drop evidence.
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, TraceFlags(TraceFlags.SAMPLED))


def _attributes(fact: Fact) -> dict[str, AttributeValue]:
    native = {name: value for name, value in fact.attributes.items() if _is_native(value)}
    as_json = {name: canonical(value) for name, value in fact.attributes.items() if name not in native}
    return {
        **native,
        **as_json,
        **({"hitl.audit.json": tuple(sorted(as_json))} if as_json else {}),
        "hitl.audit.workflow_id": fact.workflow_id,
        "hitl.audit.first_run_id": fact.first_run_id,
        "hitl.audit.run_id": fact.run_id,
        "hitl.audit.seq": fact.seq,
        "hitl.audit.key": fact.key,
        "hitl.audit.prev": fact.prev,
        "hitl.audit.hash": fact.hash,
    }


def _is_native(value: Json) -> bool:
    match value:
        case bool() | float() | str():
            return True
        case int():
            return value in _INT64
        case list():
            return bool(value) and all(isinstance(item, str) for item in value)
        case _:
            return False


def _nanoseconds(at: datetime) -> int:
    # Integers all the way: a float has lost the microseconds of our century.
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
