"""Facts over OTLP: a real receiver on loopback gets every span as it is, and only its full consent counts."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from hitl_temporal.audit.fanout import Sinks
from hitl_temporal.audit.otlp import OtlpSink, over_http
from hitl_temporal.audit.spans import span
from hitl_temporal.domain.audit import Fact
from hitl_temporal.ports import PermanentError, TemporaryError

if TYPE_CHECKING:
    from conftest import Trace


class Receiver:
    """An OTLP/HTTP collector on loopback that answers as it is told."""

    def __init__(self) -> None:
        self.status, self.body = 200, ExportTraceServiceResponse().SerializeToString()
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep the request and answer."""
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, ExportTraceServiceRequest.FromString(content)))
                self.send_response(receiver.status)
                self.send_header("Content-Length", str(len(receiver.body)))
                self.send_header("Location", "/login")
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is the base class's
                """Keep quiet."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, status: int, body: bytes) -> None:
        """Answer this from now on."""
        self.status, self.body = status, body

    @property
    def spans(self) -> list[Span]:
        """All spans received so far."""
        return [
            span
            for _, request in self.requests
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]

    def stop(self) -> None:
        """Stop listening; again does nothing."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a running receiver that accepts everything."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def sink(receiver: Receiver) -> Iterator[OtlpSink]:
    """Give a sink that sends to the receiver and has little patience."""
    exporter = over_http(receiver.endpoint, headers={"x-tenant": "a"}, timeout=timedelta(milliseconds=500))
    yield OtlpSink(exporter)
    exporter.shutdown()


async def test_a_receiver_gets_each_fact_with_its_own_ids(sink: OtlpSink, receiver: Receiver, trace: "Trace") -> None:
    """Ids, parents, names and times arrive as the facts have them, a duration as a duration."""
    await sink.append(trace.facts)
    assert [path for path, _ in receiver.requests] == ["/v1/traces"]
    by_id = {got.span_id.hex(): got for got in receiver.spans}
    assert len(by_id) == len(trace.facts)
    for fact in trace.facts:
        got = by_id[fact.span_id]
        assert (got.trace_id.hex(), got.parent_span_id.hex(), got.name) == (
            fact.trace_id,
            fact.parent_span_id or "",
            fact.name,
        )
        assert got.end_time_unix_nano == int(fact.at.timestamp()) * 10**9
        assert got.end_time_unix_nano - got.start_time_unix_nano == (30 * 10**9 if fact.began else 0)


async def test_a_span_holds_all_that_the_hash_covers(sink: OtlpSink, receiver: Receiver, trace: "Trace") -> None:
    """Plain attributes stay plain, for searching; the rest is JSON, and is named."""
    await sink.append(trace.facts)
    decided = next(got for got in receiver.spans if got.name == "approval.decided")
    asked = next(got for got in receiver.spans if got.name == "approval.asked")
    job = next(got for got in receiver.spans if got.name == "job.ended")
    values = {attribute.key: attribute.value for attribute in (*decided.attributes, *asked.attributes)}
    assert values["hitl.actor"].string_value == "bob"
    assert values["hitl.limits"].string_value == '{"port":[443,1.5]}'
    assert [who.string_value for who in values["hitl.who"].array_value.values] == ["bob", "eve"]
    assert values["hitl.due"].string_value == "null"
    fact = trace.approval[1]
    assert values["hitl.audit.hash"].string_value == fact.hash
    assert values["hitl.audit.prev"].string_value == fact.prev
    assert values["hitl.audit.seq"].int_value == fact.seq
    of_job = {attribute.key: attribute.value for attribute in job.attributes}
    assert (of_job["hitl.exit"].int_value, of_job["hitl.ok"].bool_value) == (0, True)
    assert of_job["hitl.huge"].string_value == str(2**70)
    assert [name.string_value for name in of_job["hitl.audit.json"].array_value.values] == ["hitl.huge"]


async def test_facts_are_told_apart_from_technical_spans(sink: OtlpSink, receiver: Receiver, trace: "Trace") -> None:
    """Facts come from an instrumentation scope of their own, by a named service."""
    await sink.append(trace.run)
    (_, request) = receiver.requests[0]
    (resource_spans,) = request.resource_spans
    (scope_spans,) = resource_spans.scope_spans
    assert scope_spans.scope.name == "hitl_temporal.audit"
    service = {attribute.key: attribute.value.string_value for attribute in resource_spans.resource.attributes}
    assert service["service.name"] == "hitl-temporal"


async def test_no_facts_are_no_request(sink: OtlpSink, receiver: Receiver) -> None:
    """Nothing to say is not said."""
    await sink.append(())
    assert receiver.requests == []


async def test_a_repeat_is_the_same_spans(sink: OtlpSink, receiver: Receiver, trace: "Trace") -> None:
    """After a crash between export and acknowledgement the receiver gets byte for byte the same."""
    await sink.append(trace.run)
    await sink.append(trace.run)
    (_, first), (_, second) = receiver.requests
    assert first == second


REJECTED = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=1, error_message="full"))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(503, b"", id="down"),
        pytest.param(500, b"", id="broken"),
        pytest.param(401, b"", id="not allowed"),
        pytest.param(302, b"", id="a redirect"),
        pytest.param(200, b"<html>log in</html>", id="a login page"),
        pytest.param(200, REJECTED.SerializeToString(), id="one rejected"),
    ],
)
async def test_anything_but_full_consent_is_repeated(
    sink: OtlpSink, receiver: Receiver, trace: "Trace", status: int, body: bytes
) -> None:
    """Whatever a receiver answers but "all of them", the facts are not safe and the caller must try again."""
    receiver.answer(status, body)
    with pytest.raises(TemporaryError, match=r"5 facts from 'run\.started' of workflow 'run-1'"):
        await sink.append(trace.run)


async def test_a_receiver_that_is_away_is_a_matter_of_time(receiver: Receiver, trace: "Trace") -> None:
    """Nobody listening is a temporary error."""
    receiver.stop()
    exporter = over_http(receiver.endpoint, timeout=timedelta(milliseconds=300))
    with pytest.raises(TemporaryError):
        await OtlpSink(exporter).append(trace.run)
    exporter.shutdown()


def test_every_span_says_that_it_is_sampled(trace: "Trace") -> None:
    """An exporter that looks at the flag drops no fact."""
    contexts = [span(fact).get_span_context() for fact in trace.facts]
    assert all(context is not None and context.trace_flags.sampled for context in contexts)


def test_a_microsecond_is_kept(trace: "Trace") -> None:
    """Times are converted without floating point."""
    fact = trace.run[0].but(at=trace.run[0].at + timedelta(microseconds=123457), began=None)
    assert span(fact).start_time == span(fact).end_time
    assert str(span(fact).end_time).endswith("123457000")


class Keeps:
    """A sink that keeps facts in memory."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    async def append(self, facts: Sequence[Fact]) -> None:
        """Keep them."""
        self.facts.extend(facts)


class Fails:
    """A sink that always fails the same way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def append(self, facts: Sequence[Fact]) -> None:
        """Fail."""
        raise self._error


async def test_every_sink_gets_the_facts(trace: "Trace") -> None:
    """Several sinks are as one."""
    one, two = Keeps(), Keeps()
    await Sinks((one, two)).append(trace.run)
    assert one.facts == two.facts == list(trace.run)


async def test_a_sink_that_fails_keeps_no_other_from_the_facts(trace: "Trace") -> None:
    """The others have the facts, and the whole is not confirmed."""
    kept = Keeps()
    with pytest.raises(TemporaryError, match="away"):
        await Sinks((Fails(TemporaryError("away")), kept)).append(trace.run)
    assert kept.facts == list(trace.run)


async def test_what_may_succeed_is_repeated_first(trace: "Trace") -> None:
    """A sink that will never take the facts does not end the repetition that another one needs."""
    never, later = Fails(PermanentError("forged")), Fails(TemporaryError("away"))
    with pytest.raises(TemporaryError):
        await Sinks((never, later)).append(trace.run)
    with pytest.raises(PermanentError):
        await Sinks((never, Keeps())).append(trace.run)
