"""A fresh login, and an answer that waits for one: on the pages, over `/v1`, and as the pure rules behind both."""

import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hitl_temporal.api.pages.stepup import kept_answer, would_wait
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.service.identity import Identity, assurance_of
from tests.api.house import EVIL, NOW, House, an_approval, browser, form_of, hidden, log_in_at

PAGE = "/approvals/r1.approve.1"
AGAIN = 'href="/login?next=/approvals/r1.approve.1"'
NEEDED = Receipt(status="needs_step_up", reason="stage 'manager' needs assurance 'high', this answer has 'medium'")


def wants_high(**changes: Any) -> Any:
    """Return an approval that wants a fresh login of bob, with his answer that waits for one; changes replace both."""
    stage = {"name": "manager", "state": "open", "tally": "0 of 1", "due": None, "may_act": ["bob"], "asked": ["bob"]}
    kept = {"actor": "bob", "stage": "manager", "outcome": "approved", "comment": "my words", "form": {"n": 3}}
    answer = {**kept, "edit": {"inputs.port": 443}, "at": NOW, "digest": "d1"}
    whole = {"stages": [{**stage, "assurance": "high"}], "kept": [answer]}
    return an_approval(**{**whole, **changes})


def bob(assurance: Any) -> Identity:
    return Identity("bob", frozenset(), frozenset(), assurance, "web")


@pytest.mark.parametrize(
    ("age", "sure"),
    [
        (timedelta(), "high"),
        (timedelta(minutes=5), "high"),
        (timedelta(minutes=5, microseconds=1), "medium"),
        (timedelta(hours=11), "medium"),
        (timedelta(microseconds=-1), "medium"),
    ],
)
def test_a_login_is_high_for_five_minutes(age: timedelta, sure: str) -> None:
    """To the moment; after that, or when a clock was put back, it is an ordinary login."""
    assert assurance_of(age) == sure


@pytest.mark.parametrize(
    ("age", "sure"), [(timedelta(), "high"), (timedelta(minutes=4), "high"), (timedelta(minutes=6), "medium")]
)
async def test_a_page_is_as_sure_as_the_login_is_fresh(
    web: httpx.AsyncClient, house: House, age: timedelta, sure: str
) -> None:
    """The session remembers when it was begun; whatever a form says of it is left out."""
    log_in_at(web, "bob", age)
    form = form_of(await web.get(PAGE), "decide")
    await web.post(PAGE, data={**form, "outcome": "approved", "assurance": "high"})
    assert house.sure == [sure]
    assert "assurance" not in house.sent[0]


async def test_a_login_again_is_fresh_again(web: httpx.AsyncClient, house: House) -> None:
    """The page knows who has been here, and a new session begins."""
    log_in_at(web, "bob", timedelta(hours=1))
    assert re.search(r'name="user" value="bob"', (await web.get("/login")).text)
    await web.post("/login", data={"user": "bob"})
    token = hidden(await web.get("/"))["form_token"]
    await web.post(PAGE, data={"form_token": token, "outcome": "approved"})
    assert house.sure == ["high"]


async def test_whoever_has_to_is_told_to_log_in_before_answering(web: httpx.AsyncClient, house: House) -> None:
    """Only where the answer would wait, and the link leads back to the page."""
    house.approval = wants_high(kept=[])
    log_in_at(web, "bob", timedelta(minutes=6))
    page = (await web.get(PAGE)).text
    assert "This needs a login of the last five minutes." in page
    assert AGAIN in page
    log_in_at(web, "bob", timedelta())
    assert AGAIN not in (await web.get(PAGE)).text


async def test_an_answer_that_is_kept_leads_to_the_login(web: httpx.AsyncClient, house: House) -> None:
    """The receipt says that it is kept and how long, not that nothing has changed."""
    house.receipt = NEEDED
    log_in_at(web, "bob", timedelta(minutes=6))
    form = form_of(await web.get(PAGE), "decide")
    answer = await web.post(PAGE, data={**form, "outcome": "approved", "comment": "my words"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401,
        'Bearer error="insufficient_user_authentication"',
    )
    said = html.unescape(answer.text)
    assert "<h1>Log in again to confirm</h1>" in said
    assert "Your answer is kept for 15 minutes and does not count yet. Log in again as bob" in said
    assert "Nothing has changed" not in said
    assert AGAIN in said


async def test_an_override_is_not_kept(web: httpx.AsyncClient, house: House) -> None:
    """Whoever decides alone sends it again, and has their words to copy."""
    house.receipt = NEEDED
    log_in_at(web, "eli", timedelta(minutes=6))
    form = form_of(await web.get(PAGE), "override")
    answer = await web.post(PAGE, data={**form, "outcome": "approved", "reason": "my words"})
    said = html.unescape(answer.text)
    assert "<h1>Log in again first</h1>" in said
    assert "Nothing has changed by it. Log in again as eli and send it" in said
    assert "my words</blockquote>" in said
    assert AGAIN in said


async def test_one_button_confirms_what_is_kept(web: httpx.AsyncClient, house: House) -> None:
    """After the login it shows what was said, and sends the outcome alone, for what was shown then."""
    house.approval = wants_high(comment="required", comment_on=["approved"])
    log_in_at(web, "bob", timedelta(minutes=6))
    waits = (await web.get(PAGE)).text
    assert AGAIN in waits
    assert ">Confirm<" not in waits
    log_in_at(web, "bob", timedelta())
    page = (await web.get(PAGE)).text
    assert all(said in page for said in ("<strong>Approve</strong>, is kept", "my words</blockquote>", ">443<"))
    [form] = [f for f in re.findall(r"<form.*?</form>", page, re.DOTALL) if ">Confirm<" in f]
    assert "required" not in form
    fields = {**dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))}
    await web.post(PAGE, data=fields)
    (sent,) = house.sent
    assert (sent.pop("key"), sent) == (
        f"{fields['key']}.decide.approved",
        {
            "by": "bob",
            "via": "web",
            "id": "r1.approve.1",
            "verb": "decide",
            "outcome": "approved",
            "digest": "d1",
            "confirm": "true",
        },
    )


@pytest.mark.parametrize(
    ("changes", "is_there"),
    [
        ({}, True),
        ({"outcomes": {}}, True),
        ({"kept": []}, False),
        ({"stages": []}, False),
        ({"kept": [{"actor": "cai", "stage": "manager", "outcome": "approved", "at": NOW, "digest": "d1"}]}, False),
    ],
)
def test_nothing_is_there_to_confirm_but_my_own(changes: dict[str, Any], is_there: bool) -> None:
    """And only while I may act."""
    assert (kept_answer(wants_high(**changes), bob("high"), NOW) is not None) == is_there


def test_what_is_kept_lapses() -> None:
    """After 15 minutes there is nothing to confirm."""
    assert kept_answer(wants_high(), bob("high"), NOW + timedelta(minutes=15)) is not None
    assert kept_answer(wants_high(), bob("high"), NOW + timedelta(minutes=15, seconds=1)) is None


def test_nobody_is_sent_to_the_login_for_nothing() -> None:
    """Neither who is sure enough nor who isn't asked."""
    assert would_wait(wants_high(), bob("medium"))
    assert not would_wait(wants_high(), bob("high"))
    assert not would_wait(wants_high(stages=[]), bob("low"))


async def test_nothing_that_is_kept_becomes_markup(web: httpx.AsyncClient, house: House) -> None:
    """Whatever somebody wrote or chose."""
    said = {"comment": EVIL, "form": {EVIL: EVIL}, "edit": {EVIL: EVIL}, "on_behalf_of": "cai"}
    answer = {"actor": "bob", "stage": "manager", "outcome": EVIL, "at": NOW, "digest": EVIL, **said}
    house.approval = wants_high(kept=[answer])
    log_in_at(web, "bob", timedelta())
    page = (await web.get(PAGE)).text
    assert page.count("alert(") > 5
    assert "You give it for Cai." in page
    assert "<script" not in page
    assert "<img" not in page


async def test_many_answers_that_are_kept_say_so(bob: httpx.AsyncClient, house: House) -> None:
    """Each row says what to do, and one button leads to the login."""
    house.receipt = NEEDED
    token = hidden(await bob.get("/"))["form_token"]
    answer = await bob.post("/decisions", data={"form_token": token, "outcome": "approved", "id.1": "a"})
    assert "Your answer is kept for 15 minutes: log in again, open the request and confirm it." in answer.text
    assert 'href="/login"' in answer.text


# --- /v1 --------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls as bob."""
    async with browser(house) as client:
        client.headers["Authorization"] = "Bearer dev:bob"
        yield client


async def test_a_token_is_medium_and_told_where_to_confirm(http: httpx.AsyncClient, house: House) -> None:
    """With the page of that very approval, whatever its id holds; other receipts have no such thing."""
    house.receipt = NEEDED
    answer = await http.post("/v1/approvals/a%2Fb%3Fc/decisions", json={"outcome": "approved", "assurance": "high"})
    assert answer.status_code == 401
    assert answer.json() == {**NEEDED.model_dump(), "confirm": "http://127.0.0.1:8080/approvals/a%2Fb%3Fc"}
    house.receipt = Receipt(status="counted")
    assert "confirm" not in (await http.post("/v1/approvals/a/decisions", json={"outcome": "approved"})).json()
    assert house.sure == ["medium", "medium"]


async def test_a_batch_tells_where_to_confirm(http: httpx.AsyncClient, house: House) -> None:
    """For each that needs it, and for no other."""
    house.receipts = {"a/b": NEEDED}
    body = {"decisions": [{"id": "a/b", "outcome": "approved"}, {"id": "c", "outcome": "approved"}]}
    first, second = (await http.post("/v1/decisions:batch", json=body)).json()["receipts"]
    assert first["confirm"] == "http://127.0.0.1:8080/approvals/a%2Fb"
    assert second == {"id": "c", "status": "counted", "reason": "", "tally": "1 of 1", "key": ""}
