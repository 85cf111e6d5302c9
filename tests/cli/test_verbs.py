"""Every verb of an approval as a command: what it sends, how its receipt is told, and everything of one who leaves."""

import pytest

COUNTED = {"status": "counted", "reason": "", "tally": "1 of 2", "key": "k"}
REFUSED = {"status": "not_eligible", "reason": "'gus' is no admin", "tally": "", "key": "k"}
SHA = "0123456789abcdef" * 4


# --- One verb ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "route", "body"),
    [
        (("delegate", "a/b", "--to", "cai"), "POST delegations", {"to": "cai", "reason": ""}),
        (("delegate", "a/b", "--to", "cai", "-m", "r"), "POST delegations", {"to": "cai", "reason": "r"}),
        (
            ("reassign", "a/b", "--from", "ann", "--to", "cai", "-m", "r"),
            "POST reassignments",
            {"from": "ann", "to": "cai", "reason": "r"},
        ),
        (("reassign", "a/b", "--to", "cai", "-m", "r"), "POST reassignments", {"to": "cai", "reason": "r"}),
        (("add-approver", "a/b", "cai"), "POST approvers", {"to": "cai", "reason": ""}),
        (("claim", "a/b"), "POST claim", {}),
        (("release-claim", "a/b"), "DELETE claim", {}),
        (("comment", "a/b", "hello there"), "POST comments", {"text": "hello there"}),
        (
            (
                "comment",
                "a/b",
                "see",
                "--attach",
                f"plan=https://x.example/1#{SHA}",
                "--attach",
                "b=https://x.example/#2",
            ),
            "POST comments",
            {
                "text": "see",
                "attachments": [
                    {"name": "plan", "url": "https://x.example/1", "digest": SHA},
                    {"name": "b", "url": "https://x.example/#2"},
                ],
            },
        ),
        (("ask-info", "a/b", "why?"), "POST info-requests", {"text": "why?"}),
        (("ask-info", "a/b", "why?", "--to", "eli"), "POST info-requests", {"text": "why?", "to": "eli"}),
        (
            ("give-info", "a/b", "so", "--attach", f"log=https://x.example/l#sha256:{SHA}"),
            "POST info",
            {"text": "so", "attachments": [{"name": "log", "url": "https://x.example/l", "digest": SHA}]},
        ),
        (("withdraw", "a/b", "-m", "r"), "POST withdrawal", {"reason": "r"}),
        (
            ("amend", "a/b", "--set", "inputs.port=443", "--set", "inputs.host=web 1", "--set", 'vars.a={"b": [1]}'),
            "POST amendments",
            {"set": {"inputs.port": 443, "inputs.host": "web 1", "vars.a": {"b": [1]}}, "reason": ""},
        ),
        (("extend", "a/b", "--by", "2bd", "-m", "r"), "POST extensions", {"by": "2bd", "reason": "r"}),
        (("override", "a/b", "approved", "-m", "r"), "POST override", {"outcome": "approved", "reason": "r"}),
        (("retract", "a/b"), "POST retractions", {"reason": ""}),
        (
            ("decide", "a/b", "approved", "--edit", "inputs.port=443", "--edit", "inputs.host=x"),
            "POST decisions",
            {"outcome": "approved", "comment": "", "form": {}, "edit": {"inputs.port": 443, "inputs.host": "x"}},
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_each_command_is_one_request(hitl, service, words, route, body) -> None:
    """Its words stand in the body; the receipt is one line, or one document."""
    method, _, path = route.partition(" ")
    service.on(f"{method} /v1/approvals/a%2Fb/{path}", COUNTED)

    assert hitl(*words, "--as", "ann", "--key", "k1") == (0, "a/b: counted; 1 of 2\n", "")

    assert service.body() == body
    assert service.requests[-1].headers["Idempotency-Key"] == "k1"
    assert hitl(*words, "--json").document == COUNTED


def test_a_refused_verb_is_exit_1(hitl, service) -> None:
    """In one line on stderr, as for answers."""
    service.on("POST /v1/approvals/a/override", (403, REFUSED))

    assert hitl("override", "a", "approved", "-m", "r") == (1, "", "hitl: a: not eligible; 'gus' is no admin\n")


def test_whoever_names_the_run_is_told_its_open_approvals(hitl, service, a_run) -> None:
    """Also by verbs other than answers."""
    steps = {"approve": {"state": "waiting", "outcome": None, "outputs": {}, "approval": "r.approve.1"}}
    service.on("GET /v1/runs/r", a_run("waiting", steps=steps))

    assert hitl("claim", "r").err == "hitl: 'r' is a run, not an approval; its open approvals: r.approve.1\n"


@pytest.mark.parametrize(
    "words",
    [
        ("reassign", "--to", "bob", "-m", "r"),
        ("reassign", "a", "--to", "bob"),
        ("reassign", "a", "--to", "bob", "-m", "r", "--dry-run"),
        ("reassign", "a", "--from", "ann", "--to", "bob", "-m", "r", "--all"),
        ("reassign", "--to", "bob", "-m", "r", "--all"),
        ("reassign", "--from", "ann", "--to", "bob", "-m", "r", "--all", "--key", "k"),
        ("comment", "a", "text", "--attach", "plan"),
        ("comment", "a", "text", "--attach", "=https://x.example"),
        ("amend", "a"),
        ("amend", "a", "--set", "port"),
        ("extend", "a", "-m", "r"),
        ("override", "a", "approved"),
        ("approve", "a", "b", "--digest", "d"),
        ("approve",),
        ("inbox", "--digest", "--flow", "f"),
    ],
    ids=" ".join,
)
def test_a_command_line_without_a_meaning_sends_nothing(hitl, service, words) -> None:
    """Exit 2, in one line."""
    done = hitl(*words)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert not service.requests


# --- Many at once -----------------------------------------------------------------------------------------------------

BATCH = "POST /v1/decisions:batch"
RECEIPTS = {"receipts": [{"id": "a", **COUNTED}, {"id": "b", **REFUSED}, {"id": "c", **COUNTED, "tally": ""}]}


def test_many_ids_are_one_request_and_a_receipt_a_line(hitl, service) -> None:
    """Whatever is refused stands on stderr, and makes the exit 1; an id that stands twice is asked once."""
    service.on(BATCH, RECEIPTS)

    done = hitl("approve", "a", "b", "a", "c", "-m", "fine", "--as", "bob")

    assert done == (1, "a: counted; 1 of 2\nc: counted\n", "hitl: b: not eligible; 'gus' is no admin\n")
    answers = service.body()["decisions"]
    assert [(a["id"], a["outcome"], a["comment"]) for a in answers] == [(i, "approved", "fine") for i in "abc"]
    assert len({a["key"] for a in answers}) == 3


def test_many_receipts_are_one_document(hitl, service) -> None:
    """In the order of the ids."""
    service.on(BATCH, RECEIPTS)

    done = hitl("reject", "a", "b", "c", "--json")

    assert (done.code, done.document, done.err) == (1, RECEIPTS, "")


def test_when_all_count_the_exit_is_0(hitl, service) -> None:
    """One that is kept to be judged is no failure; the key is that of each, for it belongs to one approval."""
    service.on(BATCH, {"receipts": [{"id": "a", **COUNTED}, {"id": "b", **COUNTED, "status": "recorded"}]})

    assert hitl("approve", "a", "b", "--key", "mine").code == 0
    assert [a["key"] for a in service.body()["decisions"]] == ["mine", "mine"]


@pytest.mark.parametrize(("approval", "segment"), [(".", "%2E"), ("..", "%2E%2E"), ("two\nlines", "two%0Alines")])
def test_an_id_may_be_anything(hitl, service, approval, segment) -> None:
    """Also what would lead elsewhere in a path."""
    service.on(f"POST /v1/approvals/{segment}/claim", COUNTED)

    assert hitl("claim", approval).code == 0


def test_each_form_is_filled_in_as_it_declares(hitl, service) -> None:
    """The same words may be a number here and a text there."""
    for approval, kind in (("a", "integer"), ("b", "string")):
        shown = {"id": approval, "state": "open", "form": {"amount": {"type": kind}}}
        service.on(f"GET /v1/approvals/{approval}", shown)
    service.on(BATCH, {"receipts": []})

    hitl("approve", "a", "b", "-f", "amount=7")

    assert [a["form"] for a in service.body()["decisions"]] == [{"amount": 7}, {"amount": "7"}]


def test_a_form_that_can_not_be_read_keeps_no_other_from_being_answered(hitl, service) -> None:
    """What the caller may not see is the service's to refuse; what can't be read now is not sent at all."""
    service.on("GET /v1/approvals/a", {"id": "a", "state": "open", "form": {"amount": {"type": "integer"}}})
    service.on("GET /v1/approvals/away", (503, {"title": "t", "status": 503, "detail": "no worker answers"}))
    unknown = {**REFUSED, "id": "nope", "reason": "no approval 'nope'"}
    service.on(BATCH, {"receipts": [unknown, {"id": "a", **COUNTED}]})

    done = hitl("approve", "nope", "away", "a", "-f", "amount=7")

    assert [(a["id"], a["form"]) for a in service.body()["decisions"]] == [
        ("nope", {"amount": "7"}),
        ("a", {"amount": 7}),
    ]
    assert (done.code, done.out) == (1, "a: counted; 1 of 2\n")
    first, second = done.err.splitlines()
    assert first == "hitl: nope: not eligible; no approval 'nope'"
    assert second.startswith("hitl: away: unavailable; its form can't be read, so nothing was sent: no worker answers")


# --- Somebody leaves --------------------------------------------------------------------------------------------------

LEAVE = ("reassign", "--from", "ann", "--to", "bob", "--all", "-m", "ann has left", "--as", "gus")


def row(approval: str) -> dict[str, object]:
    return {"id": approval, "title": approval, "requester": "eli", "state": "open"}


def asking(approval: str, *stages: dict[str, object]) -> dict[str, object]:
    found = [{"name": f"s{n}", "state": "open", "may_act": ["ann"], **stage} for n, stage in enumerate(stages, 1)]
    return {"id": approval, "title": f"Title of {approval}", "state": "open", "stages": found}


@pytest.fixture
def places(service) -> None:
    """Three approvals in which ann has a place, on two pages, one of them parked; two in which she has none."""
    service.on(
        "GET /v1/approvals",
        {"items": [row("a"), row("two")], "next": "more"},
        {"items": [row("moved on")], "next": None},
        {"items": [row("parked"), row("two"), row("other")], "next": None},
    )
    service.on("GET /v1/approvals/a", asking("a", {}))
    service.on("GET /v1/approvals/two", asking("two", {}, {}))
    service.on("GET /v1/approvals/moved%20on", asking("moved on", {"may_act": ["cai"]}))
    service.on("GET /v1/approvals/parked", asking("parked", {"state": "parked", "may_act": [], "asked": ["ann"]}))
    service.on("GET /v1/approvals/other", asking("other", {"state": "parked", "may_act": [], "asked": ["cai"]}))


@pytest.mark.usefixtures("places")
def test_all_that_somebody_has_is_handed_over(hitl, service) -> None:
    """Every place in every stage, also where it has parked without them; a receipt each, exit 1 if any is refused."""
    for approval in ("a", "two"):
        service.on(f"POST /v1/approvals/{approval}/reassignments", COUNTED)
    service.on("POST /v1/approvals/parked/reassignments", (422, {**REFUSED, "status": "invalid"}))

    done = hitl(*LEAVE)

    assert done.code == 1
    assert done.out == "a: counted; 1 of 2\ntwo: counted; 1 of 2\ntwo: counted; 1 of 2\n"
    assert done.err.startswith("hitl: parked: invalid; ")
    lists = [r.url.params for r in service.requests if r.url.path == "/v1/approvals"]
    assert [(p.get("person"), p.get("state"), p.get("cursor")) for p in lists] == [
        ("ann", None, None),
        ("ann", None, "more"),
        (None, "parked", None),
    ]
    assert service.body() == {"from": "ann", "to": "bob", "reason": "ann has left"}
    assert len({r.headers["Idempotency-Key"] for r in service.requests if r.method == "POST"}) == 4


@pytest.mark.usefixtures("places")
def test_what_can_not_be_read_keeps_nothing_else_from_being_handed_over(hitl, service) -> None:
    """It has a line of its own, whatever a proxy made of its id; so has what can't be reached any more."""
    service.on("GET /v1/approvals/a", {"items": [], "next": None})
    service.on("POST /v1/approvals/two/reassignments", COUNTED)
    service.on("POST /v1/approvals/parked/reassignments", (404, {"title": "t", "status": 404, "detail": "it is gone"}))

    done = hitl(*LEAVE)

    assert (done.code, done.out) == (1, "two: counted; 1 of 2\ntwo: counted; 1 of 2\n")
    gone, unread = done.err.splitlines()
    assert gone == "hitl: parked: invalid; it is gone; mend it and send it again"
    assert unread.startswith("hitl: a: unavailable; it can't be read, so nothing was handed over: ")
    service.on("GET /v1/approvals", {"items": [row("a"), row("two")], "next": None})
    listed = hitl(*LEAVE, "--dry-run")
    assert (listed.code, listed.out.splitlines()[0]) == (1, "two\tTitle of two\ts1, s2")
    assert listed.err.startswith("hitl: a: it can't be read")


@pytest.mark.usefixtures("places")
def test_a_dry_run_lists_and_changes_nothing(hitl, service) -> None:
    """Where they have places, and in which stages."""
    done = hitl(*LEAVE, "--dry-run")

    assert done == (0, "a\tTitle of a\ts1\ntwo\tTitle of two\ts1, s2\nparked\tTitle of parked\ts1\n", "")
    assert {r.method for r in service.requests} == {"GET"}


@pytest.mark.usefixtures("places")
def test_a_dry_run_is_one_document(hitl) -> None:
    """For programs."""
    items = hitl(*LEAVE, "--dry-run", "--json").document["items"]

    assert items[1] == {"id": "two", "title": "Title of two", "stages": ["s1", "s2"]}


def test_who_has_nothing_leaves_nothing(hitl, service) -> None:
    """That is said, and is no failure."""
    service.on("GET /v1/approvals", {"items": [], "next": None})

    assert hitl(*LEAVE) == (0, "", "ann has no place in any open approval\n")


@pytest.mark.usefixtures("places")
def test_what_was_done_before_it_broke_off_is_told(hitl, service) -> None:
    """A service that goes away in the middle leaves receipts, not a riddle."""
    service.on("POST /v1/approvals/a/reassignments", COUNTED)
    service.on("POST /v1/approvals/two/reassignments", (503, {"title": "t", "status": 503, "detail": "gone"}))

    done = hitl(*LEAVE)

    assert (done.code, done.out, done.err) == (1, "a: counted; 1 of 2\n", "hitl: gone\n")


def test_what_was_terminated_waits_for_nothing(hitl, service) -> None:
    """How it ended is told by `show`, which offers nothing."""
    reason = "its workflow was terminated in Temporal"
    stage = {"name": "s", "state": "skipped", "may_act": []}
    labels = {"approved": {"label": "Approve", "positive": True}}
    shown = {"id": "a", "state": "terminated", "reason": reason, "stages": [stage], "outcomes": labels}
    service.on("GET /v1/approvals/a", shown)

    assert hitl("why", "a").err == "a waits for nothing; `hitl show a` says how it ended\n"
    told = hitl("show", "a").out
    assert "terminated" in told
    assert reason in told
    assert "Approve" not in told


# --- Looking ----------------------------------------------------------------------------------------------------------

AT = "2026-03-02T09:00:00Z"
LIVED = {
    "id": "a",
    "title": "Open it",
    "state": "info",
    "requester": "ann",
    "attachments": [{"name": "plan", "url": "https://x.example/1"}],
    "edit": {"inputs.port": 22},
    "outcomes": {"approved": {"label": "Approve", "positive": True}},
    "stages": [
        {
            "name": "security",
            "state": "open",
            "tally": "1 of 2",
            "may_act": ["gus"],
            "due": AT,
            "claim": {"holder": "gus", "since": AT, "until": AT},
            "stand_ins": {"gus": "cai"},
            "moves": [{"at": AT, "why": "extended by eli: holidays", "before": AT, "after": "2026-03-04T09:00:00Z"}],
        }
    ],
    "decisions": [
        {
            "actor": "sub",
            "on_behalf_of": "dee",
            "outcome": "approved",
            "stage": "security",
            "at": AT,
            "comment": "fine",
        },
        {"actor": "eli", "outcome": "approved", "stage": "security", "at": AT, "kind": "override"},
    ],
    "voided": [
        {"decision": {"actor": "cai", "outcome": "approved", "stage": "security"}, "why": "sent_back", "at": AT}
    ],
    "conversation": [
        {
            "number": 1,
            "kind": "info_requested",
            "actor": "gus",
            "to": "ann",
            "at": AT,
            "text": "Which?\x1b[2J",
            "attachments": [{"name": "log", "url": "https://x.example/2"}],
        }
    ],
    "info": {"by": "gus", "to": "ann", "since": AT},
    "amendments": [
        {
            "kind": "amend",
            "actor": "ann",
            "at": AT,
            "changes": {"inputs.port": {"before": 22, "after": 443}},
            "reason": "typo",
            "digest": "d",
        }
    ],
    "kept": [{"actor": "cai", "outcome": "approved", "stage": "security", "at": AT}],
    "cooling": {"outcome": "approved", "reason": "", "stage": "security", "since": AT, "until": AT},
    "shadowed": {"outcome": "rejected", "rule": "x", "because": "shadow", "agrees": False},
    "deliveries": [{"person": "dee", "occasion": "asked", "state": "failed", "stage": "security", "reason": "bounced"}],
}


def test_show_says_all_that_has_happened(hitl, service) -> None:
    """Conversation, changes, claims, stand-ins, deadlines moved and why, who is asked, cooling off, shadow."""
    service.on("GET /v1/approvals/a", LIVED)

    lines = hitl("show", "a").out.splitlines()

    assert {
        "attached:    plan https://x.example/1",
        "may edit:    inputs.port=22",
        f"waits for:   ann; gus has asked for more, {AT}",
        f"not counted yet: approved, since {AT}: log in afresh and confirm it on the approval's page",
        f"cooling off: approved; the deciding vote may be taken back until {AT}",
        "shadow:      a rule would have decided rejected; people have decided otherwise",
        f"claimed:     security by gus until {AT}",
        "stands in:   gus for cai in security",
        f"due moved:   security from {AT} to 2026-03-04T09:00:00Z: extended by eli: holidays",
        f"sub for dee\tapproved\tsecurity\t{AT}\tfine",
        f"eli\tapproved as admin\tsecurity\t{AT}\t",
        "cai\tapproved\tsecurity\t\tsent back",
        f"gus\tinfo requested\tann\t{AT}\tWhich?\\x1b[2J [log https://x.example/2]",
        f"ann\tinputs.port\t22\t443\t{AT}\ttypo",
        "dee\tasked\tsecurity\t\tbounced",
    } <= set(lines)
    assert hitl("show", "a", "--json").document == LIVED


def test_what_was_sent_back_waits_for_its_requester(hitl, service) -> None:
    """And a deadline that was none before says so."""
    moves = [{"at": AT, "why": "the calendar has changed", "before": None, "after": AT}]
    stage = {"name": "s1", "state": "parked", "reason": "nobody is left", "moves": moves}
    shown = {"id": "a", "state": "info", "info": {**LIVED["info"], "rework": True}, "stages": [stage]}
    service.on("GET /v1/approvals/a", shown)

    out = hitl("show", "a").out

    assert f"waits for:   ann; gus has sent it back, {AT}\n" in out
    assert f"due moved:   s1 from none to {AT}: the calendar has changed\n" in out
    assert "because:     s1: nobody is left\n" in out


def test_the_inbox_of_somebody_else(hitl, service) -> None:
    """By name, for operators."""
    service.on("GET /v1/approvals", {"items": [], "next": None})

    hitl("inbox", "--person", "ann", "--as", "gus")

    assert service.requests[-1].url.params["person"] == "ann"


def test_the_inbox_in_short(hitl, service) -> None:
    """Numbers, then the most urgent."""
    digest = {
        "person": "bob",
        "zone": "Europe/Amsterdam",
        "total": 3,
        "overdue": 1,
        "due_today": 2,
        "by_flow": {"spend": 2, "Approval": 1},
        "items": [{**row("a"), "due": AT, "tally": "0 of 1"}],
        "has_more": True,
    }
    service.on("GET /v1/me/digest", digest)

    done = hitl("inbox", "--digest")

    assert done.out.splitlines() == [
        "3 to decide, 1 overdue, 2 due today (Europe/Amsterdam)",
        "2 of spend",
        "1 of Approval",
        f"a\ta\teli\t{AT}\t0 of 1",
    ]
    assert done.err == "there are more than 3; `hitl inbox --limit N` lists them\n"
    assert hitl("inbox", "--digest", "--json").document == digest


@pytest.mark.parametrize("fragment", ["abc", SHA.upper(), SHA[:-1], f"sha256:{SHA}0", "z" * 64])
def test_a_digest_that_is_none_is_not_taken_for_a_place_in_a_document(hitl, service, fragment: str) -> None:
    """Whoever reads it later would think that nobody had said which version was meant."""
    done = hitl("comment", "a", "so", "--attach", f"spec=https://x.example/s.pdf#{fragment}")

    assert done.code == 2
    assert "is no SHA-256" in done.err
    assert not service.requests


@pytest.mark.parametrize("fragment", ["page=2", "12", "chapter-3"])
def test_a_place_in_a_document_stays_in_its_address(hitl, service, fragment: str) -> None:
    """It does not look like a digest."""
    service.on("POST /v1/approvals/a/comments", {"status": "counted"})

    assert hitl("comment", "a", "so", "--attach", f"spec=https://x.example/s.pdf#{fragment}").code == 0
    assert service.body()["attachments"] == [{"name": "spec", "url": f"https://x.example/s.pdf#{fragment}"}]


def test_show_says_what_an_answer_must_have(hitl, service) -> None:
    """Fields with what fits them, labels, where a comment is needed, how sure it must be, who may break the glass."""
    stage = {"name": "s1", "state": "open", "assurance": "high"}
    asked = {
        "id": "a",
        "state": "open",
        "form": {
            "risk": {"enum": ["low", "high"]},
            "sites": {"type": "array", "items": {"enum": ["a", "b"]}},
            "note": {"type": "string"},
            "any": {},
        },
        "required": ["risk"],
        "outcomes": {"approved": {"label": "Go"}, "rejected": {"label": "Stop", "comment": "required"}},
        "break_glass": ["eve"],
        "stages": [stage, {**stage, "name": "s2", "state": "pending"}],
        "decisions": [{"actor": "bob", "outcome": "approved", "stage": "s1", "form": {"risk": "low", "n": 2}}],
    }
    service.on("GET /v1/approvals/a", asked)

    lines = hitl("show", "a").out.splitlines()

    assert {
        "outcomes:    approved (Go), rejected (Stop)",
        "comment:     needed with rejected",
        "field:       risk: one of low, high, required to agree",
        "field:       sites: some of a, b",
        "field:       note: string",
        "field:       any: anything",
        "assurance:   high in s1",
        "emergency:   eve may decide alone (hitl override)",
        "bob\ts1\trisk\tlow",
        "bob\ts1\tn\t2",
    } <= set(lines)
    assert "assurance:   high in s2" not in lines
