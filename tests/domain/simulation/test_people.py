"""People are asked by the real machine, over a directory that changes on the way."""

from hitl_temporal.domain.approval.commands import VERBS
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.simulation.directory import joined, left_groups, merged
from hitl_temporal.domain.simulation.scenario import Entry
from tests.domain.simulation.stage import PEOPLE, ask, call, different, flow, holds, played


def decide(actor: str, outcome: str = "approved", step: str = "a", **more: object) -> dict[str, object]:
    return {"decide": {"step": step, "actor": actor, "outcome": outcome, **more}}


def test_an_answer_moves_the_run() -> None:
    """The question is put, answered, and the follower starts."""
    then = {"status": "completed", "outcomes": {"a": "approved"}, "order": ["a", "b"], "sent": {"asked": 1}}
    expect = {"expect": {"asked": {"a": ["bob"]}, "waiting": {"a": "answer", "b": "predecessor"}}}
    holds(flow(ask("a"), call("b")), expect, decide("bob", receipt="counted"), then=then)


def test_nobody_may_act_once_it_is_decided() -> None:
    """And a later answer gets `closed`."""
    late = decide("bob", "rejected", receipt="closed")
    holds(flow(ask("a")), decide("bob"), late, then={"asked": {"a": []}})


def test_a_wrong_receipt_is_told_with_its_reason() -> None:
    """What was expected, what came, and why."""
    outcome = played(flow(ask("a")), decide("cai", receipt="counted"))
    assert (
        "receipt: expected counted, found not_eligible ('cai' is not asked"
        in different(outcome)["when.0.decide.receipt"]
    )


def test_what_did_not_count_is_kept_as_a_hint() -> None:
    """Where nothing is said about the receipt, it is no difference by itself."""
    outcome = played(flow(ask("a")), decide("cai"))
    assert outcome.differences == ()
    assert "did not count: not_eligible" in outcome.refused[0].message


def test_every_verb_of_an_approval_may_be_written() -> None:
    """As it is sent over every other door."""
    assert set(VERBS) <= set(Entry.model_fields)
    claim = {"claim": {"step": "a", "actor": "cai", "receipt": "counted"}}
    holds(flow(ask("a", "group:secops")), claim, then={"asked": {"a": ["cai"]}})


def test_a_command_that_can_not_be_read_is_invalid() -> None:
    """As over every other door."""
    holds(flow(ask("a")), {"decide": {"step": "a", "actor": "bob", "receipt": "invalid"}}, then={"status": "waiting"})


def test_answers_come_as_after_a_login() -> None:
    """Unless an entry says how sure it is who answers."""
    step = ask("a", asked={"assurance": "medium"})
    unsure = decide("bob", assurance="low", receipt="needs_step_up")
    holds(flow(step), unsure, decide("bob", receipt="counted"), then={"status": "completed"})


def test_time_reminds_escalates_and_ends() -> None:
    """A group that is reminded is one occasion."""
    step = ask(
        "a",
        "group:secops",
        asked={"remind": "1h", "due": "3h", "escalate": [{"after": "2h", "to": ["group:leads"], "how": "add"}]},
    )
    holds(
        flow(step),
        {"pass": "2h"},
        {"expect": {"sent": {"asked": 1, "reminders": 2, "escalations": 1}, "asked": {"a": ["bob", "cai", "dee"]}}},
        {"pass": "1h"},
        then={"status": "expired", "outcomes": {"a": "expired"}},
    )


def test_business_time_passes_in_the_calendar() -> None:
    """From Monday morning one working day on is Tuesday morning."""
    holds(flow(ask("a", asked={"due": "1bd"})), {"pass": "1bd"}, then={"status": "expired"})


def test_leavers_act_no_more_and_joiners_do() -> None:
    """At once: every open question looks at the directory."""
    holds(
        flow(ask("a", "group:secops"), ask("b", needs=[])),
        decide("bob", step="b"),
        {"directory": {"leave": "cai", "join": {"secops": "eve"}}},
        {"expect": {"asked": {"a": ["dee", "eve"]}}},
        decide("cai", receipt="not_eligible"),
        {"directory": {"leave": {"secops": ["dee", "eve"], "nobody": "eve"}}},
        {"expect": {"asked": {"a": []}}},
        then={"status": "waiting"},
    )


def test_a_directory_is_changed_by_names() -> None:
    """A group that was not there is made; groups within groups are no people."""
    changed = joined(PEOPLE, {"new": ["group:secops", "eve"]})
    assert changed.resolve("group:new") == ("cai", "dee", "eve")
    assert left_groups(changed, {"new": ("eve",)}).resolve("group:new") == ("cai", "dee")


def test_what_is_given_of_people_takes_the_place_of_what_is_known() -> None:
    """Only what is written of a person; who is new is added."""
    given = People(people={"bob": Person(name="bob", active=False), "zoe": Person(name="Zoe")})
    found = merged(PEOPLE, given.but(groups={"leads": Group(members=("zoe",))}))
    assert (found.people["bob"].name, found.people["bob"].active, found.people["bob"].via) == ("Bob", False, ("slack",))
    assert found.resolve("group:leads") == ("zoe",)


def test_people_of_a_scenario_need_no_name() -> None:
    """And may stand alone, or with groups beside them."""
    asks = flow(ask("a", "group:leads"))
    expect = {"asked": {"a": ["zoe"]}}
    alone = {"bob": {"active": False}, "zoe": {}}
    holds(asks, people={"people": alone, "groups": {"leads": {"members": ["zoe"]}}}, then=expect)
    holds(flow(ask("a", "user:zoe")), people=alone, then=expect)
    holds(asks, people={"groups": {"leads": {"members": ["cai"]}}}, then={"asked": {"a": ["cai"]}})


def test_who_stands_in_is_asked() -> None:
    """For as long as the absence lasts, from the beginning if nothing else is said."""
    away = [
        {"person": "bob", "substitute": "cai", "until": "2026-03-03T00:00:00Z"},
        {"person": "bob", "from": "2027-01-01T00:00:00Z"},
    ]
    holds(
        flow(ask("a")),
        {"expect": {"asked": {"a": ["bob", "cai"]}}},
        {"pass": "1d"},
        absences=away,
        then={"asked": {"a": ["bob"]}},
    )


def test_an_absence_that_can_not_be_is_told() -> None:
    """Where it stands."""
    outcome = played(flow(ask("a")), absences=[{"person": "bob", "since": "2026-03-02T00:00:00Z", "substitute": "bob"}])
    assert "can't stand in for themself" in different(outcome)["given.absences"]


def test_picking_knows_loads_and_turns() -> None:
    """Who has least to do; who has decided most; each in turn."""

    def pick(step: str, how: str) -> dict[str, object]:
        return ask(step, "group:secops", asked={"pick": how}, needs=[])

    least = flow(ask("a", "user:cai"), pick("b", "least_loaded"))
    holds(least, then={"asked": {"b": ["dee"]}})
    turns = flow(
        {"id": "each", "each": "[1, 2, 3]", "do": [{k: v for k, v in pick("a", "round_robin").items() if k != "needs"}]}
    )
    holds(turns, then={"asked": {"each[0].a": ["cai"], "each[1].a": ["dee"], "each[2].a": ["cai"]}})
    knows = flow(ask("a", "user:dee"), {**pick("b", "experienced"), "needs": ["a"]})
    holds(knows, decide("dee"), then={"asked": {"b": ["dee"]}})


def test_a_newer_question_about_the_same_takes_the_place_of_the_older() -> None:
    """Which is withdrawn."""
    about = {"subject": "the same"}
    holds(
        flow(ask("a", asked=about, needs=[]), {"id": "w", "wait": {"for": "1h"}, "needs": []}, ask("b", asked=about)),
        {"pass": "1h"},
        then={"outcomes": {"a": "withdrawn"}, "status": "withdrawn"},
    )


def test_what_was_done_in_an_emergency_is_reviewed() -> None:
    """By a question of its own, which no step has put."""
    glass = {"break_glass": {"who": ["user:eli"], "review": {"who": ["group:secops"], "due": "1d"}}}
    override = {"override": {"step": "a", "actor": "eli", "outcome": "approved", "reason": "it burns"}}
    holds(flow(ask("a", asked=glass)), override, {"pass": "2d"}, then={"status": "completed", "sent": {"asked": 2}})


def test_a_run_that_ends_withdraws_its_questions() -> None:
    """Nobody may act any more."""
    cancel = {"operate": {"action": "cancel", "actor": "ann", "reason": "no"}}
    holds(flow(ask("a")), cancel, then={"status": "cancelled", "asked": {"a": []}, "steps": {"a": "cancelled"}})


def test_people_say_what_to_do_about_a_failure() -> None:
    """With other inputs, too."""
    step = call("a", on_failure={"ask": {"who": ["user:bob"]}}, **{"with": {"x": 1}})
    answer = {"answer": {"step": "a", "actor": "bob", "outcome": "edit", "with": {"x": 2}, "receipt": "counted"}}
    jobs = {"a": {"fail": "no", "times": 5}}
    expect = {"expect": {"asked": {"a": ["bob"]}, "status": "parked"}}
    holds(flow(step), expect, answer, jobs=jobs, then={"status": "completed"})
    skip = {"answer": {"step": "a", "actor": "bob", "outcome": "skip"}}
    holds(flow(step), skip, jobs=jobs, then={"steps": {"a": "skipped"}})


def test_more_time_is_asked_of_people() -> None:
    """The question belongs to the step that has the grant."""
    grant = {"for": "2d", "extend": {"ask": {"who": ["user:bob"]}}}
    step = call("a", grant=grant, undo={"call": "job.back"})
    wish = {
        "operate": {"action": "extend_grant", "step": "a", "actor": "ann", "with": {"for": "1d"}, "receipt": "asked"}
    }
    when = [wish, decide("bob"), {"pass": "2d"}, {"expect": {"steps": {"a": "running"}}}, {"pass": "1d"}]
    holds(flow(step), *when, then={"status": "completed", "undone": ["a"]})


def test_who_is_asked_is_told_by_stage() -> None:
    """Where nobody can be asked, that says why."""
    outcome = played(flow(ask("a", "group:nobody"), call("b")), then={"asked": {"a": ["bob"], "b": ["bob"]}})
    said = different(outcome)
    assert "is parked" in said["then.asked.a"]
    assert "has asked nobody" in said["then.asked.b"]
    open_one = played(flow(ask("a")), then={"asked": {"a": []}})
    assert "the question is open" in different(open_one)["then.asked.a"]


def test_a_step_that_asks_nobody_can_not_be_answered() -> None:
    """Nor one that is not there, nor several at once."""
    steps = flow(call("a"), {"id": "post", "each": "[1, 2]", "do": [ask("b")]})
    assert "asks nobody: it is succeeded" in different(played(steps, decide("bob")))["when.0.decide.step"]
    assert "there is no step 'c'" in different(played(steps, decide("bob", step="c")))["when.0.decide.step"]
    assert "is in several items" in different(played(steps, decide("bob", step="b")))["when.0.decide.step"]
    failed = flow(call("a", **{"with": {"x": "{{steps.b.outputs.y}}"}}), call("b", needs=[]))
    assert "asks nobody: it is parked (" in different(played(failed, decide("bob")))["when.0.decide.step"]
    holds(steps, decide("bob", step="post[1].b"), then={"steps": {"post[1].b": "succeeded", "post[0].b": "waiting"}})
