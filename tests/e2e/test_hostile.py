"""What strangers and broken programs send: each gets a clear refusal, and nothing changes."""

import json

import httpx
import pytest

from tests.e2e.house import House

pytestmark = pytest.mark.process

DECISIONS = "/v1/approvals/{}/decisions"
BOB = {"Authorization": "Bearer dev:bob", "Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"outcome": "approved", "key": "\\ud800"}',
        b'{"outcome": "approved", "form": {"a": NaN}}',
        b'{"outcome": "approved", "form": {"a": 1e999}}',
        b'{"outcome": "approved", "form": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b"[" * 100_000,
        b"\xff\xfe",
        b"{",
        b"[]",
        json.dumps({"outcome": "approved", "comment": "x" * 300_000}).encode(),
    ],
    ids=["surrogate", "nan", "infinity", "deep", "very-deep", "no-utf8", "cut", "list", "huge"],
)
def test_garbage_is_an_invalid_receipt_with_its_key(house: House, body: bytes) -> None:
    """Whatever a body holds, the answer is a receipt `invalid` with the key of the header; the approval stays open."""
    approval = house.asked("bob", house.start_firewall())
    answer = httpx.post(
        house.url + DECISIONS.format(approval), content=body, headers={**BOB, "Idempotency-Key": "c1"}, trust_env=False
    )
    assert (answer.status_code, answer.json()["status"], answer.json()["key"]) == (422, "invalid", "c1")
    assert house.get("bob", f"/v1/approvals/{approval}")["outcome"] is None


@pytest.mark.parametrize("header", ["X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-User", "Forwarded"])
def test_no_header_of_a_proxy_goes_with_the_development_identity(house: House, header: str) -> None:
    """Any header that a proxy adds turns the development identity off."""
    answer = httpx.get(house.url + "/v1/flows", headers={**BOB, header: "x"}, trust_env=False)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/v1/flows/firewall_change/runs", DECISIONS.format("x"), "/v1/runs/x/actions"])
def test_who_calls_is_asked_before_what(house: House, path: str) -> None:
    """A body that is no JSON, from nobody, is 401: nothing is told to strangers."""
    answer = httpx.post(
        house.url + path, content=b"{bad", headers={"Content-Type": "application/json"}, trust_env=False
    )
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_too_large_inputs_start_nothing(house: House) -> None:
    """Inputs beyond the bound are 422, not a run that never gets anywhere."""
    answer = house.call(
        "ann", "POST", "/v1/flows/firewall_change/runs", {"inputs": {"source": "x" * 200_000, "port": 1}, "id": "large"}
    )
    assert answer.status_code == 422
    assert house.call("ann", "GET", "/v1/runs/large").status_code == 404


def test_nonsense_in_wait_is_422(house: House) -> None:
    """A wait that is no time is refused, however large."""
    run = house.start_firewall()
    for wait in ("99999999999h", "x", "-1s", ""):
        assert house.call("ann", "GET", f"/v1/runs/{run}?wait={wait}").status_code == 422, wait


def test_an_id_with_dots_opens_no_other_run(house: House) -> None:
    """Who is asked in run `a.b` may not read run `a`: dots are legal in ids."""
    inputs = {"source": "198.51.100.0/24", "port": 22}
    outer = house.get("eli", "/healthz") and "dots-outer"
    first = house.call("eli", "POST", "/v1/flows/firewall_change/runs", {"inputs": inputs, "id": outer})
    second = house.call("ann", "POST", "/v1/flows/firewall_change/runs", {"inputs": inputs, "id": f"{outer}.x"})
    assert (first.status_code, second.status_code) == (201, 201)
    house.asked("bob", f"{outer}.x")
    assert house.call("ann", "GET", f"/v1/runs/{outer}").status_code == 404


@pytest.mark.parametrize("order", [(None, "other"), ("other-2", None)])
def test_a_key_starts_one_run_whatever_the_id(house: House, order: tuple[str | None, str | None]) -> None:
    """The same key with another `id` is another body: 422, and nothing is started."""
    headers = {**BOB, "Authorization": "Bearer dev:ann", "Idempotency-Key": f"key-{order}"}
    found = []
    for run_id in order:
        body = {"inputs": {"source": "198.51.100.0/24", "port": 22}, **({"id": run_id} if run_id else {})}
        url = house.url + "/v1/flows/firewall_change/runs"
        found.append(httpx.post(url, json=body, headers=headers, trust_env=False).status_code)
    assert found == [201, 422]


def test_a_principal_sees_the_run(house: House) -> None:
    """The person on whose behalf a run was started may read it."""
    body = {"inputs": {"source": "198.51.100.0/24", "port": 22}, "on_behalf_of": "fay"}
    run = house.call("ann", "POST", "/v1/flows/firewall_change/runs", body).json()["id"]
    assert house.call("fay", "GET", f"/v1/runs/{run}").status_code == 200
    assert house.call("gus", "GET", f"/v1/runs/{run}").status_code == 200, "gus operates"
    assert house.call("dee", "GET", f"/v1/runs/{run}").status_code == 404


@pytest.mark.parametrize(
    ("foreign", "segment"),
    [
        ("ap/with slash/%25 é", "ap%2Fwith%20slash%2F%2525%20%C3%A9"),
        ("ap/decisions/two\nlines", "ap%2Fdecisions%2Ftwo%0Alines"),
        (".", "%2E"),
    ],
    ids=["slash", "receipt", "dot"],
)
def test_foreign_ids_work(house: House, foreign: str, segment: str) -> None:
    """Ids that others gave may hold slashes, spaces, line ends and anything else."""
    question = json.dumps({"title": "Go?", "requester": "ann", "who": "user:bob"})
    words = ("--type", "Approval", "--task-queue", "hitl", "--workflow-id", foreign, "--input", question)
    assert house.temporal("workflow", "start", *words).returncode == 0
    path = f"/v1/approvals/{segment}"
    house.until("bob is asked", lambda: house.call("bob", "GET", path).status_code == 200)
    assert house.call("bob", "POST", f"{path}/decisions", {"outcome": "approved"}).json()["status"] == "counted"
