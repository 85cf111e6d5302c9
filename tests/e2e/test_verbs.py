"""Every door is the same door: what a verb does over HTTP, it does by a raw update and by a raw signal."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hitl_temporal.client.verbs import PATHS
from tests.e2e.house import PATIENCE, House
from tests.e2e.test_plain_client import good, start

pytestmark = pytest.mark.process

ASK = {
    "title": "Open {{port}}",
    "requester": "ann",
    "who": ["group:secops"],
    "context": {"port": 22},
    "material": ["port"],
    "due": "2d",
}

LIFE: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("cai", "delegate", {"to": "ann"}, "invalid"),
    ("fay", "delegate", {"to": "bob"}, "not_eligible"),
    ("cai", "delegate", {"to": "bob", "reason": "on a train"}, "counted"),
    ("cai", "decide", {"outcome": "approved"}, "not_eligible"),
    ("bob", "request_info", {"text": "Which host?"}, "counted"),
    ("dee", "provide_info", {"text": "web 1"}, "not_eligible"),
    ("ann", "provide_info", {"text": "web 1"}, "counted"),
    ("bob", "amend", {"set": {"port": 80}}, "not_eligible"),
    ("ann", "amend", {"set": {"port": "ssh"}}, "invalid"),
    ("ann", "amend", {"set": {"port": 443}, "reason": "typo"}, "counted"),
    ("bob", "claim", {}, "counted"),
    ("dee", "decide", {"outcome": "approved"}, "not_eligible"),
    ("fay", "comment", {"text": "hi"}, "not_eligible"),
    ("bob", "comment", {"text": "I look at it."}, "counted"),
    ("gus", "extend", {"by": "1d", "reason": "holidays"}, "counted"),
    ("gus", "override", {"outcome": "approved", "reason": "now"}, "not_eligible"),
    ("eli", "override", {"outcome": "approved", "reason": "now"}, "counted"),
)
"""Who sends what, and what becomes of it."""

Door = Callable[[House, str, str, str, dict[str, Any], str], Any]


def over_http(house: House, approval: str, person: str, verb: str, body: dict[str, Any], key: str) -> Any:
    """Send a verb to its route, as its actor."""
    method, path = PATHS[verb]
    return house.call(person, method, f"/v1/approvals/{approval}/{path}", body, Idempotency_Key=key).json()


def by_update(house: House, approval: str, person: str, verb: str, body: dict[str, Any], key: str) -> Any:
    """Send a verb with Temporal's own command line, and wait for its receipt."""
    words = ("--workflow-id", approval, "--name", verb, "--input", json.dumps({**body, "actor": person, "key": key}))
    return json.loads(good(house.temporal("workflow", "update", "execute", *words, "-o", "json")))["result"]


def by_signal(house: House, approval: str, person: str, verb: str, body: dict[str, Any], key: str) -> Any:
    """Send a verb as a signal, and read its receipt once it has been judged."""
    words = ("--workflow-id", approval, "--name", verb, "--input", json.dumps({**body, "actor": person, "key": key}))
    good(house.temporal("workflow", "signal", *words))

    def judged() -> Any:
        answer = house.call(person, "GET", f"/v1/approvals/{approval}/decisions/{key}").json()
        return answer if answer["status"] in {"counted", "invalid", "not_eligible"} else None

    return house.until(f"{verb} of {person} is judged", judged)


def asked(house: House, person: str, **changes: object) -> str:
    """Put a question, and return its id once it is in somebody's inbox."""
    approval = f"ask-{uuid4().hex}"
    good(start(house, "Approval", approval, {**ASK, **changes}))
    listed(house, person, approval)
    return approval


def listed(house: House, person: str, approval: str, *, is_there: bool = True) -> None:
    """Wait until an approval is in somebody's inbox, or is there no more; lists lag behind by moments."""

    def look() -> bool:
        found = house.call(person, "GET", "/v1/approvals?limit=200")
        return found.status_code == 200 and (approval in [i["id"] for i in found.json()["items"]]) == is_there

    house.until(f"{approval} is {'' if is_there else 'not '}in the inbox of {person}", look)


def lives(house: House, door: Door) -> tuple[str, list[Any]]:
    """Let one approval live through everything by one door; return its id and its receipts."""
    approval = asked(house, "cai")
    receipts = [
        door(house, approval, person, verb, body, f"key-{number}")
        for number, (person, verb, body, _) in enumerate(LIFE)
    ]
    # A claim lasts for so long from now on, and each door has a now of its own.
    return approval, [{**r, "reason": re.sub(r"20\d\d-[\dT:.+-]+", "then", r["reason"])} for r in receipts]


def test_every_door_gives_the_same_receipts(house: House) -> None:
    """Over HTTP, by raw update and by raw signal: the same statuses, reasons, tallies and keys, and the same end."""
    approval, receipts = lives(house, over_http)
    assert [(*sent[:2], receipt["status"]) for sent, receipt in zip(LIFE, receipts, strict=True)] == [
        (person, verb, status) for person, verb, _, status in LIFE
    ]
    assert [receipt["key"] for receipt in receipts] == [f"key-{number}" for number in range(len(LIFE))]
    end = end_of(house, approval)
    for door in (by_update, by_signal):
        other, same = lives(house, door)
        assert same == receipts, door.__name__
        assert end_of(house, other) == end, door.__name__
    assert (end["outcome"], end["title"], end["info"]) == ("approved", "Open 443", None)
    assert [(d["actor"], d["kind"]) for d in end["decisions"]] == [("eli", "override")]
    assert [(r["kind"], r["actor"]) for r in end["conversation"]] == [
        ("info_requested", "bob"),
        ("info_provided", "ann"),
        ("comment", "bob"),
    ]


def end_of(house: House, approval: str) -> dict[str, Any]:
    """Return what an approval has become, without what tells doors and moments apart."""
    seen = house.until("it has ended", lambda: ended(house, approval))
    times = {"at", "started", "ended", "opened", "due", "since", "until", "before", "after", "why", "next_reminder"}
    doors = {"id", "token", "deliveries", "via", "assurance"}

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(inner) for name, inner in value.items() if name not in times | doors}
        return [without(inner) for inner in value] if isinstance(value, list) else value

    refusals = [{**r, "receipt": {**r["receipt"], "reason": ""}} for r in seen["refusals"]]
    return without({**seen, "refusals": refusals})


def ended(house: House, approval: str) -> Any:
    """Return an approval that has ended, None while it has not."""
    answer = house.call("eli", "GET", f"/v1/approvals/{approval}")
    return answer.json() if answer.status_code == 200 and answer.json()["outcome"] else None


def test_whoever_has_it_finds_it(house: House) -> None:
    """A delegate does, the giver no more; of what is claimed the holder alone; all of them still see it."""
    approval = asked(house, "cai")
    page = f"/v1/approvals/{approval}"
    assert house.call("bob", "GET", page).status_code == 404
    assert over_http(house, approval, "cai", "delegate", {"to": "bob"}, "d")["status"] == "counted"
    listed(house, "bob", approval)
    listed(house, "cai", approval, is_there=False)
    assert over_http(house, approval, "bob", "claim", {}, "c")["status"] == "counted"
    listed(house, "dee", approval, is_there=False)
    [row] = [i for i in house.get("bob", "/v1/approvals?limit=200")["items"] if i["id"] == approval]
    assert (row["claimed_by"], row["stage"], row["digest"]) == ("bob", "decision", house.get("bob", page)["digest"])
    assert over_http(house, approval, "bob", "request_info", {"text": "Why?", "to": "fay"}, "i")["status"] == "counted"
    for person in ("ann", "bob", "cai", "dee", "fay"):
        assert house.call(person, "GET", page).status_code == 200, person
    assert over_http(house, approval, "bob", "release_claim", {}, "r")["status"] == "counted"
    listed(house, "dee", approval)
    assert over_http(house, approval, "ann", "withdraw", {}, "w")["status"] == "counted"


def test_a_decision_is_bound_to_what_was_seen(house: House) -> None:
    """By `If-Match` as by the body: what has changed since is `superseded`."""
    approval = asked(house, "cai")
    path = f"/v1/approvals/{approval}/decisions"
    seen = house.call("cai", "GET", f"/v1/approvals/{approval}").headers["ETag"]
    assert over_http(house, approval, "ann", "amend", {"set": {"port": 443}}, "a")["status"] == "counted"
    late = house.call("cai", "POST", path, {"outcome": "approved"}, If_Match=seen)
    assert (late.status_code, late.json()["status"]) == (409, "superseded")
    seen = house.call("cai", "GET", f"/v1/approvals/{approval}").headers["ETag"]
    both = house.call("cai", "POST", path, {"outcome": "approved", "digest": "other"}, If_Match=seen)
    assert (both.status_code, both.json()["status"]) == (422, "invalid")
    assert house.call("cai", "POST", path, {"outcome": "approved"}, If_Match=seen).status_code == 200


def test_many_are_decided_at_once(house: House) -> None:
    """Twenty at once, one refused, one unknown: a receipt for each in order; by the command a line for each."""
    mine = [asked(house, "cai", title=f"Batch {number}") for number in range(20)]
    wanted = [*mine[:10], "no-such-approval", *mine[10:]]
    answers: list[dict[str, object]] = [{"id": i, "outcome": "approved", "key": f"b-{i}"} for i in wanted]
    answers[3]["outcome"] = "perhaps"
    answer = house.call("cai", "POST", "/v1/decisions:batch", {"decisions": answers})
    receipts = answer.json()["receipts"]
    assert (answer.status_code, [r["id"] for r in receipts]) == (200, wanted)
    assert [r["status"] for r in receipts] == [
        {3: "invalid", 10: "not_eligible"}.get(number, "counted") for number in range(21)
    ]
    assert {r["key"] for r in receipts} == {f"b-{i}" for i in wanted}
    said = house.hitl("reject", mine[3], mine[0], "-m", "no", user="cai")
    assert said.returncode == 1
    assert said.stdout.startswith(f"{mine[3]}: counted")
    assert f"{mine[0]}: closed" in said.stderr


def test_a_leaver_leaves_nothing_behind(house: House) -> None:
    """An operator lists and hands over every place of one person; the digest of both says so."""
    mine = sorted(asked(house, "fay", who=["user:fay"], title=f"Of fay {number}") for number in range(3))
    digest = house.get("fay", "/v1/me/digest")
    assert (digest["person"], digest["zone"], digest["total"]) == ("fay", "Europe/Amsterdam", 3)
    assert digest["by_flow"] == {"Approval": 3}
    words = ("reassign", "--from", "fay", "--to", "bob", "--all", "-m", "fay has left")
    assert house.hitl(*words, user="ann").returncode == 1, "only operators may"
    listing = house.hitl(*words, "--dry-run", "--json", user="gus")
    assert sorted(item["id"] for item in json.loads(listing.stdout)["items"]) == mine
    done = house.hitl(*words, "--json", user="gus")
    receipts = json.loads(done.stdout)["receipts"]
    assert (done.returncode, sorted(r["id"] for r in receipts)) == (0, mine)
    assert {r["status"] for r in receipts} == {"counted"}
    for approval in mine:
        listed(house, "bob", approval)
        listed(house, "fay", approval, is_there=False)
    assert house.get("fay", "/v1/me/digest")["total"] == 0
    assert house.hitl("approve", *mine, user="bob").returncode == 0


def test_a_page_does_what_its_forms_say(house: House) -> None:
    """In a browser without a script: claim, then answer, over a real approval."""
    approval = asked(house, "cai", title="From a page")
    page = f"/approvals/{approval}"
    with httpx.Client(base_url=house.url, trust_env=False, timeout=PATIENCE.total_seconds()) as browser:
        browser.post("/login", data={"user": "cai"})
        claimed = browser.post(page, data=form_of(browser.get(page).text, "claim"))
        assert (claimed.status_code, claimed.headers["location"]) == (303, page)
        shown = browser.get(page).text
        assert "Claimed by" in shown
        answer = browser.post(page, data={**form_of(shown, "decide"), "outcome": "approved", "comment": "fine"})
        assert (answer.status_code, "Your answer counts" in answer.text) == (200, True)
    assert [d["via"] for d in house.get("ann", f"/v1/approvals/{approval}")["decisions"]] == ["web"]


def form_of(page: str, verb: str) -> dict[str, str]:
    """Return the hidden fields of the form that sends a verb."""
    [form] = [f for f in re.findall(r"<form.*?</form>", page, re.DOTALL) if f'value="{verb}"' in f]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
