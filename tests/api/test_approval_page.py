"""The page of one approval and the inbox's batch, over use cases that are tables of answers."""

import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hitl_temporal.api.pages.words import moment
from hitl_temporal.domain.approval.commands import VERBS, Receipt
from hitl_temporal.domain.approval.digest import Item
from hitl_temporal.domain.inputs import HIDDEN
from hitl_temporal.service.batch import MOST
from hitl_temporal.service.errors import NotFoundError, UnavailableError
from tests.api.house import EVIL, NOW, House, a_run, an_approval, form_of, hidden, verbs_of

PAGE = "/approvals/r1.approve.1"
LATER = NOW + timedelta(hours=50)


def a_stage(**changes: Any) -> dict[str, Any]:
    stage = {"name": "manager", "state": "open", "tally": "0 of 1", "due": LATER, "may_act": ["bob"], "asked": ["bob"]}
    return {**stage, **changes}


def lived(text: str = "words") -> dict[str, Any]:
    """Return what an approval has been through, with this text wherever people may write one."""
    vote = {"key": "k", "stage": "manager", "outcome": "approved", "at": NOW, "digest": "d"}
    document = {"name": text, "url": f"https://x.example/{text}", "digest": "0" * 64}
    remark = {"actor": "cai", "at": NOW, "text": text, "attachments": [document]}
    kinds = ("comment", "info_requested", "info_provided", "sent_back", "resubmitted")
    move = {"at": NOW, "why": text, "before": NOW, "after": LATER}
    told = {"stage": "manager", "at": NOW, "text": text}
    return {
        "attachments": [document],
        "info": {"by": "cai", "to": "dee", "since": NOW},
        "shadowed": {"outcome": "rejected", "rule": text, "because": "shadow"},
        "stages": [
            a_stage(
                claim={"holder": "bob", "since": NOW, "until": LATER},
                stand_ins={"gus": "cai"},
                moves=[move],
                round=2,
                reason=text,
            )
        ],
        "decisions": [
            {**vote, "actor": "gus", "on_behalf_of": "cai", "comment": text, "form": {text: text}},
            {**vote, "actor": "eli", "kind": "override"},
        ],
        "voided": [{"decision": {**vote, "actor": "dee", "comment": text}, "why": "sent_back", "at": NOW}],
        "conversation": [{**remark, "number": n, "kind": k, "to": "ann" if n else None} for n, k in enumerate(kinds)],
        "amendments": [
            {
                "kind": "edit",
                "actor": "cai",
                "at": NOW,
                "changes": {"inputs.port": {"before": 22, "after": text}},
                "reason": text,
                "digest": "d",
            }
        ],
        "deliveries": [
            {k: v for k, v in {**told, "id": "1", "person": "dee", "occasion": "notice"}.items() if k != "at"},
            {"id": "2", "person": "gus", "occasion": "asked", "stage": "manager", "state": "failed", "reason": text},
        ],
        "form": {
            "note": {"type": "string", "title": text, "description": text, "default": text},
            "amount": {"type": "integer", "minimum": 1},
            "teams": {"type": "array", "items": {"type": "string", "enum": ["red", text]}},
        },
        "required": ["amount"],
        "edit": {"inputs.port": 22, "inputs.host": text},
        "break_glass": ["bob"],
    }


async def test_what_is_sensitive_is_typed_unseen(bob: httpx.AsyncClient, house: House) -> None:
    """A field of a form and a value to edit: no browser shows or keeps what is typed, and none comes back."""
    pin = {"type": "string", "writeOnly": True}
    house.approval = an_approval(form={"pin": pin}, required=["pin"], edit={"inputs.key": HIDDEN}, stages=[a_stage()])
    page = await bob.get(PAGE)
    for name in ("form.text.pin", "edit.text.inputs.key"):
        (field,) = re.findall(rf'<input[^>]* name="{name}"[^>]*>', page.text)
        assert 'type="password"' in field
        assert 'value=""' in field
        assert 'autocomplete="off"' in field
    assert form_of(page, "decide")["was.edit.text.inputs.key"] == ""


async def test_the_page_tells_all_that_has_happened(bob: httpx.AsyncClient, house: House) -> None:
    """Conversation, documents, claims, stand-ins, moved deadlines, void answers, changes, who was told."""
    house.approval = an_approval(**lived())
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (await bob.get(PAGE)).text))
    for said in (
        "Cai has asked Dee for more; deadlines stand still",
        "A rule would have decided rejected; people decide.",
        f"Claimed by Bob until {moment(LATER)} (in 2 days)",
        "Gus stands in for Cai",
        "Asked for the 2. time",
        "Deadline moved from",
        "Gus for Cai",
        "as admin, alone",
        "Counts no more: sent back",
        "Cai said",
        "Cai asked Ann",
        "Cai sent it back to Ann",
        "Cai, with an answer",
        "inputs.port22 words",
        "1 message ",
        "Dee: notice for manager",
        "Messages that did not arrive",
    ):
        assert said in page, said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"info": {"by": "bob", "to": "ann", "since": NOW, "rework": True}}, "Sent back by Bob: it goes on when Ann"),
        ({"shadowed": {"outcome": "x", "rule": "", "because": "shadow", "agrees": True}}, "and people agree"),
        ({"shadowed": {"outcome": "x", "rule": "", "because": "sample", "agrees": False}}, "have decided otherwise"),
        (
            {
                "cooling": {"outcome": "approved", "reason": "", "stage": "s", "since": NOW, "until": LATER},
                "stages": [],
            },
            f"may take it back until {moment(LATER)} (in 2 days)",
        ),
    ],
)
async def test_the_page_says_what_keeps_a_request(
    bob: httpx.AsyncClient, house: House, changes: dict[str, Any], said: str
) -> None:
    """Sent back, cooling off, agreed with a rule or not."""
    house.approval = an_approval(**changes)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (await bob.get(PAGE)).text))
    assert said in page


@pytest.mark.parametrize(
    ("me", "changes", "said"),
    [
        ("cai", {"stages": [a_stage(claim={"holder": "bob", "since": NOW, "until": LATER}, asked=["cai"])]}, "bob has"),
        ("bob", {"stages": [], "info": {"by": "cai", "to": "ann", "since": NOW, "rework": True}}, "It was sent back"),
        (
            "bob",
            {
                "stages": [],
                "cooling": {"outcome": "approved", "reason": "", "stage": "s", "since": NOW, "until": LATER},
            },
            "It is decided: approved.",
        ),
    ],
)
async def test_who_waits_is_told_for_what(
    web: httpx.AsyncClient, house: House, me: str, changes: dict[str, Any], said: str
) -> None:
    """For the holder of a claim, for the requester, or for the end."""
    house.approval = an_approval(**changes)
    await web.post("/login", data={"user": me})
    assert said in (await web.get(PAGE)).text


async def test_nothing_that_people_wrote_becomes_markup_or_a_script(bob: httpx.AsyncClient, house: House) -> None:
    """Also in documents, changes, forms and messages; only web addresses are links."""
    changes = lived(EVIL)
    changes["attachments"].append({"name": "sly", "url": "javascript:alert(1)"})
    house.approval = an_approval(**changes)
    page = (await bob.get(PAGE)).text
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("alert(") > 25
    assert 'href="javascript' not in page
    assert not re.search(r"\son\w+=\"", re.sub(r'"[^"]*"', '""', page))


async def test_a_page_offers_what_the_visitor_may_do_and_no_more(web: httpx.AsyncClient, house: House) -> None:
    """Each verb at most once, and all of them to somebody."""
    house.approval = an_approval(**lived())
    seen: dict[str, list[str]] = {}
    for person in ("ann", "bob", "cai", "dee", "eli", "gus"):
        await web.post("/login", data={"user": person})
        seen[person] = verbs_of(await web.get(PAGE))
        assert len(set(seen[person])) == len(seen[person])
    assert seen["cai"] == ["comment"]
    assert seen["dee"] == ["provide_info", "comment"]
    assert seen["ann"] == ["provide_info", "comment", "amend", "withdraw", "add_approver"]
    assert {v for offered in seen.values() for v in offered} == VERBS.keys() - {"claim", "retract"}


# --- Answers ----------------------------------------------------------------------------------------------------------


async def test_an_answer_has_form_and_changes(bob: httpx.AsyncClient, house: House) -> None:
    """Typed values, and of what may be changed only what was."""
    house.approval = an_approval(**lived())
    page = await bob.get(PAGE)
    assert re.findall(r'name="(?:form|edit)\.[^"]+"', page.text) == [
        'name="form.text.note"',
        'name="form.json.amount"',
        'name="form.json.teams.0"',
        'name="form.json.teams.1"',
        'name="edit.json.inputs.port"',
        'name="edit.text.inputs.host"',
    ]
    assert len(re.findall("formnovalidate", page.text)) == 2, "who says no need not fill in the form"
    typed = {"form.json.amount": "7", "form.json.teams.1": '"words"', "edit.json.inputs.port": "443"}
    host = {"edit.text.inputs.host": "words", "form.text.note": "n"}
    sent = {**form_of(page, "decide"), **typed, **host, "outcome": "approved"}
    assert (await bob.post(PAGE, data=sent)).status_code == 200
    assert house.sent[0]["form"] == {"amount": 7, "teams": ["words"], "note": "n"}
    assert house.sent[0]["edit"] == {"inputs.port": 443}
    assert house.sent[0]["digest"] == "d1"


async def test_what_does_not_fit_comes_back_to_be_mended(bob: httpx.AsyncClient, house: House) -> None:
    """With what was typed, in the form that it was typed into, and a key for another try."""
    house.approval = an_approval(**lived())
    house.receipt = Receipt(status="invalid", reason=f"form.amount: {EVIL} is no number")
    page = await bob.get(PAGE)
    typed = {"form.json.amount": "many", "form.json.teams.0": '"red"', "comment": "my words", "outcome": "approved"}
    answer = await bob.post(PAGE, data={**form_of(page, "decide"), **typed})
    assert answer.status_code == 422
    assert "is no number. Nothing has changed; mend it below." in html.unescape(answer.text)
    assert 'value="many"' in answer.text
    assert "checked" in answer.text
    assert "my words</textarea>" in answer.text
    assert form_of(answer, "decide")["key"] != form_of(page, "decide")["key"]
    assert "<script" not in answer.text


async def test_who_may_not_see_it_is_told_all_the_same(bob: httpx.AsyncClient, house: House) -> None:
    """A request that is not theirs to read is not shown, whatever they typed."""
    form = form_of(await bob.get(PAGE), "decide")
    house.receipt = Receipt(status="invalid", reason="unknown outcome")
    house.hides = NotFoundError("none that you take part in")
    answer = await bob.post(PAGE, data={**form, "outcome": "x"})
    assert (answer.status_code, "Your answer does not fit" in answer.text, "Open port" in answer.text) == (
        422,
        True,
        False,
    )


# --- Other verbs ------------------------------------------------------------------------------------------------------

FORMS: dict[str, tuple[str, dict[str, Any], dict[str, str], dict[str, Any]]] = {
    "comment": ("bob", {}, {"text": "hi"}, {"text": "hi"}),
    "request_info": ("bob", {}, {"text": "why?", "to": ""}, {"text": "why?"}),
    "provide_info": ("ann", {"info": {"by": "bob", "to": "ann", "since": NOW}}, {"text": "so"}, {"text": "so"}),
    "delegate": ("bob", {}, {"to": "cai", "reason": ""}, {"to": "cai"}),
    "reassign": ("gus", {}, {"from": "bob", "to": "cai", "reason": "r"}, {"from": "bob", "to": "cai", "reason": "r"}),
    "add_approver": ("ann", {}, {"to": "cai", "reason": ""}, {"to": "cai"}),
    "claim": ("bob", {}, {}, {}),
    "release_claim": (
        "bob",
        {"stages": [a_stage(claim={"holder": "bob", "since": NOW, "until": LATER})]},
        {},
        {},
    ),
    "amend": (
        "ann",
        {"material": {"inputs.port": 22}},
        {"set.json.inputs.port": "443", "reason": "typo"},
        {"set": {"inputs.port": 443}, "reason": "typo"},
    ),
    "extend": ("gus", {}, {"by": "2bd", "reason": "r"}, {"by": "2bd", "reason": "r"}),
    "retract": (
        "bob",
        {
            "stages": [],
            "cooling": {"outcome": "approved", "reason": "", "stage": "s", "since": NOW, "until": LATER},
            "decisions": [
                {"key": "k", "actor": "bob", "stage": "s", "outcome": "approved", "at": NOW, "digest": "d"},
            ],
        },
        {"reason": ""},
        {},
    ),
    "withdraw": ("ann", {}, {"reason": "r"}, {"reason": "r"}),
    "override": ("eli", {}, {"outcome": "approved", "reason": "r"}, {"outcome": "approved", "reason": "r"}),
    "decide": ("bob", {}, {"outcome": "approved", "comment": "c"}, {"outcome": "approved", "comment": "c"}),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_each_verb_is_sent_from_its_form(web: httpx.AsyncClient, house: House, verb: str) -> None:
    """As the visitor, without a script; what ends the request is answered, anything else leads back to it."""
    person, changes, typed, sent = FORMS[verb]
    house.approval = an_approval(**changes)
    await web.post("/login", data={"user": person})
    form = form_of(await web.get(PAGE), verb)
    answer = await web.post(PAGE, data={**form, **typed})
    if verb in {"decide", "withdraw", "override"}:
        assert answer.status_code == 200
        assert "Nothing has changed by it." not in answer.text
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    [command] = house.sent
    assert command.pop("key").startswith(f"{form['key']}.{verb}")
    assert command.pop("digest", "d1") == "d1"
    assert command == {"by": person, "via": "web", "id": "r1.approve.1", "verb": verb, **sent}


@pytest.mark.parametrize("verb", ["delegate", "amend", "comment", "override"])
async def test_a_verb_that_does_not_fit_comes_back_open(web: httpx.AsyncClient, house: House, verb: str) -> None:
    """Its form is unfolded and holds what was typed; no other form does."""
    person, changes, typed, _ = FORMS[verb]
    house.approval = an_approval(**changes)
    house.receipt = Receipt(status="invalid", reason="to: 'cai' is the requester")
    await web.post("/login", data={"user": person})
    answer = await web.post(PAGE, data={**form_of(await web.get(PAGE), verb), **typed})
    assert answer.status_code == 422
    [form] = [f for f in re.findall(r"<form.*?</form>", answer.text, re.DOTALL) if f'value="{verb}"' in f]
    for name, text in typed.items():
        field = re.search(rf'<(?:input|textarea)[^>]*name="{re.escape(name)}"[^>]*>[^<]*', form)
        assert text == "" or name == "outcome" or (field and text in field.group())
    assert answer.text.count(" open>") == (0 if verb == "comment" else 1)


@pytest.mark.parametrize(
    ("verb", "status", "said"),
    [
        ("withdraw", "counted", "Your request is withdrawn"),
        ("override", "counted", "You have decided alone"),
        ("claim", "not_eligible", "You can't do this"),
        ("claim", "recorded", "It is kept"),
        ("claim", "closed", "It is decided already"),
        ("override", "duplicate", "It was done before"),
    ],
)
async def test_receipts_of_other_verbs_are_said_in_their_words(
    bob: httpx.AsyncClient, house: House, verb: str, status: Any, said: str
) -> None:
    """Nobody who claimed is told that their answer counts."""
    house.receipt = Receipt(status=status, reason="because")
    token = hidden(await bob.get("/"))["form_token"]
    answer = await bob.post(PAGE, data={"form_token": token, "verb": verb, "reason": "my words"})
    assert f"<h1>{said}</h1>" in html.unescape(answer.text)


async def test_what_is_no_verb_is_refused(bob: httpx.AsyncClient, house: House) -> None:
    """A form of another version, or of somebody's making."""
    token = hidden(await bob.get("/"))["form_token"]
    answer = await bob.post(PAGE, data={"form_token": token, "verb": "report_to"})
    assert (answer.status_code, house.sent) == (400, [])


# --- Many at once -----------------------------------------------------------------------------------------------------


def rows(*names: str) -> tuple[Item, ...]:
    row = {"flow": "f", "requester": "ann", "state": "open", "due": None, "tally": "0 of 1"}
    return tuple(Item.model_validate({**row, "id": n, "title": f"Title of {n}", "digest": f"d-{n}"}) for n in names)


async def test_ticked_rows_are_answered_together(bob: httpx.AsyncClient, house: House) -> None:
    """Each bound to what its row showed; what became of each stands in a list."""
    house.waiting = rows("a/1", "b", "c")
    page = await bob.get("/")
    fields = hidden(page)
    assert re.findall(r'type="checkbox" name="id\.(\d)" value="([^"]+)"', page.text) == [
        ("1", "a/1"),
        ("2", "b"),
        ("3", "c"),
    ]
    house.receipts = {"c": Receipt(status="superseded", reason=f"it has changed {EVIL}")}
    ticked = {"id.1": "a/1", "id.3": "c", "outcome": "approved", "comment": "fine"}
    answer = await bob.post("/decisions", data={**fields, **ticked})
    assert answer.status_code == 200
    assert [(s["id"], s["outcome"], s["digest"], s["comment"], s["via"]) for s in house.sent] == [
        ("a/1", "approved", "d-a/1", "fine", "web"),
        ("c", "approved", "d-c", "fine", "web"),
    ]
    assert {s["key"] for s in house.sent} == {f"{fields['key']}.decide.approved"}
    for said in ("Title of a/1", "counted", "Title of c", "superseded", 'href="/approvals/a%2F1"', "fine</blockquote>"):
        assert said in answer.text
    assert "<script" not in answer.text


async def test_nothing_ticked_is_nothing_answered(bob: httpx.AsyncClient, house: House) -> None:
    """That is said; so is a form without an answer, and one with more than can be answered at once."""
    house.waiting = rows("a")
    fields = hidden(await bob.get("/"))
    assert "You have chosen none." in (await bob.post("/decisions", data={**fields, "outcome": "approved"})).text
    assert (await bob.post("/decisions", data={**fields, "id.1": "a"})).status_code == 400
    many = {f"id.{n}": str(n) for n in range(MOST + 1)}
    assert (await bob.post("/decisions", data={**fields, **many, "outcome": "approved"})).status_code == 422
    assert not house.sent


async def test_a_batch_needs_the_form_of_this_session(bob: httpx.AsyncClient, house: House) -> None:
    """No other page can answer for somebody."""
    assert (await bob.post("/decisions", data={"id.1": "a", "outcome": "approved"})).status_code == 403
    assert not house.sent


async def test_a_batch_without_temporal_is_said_not_to_be_recorded(bob: httpx.AsyncClient, house: House) -> None:
    """And can be sent again."""
    house.waiting = rows("a")
    fields = hidden(await bob.get("/"))
    house.receipts = {"a": UnavailableError("Temporal does not answer")}
    answer = await bob.post("/decisions", data={**fields, "id.1": "a", "outcome": "approved"})
    assert (answer.status_code, "Nothing was recorded." in answer.text) == (503, True)


async def test_a_claimed_row_says_by_whom(bob: httpx.AsyncClient, house: House) -> None:
    """An inbox shows what one has taken on."""
    house.waiting = tuple(item.but(claimed_by="bob") for item in rows("a"))
    assert re.search(r"Claimed by <span[^>]*>Bob</span>", (await bob.get("/")).text)


async def test_the_requester_is_offered_every_input_of_the_run_that_asks(web: httpx.AsyncClient, house: House) -> None:
    """By its title, as it is now, with what fits it; nothing of what must not be shown; approvers see titles, too."""
    inputs = {"source": "10.0.0.0/24", "port": 22, "days": 30, "secret": "***", "urgent": True}
    house.run = a_run(inputs=inputs)
    amendment = {"kind": "amend", "actor": "ann", "at": NOW, "digest": "d"}
    changes = {"inputs.source": {"before": "10.0.0.0/24", "after": "10.9.0.0/16"}}
    house.approval = an_approval(amendments=[{**amendment, "changes": changes}], edit={"inputs.port": 22})
    await web.post("/login", data={"user": "ann"})
    form = (await web.get("/approvals/r1.approve.1")).text.partition("Change my request")[2]
    assert re.search(r'name="set.text.inputs.source"[^>]*value="10.9.0.0/16"', form)
    assert re.search(r'>Port</label>.*?name="set.json.inputs.port"[^>]* min="1"[^>]*value="22"', form, re.DOTALL)
    assert "inputs.secret" not in form
    assert "***" not in form
    assert "inputs.hosts" not in form, "the run was not given it"
    await web.post("/login", data={"user": "bob"})
    page = (await web.get("/approvals/r1.approve.1")).text
    assert re.search(r'>Port</label>.*?name="edit.json.inputs.port"', page, re.DOTALL)
    assert "Change my request" not in page


@pytest.mark.parametrize("kind", ["override", "break_glass"])
async def test_who_decides_alone_is_told_the_outcome_and_of_the_review(
    web: httpx.AsyncClient, house: House, kind: str
) -> None:
    """A count of votes says nothing about it; only a broken glass is reviewed."""
    decision = {"key": "k", "actor": "eli", "stage": "s", "outcome": "approved", "at": NOW, "digest": "d", "kind": kind}
    house.approval = an_approval(state="approved", outcome="approved", decisions=[decision])
    await web.post("/login", data={"user": "eli"})
    token = hidden(await web.get("/"))["form_token"]
    form = {"form_token": token, "verb": "override", "outcome": "approved", "reason": "now"}
    page = (await web.post(PAGE, data=form)).text
    assert "It has ended: Approve." in page
    assert ("A review of it was asked of others." in page) == (kind == "break_glass")


async def test_a_request_without_stages_has_no_list_of_who_decides(bob: httpx.AsyncClient, house: House) -> None:
    """No heading over nothing."""
    house.approval = an_approval(state="parked", stages=[], reason="no row holds")
    page = (await bob.get(PAGE)).text
    assert "Who decides" not in page
    assert "an admin can decide alone" in page
