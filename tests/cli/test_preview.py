"""`hitl preview`: what is sent, and what is printed."""

from typing import Any

FLOW = {"name": "spend", "inputs": {"type": "object", "properties": {"amount": {"type": "integer"}}}}
PATH = "POST /v1/flows/spend/preview"


def stage(name: str, applies: str = "yes", **more: Any) -> dict[str, Any]:
    """Return a stage as the service shows it."""
    return {"name": name, "block": 0, "applies": applies, "number": 0, "people": [], "left_out": [], **more}


BOB = {"person": "bob", "name": "Bob", "because": ["manager:user:ann"], "on_behalf_of": None}
CAI = {"person": "cai", "name": "Cai", "because": ["group:secops", "role:x"], "on_behalf_of": "dee"}
MANAGER = stage(
    *("manager", "yes"),
    number=1,
    people=[BOB],
    approve=[1],
    due="2026-03-04T09:00:00Z",
    left_out=[{"person": "ann", "reason": "'ann' is the requester"}],
)
SECURITY = stage(
    *("security", "perhaps"),
    reason="depends on steps.risk.outputs.score",
    number=60,
    people=[CAI],
    approve=[2, 1],
    due_in="2bd",
    away=[
        {"person": "dee", "substitute": "cai", "reason": ""},
        {"person": "eli", "substitute": None, "reason": "nobody stands in"},
    ],
    is_fallback=True,
    picked=2,
    picks="2 of these, by random",
)


def answer(*stages: Any, step: str = "approve", **changes: Any) -> dict[str, Any]:
    """Return a preview of one question."""
    question = {"title": "Spend 5", "stages": list(stages), "depends": [], "new_in_2030": 1}
    ask = {"step": step, "if": "yes", "reason": "", "preview": question}
    question |= {
        name: changes.pop(name)
        for name in ("automatic", "rule", "depends", "parks", "sample", "shadowed")
        if name in changes
    }
    return {"flow": "spend", "requester": "ann", "on_behalf_of": None, "asks": [{**ask, **changes}]}


def test_who_would_be_asked_is_one_line_a_stage(hitl, service) -> None:
    """Why, how many must agree, until when or in what time, who is left out or away; the title is beside it."""
    service.on(PATH, answer(MANAGER, SECURITY))

    done = hitl("preview", "spend", "--as", "ann")

    assert (done.code, done.err) == (0, "approve: Spend 5\n")
    assert done.out == (
        "approve\tmanager\tyes\tbob (manager:user:ann)\t1 of 1\t2026-03-04T09:00:00Z\tann: 'ann' is the requester\t\n"
        "approve\tsecurity\tperhaps\tcai for dee (group:secops, role:x), and 59 more\t2 or 1 of 2\t"
        "2bd after its opening\t\tdepends on steps.risk.outputs.score; dee is away: cai stands in; "
        "eli is away: nobody stands in; these stand in, since nobody else could; asked: 2 of these, by random\n"
    )
    assert service.body() == {"inputs": {}}
    assert service.requests[-1].headers["Authorization"] == "Bearer dev:ann"


def test_inputs_are_sent_as_a_start_sends_them(hitl, service, tmp_path) -> None:
    """Typed by the flow's schema, single ones before a file; for somebody else, too."""
    service.on("GET /v1/flows/spend", FLOW).on(PATH, answer(MANAGER))
    (tmp_path / "in.yaml").write_text("amount: 80\nwhy: lunch\n")

    hitl("preview", "spend", "--input", "in.yaml", "-i", "amount=5", "--on-behalf-of", "dee")

    assert service.body() == {"inputs": {"amount": 5, "why": "lunch"}, "on_behalf_of": "dee"}


def test_what_holds_for_the_whole_question_has_a_line_of_its_own(hitl, service) -> None:
    """A rule that would decide; an `if`; a stage that would park; what can't be told yet."""
    parks = stage("s", parks="nobody can act")
    said = answer(parks, automatic="approved", rule="small", depends=["body: depends on steps.a"])
    service.on(PATH, said, answer(**{"if": "no", "reason": "if: inputs.amount > 5"}))

    done = hitl("preview", "spend")

    assert done.out == (
        "approve\tauto\tno\t\t\t\t\ta rule decides: approved (small); nobody is asked\n"
        "approve\ts\tyes\t\t\t\t\twould park: nobody can act\n"
    )
    assert done.err == "approve: Spend 5\napprove: body: depends on steps.a\n"
    assert hitl("preview", "spend").out == "approve\t\tno\t\t\t\t\tif: inputs.amount > 5\n"


def test_a_rule_that_leaves_it_to_people_says_so(hitl, service) -> None:
    """A sample of what it decides, or all, since it is only watched."""
    sampled, watched = {"automatic": "approved", "sample": "10%"}, {"shadowed": "approved"}
    service.on(PATH, answer(rule="small", **sampled), answer(rule="small", **watched))

    drawn, seen = hitl("preview", "spend").out, hitl("preview", "spend").out

    assert drawn == "approve\tauto\tperhaps\t\t\t\t\ta rule decides: approved (small); people decide 10% of such\n"
    assert seen == "approve\tauto\tyes\t\t\t\t\tonly watched: a rule would decide approved (small); people decide\n"


def test_votes_and_who_is_not_told_are_said(hitl, service) -> None:
    """Votes that weigh do not read as people; `not told` stands with the person."""
    quiet = {**BOB, "is_quiet": True}
    service.on(PATH, answer(stage("s", number=3, votes=4, people=[BOB, quiet, BOB], approve=[3])))

    columns = hitl("preview", "spend").out.split("\t")

    assert columns[4] == "3 votes of 4"
    assert columns[3] == "bob (manager:user:ann), bob (manager:user:ann; not told), bob (manager:user:ann)"


def test_a_question_that_asks_nobody_says_that_it_would_park(hitl, service) -> None:
    """The line is there though there is no stage to tell of."""
    service.on(PATH, answer(parks="no stage applies: no row of its route holds"))

    done = hitl("preview", "spend")

    assert done.out == "approve\t\tno\t\t\t\t\twould park: no stage applies: no row of its route holds\n"


def test_a_flow_that_asks_nobody_says_so(hitl, service) -> None:
    """Stdout is empty."""
    service.on(PATH, {**answer(), "asks": []})

    assert hitl("preview", "spend") == (0, "", "spend asks nobody\n")


def test_with_json_it_is_as_the_service_gave_it(hitl, service) -> None:
    """Unknown fields are handed on."""
    service.on(PATH, answer(MANAGER))

    assert hitl("preview", "spend", "--json").document == answer(MANAGER)


def test_a_refusal_is_one_line_and_exit_1(hitl, service) -> None:
    """In the service's own words."""
    service.on(PATH, (403, {"title": "t", "status": 403, "detail": "'ann' may not start 'spend'"}))

    assert hitl("preview", "spend") == (1, "", "hitl: 'ann' may not start 'spend'\n")


def test_what_a_stage_depends_on_is_said_once(hitl, service) -> None:
    """In its row; what belongs to no stage stands beside."""
    reason = "stage 'security': when: depends on steps.risk.outputs.score"
    service.on(PATH, answer({**SECURITY, "reason": reason}, depends=[reason, "body: depends on steps.a"]))
    done = hitl("preview", "spend")
    assert (done.out.count(reason), done.err) == (1, "approve: Spend 5\napprove: body: depends on steps.a\n")
