"""`hitl policy replay`, `shadow`: what is sent, page by page, what is printed, and when a gate is shut."""

from typing import Any

import pytest

REPLAY, SHADOW = "POST /v1/flows/spend/policy-replays", "GET /v1/flows/spend/shadow"
FLOW = """
flow: spend
calendar: office
steps:
  - {id: risk, call: job.do}
  - {id: approve, ask: {title: Go, who: "group:secops", approve: all}}
  - {id: route, ask: {title: Go, stages: {route: spend}}}
"""
SITE = """
calendars: {office: {tz: UTC, hours: {MON-FRI: "09:00-17:00"}}}
routes: {spend: {rows: [{stages: [{who: "group:leads"}]}]}}
"""


def item(number: int, *, after: str = "approved", **more: Any) -> dict[str, Any]:
    """Return a replayed approval."""
    told = {"approval": f"r{number}.approve.1", "started": "2026-03-02T09:00:00Z", "before": "approved"}
    whole = {**told, "again": "approved", "after": after, "differences": [], "unheard": []}
    return {**whole, "changed": after != "approved", "new_in_2030": 1, **more}


def page(*items: Any, skipped: Any = (), following: str | None = None) -> dict[str, Any]:
    """Return a page of a replay."""
    counts = {"looked_at": len(items) + len(skipped), "replayed": len(items)}
    return {
        **counts,
        "changed": sum(i["changed"] for i in items),
        "items": list(items),
        "skipped": list(skipped),
        "next": following,
    }


CHANGED = item(2, after="expired", differences=["approved would be expired"], unheard=["cai: not asked"])
RENAMED = item(5, remarks=["stage 'a' is now called 'b'"])
SKIPPED = {"id": "r3.approve.1", "why": "it was ended in Temporal without an outcome"}


def test_what_would_have_changed_is_one_line_a_request(hitl, service) -> None:
    """What could not be replayed, and the sum, are said beside it."""
    service.on(REPLAY, page(item(1), CHANGED, item(4, again="open"), RENAMED, skipped=[SKIPPED]))

    done = hitl("policy", "replay", "spend", "approve", "--as", "gus")

    assert done.code == 0
    assert done.out == (
        "r1.approve.1\t2026-03-02T09:00:00Z\tapproved\tapproved\t\n"
        "r2.approve.1\t2026-03-02T09:00:00Z\tapproved\texpired\tapproved would be expired; unheard: cai: not asked\n"
        "r4.approve.1\t2026-03-02T09:00:00Z\tapproved\tapproved\tas it was it would be open in a replay\n"
        "r5.approve.1\t2026-03-02T09:00:00Z\tapproved\tapproved\tstage 'a' is now called 'b'\n"
    )
    assert done.err == (
        "r3.approve.1 can't be replayed: it was ended in Temporal without an outcome\n"
        "spend approve: 5 looked at, 4 replayed, 1 would have changed\n"
    )
    assert service.body() == {"step": "approve", "since": "90d", "limit": 200}


def test_page_after_page_is_asked_for(hitl, service) -> None:
    """Up to the limit, in one answer; whether there is more is said."""
    service.on(REPLAY, page(item(1), following="a"), page(following="b"), page(CHANGED, following="c"))

    done = hitl("policy", "replay", "spend", "approve", "--since", "12h", "--limit", "2", "--json")

    assert done.document == {
        "looked_at": 2,
        "replayed": 2,
        "changed": 1,
        "items": [item(1), CHANGED],
        "skipped": [],
        "next": "c",
    }
    sent = [service.body(n) for n in range(3)]
    assert [(s["limit"], s.get("cursor"), s["since"]) for s in sent] == [
        (2, None, "12h"),
        (1, "a", "12h"),
        (1, "b", "12h"),
    ]
    service.on(REPLAY, page(item(1), following="a"))
    assert "there are more than 1, --limit shows them" in hitl("policy", "replay", "spend", "a", "--limit", "1").err


def test_more_than_the_service_takes_is_asked_for_in_parts(hitl, service) -> None:
    """It refuses a limit above 500."""
    service.on(REPLAY, page())

    hitl("policy", "replay", "spend", "approve", "--limit", "900")

    assert service.body()["limit"] == 500


@pytest.mark.parametrize(
    ("answer", "code"),
    [(page(item(1)), 0), (page(CHANGED), 1), (page(), 0), (page(skipped=[SKIPPED]), 1)],
)
def test_a_gate_is_shut_by_a_change_and_by_not_knowing(hitl, service, answer, code) -> None:
    """Without `--check` nothing but a failure is one."""
    service.on(REPLAY, answer)

    assert hitl("policy", "replay", "spend", "approve", "--check").code == code
    assert hitl("policy", "replay", "spend", "approve").code == 0


def test_only_changes_are_listed_if_that_is_wanted(hitl, service) -> None:
    """All are counted."""
    service.on(REPLAY, page(item(1), CHANGED))

    done = hitl("policy", "replay", "spend", "approve", "--changed-only", "--json")

    assert (done.document["items"], done.document["replayed"]) == ([CHANGED], 2)


def test_the_step_of_a_flow_is_tried(hitl, service, tmp_path) -> None:
    """In the calendar of its flow."""
    service.on(REPLAY, page())
    (tmp_path / "new.yaml").write_text(FLOW)

    assert hitl("policy", "replay", "spend", "approve", "--with", "new.yaml").code == 0

    ask = service.body()["ask"]
    assert (ask["title"], ask["calendar"]) == ("Go", "office")
    assert ask["stages"] == [{"who": ["group:secops"], "approve": "all"}]


def test_an_ask_by_itself_is_tried(hitl, service, tmp_path) -> None:
    """As it would stand in a flow."""
    service.on(REPLAY, page())
    (tmp_path / "ask.yaml").write_text("title: Go\nwho: group:leads\nnot: user:bob\n")

    hitl("policy", "replay", "spend", "approve", "--with", "ask.yaml")

    assert service.body()["ask"]["stages"] == [{"who": ["group:leads"], "not": ["user:bob"]}]


def test_routes_come_from_the_site_that_is_given_else_from_the_service(hitl, service, tmp_path) -> None:
    """So a change of site.yaml can be tried before it is there."""
    service.on(REPLAY, page())
    (tmp_path / "new.yaml").write_text(FLOW)
    (tmp_path / "site.yaml").write_text(SITE)

    hitl("policy", "replay", "spend", "route", "--with", "new.yaml")
    assert service.body()["ask"]["stages"] == {"route": "spend"}
    hitl("policy", "replay", "spend", "route", "--with", "new.yaml", "--with", "site.yaml")
    assert service.body()["ask"]["stages"] == {"route": {"rows": [{"stages": [{"who": ["group:leads"]}]}]}}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"new.yaml": FLOW.replace("title: Go, who", "title: Go, whom")}, "--with new.yaml:"),
        ({"new.yaml": FLOW.replace("id: approve", "id: gate")}, "no step 'approve' asks there; those that do: gate"),
        ({"ask.yaml": "title: Go\nwho: group:leads\nbarred: user:bob\n"}, "--with ask.yaml:3"),
        ({"ask.yaml": "title: [Go"}, "--with ask.yaml:"),
        ({"site.yaml": SITE}, "--with takes one flow.yaml or one ask"),
        ({"site.yaml": SITE.replace("routes", "roots"), "new.yaml": FLOW}, "--with site.yaml:"),
        ({"a.yaml": FLOW, "b.yaml": FLOW}, "--with takes one flow.yaml or one ask"),
        ({"a.yaml": FLOW, "b.yaml": SITE, "c.yaml": SITE}, "--with takes one flow.yaml or one ask"),
        ({}, "'none.yaml' does not exist"),
    ],
)
def test_what_can_not_be_tried_is_said_and_nothing_is_sent(hitl, service, tmp_path, files, says) -> None:
    """With file and line."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    given = [word for name in files or ["none.yaml"] for word in ("--with", name)]

    done = hitl("policy", "replay", "spend", "approve", *given)

    assert (done.code, done.out, service.requests) == (2, "", [])
    assert says in done.err


def test_a_route_that_does_not_fit_the_question_is_said(hitl, service, tmp_path) -> None:
    """Its stages end with an outcome that the ask does not have."""
    (tmp_path / "new.yaml").write_text(FLOW)
    (tmp_path / "site.yaml").write_text(SITE.replace('who: "group:leads"', 'who: "group:leads", at_due: later'))

    done = hitl("policy", "replay", "spend", "route", "--with", "new.yaml", "--with", "site.yaml")

    assert (done.code, service.requests) == (2, [])
    assert "'spend' does not fit" in done.err


def rule(**counts: Any) -> dict[str, Any]:
    """Return how a rule did."""
    named = {"step": "approve", "rule": "amount < 10", "outcome": "approved", "disagreements": []}
    zeros = dict.fromkeys(("decided", "watched", "sampled", "agreed", "disagreed", "unanswered"), 0)
    return {**named, **zeros, **counts}


def shadow(*rules: Any, following: str | None = None, skipped: Any = ()) -> dict[str, Any]:
    """Return a page of a report."""
    return {"looked_at": 5, "items": list(rules), "skipped": list(skipped), "next": following}


def test_rules_are_one_line_each_over_all_pages(hitl, service) -> None:
    """Counts add up, disagreements are named."""
    other = rule() | {"rule": "amount > 99"}
    first = rule(watched=3, agreed=2, disagreed=1, disagreements=["r1.approve.1"])
    second = rule(watched=2, sampled=1, disagreed=2, unanswered=1, disagreements=["r2.approve.1"])
    service.on(SHADOW, shadow(first, other, following="a"), shadow(second, skipped=[SKIPPED]))

    done = hitl("policy", "shadow", "spend")

    assert done.out == (
        "approve\tamount < 10\tapproved\t0\t5\t1\t2\t3\t1\napprove\tamount > 99\tapproved\t0\t0\t0\t0\t0\t0\n"
    )
    assert done.err == (
        "approve: amount < 10: people disagreed in r1.approve.1, r2.approve.1\n"
        "r3.approve.1 can't be read: it was ended in Temporal without an outcome\n"
        "spend: 10 looked at\n"
    )
    assert [dict(r.url.params) for r in service.requests] == [
        {"since": "90d", "limit": "200"},
        {"since": "90d", "limit": "195", "cursor": "a"},
    ]


def test_a_report_in_json_is_one_document(hitl, service) -> None:
    """However many pages it came in."""
    service.on(SHADOW, shadow(rule(decided=1), following="a"), shadow(rule(decided=2)))

    done = hitl("policy", "shadow", "spend", "--since", "2w", "--json")

    assert done.document == {"looked_at": 10, "items": [rule(decided=3)], "skipped": [], "next": None}
    service.on(SHADOW, shadow(following="a"))
    assert "there are more than 5" in hitl("policy", "shadow", "spend", "--limit", "5").err


@pytest.mark.parametrize("words", [("replay", "spend", "approve"), ("shadow", "spend")])
def test_a_refusal_is_one_line_and_exit_1(hitl, service, words) -> None:
    """In the service's own words."""
    refusal = (403, {"title": "t", "status": 403, "detail": "records are for the roles admin, auditor, operator"})
    service.on(REPLAY, refusal).on(SHADOW, refusal)

    assert hitl("policy", *words) == (1, "", "hitl: records are for the roles admin, auditor, operator\n")
