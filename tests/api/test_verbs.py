"""Every verb over HTTP, over use cases that are tables of answers: routes, bodies, preconditions, many at once."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hitl_temporal.api.approvals import VERB_PATHS
from hitl_temporal.domain.approval.commands import VERBS, Receipt
from hitl_temporal.domain.approval.digest import Item
from hitl_temporal.service.batch import AT_ONCE, MOST
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError, UnansweredError, UnavailableError
from tests.api.house import NOW, House, an_approval, browser

BATCH = "/v1/decisions:batch"


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls as bob."""
    async with browser(house) as client:
        client.headers["Authorization"] = "Bearer dev:bob"
        yield client


# --- One verb ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
async def test_each_verb_has_a_route(http: httpx.AsyncClient, house: House, verb: str) -> None:
    """Its body goes to the judge as it is, as the caller, under the key of the header."""
    method = "DELETE" if verb == "release_claim" else "POST"
    body = {"text": "x", "from": "cai", "set": {"a": 1}}
    path = f"/v1/approvals/a%2Fb/{VERB_PATHS[verb]}"
    answer = await http.request(method, path, json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["status"]) == (200, "counted")
    assert house.sent == [{"by": "bob", "via": "api", "id": "a/b", "verb": verb, "key": "k", **body}]


def test_the_paths_are_those_of_the_table() -> None:
    """No verb without a path, no path without a verb."""
    assert VERB_PATHS.keys() == VERBS.keys()


async def test_keys_that_were_spent_are_shown_to_nobody(http: httpx.AsyncClient, house: House) -> None:
    """An approval over HTTP is what people read; each receipt can be read by its own key."""
    house.approval = an_approval(spent={"x": "1 of 1"})
    shown = (await http.get("/v1/approvals/r1.approve.1")).json()
    assert "spent" not in shown
    assert shown["audience"] == ["ann", "bob"]
    assert (await http.get("/v1/approvals/a/decisions/k")).json()["key"] == "k"


async def test_what_was_sent_and_not_answered_says_where_to_look(http: httpx.AsyncClient, house: House) -> None:
    """503 names the key, and the receipt that it has if it was recorded."""
    house.error = UnansweredError("it is not known whether this was recorded", "a/key")
    answer = await http.post("/v1/approvals/a%2Fb/decisions", json={"outcome": "approved"})
    assert (answer.status_code, "retry-after" in answer.headers, answer.json()["key"]) == (503, True, "a/key")
    assert answer.json()["detail"].endswith("GET /v1/approvals/a%2Fb/decisions/a%2Fkey")
    house.error = UnavailableError("nothing was recorded")
    assert "key" not in (await http.post("/v1/approvals/a%2Fb/decisions", json={"outcome": "approved"})).json()


# --- If-Match ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "digest", "bound_to"),
    [
        ('"d1"', None, "d1"),
        ('W/"d1"', None, "d1"),
        ("d1", None, "d1"),
        ('"d1"', "d1", "d1"),
        ("*", None, None),
        ("*", "d1", "d1"),
        ('""', None, ""),
    ],
)
async def test_if_match_is_the_digest_of_a_decision(
    http: httpx.AsyncClient, house: House, header: str, digest: str | None, bound_to: str | None
) -> None:
    """With quotes, weak, or bare; a star binds it to nothing."""
    body = {"outcome": "approved"} | ({"digest": digest} if digest else {})
    answer = await http.post("/v1/approvals/a/decisions", json=body, headers={"If-Match": header})
    assert (answer.status_code, house.sent[0].get("digest")) == (200, bound_to)


@pytest.mark.parametrize(
    ("header", "digest", "says"),
    [('"d1"', "d2", "another one"), ('"d1", "d2"', None, "not one ETag"), ('"d1', None, "not one ETag")],
)
async def test_a_precondition_that_can_not_be_meant_is_invalid(
    http: httpx.AsyncClient, house: House, header: str, digest: str | None, says: str
) -> None:
    """Two digests, or what is none: 422 with a receipt, and nothing is sent."""
    body = {"outcome": "approved"} | ({"digest": digest} if digest else {})
    answer = await http.post("/v1/approvals/a/decisions", json=body, headers={"If-Match": header})
    assert (answer.status_code, answer.json()["status"], says in answer.json()["reason"]) == (422, "invalid", True)
    assert not house.sent


async def test_what_was_seen_matters_to_decisions_alone(http: httpx.AsyncClient, house: House) -> None:
    """A comment is about the request, whatever it says by now."""
    await http.post("/v1/approvals/a/comments", json={"text": "hi"}, headers={"If-Match": '"d1"'})
    assert "digest" not in house.sent[0]


# --- Many at once -----------------------------------------------------------------------------------------------------


async def test_a_batch_has_a_receipt_for_each_in_order(http: httpx.AsyncClient, house: House) -> None:
    """Each is judged by itself; what can't be judged spoils no other, and the whole is 200."""
    house.receipts = {
        "refused": Receipt(status="superseded", reason="look again", key="k"),
        "unknown": NotFoundError("there is no 'unknown'"),
        "strange": InvalidError("no id"),
        "away": UnavailableError("Temporal does not answer; nothing was recorded"),
        "lost": UnansweredError("it is not known whether this was recorded", "its-key"),
    }
    ids = ["a", "refused", "unknown", "strange", "away", "lost", "z"]
    wanted = [{"id": i, "outcome": "approved", "comment": i, "key": f"key-{i}"} for i in ids]
    answer = await http.post(BATCH, json={"decisions": wanted})
    receipts = answer.json()["receipts"]
    assert answer.status_code == 200
    assert [r["id"] for r in receipts] == ids
    statuses = ["counted", "superseded", "not_eligible", "invalid", "unavailable", "unanswered", "counted"]
    assert [r["status"] for r in receipts] == statuses
    assert [r["key"] for r in receipts] == ["", "k", "key-unknown", "key-strange", "key-away", "its-key", ""]
    assert receipts[2]["reason"] == "there is no 'unknown'"
    assert [s["comment"] for s in house.sent] == ids
    assert {s["verb"] for s in house.sent} == {"decide"}


async def test_without_temporal_a_batch_is_503(http: httpx.AsyncClient, house: House) -> None:
    """When nothing at all was recorded, sending the whole again is right."""
    house.error = UnavailableError("Temporal does not answer")
    answer = await http.post(BATCH, json={"decisions": [{"id": "a", "outcome": "approved"}]})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


async def test_a_batch_of_which_something_was_sent_names_the_keys(http: httpx.AsyncClient, house: House) -> None:
    """The whole is not said to be unrecorded: of each the receipt says what is known."""
    house.receipts = {"away": UnavailableError("nothing was recorded"), "lost": UnansweredError("not known", "k")}
    wanted = [{"id": i, "outcome": "approved"} for i in ("away", "lost")]
    answer = await http.post(BATCH, json={"decisions": wanted})
    assert answer.status_code == 200
    assert [(r["status"], r["key"]) for r in answer.json()["receipts"]] == [("unavailable", ""), ("unanswered", "k")]


async def test_the_key_of_a_batch_is_that_of_each_that_has_none(http: httpx.AsyncClient, house: House) -> None:
    """A key belongs to one approval, so they may share one."""
    wanted = [{"id": "a", "outcome": "approved"}, {"id": "b", "outcome": "approved", "key": "own"}]
    await http.post(BATCH, json={"decisions": wanted}, headers={"Idempotency-Key": "all"})
    assert [(s["id"], s["key"]) for s in house.sent] == [("a", "all"), ("b", "own")]


async def test_answers_to_the_same_approval_keep_their_order(http: httpx.AsyncClient, house: House) -> None:
    """One after the other, however many others are under way."""
    ids = ["same" if n % 2 else f"other-{n}" for n in range(4 * AT_ONCE)]
    wanted = [{"id": i, "outcome": "approved", "comment": str(n)} for n, i in enumerate(ids)]
    receipts = (await http.post(BATCH, json={"decisions": wanted})).json()["receipts"]
    assert [r["id"] for r in receipts] == ids
    same = [int(s["comment"]) for s in house.sent if s["id"] == "same"]
    assert same == sorted(same)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "decisions:"),
        ({"decisions": {}}, "decisions:"),
        ({"decisions": [{"id": "a", "outcome": "approved"}, "b"]}, "decisions.1:"),
        ({"decisions": [{"outcome": "approved"}]}, "decisions.0.id:"),
        ({"decisions": [{"id": "", "outcome": "approved"}]}, "decisions.0.id:"),
        ({"decisions": [{"id": "a", "outcome": "approved"}] * (MOST + 1)}, f"at most {MOST}"),
        (["a"], "object"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_batch_that_is_none_decides_nothing(
    http: httpx.AsyncClient, house: House, body: object, says: str
) -> None:
    """422 says what is wrong with it, and none of it is sent."""
    answer = await http.post(BATCH, json=body)
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True)
    assert not house.sent


async def test_an_empty_batch_has_no_receipts(http: httpx.AsyncClient) -> None:
    """Nothing was asked, nothing is answered."""
    assert (await http.post(BATCH, json={"decisions": []})).json() == {"receipts": []}


# --- The inbox --------------------------------------------------------------------------------------------------------


async def test_rows_say_what_a_decision_may_be_bound_to(http: httpx.AsyncClient, house: House) -> None:
    """Digest, stage and who has claimed it."""
    row: dict[str, Any] = {"id": "a", "title": "A", "flow": None, "requester": "ann", "state": "open", "due": None}
    more = {"tally": "0 of 1", "digest": "d1", "stage": "manager", "claimed_by": "bob", "waits_for": None}
    house.waiting = (Item.model_validate(row | more),)
    assert (await http.get("/v1/approvals")).json()["items"] == [{"kind": "approval", **row, **more}]


async def test_an_operator_asks_for_somebody_elses_inbox(http: httpx.AsyncClient, house: House) -> None:
    """By name; who is none is refused."""
    await http.get("/v1/approvals?person=ann&state=open")
    assert house.asked == [{"person": "ann", "state": "open"}]
    house.error = ForbiddenError("only operators")
    assert (await http.get("/v1/approvals?person=ann")).status_code == 403


async def test_the_digest_is_what_i_have_to_do(http: httpx.AsyncClient, house: House) -> None:
    """In numbers, and the most urgent rows."""
    row = {"title": "A", "flow": "spend", "requester": "ann", "state": "open", "tally": "0 of 1"}
    house.waiting = (
        Item.model_validate({"id": "b", "due": None, **row}),
        Item.model_validate({"id": "a", "due": NOW, **row}),
    )
    found = (await http.get("/v1/me/digest")).json()
    assert (found["person"], found["zone"], found["total"], found["overdue"]) == ("bob", "UTC", 2, 1)
    assert found["by_flow"] == {"spend": 2}
    assert [item["id"] for item in found["items"]] == ["a", "b"]


async def test_what_i_am_asked_to_answer_is_a_list_of_its_own(http: httpx.AsyncClient, house: House) -> None:
    """Beside what may be decided."""
    assert (await http.get("/v1/me/info-requests?flow=f")).status_code == 200
    assert house.asked == [{"flow": "f", "info": True}]
