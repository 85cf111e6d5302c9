"""The HTTP service as real callers meet it: over a socket, with a worker and Temporal behind it that may be gone."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.house import ROOT, House, Ports, house

pytestmark = pytest.mark.process

GOOD = {"source": "203.0.113.0/24", "port": 22}
START = "/v1/flows/firewall_change/runs"


@pytest.fixture(scope="module", name="house")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose documents the tests may change."""
    project = tmp_path_factory.mktemp("project")
    for part in ("workflows", "activities"):
        shutil.copytree(ROOT / part, project / part)
    with house(tmp_path_factory.mktemp("house"), project=project) as opened:
        yield opened


@pytest.fixture(scope="module")
def waiting(house: House) -> str:
    """An approval that waits for bob, and goes on waiting: tests may only send what does not count."""
    return house.asked("bob", house.start_firewall())


# --- who calls --------------------------------------------------------------------------------------------------------


def test_without_identity_every_route_is_401(house: House) -> None:
    """Who does not say who they are gets a problem that says what to send, and health without asking."""
    for method, path in [
        ("GET", "/v1/flows"),
        ("GET", "/v1/flows/firewall_change"),
        ("POST", START),
        ("GET", "/v1/runs"),
        ("GET", "/v1/runs/x"),
        ("GET", "/v1/approvals"),
        ("GET", "/v1/approvals/x"),
        ("POST", "/v1/approvals/x/decisions"),
        ("POST", "/v1/decisions:batch"),
        ("GET", "/v1/me/digest"),
        ("GET", "/v1/me/absences"),
        ("POST", "/v1/me/absences"),
        ("DELETE", "/v1/me/absences/1"),
        ("POST", "/v1/flows/firewall_change/preview"),
        ("POST", "/v1/flows/firewall_change/policy-replays"),
        ("GET", "/v1/flows/firewall_change/shadow"),
    ]:
        answer = house.call(None, method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "Authorization: Bearer" in answer.json()["detail"]
    assert house.call(None, "GET", "/healthz").json() == {"status": "ok"}
    assert house.call(None, "GET", "/readyz").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "hitl.example.com"},
        {"Host": "127.0.0.1.example.com:8080"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Authorization": "Bearer dev:zoe"},
        {"Authorization": "Bearer dev:"},
        {"Authorization": "Bearer ann"},
        {"Authorization": "Basic YW5uOg=="},
    ],
    ids=str,
)
def test_the_development_identity_is_refused(house: House, headers: dict[str, str]) -> None:
    """Through a proxy, under a foreign name, or for a stranger, just saying who one is does not do."""
    assert house.call("ann", "GET", "/v1/flows", **headers).status_code == 401


def test_the_development_identity_is_off_where_others_can_reach_it(tmp_path: Path) -> None:
    """On a bind that is not loopback, nobody is believed, not even from loopback."""
    with house(tmp_path, HITL_HTTP_HOST="0.0.0.0") as open_to_all:
        assert open_to_all.call("ann", "GET", "/v1/flows").status_code == 401


def test_the_development_identity_is_off_in_serve(house: House) -> None:
    """`hitl serve` believes nobody, also on loopback."""
    port = Ports.free().http
    house.environment |= {"TEMPORAL_ADDRESS": house.temporal_address}
    with house.hitl_in_background("serve", HITL_HTTP_PORT=str(port)):
        base = f"http://127.0.0.1:{port}"
        house.until("the service answers", lambda: answers(f"{base}/readyz"))
        bearer = {"Authorization": "Bearer dev:ann"}
        assert httpx.get(f"{base}/v1/flows", headers=bearer, trust_env=False).status_code == 401


# --- starting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "body", "status", "word"),
    [
        ("firewal_change", {"inputs": GOOD}, 404, "firewall_change"),
        ("firewall_change", {"inputs": {"source": "203.0.113.0/24"}}, 422, "port"),
        ("firewall_change", {"inputs": {**GOOD, "colour": "red"}}, 422, "colour"),
        ("firewall_change", {"inputs": {**GOOD, "port": "ssh"}}, 422, "port"),
        ("firewall_change", {"inputs": {**GOOD, "port": 70_000}}, 422, "port"),
        ("firewall_change", {"inputs": {**GOOD, "source": "203.0.113.0/40"}}, 422, "source"),
        ("firewall_change", {"inputs": [GOOD]}, 422, "object"),
        ("firewall_change", {"input": GOOD}, 422, "input"),
        ("firewall_change", {"inputs": GOOD, "id": "no blanks"}, 422, "no blanks"),
        ("firewall_change", {"inputs": GOOD, "on_behalf_of": "zoe"}, 422, "zoe"),
        ("firewall_change", b"{", 422, "JSON"),
    ],
    ids=str,
)
def test_a_start_that_does_not_fit_starts_nothing(
    house: House, flow: str, body: object, status: int, word: str
) -> None:
    """An unknown flow is 404, everything else that does not fit 422; each names what is wrong."""
    answer = house.call("fay", "POST", f"/v1/flows/{flow}/runs", body)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert word in answer.json()["detail"]
    assert house.get("fay", "/v1/runs?mine=true")["items"] == []


def test_an_id_in_use_is_a_conflict(house: House) -> None:
    """An id is taken for as long as Temporal keeps its run, open or closed."""
    run = f"mine-{uuid4().hex}"
    body = {"inputs": GOOD, "id": run}
    first = house.call("ann", "POST", START, body)
    assert (first.status_code, first.json()) == (201, {"id": run, "url": f"{house.url}/v1/runs/{run}"})
    assert house.call("ann", "POST", START, body).status_code == 409
    house.decide("bob", house.asked("bob", run), "rejected")
    house.ended(run)
    assert house.call("ann", "POST", START, body).status_code == 409


def test_an_idempotent_start_starts_once(house: House) -> None:
    """The same key and body, also at the same moment, give the same 201; another body is 422; keys are one person's."""
    key = uuid4().hex

    def start(person: str, inputs: Mapping[str, object]) -> httpx.Response:
        return house.call(person, "POST", START, {"inputs": inputs}, Idempotency_Key=key)

    answers = at_the_same_moment(*[lambda: start("ann", GOOD)] * 5)
    assert {a.status_code for a in answers} == {201}, [a.text for a in answers]
    assert len({a.text for a in answers}) == 1
    other = start("ann", {**GOOD, "port": 23})
    assert other.status_code == 422
    assert key in other.json()["detail"]
    by_another = start("dee", GOOD)
    assert by_another.status_code == 201
    assert by_another.json() != answers[0].json()


def test_a_broken_document_is_named_by_line(house: House) -> None:
    """A flow that can't be read is 404 with file and line; the other flows go on."""
    folder = house.project / "workflows" / "leave"
    folder.mkdir()
    (folder / "flow.yaml").write_text("flow: leave\nsteps:\n  - id: one\n    colour: red\n    call: firewall.assess\n")
    try:
        answer = house.call("ann", "POST", "/v1/flows/leave/runs", {"inputs": {}})
        assert answer.status_code == 404
        assert "workflows/leave/flow.yaml:4" in answer.json()["detail"]
        assert "colour" in answer.json()["detail"]
        assert house.call("ann", "GET", "/v1/flows/firewall_change").status_code == 200
    finally:
        shutil.rmtree(folder)


# --- deciding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "body", "status", "receipt", "word"),
    [
        ("ann", {"outcome": "approved"}, 403, "not_eligible", "requester"),
        ("fay", {"outcome": "approved"}, 403, "not_eligible", "fay"),
        ("cai", {"outcome": "approved"}, 403, "not_eligible", "cai"),
        ("gus", {"outcome": "approved"}, 403, "not_eligible", "gus"),
        ("bob", {"outcome": "perhaps"}, 422, "invalid", "approved"),
        ("bob", {"outcome": "expired"}, 422, "invalid", "expired"),
        ("bob", {"outcome": "perhaps", "digest": "old"}, 422, "invalid", "perhaps"),
        ("bob", {}, 422, "invalid", "outcome"),
        ("bob", {"outcome": 1}, 422, "invalid", "outcome"),
        ("bob", {"outcome": "approved", "comment": "x" * 10_001}, 422, "invalid", "comment"),
        ("bob", {"outcome": "approved", "form": {"days": 3}}, 422, "invalid", "form"),
        ("bob", b"{", 422, "invalid", "JSON"),
        ("bob", b"\xff\xfe", 422, "invalid", "JSON"),
        ("bob", b"[" * 100_000, 422, "invalid", "JSON"),
        ("bob", ["approved"], 422, "invalid", "object"),
        ("bob", {"outcome": "approved", "digest": "old"}, 409, "superseded", "changed"),
        ("bob", {"outcome": "approved", "on_behalf_of": "eli"}, 403, "not_eligible", "eli"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_click_that_does_not_count(
    house: House, waiting: str, person: str, body: object, status: int, receipt: str, word: str
) -> None:
    """Who may not, or does not say what they mean, gets the receipt for it, and nothing changes."""
    answer = house.call(person, "POST", f"/v1/approvals/{waiting}/decisions", body)
    assert (answer.status_code, answer.json()["status"]) == (status, receipt), answer.text
    assert word in answer.json()["reason"]
    now = house.get("bob", f"/v1/approvals/{waiting}")
    assert (now["outcome"], now["decisions"], now["tally"]) == (None, [], "0 of 1, bob pending")


def test_nobody_clicks_for_somebody_else(house: House, waiting: str) -> None:
    """An actor in the body who is not the caller is 422, also when the actor may decide."""
    answer = house.decide("ann", waiting, actor="bob")
    assert answer.status_code == 422
    assert (answer.json()["status"], "'bob' is not you" in answer.json()["reason"]) == ("invalid", True)
    assert house.get("bob", f"/v1/approvals/{waiting}")["decisions"] == []


@pytest.mark.parametrize("subject", ["nothing", "its run"])
def test_what_is_no_approval_is_404(house: House, waiting: str, subject: str) -> None:
    """Deciding what is not there, or is no approval, is 404, whether or not the body makes sense."""
    subject = waiting.removesuffix(".approve.1") if subject == "its run" else subject
    assert house.decide("bob", subject).status_code == 404
    assert house.decide("bob", subject, "").status_code == 404


def test_five_clicks_at_once_count_once(house: House) -> None:
    """The same click sent five times at the same moment is one decision with five equal receipts."""
    approval = house.asked("bob", house.start_firewall())
    answers = at_the_same_moment(*[lambda: house.decide("bob", approval, key="click")] * 5)
    assert [(a.status_code, a.json()["status"], a.json()["key"]) for a in answers] == [(200, "counted", "click")] * 5
    assert [d["actor"] for d in house.get("bob", f"/v1/approvals/{approval}")["decisions"]] == ["bob"]


def test_two_persons_at_the_same_moment(house: House) -> None:
    """Of two who disagree at the same moment one decides; the other is told that it is over."""
    run = house.start_firewall("198.51.100.0/24")
    approval = house.asked("bob", run)
    assert house.decide("bob", approval).status_code == 200
    house.asked("cai", run)
    cai, dee = at_the_same_moment(
        lambda: house.decide("cai", approval), lambda: house.decide("dee", approval, "rejected")
    )
    assert sorted([cai.status_code, dee.status_code]) == [200, 409]
    won, outcome, late = ("cai", "completed", dee) if cai.status_code == 200 else ("dee", "rejected", cai)
    assert late.json()["status"] == "closed"
    done = house.ended(run)
    assert done["status"] == outcome
    assert [d["actor"] for d in house.get("ann", f"/v1/approvals/{approval}")["decisions"]] == ["bob", won]
    assert len(house.rules("198.51.100.0/24 tcp")) == (1 if outcome == "completed" else 0)


def test_after_the_end(house: House) -> None:
    """After the end the click that counted gets its receipt again; everything else is too late."""
    run = house.start_firewall()
    approval = house.asked("bob", run)
    assert house.decide("bob", approval, "rejected", key="no").status_code == 200
    assert house.ended(run)["status"] == "rejected"
    for person, outcome, key, status, receipt in [
        ("bob", "rejected", "no", 200, "counted"),
        ("bob", "rejected", None, 409, "closed"),
        ("bob", "approved", "yes", 409, "closed"),
        ("cai", "approved", None, 409, "closed"),
        ("ann", "approved", None, 409, "closed"),
        ("bob", "perhaps", None, 422, "invalid"),
    ]:
        answer = house.decide(person, approval, outcome, key)
        assert (answer.status_code, answer.json()["status"]) == (status, receipt), (person, outcome, answer.text)
    now = house.get("bob", f"/v1/approvals/{approval}")
    assert (now["outcome"], [d["key"] for d in now["decisions"]]) == ("rejected", ["no"])


def test_the_requester_may_withdraw_and_nobody_else(house: House) -> None:
    """A withdrawal by the requester ends the run `withdrawn`; one by who is asked is refused."""
    run = house.start_firewall()
    approval = house.asked("bob", run)
    path = f"/v1/approvals/{approval}/withdrawal"
    assert house.call("bob", "POST", path, {}).status_code == 403
    assert house.call("ann", "POST", path, {"reason": "not needed any more"}).status_code == 200
    assert house.ended(run)["status"] == "withdrawn"


# --- looking ----------------------------------------------------------------------------------------------------------


def test_an_approval_has_its_digest_as_etag(house: House, waiting: str) -> None:
    """The ETag is the digest that a decision may be bound to."""
    answer = house.call("bob", "GET", f"/v1/approvals/{waiting}")
    assert answer.headers["ETag"] == f'"{answer.json()["digest"]}"'
    assert len(answer.json()["digest"]) == 64


def test_the_inbox_has_what_i_may_decide(house: House, waiting: str) -> None:
    """Who may decide finds it in the inbox, with what a list shows; who asked, or comes later, does not."""
    (item,) = [i for i in house.get("bob", "/v1/approvals")["items"] if i["id"] == waiting]
    assert item["kind"] == "approval"
    assert item["title"] == "Open port 22 from 203.0.113.0/24"
    assert (item["flow"], item["requester"], item["state"]) == ("firewall_change", "ann", "open")
    assert item["due"] is not None
    assert item["tally"] == "0 of 1, bob pending"
    for person in ("ann", "cai", "fay"):
        assert waiting not in [i["id"] for i in house.get(person, "/v1/approvals")["items"]]


def test_strangers_see_nothing(house: House, waiting: str) -> None:
    """Who has no part in it reads 404, also after trying to decide it; requester, asked and operators read it."""
    assert house.decide("fay", waiting).status_code == 403
    run = waiting.removesuffix(".approve.1")
    paths = [f"/v1/runs/{run}", f"/v1/runs/{run}/why", f"/v1/runs/{run}/graph", f"/v1/runs/{run}/audit"]
    for path in [f"/v1/approvals/{waiting}", *paths]:
        assert house.call("fay", "GET", path).status_code == 404, path
        for person in ("ann", "bob", "gus", "eli"):
            assert house.call(person, "GET", path).status_code == 200, (person, path)


def test_why_says_who_can_release_it(house: House, waiting: str) -> None:
    """Each open step has its reason; the one that waits for people names them."""
    run = waiting.removesuffix(".approve.1")
    reasons = {r["step"]: r for r in house.get("ann", f"/v1/runs/{run}/why")}
    assert reasons.keys() == {"approve", "apply"}
    assert reasons["approve"]["reason"] == "answer"
    assert {waiting, "bob"} <= set(reasons["approve"]["by"])
    assert reasons["apply"]["reason"] == "predecessor"


def test_the_graph_has_live_states(house: House, waiting: str) -> None:
    """Nodes carry the states of their steps, edges lead from one to the next."""
    graph = house.get("ann", f"/v1/runs/{waiting.removesuffix('.approve.1')}/graph")
    states = {n["id"]: n["state"] for n in graph["nodes"]}
    assert states == {"risk": "succeeded", "approve": "waiting", "apply": "waiting"}
    assert [(e["from"], e["to"]) for e in graph["edges"]] == [("risk", "approve"), ("approve", "apply")]


def test_waiting_for_a_run_ends_with_it(house: House) -> None:
    """A long poll answers when the run ends, and otherwise when its time is over."""
    run = house.start_firewall()
    approval = house.asked("bob", run)
    began = time.monotonic()
    assert house.get("ann", f"/v1/runs/{run}?wait=1s")["status"] == "waiting"
    assert time.monotonic() - began > 0.9, "it was not answered before its time was over"
    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(house.get, "ann", f"/v1/runs/{run}?wait=30s")
        house.decide("bob", approval, "rejected")
        assert polled.result(10)["status"] == "rejected"
    assert house.call("ann", "GET", f"/v1/runs/{run}?wait=soon").status_code == 422


def test_the_audit_trail_of_a_whole_run(house: House) -> None:
    """An ended run has a trail that is complete and names who decided."""
    run = house.start_firewall("10.9.0.0/16")
    house.decide("bob", house.asked("bob", run), "rejected")
    house.ended(run)
    trail = house.get("ann", f"/v1/runs/{run}/audit")
    assert trail["report"]["ok"], trail["report"]
    decided = [f for f in trail["facts"] if f["name"] == "approval.decided"]
    assert [f["attributes"]["hitl.actor"] for f in decided] == ["bob"]


# --- when somebody is gone --------------------------------------------------------------------------------------------


def test_without_a_worker_a_click_is_recorded_and_judged_later(house: House) -> None:
    """With nobody to judge it a click is 202 and kept by Temporal; later its receipt can be read."""
    approval = house.asked("bob", house.start_firewall())
    receipt = f"/v1/approvals/{approval}/decisions/click"
    with house.stopped("worker"):
        answer = house.decide("bob", approval, key="click")
        assert (answer.status_code, answer.json()["status"], answer.json()["key"]) == (202, "recorded", "click")
        unread = house.call("bob", "GET", receipt)
        assert unread.status_code == 503
        assert int(unread.headers["Retry-After"]) > 0
    house.until("the click is judged", lambda: house.call("bob", "GET", receipt).status_code == 200)
    assert house.call("bob", "GET", receipt).json()["status"] == "counted"
    assert house.call("cai", "GET", receipt).status_code == 404, "it is bob's"
    assert house.decide("bob", approval, key="click").json()["status"] == "counted"
    assert len(house.get("bob", f"/v1/approvals/{approval}")["decisions"]) == 1


def test_a_recorded_click_without_a_key_says_where_its_receipt_is(house: House) -> None:
    """The key of a 202 is the one under which the click is judged, also when the sender gave none."""
    approval = house.asked("bob", house.start_firewall())
    with house.stopped("worker"):
        recorded = house.decide("bob", approval).json()
    assert recorded["status"] == "recorded"
    path = f"/v1/approvals/{approval}/decisions/{recorded['key']}"
    house.until("the click is judged", lambda: house.call("bob", "GET", path).status_code == 200)


def test_without_temporal_nothing_is_recorded_and_people_are_told(plot: House) -> None:
    """With Temporal gone a click is 503 with Retry-After, soon; when Temporal is back, nothing has happened."""
    approval = plot.open().asked("bob", plot.start_firewall())
    with plot.stopped("temporal"):
        answer = plot.decide("bob", approval)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "nothing was recorded" in answer.json()["detail"]
        assert plot.call(None, "GET", "/readyz").status_code == 503
        assert plot.call(None, "GET", "/healthz").status_code == 200
        plot.kill("temporal")
    plot.until("Temporal answers again", lambda: plot.call(None, "GET", "/readyz").status_code == 200)
    plot.until("the worker is back", lambda: plot.call("bob", "GET", f"/v1/approvals/{approval}").status_code == 200)
    assert plot.get("bob", f"/v1/approvals/{approval}")["decisions"] == []
    assert plot.decide("bob", approval).status_code == 200


def at_the_same_moment(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Make calls at once and return their answers in the order of the calls."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [answer.result() for answer in [pool.submit(call) for call in calls]]


def answers(url: str) -> Any:
    """Tell whether a service answers well there."""
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
