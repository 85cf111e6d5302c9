"""The web pages over use cases that are tables of answers: what people see, and what nobody can make them do."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hitl_temporal.api.pages.route import SECURITY
from hitl_temporal.api.pages.words import RECEIPTS
from hitl_temporal.api.receipts import receipt_response
from hitl_temporal.domain.approval.commands import STATUSES, Receipt
from hitl_temporal.domain.approval.digest import Item
from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.flow.views import Reason, StepResult
from hitl_temporal.service.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServiceError,
    UnansweredError,
    UnavailableError,
)
from hitl_temporal.service.jobs import Job
from hitl_temporal.service.runs import Refusal, RunItem
from tests.api.house import BASE, EVIL, FLOW, NOW, House, a_run, a_trail, an_approval, browser, form_of, hidden

# Sessions and identity


@pytest.mark.parametrize(
    "path", ["/", "/catalog", "/catalog/test_flow", "/approvals/a%2Fb%20c%3F%23%25%26x", "/runs/r1", "/?cursor=x"]
)
async def test_pages_lead_to_the_login_and_back(web: httpx.AsyncClient, path: str) -> None:
    """Without a session every page sends to `/login`, which sends back to where the person wanted to be."""
    away = await web.get(path)
    assert away.status_code == 303
    login = await web.get(away.headers["location"])
    back = await web.post("/login", data={"user": "bob", "next": hidden(login)["next"]})
    assert back.headers["location"] == path
    assert (await web.get(back.headers["location"])).status_code == 200


async def test_the_session_cookie_is_kept_from_scripts_and_other_sites(web: httpx.AsyncClient) -> None:
    """The cookie is HttpOnly, SameSite=Lax, for every path, and ends by itself."""
    cookie = (await web.post("/login", data={"user": "bob"})).headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/", "max-age=43200"))


@pytest.mark.parametrize("user", ["nobody", "zoe", "", EVIL])
async def test_only_active_people_log_in(web: httpx.AsyncClient, user: str) -> None:
    """Who is unknown or inactive gets no session, but the form again with what they typed, escaped."""
    answer = await web.post("/login", data={"user": user})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'name="user"' in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}]
)
async def test_a_foreign_host_or_a_proxy_has_no_login(bob: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Through another name or a proxy nobody can log in, and a session that somebody has does not count."""
    shown = await bob.get("/login", headers=headers)
    assert "No login is set up" in shown.text
    assert 'name="user"' not in shown.text
    answer = await bob.post("/login", data={"user": "bob"}, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert (await bob.get("/", headers=headers)).status_code == 303


async def test_there_is_no_login_outside_development(house: House) -> None:
    """`hitl serve` has no development identity."""
    async with browser(house, is_development=False) as web:
        assert "No login is set up" in (await web.get("/login")).text
        assert (await web.post("/login", data={"user": "bob"})).status_code == 403


async def test_another_site_can_not_log_people_in(web: httpx.AsyncClient) -> None:
    """A login form that another origin sends is refused; one of our own page is not."""
    foreign = await web.post("/login", data={"user": "bob"}, headers={"Origin": "http://localhost:9999"})
    assert (foreign.status_code, "set-cookie" in foreign.headers) == (403, False)
    assert (await web.post("/login", data={"user": "bob"}, headers={"Origin": BASE})).status_code == 303


async def test_logging_out_ends_the_session(bob: httpx.AsyncClient) -> None:
    """The button forgets the cookie; looking at `/logout` does not, nor does a form of another site."""
    token = hidden(await bob.get("/"))["form_token"]
    assert (await bob.get("/logout")).status_code == 303
    assert (await bob.post("/logout")).status_code == 403
    assert (await bob.get("/")).status_code == 200
    assert (await bob.post("/logout", data={"form_token": token})).headers["location"] == "/login"
    assert (await bob.get("/")).status_code == 303


async def test_the_cookie_is_no_key_to_the_api(bob: httpx.AsyncClient) -> None:
    """Routes under `/v1` know nothing of sessions, so no other page can use one there."""
    assert (await bob.get("/v1/approvals")).status_code == 401


# Forms


async def test_a_form_of_another_session_is_refused(bob: httpx.AsyncClient, house: House) -> None:
    """A form without the session's own token is 403 and does nothing."""
    for path in ("/approvals/r1.approve.1", "/catalog/test_flow", "/logout"):
        for token in ({}, {"form_token": ""}, {"form_token": "0" * 64}, {"form_token": "é"}):
            answer = await bob.post(path, data={"outcome": "approved", **token})
            assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    old = hidden(await bob.get("/"))["form_token"]
    await bob.post("/login", data={"user": "bob"})
    assert (await bob.post("/approvals/r1.approve.1", data={"form_token": old})).status_code == 403
    assert not house.sent


async def test_a_form_has_bounds(bob: httpx.AsyncClient) -> None:
    """A form that is too large or has too many fields is refused with a page."""
    assert (await bob.post("/login", data={"user": "x" * 300_000})).status_code == 413
    assert (await bob.post("/login", data={f"f{n}": "" for n in range(501)})).status_code == 400


# Inbox


async def test_the_inbox_shows_what_waits_and_what_i_started(bob: httpx.AsyncClient, house: House) -> None:
    """Each approval has title, tally, flow, requester and due; runs have their state; more is said to be there."""
    due = NOW + timedelta(hours=50)
    house.waiting = (
        Item(id="a/1", title="Open it", flow="f", requester="ann", state="open", due=due, tally="0 of 1"),
        Item(id="a2", title=EVIL, flow=None, requester="ann", state="open", due=None, tally=EVIL),
    )
    house.runs = (RunItem(id="r 1", flow="f", requester="bob", state="completed", started=NOW, ended=NOW),)
    page = (await bob.get("/")).text
    for said in ("Open it", "0 of 1", "asked by", "Ann", "in 2 days", due.strftime("%d %b %Y, %H:%M UTC"), "completed"):
        assert said in page
    assert 'href="/approvals/a%2F1"' in page
    assert 'href="/runs/r%201"' in page
    assert 'href="/?cursor=more"' in page
    assert "<script" not in page
    assert "<img" not in page


async def test_the_inbox_shows_what_i_am_asked_to_answer(bob: httpx.AsyncClient, house: House) -> None:
    """In a group of its own: nothing there can be ticked; what waits for others is not in it."""
    row = {"flow": "f", "requester": "ann", "state": "info", "due": None, "tally": ""}
    house.waiting = tuple(
        Item.model_validate({"id": n, "title": f"Title {n}", "waits_for": n, **row}) for n in ("bob", "cai")
    )
    _, _, asked = (await bob.get("/")).text.partition("You are asked to answer")
    assert "Title bob" in asked
    assert "Title cai" not in asked
    assert "checkbox" not in asked


async def test_an_empty_inbox_says_so(bob: httpx.AsyncClient) -> None:
    """Nothing to decide and nothing started are said in words."""
    page = (await bob.get("/?cursor=last")).text
    assert "Nothing waits for you." in page
    assert "You have started nothing yet." in page


# One approval


async def test_an_approval_shows_everything_to_decide_on(bob: httpx.AsyncClient, house: House) -> None:
    """Title, body, values, stages with tally and who may act, decisions, failed messages, a button per outcome."""
    decision = {"key": "k", "actor": "cai", "stage": "first", "outcome": "later", "comment": "hm\n\nno", "at": NOW}
    lost = {"id": "1", "person": "dee", "occasion": "asked", "stage": "manager", "state": "failed", "reason": "bounced"}
    house.approval = an_approval(decisions=[{**decision, "digest": "d1"}], deliveries=[lost])
    page = (await bob.get("/approvals/r1.approve.1")).text
    for said in (
        '<h1 dir="auto">Open port 22</h1>',
        "<strong>30</strong>",
        "0 of 1, bob pending",
        "May act: ",
        "Bob",
        "Cai",
        "hm\n\nno",
        "Dee",
        "bounced",
    ):
        assert said in page
    assert re.findall(r'name="outcome" value="(\w+)"', page) == ["approved", "rejected", "later"]
    assert 'for="comment"' in page


async def test_a_decision_carries_what_was_shown(bob: httpx.AsyncClient, house: House) -> None:
    """The answer has the digest that the page showed and the key it was made with, as the person of the session."""
    page = await bob.get("/approvals/r1.approve.1")
    fields = form_of(page, "decide")
    sent = {**fields, "outcome": "rejected", "comment": "no\r\nreally", "actor": "ann", "assurance": "high"}
    answer = await bob.post("/approvals/r1.approve.1", data=sent)
    assert answer.status_code == 200
    assert house.sent == [
        {
            "by": "bob",
            "via": "web",
            "id": "r1.approve.1",
            "verb": "decide",
            "outcome": "rejected",
            "comment": "no\nreally",
            "digest": "d1",
            "key": f"{fields['key']}.decide.rejected",
        }
    ]
    assert form_of(await bob.get("/approvals/r1.approve.1"), "decide")["key"] != fields["key"]


@pytest.mark.parametrize("status", [s for s in STATUSES if s != "invalid"])
async def test_every_receipt_is_said_in_words(bob: httpx.AsyncClient, house: House, status: Any) -> None:
    """Each receipt has a headline of its own, its reason, the status of the API, and keeps a comment not taken."""
    house.receipt = Receipt(status=status, reason=EVIL, tally="2 of 3")
    token = hidden(await bob.get("/"))["form_token"]
    data = {"form_token": token, "outcome": "approved", "comment": f"my words {EVIL}"}
    answer = await bob.post("/approvals/r1.approve.1", data=data)
    assert answer.status_code == receipt_response(house.receipt).status_code
    assert f"<h1>{html.escape(RECEIPTS[status])}</h1>" in answer.text.replace("&#39;", "&#x27;")
    assert "alert(" in answer.text
    assert "<script" not in answer.text
    assert "It stands at 2 of 3." in answer.text
    assert ("my words" in answer.text) == (status not in {"counted", "recorded"})


@pytest.mark.parametrize(
    ("who", "changes", "said"),
    [
        ("ann", {}, "It is your own request"),
        ("gus", {}, "You are not asked now"),
        ("gus", {"state": "parked", "reason": EVIL, "stages": []}, "an admin can decide alone"),
        ("gus", {"state": "timed_out", "outcome": "timed_out", "stages": []}, "It has ended: timed out."),
        ("gus", {"state": "terminated", "stages": []}, "It has ended: terminated."),
        (
            "cai",
            {
                "decisions": [
                    {"key": "k", "actor": "cai", "stage": "s", "outcome": "approved", "at": NOW, "digest": "d"}
                ]
            },
            "You have answered: approved",
        ),
    ],
)
async def test_who_can_not_decide_is_told_why(
    web: httpx.AsyncClient, house: House, who: str, changes: dict[str, Any], said: str
) -> None:
    """Instead of buttons there is a sentence."""
    house.approval = an_approval(**changes)
    await web.post("/login", data={"user": who})
    page = (await web.get("/approvals/r1.approve.1")).text
    assert said in page
    assert 'name="outcome"' not in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("rule", "on", "said"),
    [
        ("required", ["approved", "later", "rejected"], "Needed."),
        ("on_reject", ["later", "rejected"], "Needed with: Reject, Ask me later."),
        ("optional", [], "If you like;"),
    ],
)
async def test_a_needed_comment_is_announced(
    bob: httpx.AsyncClient, house: House, rule: str, on: list[str], said: str
) -> None:
    """The form says with which answers a comment is needed; the browser asks for it where it always is."""
    house.approval = an_approval(comment=rule, comment_on=on)
    page = (await bob.get("/approvals/r1.approve.1")).text
    assert said in page
    assert ('aria-describedby="comment-hint" required>' in page) == (rule == "required")


async def test_nothing_that_people_wrote_becomes_markup(bob: httpx.AsyncClient, house: House) -> None:
    """Scripts in any text of an approval, ids included, are shown as text."""
    decision = {"key": "k", "actor": EVIL, "stage": EVIL, "outcome": EVIL, "comment": EVIL, "at": NOW, "digest": "d"}
    lost = {"id": "1", "person": EVIL, "occasion": "asked", "stage": EVIL, "state": "failed", "reason": EVIL}
    stage = {"name": EVIL, "state": "open", "tally": EVIL, "may_act": ["bob", EVIL], "due": None, "reason": EVIL}
    house.approval = an_approval(
        id=f"{EVIL}/..",
        title=EVIL,
        body=f"**{EVIL}** `{EVIL}`",
        show={EVIL: EVIL, "list": [EVIL, {EVIL: EVIL}], "deep": {"a": {"b": {"c": EVIL}}}},
        outcomes={EVIL: {"label": EVIL}},
        digest=EVIL,
        requester=EVIL,
        on_behalf_of=EVIL,
        origin={"run": EVIL, "step": "s", "attempt": 1, "flow": EVIL},
        reason=EVIL,
        stages=[stage],
        decisions=[decision],
        deliveries=[{**lost, "channel": EVIL}],
    )
    page = (await bob.get(f"/approvals/{quote(EVIL, safe='')}")).text
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("alert(") > 15


# One run


async def test_a_run_shows_steps_reasons_and_trail(bob: httpx.AsyncClient, house: House) -> None:
    """States, why it waits and for whom, the question, and the timeline with what its verification found."""
    by = ("r1.approve.1", "bob")
    house.reasons = (Reason(step="approve", state="waiting", reason="answer", since=NOW, by=by, releases="an answer"),)
    house.facts = a_trail("run.started", "step.started", **{"hitl.actor": "ann", "hitl.step": "risk"})
    page = (await bob.get("/runs/r1")).text
    for said in ("test_flow", "10.0.0.0/24", "succeeded", "Waits for an answer from", "Bob", "Step started", "Ann"):
        assert said in page
    assert "Unchanged as far as it goes (2 facts)" in page
    assert 'href="/approvals/r1.approve.1"' in page
    assert '<rect class="running" x="0.00" y="0" width="100.00" height="4"/>' in page


async def test_a_step_that_parked_says_its_error_once(bob: httpx.AsyncClient, house: House) -> None:
    """With what releases it, the exit code as one, and no alarm about what was skipped."""
    parked = StepResult(state="parked", outcome="3", reason="ExitCode: disk full", since=NOW)
    skipped = StepResult(state="skipped", reason="branch 0 was taken", since=NOW)
    house.run = a_run(steps={"load": parked, "small": skipped})
    house.reasons = (Reason(step="load", state="parked", reason="ExitCode: disk full", since=NOW, releases="a rerun"),)
    page = (await bob.get("/runs/r1")).text
    assert page.count("disk full") == 1
    assert "Released by a rerun." in page
    assert "Exit code 3. Since" in page
    assert '<p class="wide" dir="auto">branch 0 was taken</p>' in page


JOB = Job(
    step="risk",
    call="hitl.run_command",
    state="running",
    attempt=2,
    attempts=3,
    since=NOW,
    again=None,
    worker="7@batch",
    error="disk full",
    stdout=f"42 rows {EVIL}",
    stderr="",
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Attempt 2 of 3, since"),
        ({"state": "queued", "again": NOW}, "Tried again"),
        ({"state": "queued", "worker": ""}, "Waits for a worker."),
        ({"state": "cancelling"}, "Is being stopped"),
        ({"state": "paused"}, "Paused in Temporal"),
    ],
)
async def test_a_run_shows_what_is_with_workers(
    bob: httpx.AsyncClient, house: House, changes: dict[str, object], said: str
) -> None:
    """Attempts, the last error, and what a command has written so far, as text."""
    house.jobs = (JOB.but(**changes),)
    page = (await bob.get("/runs/r1")).text
    assert said in page
    assert "disk full" in page
    assert "42 rows" in page
    assert EVIL not in page


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (a_trail("run.started", "run.ended"), "Verified: this trail is complete and unchanged (2 facts)"),
        (a_trail("run.started", "run.ended")[1:], "Broken: this trail is not as it was written."),
        ((), "Nothing has been told yet"),
    ],
)
async def test_a_trail_says_whether_it_is_whole(
    bob: httpx.AsyncClient, house: House, facts: tuple[Fact, ...], said: str
) -> None:
    """Verification is said in words, whatever it found."""
    house.facts = facts
    assert said in (await bob.get("/runs/r1")).text


async def test_a_run_shows_scripts_as_text(bob: httpx.AsyncClient, house: House) -> None:
    """Inputs, outputs, reasons and facts are escaped."""
    step = StepResult(state="parked", outcome=EVIL, outputs={EVIL: EVIL}, reason=EVIL, approval=EVIL, since=NOW)
    house.run = a_run(id=EVIL, reason=EVIL, inputs={EVIL: [EVIL]}, outputs={"x": EVIL}, steps={EVIL: step})
    house.reasons = (Reason(step=EVIL, state="parked", reason=EVIL, since=NOW, releases=EVIL),)
    house.facts = a_trail(f"run.{EVIL}", **{"hitl.actor": EVIL, "hitl.comment": EVIL, "hitl.step": EVIL})
    page = (await bob.get("/runs/r1")).text
    assert "<script" not in page
    assert "<img" not in page


async def test_a_refused_run_says_why(bob: httpx.AsyncClient, house: House) -> None:
    """A run that never had a result shows the reason."""
    house.run = Refusal(id="r1", flow="f", status="failed", type="InvalidInput", reason=f"port is {EVIL}")
    page = (await bob.get("/runs/r1")).text
    assert "InvalidInput" in page
    assert "port is" in page
    assert "<script" not in page


# Self-service


async def test_a_flow_is_started_from_its_form(bob: httpx.AsyncClient, house: House) -> None:
    """The form has a field per input; sending it starts one run with typed values and leads there."""
    listed = (await bob.get("/catalog")).text
    assert 'href="/catalog/test_flow"' in listed
    page = await bob.get("/catalog/test_flow")
    assert re.findall(r'name="input\.(\w+)"', page.text) == [*FLOW.inputs]
    assert "<script" not in listed + page.text
    typed = {"input.source": "10.0.0.0/24", "input.port": "22", "input.urgent": "true", "input.why": ""}
    answer = await bob.post("/catalog/test_flow", data={**hidden(page), **typed, "input.hosts": '["a"]'})
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/r%2F2")
    inputs = {"source": "10.0.0.0/24", "port": 22, "urgent": True, "hosts": ["a"]}
    assert house.sent == [{"by": "bob", "flow": "test_flow", "inputs": inputs, "key": hidden(page)["key"]}]


async def test_inputs_that_do_not_fit_come_back(bob: httpx.AsyncClient, house: House) -> None:
    """The message names the field; what was typed stands there again, but for what is secret."""
    house.error = InvalidError("input 'port': 'many' is not a whole number")
    house_page = await bob.get("/catalog/test_flow")
    typed = {"input.port": "many", "input.source": f'"{EVIL}', "input.secret": "hush"}
    answer = await bob.post("/catalog/test_flow", data={**hidden(house_page), **typed})
    assert answer.status_code == 422
    assert "is not a whole number. Nothing was started." in answer.text
    assert 'value="many"' in answer.text
    assert "hush" not in answer.text
    assert "<script" not in answer.text
    assert hidden(answer)["key"] != hidden(house_page)["key"], "another body needs another key"


# Every page


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError(f"no approval {EVIL}"), 404),
        (ForbiddenError("not yours"), 403),
        (InvalidError("cursor"), 422),
        (ConflictError("in use"), 409),
        (UnavailableError("Temporal does not answer"), 503),
    ],
)
async def test_an_error_is_a_page_with_the_status_of_the_api(
    bob: httpx.AsyncClient, house: House, error: ServiceError, status: int
) -> None:
    """Errors of use cases are pages, safe ones, with `Retry-After` where waiting helps."""
    house.error = error
    for path in ("/", "/approvals/x", "/runs/x"):
        answer = await bob.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert str(error)[1:] in html.unescape(answer.text)
        assert "<script" not in answer.text
        assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_decision_without_temporal_is_said_not_to_be_recorded(bob: httpx.AsyncClient, house: House) -> None:
    """The person is told that nothing was recorded, and that sending it again is safe."""
    token = hidden(await bob.get("/"))["form_token"]
    house.error = UnavailableError("Temporal does not answer")
    answer = await bob.post("/approvals/x", data={"form_token": token, "outcome": "approved"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "Nothing was recorded." in answer.text
    assert "it will count once" in answer.text


async def test_a_decision_whose_answer_was_lost_may_have_been_recorded(bob: httpx.AsyncClient, house: House) -> None:
    """Nobody is told otherwise; sending it again is safe."""
    token = hidden(await bob.get("/"))["form_token"]
    house.error = UnansweredError("it is not known whether this was recorded", "k")
    answer = await bob.post("/approvals/x", data={"form_token": token, "outcome": "approved"})
    assert (answer.status_code, "Nothing was recorded" in answer.text) == (503, False)
    assert "It may have been recorded." in answer.text
    assert "it will count once" in answer.text


async def test_every_page_has_security_headers(bob: httpx.AsyncClient, house: House) -> None:
    """Pages, redirects and errors alike forbid scripts, frames, foreign resources and keeping a copy."""
    answers_ = [await bob.get(path) for path in ("/", "/login", "/catalog", "/logout", "/approvals/x", "/runs/x")]
    answers_.append(await bob.post("/approvals/x"))
    house.error = NotFoundError("no")
    answers_.append(await bob.get("/approvals/x"))
    for answer in answers_:
        assert {name: answer.headers[name] for name in SECURITY} == SECURITY
        assert not re.search(r"<(script|style|img|iframe)\b|\son\w+=|\sstyle=|https?://", answer.text.split("<main")[0])
    assert "script-src" not in SECURITY["Content-Security-Policy"]
    assert "default-src 'none'" in SECURITY["Content-Security-Policy"]


async def test_pages_need_nothing_from_elsewhere(bob: httpx.AsyncClient) -> None:
    """The only resource is our stylesheet, which is there and asks for nothing itself."""
    page = (await bob.get("/")).text
    assert re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', page) == ["/static/pages.css"]
    sheet = await bob.get("/static/pages.css")
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert not re.search(r"url\(|@import", sheet.text)


async def test_pages_are_no_part_of_the_api(web: httpx.AsyncClient) -> None:
    """The API's description lists no page, and its errors stay problem details."""
    paths = (await web.get("/openapi.json")).json()["paths"]
    assert not {"/", "/login", "/catalog"} & paths.keys()
    assert (await web.get("/v1/runs")).headers["content-type"] == "application/problem+json"
