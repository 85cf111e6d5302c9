"""Foreseeing from end to end: who a real flow would ask, and what another policy would have made of real decisions."""

import json
from pathlib import Path

import pytest

from tests.e2e.house import ROOT, House, house

pytestmark = pytest.mark.process

FLOW = "/v1/flows/firewall_change"
INPUTS = {"source": "203.0.113.0/24", "port": 22, "days": 30}


@pytest.fixture(name="house", scope="module")
def _house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which nobody else decides anything."""
    with house(tmp_path_factory.mktemp("policies")) as opened:
        yield opened


def _runs(house: House) -> set[str]:
    """Return the ids of all runs: other tests of this house, in any order, have started some."""
    return {run["id"] for run in house.get("ann", "/v1/runs?flow=firewall_change")["items"]}


def test_a_preview_tells_whom_the_reference_flow_would_ask(house: House) -> None:
    """The manager for sure; security only once the risk is known, but by whom is known."""
    before = _runs(house)
    answer = house.call("ann", "POST", f"{FLOW}/preview", {"inputs": INPUTS})
    assert answer.status_code == 200, answer.text
    (ask,) = answer.json()["asks"]
    assert (ask["step"], ask["if"], ask["preview"]["title"]) == (
        "approve",
        "yes",
        "Open port 22 from 203.0.113.0/24",
    )
    manager, security = ask["preview"]["stages"]
    assert (manager["name"], manager["applies"], [p["person"] for p in manager["people"]]) == (
        "manager",
        "yes",
        ["bob"],
    )
    assert (security["applies"], [p["person"] for p in security["people"]]) == ("perhaps", ["cai", "dee"])
    assert "steps.risk.outputs.score" in security["reason"]
    assert manager["due"] is not None

    refused = {"inputs": {**INPUTS, "port": 0}}
    assert house.call("ann", "POST", f"{FLOW}/preview", refused).status_code == 422
    assert house.call("ann", "POST", "/v1/flows/no_flow/preview", {}).status_code == 404
    assert house.call("ann", "POST", f"{FLOW}/preview", {"inputs": INPUTS, "on_behalf_of": "nobody"}).status_code == 422
    assert _runs(house) == before, "a preview starts nothing"

    seen = house.hitl("preview", "firewall_change", "-i", "source=203.0.113.0/24", "-i", "port=22")
    assert (seen.returncode, [line.split("\t")[1:4] for line in seen.stdout.splitlines()]) == (
        0,
        [
            ["manager", "yes", "bob (manager:user:ann)"],
            ["security", "perhaps", "cai (group:secops), dee (group:secops)"],
        ],
    )


def test_a_stricter_policy_is_tried_on_what_people_have_decided(house: House, tmp_path: Path) -> None:
    """Three requests, one of them refused: the two that one of secops passed would have needed both."""
    ended = {}
    for source, outcome in (
        ("203.0.113.0/24", "approved"),
        ("198.51.100.0/24", "approved"),
        ("192.0.2.0/24", "rejected"),
    ):
        run = house.start_firewall(source)
        approval = house.asked("bob", run)
        assert house.decide("bob", approval, outcome).status_code == 200
        if outcome == "approved":
            house.asked("cai", run)
            assert house.decide("cai", approval).status_code == 200
        house.ended(run)
        ended[approval] = outcome
    house.until("the approvals are listed", lambda: _counts(house)["replayed"] == 3)

    same = house.hitl("policy", "replay", "firewall_change", "approve", "--check", "--json", user="gus")
    assert same.returncode == 0, same.stdout
    assert {i["approval"]: (i["before"], i["again"], i["after"]) for i in json.loads(same.stdout)["items"]} == {
        approval: (outcome,) * 3 for approval, outcome in ended.items()
    }

    strict = (ROOT / "workflows" / "firewall_change" / "flow.yaml").read_text().replace("approve: any", "approve: all")
    (tmp_path / "strict.yaml").write_text(strict)
    words = ("policy", "replay", "firewall_change", "approve", "--with", str(tmp_path / "strict.yaml"))
    found = house.hitl(*words, "--changed-only", "--check", "--json", user="gus")
    assert found.returncode == 1, found.stderr
    document = json.loads(found.stdout)
    assert (document["looked_at"], document["replayed"], document["changed"]) == (3, 3, 2)
    assert {i["approval"]: (i["after"], i["differences"][0]) for i in document["items"]} == {
        approval: ("expired", "approved would be expired") for approval, was in ended.items() if was == "approved"
    }

    report = house.get("gus", f"{FLOW}/shadow?since=1d")
    assert report["looked_at"] == 3
    assert [(r["step"], r["decided"], r["watched"]) for r in report["items"]] == [("approve", 0, 0)]
    assert house.call("ann", "GET", f"{FLOW}/shadow").status_code == 403
    assert house.call("ann", "POST", f"{FLOW}/policy-replays", {"step": "approve"}).status_code == 403


def _counts(house: House) -> dict[str, int]:
    answer = house.call("gus", "POST", f"{FLOW}/policy-replays", {"step": "approve"})
    assert answer.status_code == 200, answer.text
    return answer.json()
