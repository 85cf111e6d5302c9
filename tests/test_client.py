"""The HTTP client: one request a method, what is repeated, what is an error, what a newer server may say."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.api.approvals import VERB_PATHS
from hitl_temporal.client import (
    ApiError,
    Client,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StrangeAnswerError,
    UnauthenticatedError,
    UnavailableError,
    UnreachableError,
)
from hitl_temporal.client.answers import ACCEPTED
from hitl_temporal.client.verbs import MOST_AT_ONCE, PATHS
from hitl_temporal.domain.approval.commands import VERBS, Receipt, parse
from hitl_temporal.service.batch import MOST

RUN = {"id": "r", "flow": "f", "status": "waiting"}
RECEIPT = {"status": "counted", "key": "k"}
EMPTY = {"items": [], "next": None}
CHANGE = {"status": "done", "absence": None, "refreshed": 0}
STATUSES = {
    "counted": 200,
    "done": 200,
    "recorded": 202,
    "asked": 202,
    "needs_step_up": 401,
    "not_eligible": 403,
    "closed": 409,
    "superseded": 409,
    "duplicate": 409,
    "invalid": 422,
}
"""The HTTP status of each receipt."""


class Wire:
    """Answers requests in order, the last answer again and again; remembers requests and pauses."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def client(self, **more: Any) -> Client:
        """Return a client that talks to this."""
        return Client("http://hitl.test", transport=httpx.MockTransport(self), sleep=self.pauses.append, **more)


def problem(status: int, detail: str = "why", **headers: str) -> httpx.Response:
    document = {"type": "about:blank", "title": "t", "status": status, "detail": detail}
    return httpx.Response(status, json=document, headers=headers)


@pytest.mark.parametrize(
    ("call", "answer", "sent"),
    [
        (lambda c: c.flows(), EMPTY, "GET /v1/flows"),
        (lambda c: c.flow("f"), {"name": "f"}, "GET /v1/flows/f"),
        (lambda c: c.start("f", {}), {"id": "r"}, "POST /v1/flows/f/runs"),
        (lambda c: c.runs(mine=True), EMPTY, "GET /v1/runs?mine=true&limit=50"),
        (lambda c: c.run("r"), RUN, "GET /v1/runs/r"),
        (lambda c: c.run("r", wait=timedelta(seconds=29.5)), RUN, "GET /v1/runs/r?wait=30s"),
        (lambda c: c.why("r"), [], "GET /v1/runs/r/why"),
        (lambda c: c.graph("r"), {}, "GET /v1/runs/r/graph"),
        (lambda c: c.output("r", "sha256:ab"), [1], "GET /v1/runs/r/blobs/sha256%3Aab"),
        (lambda c: c.audit("r"), {"facts": [], "report": {"ok": True, "status": "ok"}}, "GET /v1/runs/r/audit"),
        (lambda c: c.operate("r", "hold"), {"status": "done"}, "POST /v1/runs/r/actions"),
        (lambda c: c.approvals(text="a b"), EMPTY, "GET /v1/approvals?q=a+b&limit=50"),
        (lambda c: c.approval("a"), {"id": "a", "state": "open"}, "GET /v1/approvals/a"),
        (lambda c: c.decide("a", "approved"), RECEIPT, "POST /v1/approvals/a/decisions"),
        (lambda c: c.receipt("a", "k"), RECEIPT, "GET /v1/approvals/a/decisions/k"),
        (lambda c: c.withdraw("a"), RECEIPT, "POST /v1/approvals/a/withdrawal"),
        (lambda c: c.absences(), EMPTY, "GET /v1/me/absences"),
        (lambda c: c.absences(person="a b"), EMPTY, "GET /v1/me/absences?person=a+b"),
        (lambda c: c.add_absence("2026-12-24", "2027-01-02"), CHANGE, "POST /v1/me/absences"),
        (lambda c: c.add_absence("1", "2", person="a b"), CHANGE, "POST /v1/me/absences?person=a%20b"),
        (lambda c: c.remove_absence("a/7"), CHANGE, "DELETE /v1/me/absences/a%2F7"),
        (lambda c: c.approvals(person="a b"), EMPTY, "GET /v1/approvals?person=a+b&limit=50"),
        (lambda c: c.info_requests(flow="f"), EMPTY, "GET /v1/me/info-requests?flow=f&limit=50"),
        (lambda c: c.digest(), {"person": "bob", "total": 0}, "GET /v1/me/digest"),
        (lambda c: c.decide_many([{"id": "a"}]), {"receipts": []}, "POST /v1/decisions:batch"),
        (lambda c: c.comment("a", "x"), RECEIPT, "POST /v1/approvals/a/comments"),
        (lambda c: c.request_info("a", "x"), RECEIPT, "POST /v1/approvals/a/info-requests"),
        (lambda c: c.provide_info("a", "x"), RECEIPT, "POST /v1/approvals/a/info"),
        (lambda c: c.delegate("a", "bob"), RECEIPT, "POST /v1/approvals/a/delegations"),
        (lambda c: c.reassign("a", "bob", reason="x"), RECEIPT, "POST /v1/approvals/a/reassignments"),
        (lambda c: c.add_approver("a", "bob"), RECEIPT, "POST /v1/approvals/a/approvers"),
        (lambda c: c.claim("a"), RECEIPT, "POST /v1/approvals/a/claim"),
        (lambda c: c.release_claim("a"), RECEIPT, "DELETE /v1/approvals/a/claim"),
        (lambda c: c.amend("a", {"x": 1}), RECEIPT, "POST /v1/approvals/a/amendments"),
        (lambda c: c.override("a", "approved", reason="x"), RECEIPT, "POST /v1/approvals/a/override"),
        (lambda c: c.extend("a", "2bd", reason="x"), RECEIPT, "POST /v1/approvals/a/extensions"),
        (lambda c: c.retract("a"), RECEIPT, "POST /v1/approvals/a/retractions"),
    ],
)
def test_each_method_is_one_route(call: Callable[[Client], object], answer: object, sent: str) -> None:
    """One request goes out, to the path that the contract names."""
    wire = Wire(answer)

    call(wire.client())

    [request] = wire.requests
    assert f"{request.method} {request.url.raw_path.decode()}" == sent


SAID: dict[str, tuple[Callable[[Client], object], dict[str, object]]] = {
    "decide": (
        lambda c: c.decide("a", "approved", comment="c", form={"f": 1}, edit={"x": 2}, digest="d", on_behalf_of="cai"),
        {
            "outcome": "approved",
            "comment": "c",
            "form": {"f": 1},
            "edit": {"x": 2},
            "digest": "d",
            "on_behalf_of": "cai",
        },
    ),
    "comment": (
        lambda c: c.comment("a", "t", attachments=[{"name": "n", "url": "u"}]),
        {"text": "t", "attachments": [{"name": "n", "url": "u"}]},
    ),
    "request_info": (lambda c: c.request_info("a", "t", to="cai"), {"text": "t", "to": "cai"}),
    "provide_info": (lambda c: c.provide_info("a", "t"), {"text": "t"}),
    "delegate": (lambda c: c.delegate("a", "cai", reason="r"), {"to": "cai", "reason": "r"}),
    "reassign": (
        lambda c: c.reassign("a", "cai", source="bob", reason="r"),
        {"from": "bob", "to": "cai", "reason": "r"},
    ),
    "add_approver": (lambda c: c.add_approver("a", "cai", reason="r"), {"to": "cai", "reason": "r"}),
    "claim": (lambda c: c.claim("a"), {}),
    "release_claim": (lambda c: c.release_claim("a"), {}),
    "withdraw": (lambda c: c.withdraw("a", reason="r"), {"reason": "r"}),
    "amend": (lambda c: c.amend("a", {"x": None}, reason="r"), {"set": {"x": None}, "reason": "r"}),
    "override": (lambda c: c.override("a", "approved", reason="r"), {"outcome": "approved", "reason": "r"}),
    "extend": (lambda c: c.extend("a", "2bd", reason="r"), {"by": "2bd", "reason": "r"}),
    "retract": (lambda c: c.retract("a", reason="r"), {"reason": "r"}),
}
"""One call of each verb, and the body it sends."""


def test_the_client_has_a_method_for_every_verb() -> None:
    """On the routes that the service has."""
    assert SAID.keys() == PATHS.keys() == VERBS.keys()
    assert {verb: path for verb, (_, path) in PATHS.items()} == VERB_PATHS
    assert [verb for verb, (method, _) in PATHS.items() if method == "DELETE"] == ["release_claim"]
    assert all(callable(getattr(Client, verb)) for verb in VERBS)
    assert MOST_AT_ONCE <= MOST, "the service takes as many answers at once as the client sends"


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_says_what_the_judge_reads(verb: str) -> None:
    """Every word of a method's own stands in the command, which needs no actor: the service knows who calls."""
    wire = Wire(RECEIPT)
    call, body = SAID[verb]

    call(wire.client())

    [request] = wire.requests
    assert json.loads(request.content) == body
    assert request.headers["Idempotency-Key"]
    command = parse(verb, {**body, "actor": "bob"})
    assert not isinstance(command, Receipt)
    assert body == command.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"actor"})


def test_many_answers_are_sent_in_hundreds() -> None:
    """Each under a key of its own, and the receipts come back in order."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        decisions = json.loads(request.content)["decisions"]
        sent.extend(d["key"] for d in decisions)
        return httpx.Response(200, json={"receipts": [{"id": d["id"], "status": "counted"} for d in decisions]})

    client = Client("http://hitl.test", transport=httpx.MockTransport(answer))
    receipts = client.decide_many({"id": str(n), "outcome": "approved"} for n in range(250))

    assert [r.id for r in receipts] == [str(n) for n in range(250)]
    assert len(set(sent)) == 250
    assert Client("http://hitl.test", transport=httpx.MockTransport(answer)).decide_many([]) == ()


def test_a_batch_that_got_no_answer_is_sent_again_as_it_was() -> None:
    """Under the same keys, so nothing is decided twice."""
    wire = Wire(httpx.ReadError("gone"), {"receipts": [{"id": "a", "status": "counted"}]})

    [receipt] = wire.client().decide_many([{"id": "a", "outcome": "approved"}])

    assert (receipt.id, receipt.is_accepted) == ("a", True)
    assert wire.requests[0].content == wire.requests[1].content


def a_stage(**changes: object) -> dict[str, object]:
    return {"name": "s1", "state": "open", "may_act": ["bob"], "asked": ["bob", "cai"], **changes}


@pytest.mark.parametrize(
    ("stages", "decisions", "places"),
    [
        ([a_stage()], [], ("s1",)),
        ([a_stage(), a_stage(name="s2")], [{"actor": "bob", "outcome": "approved", "stage": "s2"}], ("s1",)),
        ([a_stage(state="approved", may_act=[])], [], ()),
        ([a_stage(may_act=["cai"])], [], ()),
        ([a_stage(state="parked", may_act=[])], [], ("s1",)),
        ([a_stage(state="parked", may_act=[], stand_ins={"dee": "bob"})], [], ()),
        ([a_stage(state="pending", may_act=[], asked=[])], [], ()),
    ],
)
def test_where_somebody_has_a_place(stages: list[object], decisions: list[object], places: tuple[str, ...]) -> None:
    """In each live stage where they may act, or were asked before it parked; not where they have answered."""
    shown = {"id": "a", "state": "open", "stages": stages, "decisions": decisions}

    assert Wire(shown).client().approval("a").places_of("bob") == places


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in {".", ".."}))
def test_an_id_is_one_segment_of_the_path_whatever_it_holds(anything: str) -> None:
    """Ids that others gave may hold slashes, question marks, anything."""
    wire = Wire(RUN)

    wire.client().run(anything)

    assert wire.requests[0].url.raw_path.count(b"/") == 3
    assert wire.requests[0].url.path == f"/v1/runs/{anything}"
    assert not wire.requests[0].url.query


def test_the_token_is_sent_as_bearer() -> None:
    """Without a token nobody in particular calls."""
    wire = Wire(RUN)

    wire.client(token="dev:ann").run("r")
    wire.client().run("r")

    assert wire.requests[0].headers["Authorization"] == "Bearer dev:ann"
    assert "Authorization" not in wire.requests[1].headers


def test_what_a_newer_server_adds_is_kept() -> None:
    """Unknown fields, also deep inside, and unknown words break nothing and are handed on."""
    step = {"state": "dreaming", "new": [1]}
    newer = {**RUN, "status": "waiting", "steps": {"a": step}, "new": {"deep": True}, "started": "2026-03-02T08:00:00Z"}

    run = Wire(newer).client().run("r")

    assert run.steps["a"].state == "dreaming"
    assert run.document() == newer


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidError),
        (401, UnauthenticatedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, InvalidError),
        (500, StrangeAnswerError),
        (503, UnavailableError),
    ],
)
def test_a_problem_is_an_error_with_its_detail(status: int, error: type[ApiError]) -> None:
    """The detail is the service's own sentence."""
    with pytest.raises(error, match=r"^why$"):
        Wire(problem(status)).client().run("r")


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_receipt_comes_back_refused_or_not(status: str) -> None:
    """A refusal is a value, whatever its HTTP status."""
    wire = Wire(httpx.Response(STATUSES[status], json={"status": status, "reason": "why", "key": "k"}))

    receipt = wire.client().decide("a", "approved")

    assert (receipt.status, receipt.reason) == (status, "why")
    assert receipt.is_accepted == (status in ACCEPTED) == (STATUSES[status] < 300)


def test_a_receipt_inside_a_problem_is_found() -> None:
    """Problem details may carry the receipt as a member."""
    document = {"status": 409, "detail": "why", "receipt": {"status": "closed", "key": "k"}}

    assert Wire(httpx.Response(409, json=document)).client().decide("a", "approved").status == "closed"


def test_an_unknown_approval_is_an_error_and_no_receipt() -> None:
    """There is nothing that could have judged it."""
    with pytest.raises(NotFoundError):
        Wire(problem(404)).client().decide("a", "approved")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"id": "r"}),
        httpx.Response(302, headers={"Location": "/login"}),
        httpx.Response(502, text="Bad gateway"),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(200, content=b"\xff"),
    ],
)
def test_an_answer_that_is_none_of_ours_is_said_to_be_strange(answer: httpx.Response) -> None:
    """A proxy's page must not look like a missing run."""
    with pytest.raises(StrangeAnswerError, match="HITL_URL"):
        Wire(answer).client().run("r")
    with pytest.raises(StrangeAnswerError):
        Wire(answer).client().decide("a", "approved")


@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), httpx.ReadError("no"), httpx.RemoteProtocolError("no")])
def test_a_lost_request_is_repeated_with_the_same_key(failure: Exception) -> None:
    """Reading, and whatever carries a key, is safe to send again."""
    wire = Wire(failure, failure, RECEIPT)

    assert wire.client().decide("a", "approved").status == "counted"

    assert len({request.headers["Idempotency-Key"] for request in wire.requests}) == 1
    assert wire.pauses == [0.1, 0.2]


def test_a_start_with_an_id_is_not_repeated_once_it_may_have_arrived() -> None:
    """The repetition would find the id in use, and call a success a failure."""
    wire = Wire(httpx.ReadError("no"), {"id": "r"})
    with pytest.raises(UnreachableError):
        wire.client().start("f", {}, run_id="r")

    never_arrived = Wire(httpx.ConnectError("no"), {"id": "r"})
    assert never_arrived.client().start("f", {}, run_id="r").id == "r"


def test_patience_ends() -> None:
    """Pauses add up to no more than is allowed, and the error says what to set."""
    wire = Wire(httpx.ConnectError("refused"))
    with pytest.raises(UnreachableError, match=r"http://hitl\.test can't be reached \(refused\).*HITL_URL"):
        wire.client().run("r")

    assert 3 < sum(wire.pauses) <= 5


def test_a_busy_service_is_asked_again_when_it_says() -> None:
    """`Retry-After` goes before our own pause; then the service's own words are the error."""
    wire = Wire(problem(503, "no worker answers", **{"Retry-After": "2"}))
    with pytest.raises(UnavailableError, match=r"^no worker answers$"):
        wire.client().run("r")

    assert wire.pauses == [2, 2]


def test_a_timeout_is_not_repeated() -> None:
    """It has waited long enough."""
    wire = Wire(httpx.ReadTimeout("slow"))
    with pytest.raises(UnreachableError, match="did not answer in time"):
        wire.client().run("r")

    assert not wire.pauses


def test_a_long_poll_has_time_for_its_answer() -> None:
    """The service may hold the answer back as long as it was asked to."""
    wire = Wire(RUN)
    wire.client().run("r", wait=timedelta(seconds=30))
    wire.client().run("r")

    long, short = (request.extensions["timeout"]["read"] for request in wire.requests)
    assert long == short + 30
    assert None not in {long, short}


def test_what_is_not_given_is_not_sent() -> None:
    """An older server must not stumble over what nobody asked for."""
    wire = Wire({"id": "r"}, {"status": "done"})
    client = wire.client()

    client.start("f", {"a": None})
    client.operate("r", "cancel", arguments={"no_undo": True}, key="k")

    bodies = [json.loads(request.content) for request in wire.requests]
    assert bodies[0] == {"inputs": {"a": None}}
    assert bodies[1] == {"action": "cancel", "reason": "", "dry_run": False, "key": "k", "no_undo": True}


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "localhost", "ftp://x", "http://", "http://x:port", ""])
def test_what_is_no_address_is_said_at_once(url: str) -> None:
    """The mistake is named before anything is sent."""
    with pytest.raises(UnreachableError, match="set HITL_URL"):
        Client(url)


@pytest.mark.parametrize("key", ["clé", "a\nb", "😀", " k", "k\t"])
def test_a_key_that_no_header_carries_is_refused_before_anything_is_sent(key: str) -> None:
    """It says what is wrong, and not that the service is away."""
    with pytest.raises(InvalidError, match="can't go in a header"):
        Client("http://127.0.0.1:9").decide("a", "approved", key=key)


def test_a_closed_client_gives_its_connections_back() -> None:
    """`with` closes it."""
    with Wire(RUN).client() as client:
        client.run("r")
    with pytest.raises(RuntimeError):
        client.run("r")
