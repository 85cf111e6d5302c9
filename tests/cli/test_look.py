"""`hitl ls`, `inbox`, `show`, `why`, `graph`, and who is said to call."""

from datetime import UTC, datetime

import httpx
import pytest

from hitl_temporal.cli.drawing import Edge, Graph, Node, mermaid, text
from hitl_temporal.domain.audit import Trail, record

REPORT = {"ok": True, "status": "ok", "events": 1, "workflows": 1, "abandoned": 0, "problems": []}

ITEM = {"id": "r", "kind": "run", "flow": "hello", "requester": "ann", "state": "waiting", "new_in_2030": 1}
APPROVAL = {
    "id": "r.approve.1",
    "state": "open",
    "outcome": None,
    "title": "Say hello?",
    "body": "# Please\x1b[2J",
    "show": {"port": 443},
    "outcomes": {"approved": {"label": "Approve", "positive": True}, "rejected": {"label": "Reject"}},
    "requester": "ann",
    "tally": "0 of 1",
    "stages": [
        {"name": "manager", "state": "open", "tally": "0 of 1", "may_act": ["bob"], "due": "2026-03-04T08:00:00Z"}
    ],
    "decisions": [],
}


def test_a_list_in_a_pipe_is_one_tab_separated_line_a_row(hitl, service) -> None:
    """Programs cut columns by tabs, without headings."""
    service.on("GET /v1/runs", {"items": [ITEM], "next": None})

    done = hitl("ls", "--mine", "--state", "waiting", "--flow", "hello")

    assert done == (0, "r\thello\twaiting\tann\t\t\n", "")
    assert dict(service.requests[-1].url.params) == {
        "state": "waiting",
        "flow": "hello",
        "mine": "true",
        "limit": "200",
    }


def test_json_keeps_what_a_newer_server_says(hitl, service) -> None:
    """Unknown fields are handed on."""
    service.on("GET /v1/runs", {"items": [ITEM], "next": None})

    assert hitl("ls", "--json").document == {"items": [ITEM], "next": None}


def test_a_list_follows_pages_up_to_its_limit(hitl, service) -> None:
    """More than one page is fetched, and what is left out is said."""
    pages = [{"items": [ITEM | {"id": f"r{n}"}], "next": "more"} for n in range(3)]
    service.on("GET /v1/runs", *pages)

    done = hitl("ls", "--limit", "2")

    assert [row.split("\t")[0] for row in done.out.splitlines()] == ["r0", "r1"]
    assert "--limit" in done.err


def test_the_inbox_shows_what_i_may_decide(hitl, service) -> None:
    """A tab in a title does not make a column."""
    item = {
        "id": "r.approve.1",
        "title": "Say\thello?",
        "requester": "ann",
        "state": "open",
        "due": None,
        "tally": "0 of 1",
    }
    service.on("GET /v1/approvals", {"items": [item], "next": None})

    assert hitl("inbox", "--as", "bob").out == "r.approve.1\tSay\\thello?\tann\t\t0 of 1\n"


def test_the_inbox_tells_what_i_am_asked_to_answer(hitl, service) -> None:
    """Beside the list: whoever takes its rows for what may be decided is not misled."""
    owed = {"id": "r.approve.1", "title": "Say hello?", "state": "info", "waits_for": "ann"}
    service.on("GET /v1/approvals", {"items": [], "next": None})
    service.on("GET /v1/me/info-requests", {"items": [owed], "next": None})

    done = hitl("inbox", "--as", "ann")

    assert done.out == ""
    assert done.err.splitlines() == [
        "You are asked to answer:",
        "  r.approve.1  Say hello?  (hitl give-info r.approve.1 TEXT)",
    ]
    assert hitl("inbox", "--person", "ann", "--as", "gus").err.startswith("ann is asked to answer:")
    assert hitl("inbox", "--state", "info").err == ""


def test_a_state_that_there_is_not_is_a_wrong_command_line(hitl, service) -> None:
    """The service knows which there are."""
    refused = (422, {"title": "t", "status": 422, "detail": "state: no approval is 'bogus'; it is one of open"})
    service.on("GET /v1/approvals", refused)

    done = hitl("inbox", "--state", "bogus")

    assert done.code == 2
    assert "state: no approval is 'bogus'; it is one of open" in done.err


def test_show_takes_the_id_of_a_run(hitl, service, a_run) -> None:
    """Inputs, outputs and steps; as JSON everything."""
    service.on("GET /v1/runs/r", a_run())

    done = hitl("show", "r")

    assert "status:      completed" in done.out
    assert "output rule: r1" in done.out
    assert "approve\tsucceeded\tapproved" in done.out
    assert hitl("show", "r", "--json").document == a_run()


def test_show_says_until_when_a_step_has_granted(hitl, service, a_run) -> None:
    """How it stands, why it has ended, and what was wished about it, each in a row of its own."""
    grant = {"until": "2026-04-01T09:00:00Z", "extensions": [], "state": "active", "reason": ""}
    opened = {"state": "running", "outcome": None, "outputs": {}, "reason": "", "grant": grant}
    wish = {"duration": "2d", "by": "ann", "state": "refused", "approval": "r.shut.1.extend.1"}
    ended = {**grant, "state": "ended", "reason": "revoked by gus", "extensions": [wish, {**wish, "approval": None}]}
    closed = {**opened, "state": "succeeded", "grant": ended}
    service.on("GET /v1/runs/r", a_run("running", steps={"open": opened, "shut": closed}))

    lines = hitl("show", "r").out.splitlines()

    assert [line.rstrip() for line in lines[-4:]] == [
        "open\trunning\t\t\tgranted until 2026-04-01T09:00:00Z",
        "shut\tsucceeded",
        "open\tactive\t2026-04-01T09:00:00Z",
        "shut\tended\t2026-04-01T09:00:00Z\trevoked by gus\t2d by ann refused r.shut.1.extend.1; 2d by ann refused",
    ]


def test_show_says_what_is_late_and_projected(hitl, service, a_run) -> None:
    """The finish, the way to it, tickets; with `--timeline` a bar for each step."""
    late = {"state": "parked", "outcome": None, "outputs": {}, "late": True, "ticket": "INC7"}
    span = {"step": "a", "state": "parked", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}
    after = {"step": "b", "state": "waiting", "start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z"}
    projection = {"finish": after["end"], "critical_path": [span, after], "steps": [span, after], "unknown": ["c"]}
    service.on("GET /v1/runs/r", a_run("running", steps={"a": late}, late=True, projection=projection))
    service.on("GET /v1/runs/r/audit", {"facts": [], "report": REPORT})

    out = hitl("show", "r", "--timeline").out

    assert "late:        yes\n" in out
    assert "projected:   2026-03-02T11:00:00Z\ncritical path: a > b\nnot projected: c\n" in out
    assert "a\tyes\tINC7\n" in out
    assert "a > b" in out


def test_a_timeline_has_what_was_and_what_will_be(hitl, service, a_run) -> None:
    """Out of the trail and the projection; a run of which nothing has been told yet says so."""
    ahead = {"step": "b", "state": "waiting", "start": "2999-03-02T10:00:00Z", "end": "2999-03-02T11:00:00Z"}
    projection = {"finish": ahead["end"], "critical_path": [ahead], "steps": [ahead], "unknown": []}
    service.on("GET /v1/runs/r", a_run("running", projection=projection))
    began = {"name": "step.started", "key": "1", "at": datetime(2026, 3, 2, 8, tzinfo=UTC), "run_id": "f"}
    _, fact = record(Trail.begin("r", "f"), attributes={"hitl.step": "a"}, **began)
    service.on("GET /v1/runs/r/audit", {"facts": [fact.model_dump(mode="json")], "report": REPORT})

    rows = [
        line.split("\t") for line in hitl("show", "r", "--timeline").out.splitlines() if "\t=" in line or "*\t" in line
    ]

    assert [(row[1], row[2].strip()[0], row[3]) for row in rows] == [("a", "=", "running"), ("b", "-", "projected")]
    assert [b["step"] for b in hitl("show", "r", "--timeline", "--json").document["timeline"]] == ["a", "b"]
    service.on("GET /v1/runs/r", a_run("running"))
    service.on("GET /v1/runs/r/audit", {"facts": [], "report": REPORT})
    assert "nothing has been told" in hitl("show", "r", "--timeline").err


def test_show_takes_the_id_of_an_approval_and_spells_control_characters_out(hitl, service) -> None:
    """What people wrote can't drive the terminal."""
    service.on("GET /v1/approvals/r.approve.1", APPROVAL)

    done = hitl("show", "r.approve.1")

    assert "manager\topen\t0 of 1\tbob\t2026-03-04T08:00:00Z" in done.out
    assert "# Please\\x1b[2J" in done.out
    assert hitl("show", "r.approve.1", "--json").document == APPROVAL


def test_an_id_that_is_neither_is_said_to_be_unknown(hitl) -> None:
    """One line for both."""
    done = hitl("show", "nope")

    assert done.code == 1
    assert done.err.startswith("hitl: there is no run or approval 'nope'")


def test_why_says_what_would_move_a_run(hitl, service, a_run) -> None:
    """One row a step that does not move."""
    reason = {
        "step": "approve",
        "state": "waiting",
        "reason": "answer",
        "by": ["r.approve.1", "bob"],
        "releases": "bob",
    }
    service.on("GET /v1/runs/r", a_run("waiting")).on("GET /v1/runs/r/why", [reason])

    assert hitl("why", "r").out == "approve\twaiting\tanswer\tr.approve.1, bob\tbob\t\t\n"
    more = {"since": "2026-03-02T09:00:00Z", "late": True, "ticket": "INC7", "acknowledged": "gus"}
    service.on("GET /v1/runs/r/why", [{**reason, **more}])
    assert hitl("why", "r").out.endswith("\tbob\t2026-03-02T09:00:00Z\tlate, ticket INC7, gus looks at it\n")
    service.on("GET /v1/runs/r/why", [reason])
    assert hitl("why", "r", "--json").document == [reason]


def test_why_of_an_approval_names_who_may_answer(hitl, service) -> None:
    """The service explains runs; stages explain an approval."""
    service.on("GET /v1/approvals/r.approve.1", APPROVAL)

    [reason] = hitl("why", "r.approve.1", "--json").document

    assert reason["by"] == ["bob"]
    assert reason["releases"] == "an answer to r.approve.1 by bob, or its end at 2026-03-04T08:00:00Z"


def test_why_of_a_run_that_has_ended_is_nothing(hitl, service, a_run) -> None:
    """Nothing is asked of a run that has ended."""
    service.on("GET /v1/runs/r", a_run())

    assert hitl("why", "r", "--json").document == []


GRAPH = {
    "flow": "hello",
    "nodes": [{"id": "draft", "verb": "call", "state": "succeeded"}, {"id": "end", "verb": "ask", "state": "waiting"}],
    "edges": [{"from": "draft", "to": "end", "results": ["done", "failed"]}],
}


def test_a_graph_of_a_run_is_drawn_for_mermaid_and_as_text(hitl, service) -> None:
    """Steps are numbered, since `end` is a word of Mermaid's own."""
    service.on("GET /v1/runs/r/graph", GRAPH)

    drawn = hitl("graph", "r").out

    assert drawn.startswith('flowchart TD\n  s0["draft · call<br/>succeeded"]\n')
    assert "  s0 --> |done, failed| s1\n" in drawn
    assert hitl("graph", "r", "--format", "text").out.splitlines() == [
        "draft  call  succeeded  at once",
        "end    ask   waiting  after draft (done, failed)",
    ]
    assert hitl("graph", "r", "--json").document == GRAPH


def test_a_graph_of_a_flow_is_drawn_out_of_its_document(hitl, service) -> None:
    """Before a run, no service is needed."""
    hitl("init", "p")

    done = hitl("graph", "hello", "--format", "text")
    assert done.code == 1, "the project is where HITL_PROJECT says"
    service.requests.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HITL_PROJECT", "p")
        assert hitl("graph", "hello", "--format", "text").out == "draft    call  at once\napprove  ask   after draft\n"
    assert not service.requests


def test_a_flow_that_is_not_there_is_told_with_those_that_are(hitl, service) -> None:
    """A misspelt flow is taken for a run, which nobody may see without saying who they are."""
    hitl("init", "p")
    service.on("GET /v1/runs/helo/graph", (401, {"title": "Who?", "status": 401, "detail": "say who you are"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HITL_PROJECT", "p")
        done = hitl("graph", "helo")
    assert done.code == 1
    assert "no flow is named 'helo'" in done.err
    assert "say who you are" in done.err
    assert "flows of this project: hello" in done.err
    assert "this project has no flows" in hitl("graph", "nothing").err


def test_a_graph_with_an_unknown_end_of_an_edge_is_still_drawn() -> None:
    """A step of a newer server may hang on something that is no node here."""
    found = Graph("f", (Node("a", "call"),), (Edge("gone", "a", ("succeeded",)),))

    assert list(mermaid(found)) == ["flowchart TD", '  s0["a · call"]']
    assert list(text(found)) == ["a  call  after gone"]


@pytest.mark.parametrize(
    ("environment", "words", "sent"),
    [
        ({}, ("ls",), None),
        ({"HITL_USER": "ann"}, ("ls",), "Bearer dev:ann"),
        ({"HITL_USER": "ann", "HITL_TOKEN": "t"}, ("ls",), "Bearer t"),
        ({"HITL_USER": "ann", "HITL_TOKEN": "t"}, ("ls", "--as", "bob"), "Bearer dev:bob"),
        ({"HITL_TOKEN": "t"}, ("--as", "bob", "ls"), "Bearer dev:bob"),
    ],
)
def test_who_calls_is_said_by_as_then_the_token_then_the_user(
    hitl, service, monkeypatch, environment, words, sent
) -> None:
    """`--as` goes before HITL_TOKEN, and that before HITL_USER."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service.on("GET /v1/runs", {"items": [], "next": None})

    assert hitl(*words).code == 0
    assert service.requests[-1].headers.get("Authorization") == sent


def test_whoever_says_nothing_is_told_how_to_say_it(hitl, service) -> None:
    """The service speaks of headers, people set options."""
    service.on("GET /v1/runs", (401, {"status": 401, "detail": "who are you?"}))

    assert hitl("ls").err == "hitl: who are you?; here: set HITL_TOKEN, or say --as USER under `hitl up`\n"


def test_the_address_comes_from_the_environment(hitl, service, monkeypatch) -> None:
    """HITL_URL may have a path of its own."""
    monkeypatch.setenv("HITL_URL", "https://hitl.example.com/sub/")
    service.on("GET /sub/v1/runs", {"items": [], "next": None})

    assert hitl("ls").code == 0
    assert str(service.requests[-1].url).startswith("https://hitl.example.com/sub/v1/runs?")


def test_a_service_that_is_not_there_is_one_line_that_says_what_to_set(hitl, service) -> None:
    """After a few attempts within five seconds."""
    service.on("GET /v1/runs", httpx.ConnectError("[Errno 111] Connection refused"))

    done = hitl("ls")

    assert done.code == 1
    assert done.err == (
        "hitl: http://127.0.0.1:8080 can't be reached ([Errno 111] Connection refused); "
        "start it with `hitl up`, or set HITL_URL to where it is\n"
    )
    assert service.now < 5


@pytest.mark.parametrize(("name", "value"), [("HITL_HTTP_PORT", "http"), ("HITL_URL", "127.0.0.1:8080")])
def test_a_setting_that_means_nothing_is_one_line(hitl, monkeypatch, name, value) -> None:
    """The line names the variable."""
    monkeypatch.setenv(name, value)

    done = hitl("ls")

    assert done.code in {1, 2}
    assert done.err.count("\n") == 1
    assert name in done.err


BLOB = {"$blob": "sha256:" + "a" * 64, "size": 300_000, "type": "application/json"}
GIVEN = {
    "id": "r",
    "flow": "hello",
    "status": "running",
    "requester": "ann",
    "started": "2026-03-02T09:00:00Z",
    "outputs": {},
    "inputs": {},
    "steps": {"load": {"state": "succeeded", "outputs": {"rows": BLOB, "n": 3}}},
}


@pytest.mark.parametrize(
    ("words", "printed"),
    [(["rows"], [1, 2]), (["n"], 3), ([], {"rows": [1, 2], "n": 3})],
    ids=["large", "small", "all"],
)
def test_an_output_is_printed_wherever_it_is_kept(hitl, service, words: list[str], printed: object) -> None:
    """A reference is followed; what lies in the run is there already."""
    service.on("GET /v1/runs/r", GIVEN).on(f"GET /v1/runs/r/blobs/sha256%3A{'a' * 64}", [1, 2])

    assert hitl("output", "r", "load", *words).document == printed


@pytest.mark.parametrize(("words", "said"), [(["none"], "it has load"), (["load", "none"], "it has given rows, n")])
def test_an_output_that_is_not_there_is_an_error_with_those_that_are(
    hitl, service, words: list[str], said: str
) -> None:
    """A name may be misspelt."""
    service.on("GET /v1/runs/r", GIVEN)

    done = hitl("output", "r", *words)

    assert done.code == 1
    assert said in done.err
