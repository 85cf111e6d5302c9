"""A grant from end to end: given over HTTP, extended by people, kept while a worker dies, revoked by the command."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hitl_temporal.domain import words
from tests.e2e.house import House

pytestmark = pytest.mark.process

WISH = {"system": "erp", "role": "buyer", "days": 14, "reason": "month end"}


def test_an_access_is_given_for_a_time_and_taken_back(house: House) -> None:
    """Each receipt has its status; the end moves without interruption; who gives back early needs no operator."""
    run = house.call("ann", "POST", "/v1/flows/temporary_access/runs", {"inputs": WISH}).json()["id"]

    def act(person: str, action: str, **more: object) -> httpx.Response:
        body = {"action": action, "step": "open", "key": uuid4().hex, **more}

        def judged() -> (
            httpx.Response | None
        ):  # recorded: the worker was not there yet, and the key makes it one command
            answer = house.call(person, "POST", f"/v1/runs/{run}/actions", body)
            return None if answer.json()["status"] == "recorded" else answer

        return house.until(f"{action} by {person} is judged", judged)

    def step(**wanted: object) -> dict[str, Any] | None:
        answer = house.call("ann", "GET", f"/v1/runs/{run}")
        found = answer.json()["steps"]["open"] if answer.status_code == 200 else {}
        grant = found.get("grant") or {}
        return found if grant and all(grant[key] == value for key, value in wanted.items()) else None

    approval = house.asked("bob", run)
    assert act("ann", "revoke").status_code == 409
    assert house.decide("bob", approval).status_code in {200, 202}
    opened = house.until("the access is open", step)
    until = opened["grant"]["until"]
    assert house.get("ann", f"/v1/runs/{run}")["status"] == "running"
    assert house.get("ann", f"/v1/runs/{run}/why")[0]["releases"] == f"{_written(until)}, or hitl revoke {run} open"

    assert act("fay", "revoke").status_code == 403
    assert act("fay", "extend_grant", **{"with": {"for": "5d"}}).status_code == 403
    assert act("ann", "extend_grant", **{"with": {"for": "soon"}}).status_code == 422
    asked = act("ann", "extend_grant", reason="audit", **{"with": {"for": "5d"}})
    assert (asked.status_code, asked.json()["status"]) == (202, "asked")
    question = f"{run}.open.1.extend.1"
    house.until("dee is asked", lambda: house.call("dee", "GET", f"/v1/approvals/{question}").status_code == 200)
    assert house.decide("dee", question).status_code in {200, 202}
    moved = house.until("the end has moved", lambda: (s := step()) and s["grant"]["until"] != until and s)
    assert [e["state"] for e in moved["grant"]["extensions"]] == ["granted"]

    killed = house.kill()
    assert house.until("another worker is there", lambda: house.pid("worker") != killed)
    shown = house.until("the run is read again", lambda: (s := house.hitl("show", run)).returncode == 0 and s)
    assert "granted until" in shown.stdout
    revoked = house.hitl("revoke", run, "--reason", "done already")
    assert revoked.returncode == 0, revoked.stderr
    ended = house.ended(run)
    assert (ended["status"], ended["steps"]["open"]["grant"]["reason"]) == ("completed", "revoked by ann")
    assert act("ann", "revoke").status_code == 409
    rows = (house.state / "accounts.csv").read_text().splitlines()
    assert f"{opened['outputs']['account']},ann,buyer,disabled" in rows


def _written(moment: str) -> str:
    """Return a moment as the reason of a step writes it: to the second."""
    return words.moment(datetime.fromisoformat(moment))
