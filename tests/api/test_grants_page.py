"""What a run has given for a time, on its page: until when, who may give it back or want more of it, and how."""

import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hitl_temporal.api.pages.grants import FIELDS, body, offers
from hitl_temporal.api.pages.words import moment
from hitl_temporal.domain.flow.commands import ACTIONS, STATUSES, Operate, Receipt, parse
from hitl_temporal.service.identity import Identity
from tests.api.house import EVIL, NOW, House, a_run, hidden

PAGE = "/runs/r1"


def given(**changes: Any) -> Any:
    """Return a run of ann's for dee that has given something; changes replace what is said of the grant."""
    grant = {"until": NOW + timedelta(hours=50), "state": "active", "extend": "people", **changes}
    step = {"state": "running", "since": NOW, "grant": grant}
    return a_run(steps={"open": step, "note": {"state": "waiting", "since": NOW}}, on_behalf_of="dee")


def person(name: str, *roles: str) -> Identity:
    return Identity(name, frozenset(roles), frozenset(), "medium", "web")


@pytest.mark.parametrize(
    ("me", "changes", "offered"),
    [
        (person("ann"), {}, {"revoke", "extend_grant"}),
        (person("dee"), {}, {"revoke", "extend_grant"}),
        (person("cai"), {}, set()),
        (person("gus", "operator"), {}, {"revoke", "extend_grant"}),
        (person("ann"), {"extend": "operators"}, {"revoke"}),
        (person("gus", "operator"), {"extend": "operators"}, {"revoke", "extend_grant"}),
        (person("eli", "admin"), {"extend": "never"}, {"revoke"}),
    ],
)
def test_a_grant_offers_what_the_visitor_may_do(me: Identity, changes: dict[str, Any], offered: set[str]) -> None:
    """Its requesters may give it back, and wish for more where people decide about that; operators may both."""
    assert offers(given(**changes), me) == {"open": offered}


def test_what_has_ended_offers_nothing() -> None:
    """Nor does a step that has given nothing."""
    assert offers(given(state="ended"), person("gus", "operator")) == {}


def test_each_form_is_an_action_of_the_table() -> None:
    """What it sends is taken; fields that nobody filled in are left out, and sent twice it is one command."""
    form = {"step": "open", "reason": "", "for": " 2d ", "key": "k"}
    for action in FIELDS:
        assert action in ACTIONS
        said = body(action, form)
        assert isinstance(parse(action, {**said, "actor": "ann"}), Operate)
        assert "reason" not in said
    assert body("extend_grant", form)["with"] == {"for": "2d"}
    assert body("revoke", form)["key"] != body("extend_grant", form)["key"]
    assert body("extend_grant", form)["key"] != body("extend_grant", {**form, "for": "3d"})["key"]


async def test_the_page_says_how_a_grant_stands(bob: httpx.AsyncClient, house: House) -> None:
    """Until when, what was wished and by whom, with the question; or why it is over."""
    wish = {"duration": "2d", "by": "ann", "state": "asked", "approval": "r1.open.1.extend.1"}
    house.run = given(extensions=[wish])
    page = (await bob.get(PAGE)).text
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    assert f"Given until {moment(NOW + timedelta(hours=50))}, in 2 days." in said
    assert "2d more, wished by Ann: asked (the question to people)." in said
    assert 'href="/approvals/r1.open.1.extend.1"' in page
    assert 'name="action"' not in page, "bob has no part in it"
    house.run = given(state="ended", reason="revoked by gus")
    assert "What it gave is over: revoked by gus." in (await bob.get(PAGE)).text


@pytest.mark.parametrize(
    ("action", "typed", "sent"),
    [
        ("revoke", {"reason": "done with it"}, {"step": "open", "reason": "done with it"}),
        ("extend_grant", {"for": "2d", "reason": ""}, {"step": "open", "with": {"for": "2d"}}),
    ],
)
async def test_each_form_sends_its_action(
    web: httpx.AsyncClient, house: House, action: str, typed: dict[str, str], sent: dict[str, Any]
) -> None:
    """As the visitor, without a script, and leads back to the run."""
    house.run = given()
    await web.post("/login", data={"user": "ann"})
    form = action_form(await web.get(PAGE), action)
    answer = await web.post(PAGE, data={**form, **typed})
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    [command] = house.sent
    assert command.pop("key").startswith(form["key"])
    assert command == {"by": "ann", "id": "r1", "action": action, **sent}


async def test_what_does_not_fit_comes_back_open(web: httpx.AsyncClient, house: House) -> None:
    """With what was typed, in the form that it was typed into."""
    house.run = given()
    house.operated = Receipt(status="invalid", reason=f"with.for: {EVIL} is not a duration")
    await web.post("/login", data={"user": "ann"})
    form = action_form(await web.get(PAGE), "extend_grant")
    answer = await web.post(PAGE, data={**form, "for": EVIL, "reason": "my words"})
    assert answer.status_code == 422
    assert "is not a duration. Nothing has changed; mend it below." in html.unescape(answer.text)
    assert answer.text.count(" open>") == 1
    assert 'value="my words"' in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize("status", [s for s in STATUSES if s not in {"invalid", "done", "asked"}])
async def test_every_other_receipt_is_said_in_words(web: httpx.AsyncClient, house: House, status: Any) -> None:
    """With its reason, what was written, and the way back to the run."""
    house.run = given()
    house.operated = Receipt(status=status, reason=EVIL)
    await web.post("/login", data={"user": "ann"})
    form = action_form(await web.get(PAGE), "revoke")
    answer = await web.post(PAGE, data={**form, "reason": "my words"})
    assert answer.status_code == {"closed": 409, "not_eligible": 403, "recorded": 202}[status]
    assert 'href="/runs/r1">See the run' in answer.text
    assert "alert(" in answer.text
    assert "<script" not in answer.text
    assert ("my words" in answer.text) == (status != "recorded")


async def test_only_what_the_page_offers_can_be_sent_from_it(bob: httpx.AsyncClient, house: House) -> None:
    """And only from a page of the sender's own session."""
    token = hidden(await bob.get("/"))["form_token"]
    assert (await bob.post(PAGE, data={"form_token": token, "action": "cancel"})).status_code == 400
    assert (await bob.post(PAGE, data={"action": "revoke"})).status_code == 403
    assert not house.sent


def action_form(page: httpx.Response, action: str) -> dict[str, str]:
    [form] = [f for f in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'value="{action}"' in f]
    return {n: html.unescape(t) for n, t in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)}
