"""The command against a service that is a table of answers, in a time that passes when somebody sleeps."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import pytest

from hitl_temporal.cli.application import run
from hitl_temporal.cli.session import World


@dataclass
class Service:
    """Answers each route in the order given, the last answer again and again; an exception is raised."""

    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    requests: list[httpx.Request] = field(default_factory=list)
    now: float = 0.0

    def on(self, route: str, *answers: Any) -> Self:
        """Set the answers of `METHOD /path`: a document, a pair of status and document, or an exception."""
        self.answers[route] = list(answers)
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answers = self.answers[f"{request.method} {request.url.raw_path.decode().partition('?')[0]}"]
        missing = (404, {"title": "Not found", "status": 404, "detail": f"no {request.url.path}"})
        answer = answers.pop(0) if len(answers) > 1 else next(iter(answers), missing)
        if isinstance(answer, Exception):
            raise answer
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        wait = request.url.params.get("wait")
        self.now += float(wait[:-1]) if wait else 0.0
        return httpx.Response(status, json=document)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def body(self, number: int = -1) -> Any:
        """Return the body of one request."""
        return json.loads(self.requests[number].content)


class Outcome(NamedTuple):
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON that stdout must be."""
        return json.loads(self.out)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of its own: the working directory holds settings too."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hitl(service: Service, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def call(*arguments: str) -> Outcome:
        world = World(httpx.MockTransport(service), service.sleep, lambda: service.now)
        code = run(arguments, world)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def a_run() -> Callable[..., dict[str, Any]]:
    """Return a run as the service shows it, with whatever is different about it."""

    def make(status: str = "completed", **changes: Any) -> dict[str, Any]:
        return {
            "status": status,
            "outputs": {"rule": "r1"},
            "steps": {"approve": {"state": "succeeded", "outcome": "approved", "outputs": {}}},
            "evidence": {"trace_id": "t", "events": 3, "digest": "d"},
            "reason": "",
            "id": "r",
            "flow": "hello",
            "version": 3,
            "definition_digest": "x",
            "requester": "ann",
            "on_behalf_of": None,
            "inputs": {"name": "World"},
            "started": "2026-03-02T08:00:00Z",
            **changes,
        }

    return make
