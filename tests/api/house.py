"""Use cases as tables of answers, and the whole HTTP service over them.

Must not know: what is tested.
"""

import html
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx

from hitl_temporal.api import create_app
from hitl_temporal.api.pages.visitor import COOKIE
from hitl_temporal.app.services import Services
from hitl_temporal.audit import verify
from hitl_temporal.definition.inputs import input_schema
from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.digest import Digest, Item, digest_of
from hitl_temporal.domain.approval.preview import Preview
from hitl_temporal.domain.approval.stage_preview import Asked, StagePreview
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.domain.audit import Evidence, Fact, Trail, record
from hitl_temporal.domain.flow.commands import Receipt as Operation
from hitl_temporal.domain.flow.preview import AskPreview
from hitl_temporal.domain.flow.views import Reason, StepResult
from hitl_temporal.domain.flow.views import Status as RunStatus
from hitl_temporal.service.absences import Change
from hitl_temporal.service.audit import Trail as ShownTrail
from hitl_temporal.service.catalogue import FlowCard
from hitl_temporal.service.errors import NotFoundError
from hitl_temporal.service.events import Received
from hitl_temporal.service.jobs import Job
from hitl_temporal.service.many import RunReceipt
from hitl_temporal.service.policies import Replays, Shadow
from hitl_temporal.service.previews import Previewed
from hitl_temporal.service.reading import Page
from hitl_temporal.service.runs import Refusal, RunItem, Started
from tests.fakes import FakeDirectory, flow

BASE = "http://127.0.0.1:8080"
NOW = datetime.now(UTC)
EVIL = """</p><script>alert('x')</script><img src=x onerror="alert(1)">"""
FLOW = flow(
    "inputs: {source: {type: string}, port: {type: integer, minimum: 1, title: Port},"
    " days: {type: integer, default: 30},"
    " why: {type: string, optional: true}, secret: {type: string, sensitive: true, optional: true},"
    " urgent: {type: boolean, default: false}, hosts: {type: array, items: {type: string}, optional: true}}\n"
    "steps: [{id: a, call: x}]"
)


def an_approval(**changes: Any) -> Status:
    """Return an approval that asks bob; changes replace fields."""
    stage = {"name": "manager", "state": "open", "tally": "0 of 1, bob pending", "due": NOW + timedelta(hours=50)}
    whole: dict[str, Any] = {
        "id": "r1.approve.1",
        "state": "open",
        "outcome": None,
        "digest": "d1",
        "title": "Open port 22",
        "body": "For **30** days",
        "show": {"port": 22, "factors": [{"name": "size", "weight": 0.5}], "nothing": None},
        "outcomes": {
            "approved": {"label": "Approve", "positive": True},
            "rejected": {"label": "Reject"},
            "later": {"label": "Ask me later"},
        },
        "comment": "optional",
        "requester": "ann",
        "on_behalf_of": None,
        "barred": ["ann"],
        "audience": ["ann", "bob"],
        "origin": {"run": "r1", "step": "approve", "attempt": 1, "flow": "test_flow"},
        "reason": "",
        "tally": "0 of 1, bob pending",
        "started": NOW,
        "ended": None,
        "stages": [{**stage, "may_act": ["bob"], "asked": ["bob"]}],
        "decisions": [],
        "deliveries": [],
        "refusals": [],
    }
    return Status.model_validate({**whole, **changes})


def an_absence() -> Absence:
    """Return an absence of bob's."""
    since = datetime(2026, 12, 23, 23, tzinfo=UTC)
    return Absence(id="7", person="bob", since=since, until=since + timedelta(days=9), condition="amount > 5")


def a_run(**changes: Any) -> RunStatus:
    """Return a run that waits for bob; changes replace fields."""
    whole: dict[str, Any] = {
        "status": "waiting",
        "outputs": {},
        "steps": {
            "risk": StepResult(state="succeeded", outputs={"score": 0.9}, since=NOW),
            "approve": StepResult(state="waiting", approval="r1.approve.1", since=NOW),
        },
        "evidence": Evidence(trace_id="0" * 32, events=1, digest=""),
        "id": "r1",
        "flow": "test_flow",
        "version": 1,
        "definition_digest": "d",
        "requester": "ann",
        "on_behalf_of": None,
        "inputs": {"source": "10.0.0.0/24"},
        "started": NOW,
    }
    return RunStatus.model_validate({**whole, **changes})


def a_trail(*names: str, **attributes: Any) -> tuple[Fact, ...]:
    """Return the facts of run `r1` with these names, each with these attributes."""
    trail, facts = Trail.begin("r1", "1"), []
    for number, name in enumerate(names):
        trail, fact = record(trail, name=name, key=str(number), at=NOW, attributes=attributes, run_id="1")
        facts.append(fact)
    return tuple(facts)


def a_preview(*stages: StagePreview, **changes: Any) -> Previewed:
    """Return a preview that asks bob, and perhaps cai; changes replace what is said of the question."""
    asked = Asked(person="bob", name="Bob", because=("manager:user:ann",))
    perhaps = {"name": "security", "block": 1, "applies": "perhaps", "reason": "depends on steps.risk.outputs.score"}
    cai = Asked(person="cai", name="Cai", because=("group:secops",))
    shown = stages or (
        StagePreview(name="manager", block=0, number=1, people=(asked,), approve=(1,), reject=1, due=NOW),
        StagePreview.model_validate({**perhaps, "number": 1, "people": (cai,), "approve": (1,), "reject": 1}),
    )
    question = Preview.model_validate({"title": "Open port 22", "stages": shown, **changes})
    asks = (AskPreview(step="approve", preview=question),)
    return Previewed(flow="test_flow", requester="ann", on_behalf_of=None, at=NOW, asks=asks)


@dataclass
class House:
    """Every use case as one object: answers what a test has set, raises `error`, remembers commands."""

    approval: Status = field(default_factory=an_approval)
    run: RunStatus | Refusal = field(default_factory=a_run)
    facts: tuple[Fact, ...] = ()
    waiting: tuple[Item, ...] = ()
    runs: tuple[RunItem, ...] = ()
    reasons: tuple[Reason, ...] = ()
    jobs: tuple[Job, ...] = ()
    away: Change = field(default_factory=lambda: Change(status="done", absence=an_absence(), refreshed=2, key="k"))
    preview: Previewed = field(default_factory=a_preview)
    receipt: Receipt = field(default_factory=lambda: Receipt(status="counted", tally="1 of 1"))
    operated: Operation = field(default_factory=lambda: Operation(status="done"))
    receipts: dict[str, Receipt | Exception] = field(default_factory=dict)
    """Of single approvals, by id; for all others `receipt`."""
    error: Exception | None = None
    hides: Exception | None = None
    """What showing the approval raises."""
    sent: list[dict[str, Any]] = field(default_factory=list)
    sure: list[str] = field(default_factory=list)
    """How sure the door was of who sent each command to an approval."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """What lists were asked for."""

    def answer(self, answer: Any) -> Any:
        """Return the answer, or raise the error that was set."""
        if self.error is not None:
            raise self.error
        return answer

    def services(self) -> Services:
        """Return the use cases that pages are given."""
        fakes: dict[str, Any] = {
            "approvals": Approvals(self),
            "absences": Absences(self),
            "runs": Runs(self),
            "catalogue": Catalogue(self),
            "audit": Audit(self),
            "outputs": Outputs(self),
            "previews": Previews(self),
            "policies": Policies(self),
            "events": Events(self),
            "webhooks": Webhooks(self),
        }
        return Services(client=cast("Any", None), directory=FakeDirectory(), **fakes)


@dataclass
class Approvals:
    """The approvals of a house."""

    house: House

    async def list(self, me: Any, *, cursor: str | None, limit: int, **query: Any) -> Page[Item]:
        """One window, and a cursor unless it is the last."""
        self.house.asked.append({name: value for name, value in query.items() if value is not None})
        return self.house.answer(Page(items=self.house.waiting, next=None if cursor else "more"))

    async def digest(self, me: Any) -> Digest:
        """Of what waits."""
        return self.house.answer(digest_of(me.person, self.house.waiting, at=NOW, zone=UTC))

    async def show(self, me: Any, approval_id: str) -> Status:
        """The one approval, unless it is hidden."""
        if self.house.hides is not None:
            raise self.house.hides
        return self.house.answer(self.house.approval)

    async def act(self, me: Any, approval_id: str, verb: str, body: dict[str, Any]) -> Receipt:
        """Remember the command."""
        self.house.sure.append(me.assurance)
        self.house.sent.append({"by": me.person, "via": me.via, "id": approval_id, "verb": verb, **body})
        receipt = self.house.receipts.get(approval_id, self.house.receipt)
        if isinstance(receipt, Exception):
            raise receipt
        return self.house.answer(receipt)

    async def receipt(self, me: Any, approval_id: str, key: str) -> Receipt:
        """The one receipt, under any key."""
        return self.house.answer(self.house.receipt.but(key=key))


@dataclass
class Absences:
    """The absences of a house."""

    house: House

    async def list(self, me: Any, person: str | None) -> tuple[Absence, ...]:
        """The one absence."""
        self.house.sent.append({"by": me.person, "person": person})
        return self.house.answer((an_absence(),))

    async def add(self, me: Any, wish: dict[str, Any], *, key: str | None, person: str | None) -> Change:
        """Remember the wish."""
        self.house.sent.append({"by": me.person, "wish": wish, "key": key, "person": person})
        return self.house.answer(self.house.away)

    async def remove(self, me: Any, absence_id: str, *, key: str | None) -> Change:
        """Remember which."""
        self.house.sent.append({"by": me.person, "id": absence_id, "key": key})
        return self.house.answer(self.house.away)


@dataclass
class Runs:
    """The runs of a house."""

    house: House

    async def list(self, me: Any, *, mine: bool, limit: int) -> Page[RunItem]:
        """All runs."""
        return self.house.answer(Page(items=self.house.runs))

    async def show(self, me: Any, run_id: str) -> Any:
        """The one run."""
        return self.house.answer(self.house.run)

    async def why(self, me: Any, run_id: str) -> tuple[Reason, ...]:
        """What was set."""
        return self.house.reasons

    async def jobs(self, me: Any, run_id: str) -> tuple[Job, ...]:
        """What was set."""
        return self.house.jobs

    async def operate(self, me: Any, run_id: str, action: str, body: dict[str, Any]) -> Operation:
        """Remember the action."""
        self.house.sent.append({"by": me.person, "id": run_id, "action": action, **body})
        return self.house.answer(self.house.operated)

    async def operate_many(self, me: Any, action: str, body: dict[str, Any], key: str) -> Page[RunReceipt]:
        """Remember the action."""
        self.house.sent.append({"by": me.person, "action": action, "key": key, **body})
        return self.house.answer(Page(items=(RunReceipt(id="r1", status="done", key=key),), next="n"))

    async def start(self, me: Any, name: str, inputs: Any, *, key: str | None) -> Started:
        """Remember the start."""
        self.house.sent.append({"by": me.person, "flow": name, "inputs": inputs, "key": key})
        return self.house.answer(Started(id="r/2"))


@dataclass
class Catalogue:
    """One flow."""

    house: House

    async def list(self) -> tuple[FlowCard, ...]:
        """The one flow."""
        return (await self.show("test_flow"),)

    async def show(self, name: str) -> FlowCard:
        """The one flow, under any name."""
        whole = {"title": "", "description": EVIL, "category": "net", "version": 1, "owner": "group:leads"}
        return FlowCard.model_validate({**whole, "name": name, "inputs": input_schema(FLOW)})


@dataclass
class Outputs:
    """The large outputs of a house: each says its digest."""

    house: House

    async def read(self, _: object, run_id: str, digest: str) -> bytes:
        """Give one."""
        return cast("bytes", self.house.answer(json.dumps([run_id, digest]).encode()))


@dataclass
class Audit:
    """The trail of a house."""

    house: House

    async def show(self, me: Any, workflow_id: str) -> ShownTrail:
        """The facts, verified as they are."""
        if not self.house.facts:
            raise NotFoundError("nothing has been exported")
        return ShownTrail(facts=self.house.facts, report=verify(self.house.facts))


@dataclass
class Previews:
    """The dry runs of a house."""

    house: House

    async def preview(self, me: Any, flow: str, inputs: Any, *, on_behalf_of: str | None = None) -> Previewed:
        """Remember what was wished for."""
        self.house.sent.append({"by": me.person, "flow": flow, "inputs": inputs, "on_behalf_of": on_behalf_of})
        return self.house.answer(self.house.preview)


@dataclass
class Events:
    """The door of a house for events."""

    house: House

    async def send(self, me: Any, events: Any) -> Received:
        """Remember them."""
        self.house.sent += [{"by": me.person, **event.outputs()} for event in events]
        return self.house.answer(Received(started=("r/2",)))


@dataclass
class Webhooks:
    """The door of a house for signed messages."""

    house: House

    async def receive(self, source: str, headers: Any, body: bytes) -> Received:
        """Remember one."""
        self.house.sent.append({"source": source, "id": headers.get("webhook-id"), "body": body})
        return self.house.answer(Received(started=("r/2",)))


@dataclass
class Policies:
    """The records of a house: none."""

    house: House

    async def replay(self, me: Any, flow: str, step: str, document: Any, **bounds: Any) -> Replays:
        """Remember what was tried."""
        self.house.sent.append({"by": me.person, "flow": flow, "step": step, "ask": document, **bounds})
        return self.house.answer(Replays(looked_at=0, replayed=0, changed=0, items=(), skipped=(), next="n"))

    async def shadow(self, me: Any, flow: str, **bounds: Any) -> Shadow:
        """Remember what was asked for."""
        self.house.sent.append({"by": me.person, "flow": flow, **bounds})
        return self.house.answer(Shadow(looked_at=0, items=(), skipped=(), next=None))


def browser(house: House, *, is_development: bool = True) -> httpx.AsyncClient:
    """Return a client of the whole service; an exception that no page handles fails the test."""
    transport = httpx.ASGITransport(create_app(house.services(), is_development=is_development))
    return httpx.AsyncClient(transport=transport, base_url=BASE)


def log_in_at(web: httpx.AsyncClient, person: str, age: timedelta) -> None:
    """Give the browser a session of somebody who has logged in so long ago."""
    sessions = cast("Any", web._transport).app.state.sessions
    web.cookies.set(COOKIE, sessions.begin(person, datetime.now(UTC) - age), "127.0.0.1")


def hidden(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: html.unescape(text) for name, text in found}


def form_of(page: httpx.Response, verb: str) -> dict[str, str]:
    """Return the hidden fields of the form that sends a verb; a page without it fails the test."""
    forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
    (found,) = [form for form in forms if f'name="verb" value="{verb}"' in form]
    fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', found)
    return {html.unescape(name): html.unescape(text) for name, text in fields}


def verbs_of(page: httpx.Response) -> list[str]:
    """Return the verbs that a page offers, in order."""
    return re.findall(r'name="verb" value="(\w+)"', page.text)
