"""Changing what is asked: amended by the requester, edited by an approver; who is asked again, and who is not."""

import pytest

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.changing import MAX_AMENDMENTS
from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.context import found_at
from hitl_temporal.domain.approval.dialogue import audience
from hitl_temporal.domain.approval.effects import Deliver, Supersede
from hitl_temporal.domain.approval.judge import default_key
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.result import result
from hitl_temporal.domain.approval.room import MAX_ON_THEIR_WAY
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.value import Json
from tests.domain.approval.playing import Play, people_with, people_without
from tests.domain.approval.test_views import EVIDENCE

LEADS = {"name": "lead", "who": "group:leads", "material": ["days"]}
SECOPS = {"name": "sec", "who": "group:secops", "material": ["port"], "approve": 2}
CONTEXT = {"port": 22, "days": 5, "note": "x"}


def asked(*stages: dict[str, object], **ask: object) -> Play:
    return Play(*(stages or (LEADS, SECOPS)), context={**CONTEXT}, title="Open {{port}} for {{days}}", **ask)


def amend(play: Play, actor: str = "ann", **values: object) -> str:
    """Change values; then the directory is read, as it is after every change that names others."""
    status = play.do("amend", actor, set=values).status
    if play.state.is_unread:
        play.wait("0s", reads_people=True)
    return status


# --- What is material, and what is not --------------------------------------------------------------------------------


def test_what_is_not_material_leaves_every_decision() -> None:
    """The digest is another one, what was answered stays answered."""
    play = asked()
    play.decide("bob")
    before = play.state.shown.digest
    assert amend(play, note="y") == "counted"
    assert (play.stage_states, len(play.state.decisions), play.state.voided) == (["approved", "open"], 1, ())
    assert (play.state.shown.digest == before, play.state.amended) == (True, {"note": "y"})


def test_a_material_change_asks_those_again_who_list_it() -> None:
    """The others keep their decisions; everybody is asked about what it is now."""
    play = asked()
    play.decide("bob")
    play.decide("cai")
    assert amend(play, port=443) == "counted"
    assert play.stage_states == ["approved", "open"]
    assert [d.actor for d in play.state.decisions] == ["bob"]
    assert [(v.decision.actor, v.why) for v in play.state.voided] == [("cai", "changed")]
    assert play.sent("asked") == ["bob", "cai", "dee", "cai", "dee"]
    assert (play.state.shown.title, play.state.stages[1].round) == ("Open 443 for 5", 2)


def test_without_a_list_of_its_own_a_stage_has_that_of_the_ask() -> None:
    """And an empty one is a list."""
    play = asked({"who": "group:leads"}, {"who": "group:secops", "material": []}, material=["port"])
    play.decide("bob")
    amend(play, port=443)
    assert [s.round for s in play.state.stages] == [2, 1]


def test_a_later_stage_waits_for_an_earlier_one_that_is_asked_again() -> None:
    """Its votes stay, and its clock stands still."""
    play = asked(LEADS, {**SECOPS, "due": "5h"})
    play.decide("bob")
    play.decide("cai")
    play.wait("1h")
    amend(play, days=9)
    assert (play.stage_states, play.may_act("sec")) == (["open", "pending"], [])
    assert play.decide("dee").status == "not_eligible"
    play.wait("2h")
    play.decide("bob")
    assert (play.stage_states, play.may_act("sec")) == (["approved", "open"], ["dee"])
    (move,) = play.state.stages[1].moves
    assert (move.why, play.state.stages[1].due_at) == ("an earlier stage was asked again", move.after)
    assert move.after is not None
    assert (move.after - play.state.started_at).total_seconds() == 7 * 3600
    play.decide("dee")
    assert play.state.outcome == "approved"


def test_a_stage_that_waits_is_asked_anew_if_it_is_touched_too() -> None:
    """With its whole time before it."""
    play = asked(LEADS, {**SECOPS, "due": "5h"})
    play.decide("bob")
    play.decide("cai")
    amend(play, days=9)
    amend(play, port=443)
    play.wait("3h")
    play.decide("bob")
    stage = play.state.stages[1]
    assert (stage.round, stage.opened_at, play.may_act("sec")) == (2, play.now, ["cai", "dee"])
    assert stage.due_at is not None


def test_a_stage_that_is_to_be_asked_again_is_asked_once_however_often_it_changes() -> None:
    """Its round counts askings, not amendments."""
    play = asked()
    play.decide("bob")
    play.decide("cai")
    for n in range(3):
        amend(play, days=10 + n, port=n)
    play.decide("bob")
    assert [s.round for s in play.state.stages] == [4, 2]


def test_what_was_parked_before_it_waited_opens_for_who_is_there_then() -> None:
    """An earlier stage is asked again and passed; meanwhile the group has got members."""
    play = asked(LEADS, {**SECOPS, "who": "group:empty", "approve": "any"})
    play.decide("bob")
    assert play.stage_states == ["approved", "parked"]
    amend(play, days=9)
    play.people = people_with("empty", "cai")
    play.decide("bob")
    assert (play.stage_states, play.may_act("sec")) == (["approved", "open"], ["cai"])


def test_a_stage_about_another_value_is_asked_again_even_if_it_was_not_needed_in_between() -> None:
    """It was passed about 22, left out, and is needed about 443."""
    first = {**SECOPS, "name": "first", "approve": 1, "when": "note != 'skip'"}
    play = asked(first, {"name": "last", "who": "group:leads", "material": []})
    play.decide("cai")
    amend(play, note="skip", port=443)
    assert play.stage_states == ["approved", "open"]
    amend(play, note="x")
    assert (play.stage_states, play.state.decisions) == (["open", "pending"], ())


# --- Who is asked -----------------------------------------------------------------------------------------------------


def test_others_are_asked_when_the_change_names_others() -> None:
    """The votes of those who were the wrong ones are void."""
    play = Play({"who": "user:{{who}}", "approve": 1}, {"who": "group:leads"}, context={"who": "cai"})
    play.decide("cai")
    amend(play, who="dee")
    assert (play.stage_states, [v.decision.actor for v in play.state.voided]) == (["open", "pending"], ["cai"])


def test_people_whom_nobody_has_looked_up_are_read_before_they_are_asked() -> None:
    """The stage waits for the next reading, and is neither parked nor passed; it is due at once."""
    play = Play({"who": "{{who}}"}, context={"who": "group:secops"})
    play.do("amend", "ann", set={"who": "group:trio"})
    assert (play.state.state, play.stage.state, next_moment(play.state)) == ("open", "pending", play.now)
    play.wait("0s")
    assert play.stage.state == "pending"
    play.wait("0s", reads_people=True)
    assert (play.stage.state, play.may_act(), next_moment(play.state)) == ("open", ["cai", "dee", "eli"], None)


def test_a_command_reads_people_too() -> None:
    """Whoever comes first brings the directory."""
    play = Play({"who": "{{who}}"}, context={"who": "group:secops"})
    play.do("amend", "ann", set={"who": "group:trio"})
    assert play.decide("eli").status == "counted"


def test_who_is_named_by_an_id_that_is_known_is_asked_at_once() -> None:
    """Nothing has to be read."""
    play = Play({"who": ["{{who}}"]}, context={"who": "group:secops"})
    play.do("amend", "ann", set={"who": "user:dee"})
    assert (play.stage.state, play.may_act()) == ("open", ["dee"])


@pytest.mark.parametrize(
    "stage",
    [
        {"who": "group:secops", "not": "user:{{who}}"},
        {"who": "group:secops", "weights": {"user:{{who}}": 3}},
        {"who": "group:empty", "fallback": ["user:cai", "user:{{who}}"]},
    ],
)
def test_a_change_of_who_counts_asks_again(stage: dict[str, object]) -> None:
    """Whom `not` excludes, what votes weigh, and who stands in for nobody."""
    play = Play({**stage, "approve": 1}, {"who": "group:leads"}, context={"who": "gus"})
    play.decide("cai")
    amend(play, who="dee")
    assert [v.decision.actor for v in play.state.voided] == ["cai"]


def test_a_fallback_that_is_not_used_may_change() -> None:
    """It has decided nothing."""
    play = Play({"who": "group:secops", "fallback": "user:{{who}}"}, {"who": "group:leads"}, context={"who": "gus"})
    play.decide("cai")
    amend(play, who="dee")
    assert play.state.voided == ()


@pytest.mark.parametrize("party", ["beneficiary", "author"])
def test_who_becomes_a_party_to_the_request_decides_it_no_more(party: str) -> None:
    """Neither with the vote they have given nor with another."""
    play = Play({"who": "group:secops"}, {"who": "group:leads"}, context={"who": "gus"}, **{party: "{{who}}"})
    play.decide("cai")
    amend(play, who="cai")
    assert play.state.barred == ("ann", "cai")
    assert (play.stage_states, play.may_act()) == (["open", "pending"], ["dee"])
    assert play.decide("cai").status == "not_eligible"


def test_a_place_of_who_becomes_a_party_is_void_whoever_has_filled_it() -> None:
    """A delegate does not answer for them either."""
    play = Play({"who": "group:secops"}, {"who": "group:leads"}, context={"who": "gus"}, beneficiary="{{who}}")
    play.do("delegate", "cai", to="eli")
    play.decide("eli")
    amend(play, who="cai")
    assert [v.decision.actor for v in play.state.voided] == ["eli"]


def test_a_requester_who_is_allowed_stays_counted() -> None:
    """The stage says so."""
    stage = {"who": "group:secops", "allow_requester": True}
    play = Play(stage, {"who": "group:leads"}, context={"who": "gus"}, beneficiary="{{who}}")
    play.decide("cai")
    amend(play, who="cai")
    assert (play.state.voided, play.stage_states) == ((), ["approved", "open"])


def test_who_may_break_the_glass_follows_the_context() -> None:
    """As everything else that is read off it."""
    glass = {"who": "user:{{who}}", "review": {"who": "group:leads"}}
    play = Play(context={"who": "gus"}, break_glass=glass)
    amend(play, who="dee")
    assert play.state.break_glass is not None
    assert play.state.break_glass.who == ("user:dee",)


# --- Which stages there are -------------------------------------------------------------------------------------------

SMALL, LARGE = {"name": "lead", "who": ["group:leads"]}, {"name": "boss", "who": ["user:eli"]}


def test_a_stage_that_applies_now_is_asked() -> None:
    """`when` is looked at again."""
    play = asked({"name": "a", "who": "group:leads"}, {"name": "b", "who": "group:secops", "when": "port > 100"})
    amend(play, port=443)
    play.decide("bob")
    assert play.stage_states == ["approved", "open"]


def test_a_stage_that_applies_no_more_is_left_out() -> None:
    """Its votes count no more, and those who were asked are told."""
    play = asked(
        {"name": "a", "who": "group:secops", "approve": 2, "when": "port < 100"}, {"name": "b", "who": "group:leads"}
    )
    play.decide("cai")
    amend(play, port=443)
    assert (play.stage_states, play.state.decisions, play.sent("settled")) == (["skipped", "open"], (), ["cai", "dee"])
    play.decide("bob")
    assert play.state.outcome == "approved"


def test_a_stage_that_is_left_out_and_comes_back_is_asked_anew() -> None:
    """A round later, so that nothing is told or counted under an old key."""
    play = asked({"name": "a", "who": "group:secops", "when": "port < 100"}, {"name": "b", "who": "group:leads"})
    play.do("delegate", "cai", to="gus")
    amend(play, port=443)
    amend(play, port=22)
    assert (play.stage_states, play.may_act()) == (["open", "pending"], ["gus", "dee"])
    keys = [e.key for e in play.effects if hasattr(e, "key")]
    ids = [e.delivery.id for e in play.effects if isinstance(e, Deliver)]
    assert (len(set(keys)), len(set(ids))) == (len(keys), len(ids))


def test_a_stage_that_was_passed_stays_passed_although_it_applies_no_more() -> None:
    """More was asked than had to be."""
    play = asked({"name": "a", "who": "group:secops", "when": "port < 100"}, {"name": "b", "who": "group:leads"})
    play.decide("cai")
    amend(play, port=443)
    assert (play.stage_states, len(play.state.decisions)) == (["approved", "open"], 1)


@pytest.mark.parametrize("votes", [(), ("cai",)])
def test_where_no_stage_applies_any_more_it_parks(votes: tuple[str, ...]) -> None:
    """Nobody has agreed to what is asked now, whoever has agreed before; another change helps."""
    play = asked(
        {"name": "a", "who": "group:secops", "when": "port < 100"},
        {"name": "b", "who": "group:leads", "when": "port < 100"},
    )
    for person in votes:
        play.decide(person)
    amend(play, port=443)
    assert (play.state.state, play.state.outcome, play.stage_states) == ("parked", None, ["skipped", "skipped"])
    assert play.state.reason == "no stage applies: every `when` is false"
    amend(play, port=22)
    assert (play.state.state, play.stage_states, play.state.reason) == ("open", ["open", "pending"], "")


def routed(*rows: dict[str, object], hit: str = "first") -> Play:
    return Play(context={**CONTEXT}, stages={"route": {"hit": hit, "rows": list(rows)}})


def test_a_route_is_looked_up_again() -> None:
    """What the new row does not have is left out, what it has besides is asked."""
    play = routed({"if": "port < 100", "stages": [SMALL]}, {"stages": [LARGE]})
    amend(play, port=443)
    assert [(s.name, s.state) for s in play.state.stages] == [("lead", "skipped"), ("boss", "open")]
    amend(play, port=22)
    assert [(s.name, s.state, s.round) for s in play.state.stages] == [("boss", "skipped", 1), ("lead", "open", 2)]
    keys = [e.key for e in play.effects if hasattr(e, "key")]
    assert len(set(keys)) == len(keys)


def test_what_was_passed_on_the_old_route_stays_passed_on_the_new_one() -> None:
    """If it is written the same; what the new row does not have says nothing about the outcome."""
    outcomes = {"fine": {"label": "Fine", "positive": True}}
    table = {"route": {"rows": [{"if": "port < 100", "stages": [LARGE, SMALL]}, {"stages": [SMALL]}]}}
    play = Play(context={**CONTEXT}, stages=table, outcomes=outcomes)
    play.decide("eli", "fine")
    amend(play, port=443)
    assert [(s.name, s.state) for s in play.state.stages] == [("boss", "fine"), ("lead", "open")]
    play.decide("bob")
    assert play.state.outcome == "approved"


def test_a_stage_that_the_new_row_writes_otherwise_is_asked_again() -> None:
    """Another threshold, another deadline: it is another question."""
    both = {**SMALL, "who": ["group:secops"], "approve": 2, "escalate": [{"after": "1h", "to": ["user:eli"]}]}
    play = routed({"if": "port < 100", "stages": [both, LARGE]}, {"stages": [{**both, "approve": 1, "escalate": []}]})
    play.decide("cai")
    amend(play, port=443)
    assert (play.stage.round, play.stage.ways[0].needed, play.state.decisions) == (2, 1, ())
    play.wait("2h")
    assert play.sent("escalated") == []


def test_without_a_row_that_holds_it_parks() -> None:
    """The reason is that of the table."""
    play = routed({"if": "port < 100", "stages": [SMALL]})
    amend(play, port=443)
    assert (play.state.state, play.state.reason) == ("parked", "no stage applies: no row of its route holds")


def test_an_added_approver_stays() -> None:
    """A requester can't get rid of one by changing something."""
    play = asked(SECOPS)
    play.do("add_approver", "cai", to="gus")
    amend(play, note="y")
    assert [(s.name, s.state) for s in play.state.stages] == [("sec", "open"), ("added-1", "open")]
    play.decide("gus")
    amend(play, port=443)
    assert [(s.name, s.round) for s in play.state.stages] == [("sec", 2), ("added-1", 1)]


def test_an_added_approver_is_asked_again_about_what_is_material_to_the_ask() -> None:
    """Like everybody for whom nothing else is said."""
    play = asked({"name": "sec", "who": "group:secops", "approve": 2}, material=["port"])
    play.do("add_approver", "cai", to="gus")
    play.decide("gus")
    amend(play, port=443)
    assert (play.stage_states, play.state.decisions) == (["open", "open"], ())


def test_an_added_approver_alone_approves_nothing() -> None:
    """Of those whom the ask names nobody has to agree any more: it parks."""
    play = asked({"name": "a", "who": "group:secops", "when": "port < 100"})
    play.do("add_approver", "ann", to="gus")
    play.decide("gus")
    amend(play, port=443)
    assert (play.state.outcome, play.state.state) == (None, "parked")


# --- Keys and digests -------------------------------------------------------------------------------------------------


def test_an_answer_to_what_was_shown_before_is_superseded() -> None:
    """By its digest, whoever sends it."""
    play = asked()
    before = play.state.shown.digest
    amend(play, port=443)
    assert play.decide("bob", digest=before).status == "superseded"


def test_the_key_of_a_void_answer_counts_nothing() -> None:
    """The person is told to look again; a new click is a new answer, with the round in its key."""
    play = asked(SECOPS)
    first = play.decide("cai")
    amend(play, port=443)
    again = play.decide("cai", key=first.key)
    assert (again.status, again.reason) == ("superseded", "what you answered to has changed since: look again")
    second = play.decide("cai")
    assert (second.status, second.key) == ("counted", default_key("a-1", "cai", "sec#2", "approved"))
    assert play.decide("cai") == second


def test_an_answer_below_the_needed_assurance_is_not_confirmed_about_something_else() -> None:
    """What was said then was said about what was shown then."""
    play = asked({**SECOPS, "assurance": "medium"}, comment="required")
    assert play.decide("cai", comment="fine").status == "needs_step_up"
    amend(play, port=443)
    assert play.state.intents == ()
    assert play.decide("cai", assurance="high").status == "invalid"


# --- Who may, and what ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["bob", "cai", "eli", "gus"])
def test_only_the_requester_changes_a_request(actor: str) -> None:
    """Neither those who are asked nor operators."""
    play = asked()
    assert play.do("amend", actor, set={"port": 1}).reason == "only the requester may change a request"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("missing", 1, "there is no 'missing' to change; there is days, flag, list, note, port"),
        ("requester", "bob", "there is no 'requester' to change"),
        ("port.x", 1, "there is no 'port.x' to change"),
        ("port", "x", "'port' is a number, not a text"),
        ("note", True, "'note' is a text, not true or false"),
        ("flag", 0, "'flag' is true or false, not a number"),
        ("list", {}, "'list' is a list, not an object"),
    ],
)
def test_what_cannot_stand_there_is_invalid(path: str, value: object, says: str) -> None:
    """The receipt says what is there instead."""
    play = Play(context={**CONTEXT, "flag": True, "list": []})
    receipt = play.do("amend", "ann", set={path: value})
    assert (receipt.status, receipt.reason[: len(f"set: {says}")]) == ("invalid", f"set: {says}")
    assert play.state.amendments == ()


def test_a_change_with_which_the_question_cannot_be_put_is_invalid() -> None:
    """As it would have been at the start."""
    play = Play({"who": "user:{{who}}"}, context={"who": "cai", "n": 1}, title="{{10 / n}}", beneficiary="{{who}}")
    assert "division by zero" in play.do("amend", "ann", set={"n": 0}).reason
    assert amend(play, who=None) == "invalid"


def test_a_change_with_which_nobody_could_tell_what_it_is_about_is_invalid() -> None:
    """Amended or edited."""
    play = Play(context={"n": 1}, subject="{{10 / n}}", edit=["n"])
    assert "division by zero" in play.do("amend", "ann", set={"n": 0}).reason
    assert "division by zero" in play.decide("cai", edit={"n": 0}).reason


def test_of_a_run_only_inputs_and_variables_may_be_changed() -> None:
    """Everything else has already happened."""
    play = Play(context={"inputs": {"port": 22}, "steps": {"x": 1}})
    play.state = play.state.but(origin=Origin(run="r", step="s", attempt=1, flow="f"))
    for path, value in (("steps.x", 2), ("inputs", {"port": 1})):
        receipt = play.do("amend", "ann", set={path: value})
        assert receipt.reason == f"set: {path!r} can't be changed: of a run only inputs.* and vars.* may be"
    assert play.do("amend", "ann", set={"inputs.port": 23}).status == "counted"
    assert play.state.context["inputs"] == {"port": 23}


def test_a_declared_value_is_held_against_its_declaration() -> None:
    """Itself, a part of it, and what it is a part of; it is kept in the type that is declared."""
    play = Play(context={"inputs": {"port": 22.0, "spec": {"a": 1}, "opt": "x"}})
    fields = {
        "inputs.port": {"type": "number", "maximum": 1000},
        "inputs.spec": {"type": "object", "properties": {"a": {"type": "integer", "maximum": 9}}},
        "inputs.opt": {"type": "string", "optional": True},
    }
    play.state = play.state.but(fields={name: Input.model_validate(f) for name, f in fields.items()})
    for path, value in (("inputs.port", 2000), ("inputs.spec.a", 10), ("inputs", {"port": 5, "spec": {"a": 10}})):
        assert play.do("amend", "ann", set={path: value}).status == "invalid"
    assert "inputs.port" in play.do("amend", "ann", set={"inputs": {"spec": {"a": 1}}}).reason
    assert play.do("amend", "ann", set={"inputs.port": 23, "inputs.opt": None}).status == "counted"
    port = found_at(play.state.context, "inputs.port")
    assert (port, type(port)) == (23.0, float)


def test_a_request_is_changed_a_bounded_number_of_times() -> None:
    """A loop of two robots must not fill its history."""
    play = Play(context={"n": 0}, edit=["n"])
    for n in range(MAX_AMENDMENTS):
        assert amend(play, n=n + 1) == "counted"
    assert play.do("amend", "ann", set={"n": 0}).reason.startswith("it has been changed 100 times")
    assert play.decide("cai", edit={"n": 0}).reason.startswith("edit: it has been changed 100 times")


def test_a_change_before_anybody_was_asked_is_what_they_are_asked() -> None:
    """Rules and stages are judged on it."""
    stages = ({"who": "group:leads", "when": "port > 100"}, {"who": "group:secops", "when": "port < 100"})
    play = Play(*stages, context={**CONTEXT}, is_resolved=False)
    assert amend(play, port=443) == "counted"
    assert (play.stage_states, play.sent("asked")) == (["pending", "skipped"], [])
    play.resolve()
    assert play.sent("asked") == ["bob"]


# --- Telling ----------------------------------------------------------------------------------------------------------


def test_everybody_is_told_the_difference() -> None:
    """Who has had a hand in it or was asked; not who has changed it."""
    play = asked()
    play.decide("bob")
    play.do("comment", "eli", text="hm")
    amend(play, port=443)
    (*_, text) = [d.text for d in play.state.deliveries if d.occasion == "notice"]
    assert text == "changed by ann: port: 22 -> 443"
    told = [d.person for d in play.state.deliveries if d.text == text]
    assert told == ["bob", "eli", "cai", "dee"]


def test_what_has_not_changed_is_not_told() -> None:
    """The same value again is no difference."""
    play = asked()
    amend(play, port=22)
    assert play.sent("notice") == []


def test_long_values_are_told_in_short() -> None:
    """A message is no place for a document."""
    play = asked()
    amend(play, note="n" * 5000)
    assert len(play.state.deliveries[-1].text) < 200
    assert play.state.deliveries[-1].text.endswith("…")


def test_what_was_changed_last_comes_last() -> None:
    """A run sets the paths in this order, so that a part is not overwritten by an older whole."""
    play = Play(context={"a": {"b": 1}})
    for change in ({"a.b": 2}, {"a": {"b": 3}}, {"a.b": 4}):
        play.do("amend", "ann", set=change)
    play.decide("cai")
    assert list(result(play.state, EVIDENCE).amended.items()) == [("a", {"b": 4}), ("a.b", 4)]


# --- Edited before approved -------------------------------------------------------------------------------------------


def edited(*stages: dict[str, object], **ask: object) -> Play:
    return asked(*stages, edit=["port", "days"], **ask)


def test_an_approver_may_change_what_the_ask_lets_them() -> None:
    """Original and change are both kept; the answer is bound to what it has made of the request."""
    play = edited(SECOPS)
    play.decide("dee", key="k")
    before = play.state.shown.digest
    receipt = play.decide("cai", edit={"port": 443})
    assert receipt.status == "counted"
    (decision,) = play.state.decisions
    assert (decision.edited["port"].before, decision.edited["port"].after) == (22, 443)
    assert (decision.digest == play.state.shown.digest, decision.digest != before) == (True, True)
    assert [(v.decision.actor, v.why) for v in play.state.voided] == [("dee", "changed")]
    assert [f["kind"] for f in play.facts("amended")] == ["edit"]


def test_those_who_have_answered_before_the_edit_are_asked_again() -> None:
    """The answer that came with it is the first to what is asked now."""
    play = edited(SECOPS)
    play.decide("dee")
    play.decide("cai", edit={"port": 443})
    assert (play.stage.state, play.may_act()) == ("open", ["dee"])
    play.decide("dee")
    assert play.state.outcome == "approved"


def test_an_edit_that_is_enough_by_itself_ends_the_stage() -> None:
    """One of two had to agree."""
    play = edited({**SECOPS, "approve": 1})
    assert play.decide("cai", edit={"port": 443}).status == "counted"
    assert (play.state.outcome, play.state.amended) == ("approved", {"port": 443})


def test_an_edit_that_asks_an_earlier_stage_again_waits_for_it() -> None:
    """The answer stays; the editor's own stage goes on when the earlier one has agreed."""
    for approve, outcome in ((1, "approved"), (2, None)):
        play = edited(LEADS, {**SECOPS, "approve": approve})
        play.decide("bob")
        assert play.decide("cai", edit={"days": 9}).status == "counted"
        assert (play.stage_states, len(play.state.decisions)) == (["open", "pending"], 1)
        play.decide("bob")
        assert (play.state.outcome, play.stage_states[0]) == (outcome, "approved")


def test_an_edit_that_asks_all_again_keeps_its_own_answer() -> None:
    """It is counted when its stage is opened again."""
    play = edited({"who": "group:leads"}, {"who": "group:secops"}, material=["port"])
    play.decide("bob")
    play.decide("cai", edit={"port": 443})
    assert (play.stage_states, [s.round for s in play.state.stages]) == (["open", "pending"], [2, 2])
    play.decide("bob")
    assert (play.state.outcome, play.stage_states) == ("approved", ["approved", "approved"])


def test_an_answer_that_waits_is_void_when_its_request_changes_again() -> None:
    """It was about something else."""
    play = edited({"who": "group:leads"}, {"who": "group:secops"}, material=["port"])
    play.decide("bob")
    play.decide("cai", edit={"port": 443})
    amend(play, port=444)
    play.decide("bob")
    assert (play.stage_states, play.may_act("s2")) == (["approved", "open"], ["cai", "dee"])
    assert len(play.facts("decisions_voided")) == 2


def test_an_edit_goes_on_with_who_was_picked() -> None:
    """Nobody else is drawn in the next round."""
    play = edited({**SECOPS, "approve": 1, "pick": "random", "who": "group:all"}, material=["port"])
    (picked,) = play.may_act()
    assert play.decide(picked, edit={"port": 443}).status == "counted"
    assert (play.state.outcome, play.stage.asked) == ("approved", (picked,))


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ({"who": "group:secops", "when": "port < 100"}, {"port": 443}),
        ({"who": "{{port < 100 ? 'group:secops' : 'user:dee'}}"}, {"port": 443}),
    ],
)
def test_an_edit_cannot_give_the_decision_to_others(stage: dict[str, object], change: dict[str, object]) -> None:
    """Whoever edits answers for what comes of it."""
    play = edited(stage)
    receipt = play.decide("cai", edit=change)
    assert (receipt.status, receipt.reason) == ("invalid", "edit: with it stage 's1' is not 'cai''s to decide")
    assert (play.state.amendments, play.state.context["port"]) == ((), 22)


def test_an_edit_cannot_take_the_stage_off_the_route() -> None:
    """Likewise where the row has no such stage."""
    table = {"route": {"rows": [{"if": "port < 100", "stages": [SMALL]}, {"stages": [LARGE]}]}}
    play = Play(context={**CONTEXT}, stages=table, edit=["port"])
    assert play.decide("bob", edit={"port": 443}).status == "invalid"


def test_an_added_approver_may_edit() -> None:
    """Their stage is on no route, and stays."""
    play = edited(SECOPS)
    play.do("add_approver", "ann", to="gus")
    assert play.decide("gus", edit={"port": 443}).status == "counted"
    assert [s.state for s in play.state.stages] == ["open", "approved"]


def test_nobody_makes_themselves_a_party_and_approves() -> None:
    """An edit that makes its author the beneficiary is refused."""
    play = Play(context={"who": "gus"}, beneficiary="{{who}}", edit=["who"])
    assert play.decide("cai", edit={"who": "cai"}).status == "invalid"
    assert play.decide("cai", edit={"who": "eli"}).status == "counted"


@pytest.mark.parametrize(
    ("outcome", "change", "says"),
    [
        ("approved", {"note": "y"}, "edit: 'note' may not be changed here; what may: port, days"),
        ("rejected", {"port": 1}, "edit: a change goes with an outcome that lets the work go on"),
        ("approved", {"port": "x"}, "edit: 'port' is a number, not a text"),
    ],
)
def test_an_edit_that_does_not_fit_is_invalid(outcome: str, change: dict[str, object], says: str) -> None:
    """Only listed paths, only with a yes, only values that can stand there."""
    receipt = edited().decide("bob", outcome, edit=change)
    assert (receipt.status, receipt.reason) == ("invalid", says)


def test_nothing_may_be_edited_where_nothing_is_listed() -> None:
    """That is the default."""
    assert asked().decide("bob", edit={"port": 1}).reason == "edit: 'port' may not be changed here; what may: nothing"


def test_leavers_may_not_edit() -> None:
    """They may not answer."""
    play = edited()
    play.people = people_without("bob")
    assert play.decide("bob", edit={"port": 1}).status == "not_eligible"


# --- Parties who come and go ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("becomes", ["cai", "gus"])
def test_a_passed_stage_that_applies_no_more_keeps_no_answer_of_a_party(becomes: str) -> None:
    """Nobody decides their own request, not even in a stage that it does not need any more."""
    stages = [{"who": "user:bob"}, {"who": ["user:cai", "user:gus"], "when": "b == 'dee'"}, {"who": "user:eli"}]
    play = Play(*stages, beneficiary="{{b}}", context={"b": "dee"})
    play.decide("bob")
    play.decide("cai")
    assert amend(play, b=becomes) == "counted"
    assert play.stage_states == ["approved", "skipped" if becomes == "cai" else "approved", "open"]
    assert [d.actor for d in play.state.decisions] == (["bob"] if becomes == "cai" else ["bob", "cai"])


def waivable(first: dict[str, Json], last: dict[str, Json]) -> Play:
    waived = {"waived": {"label": "Waived", "positive": True}}
    return Play(first, {"who": "user:cai", "when": "x < 10"}, last, outcomes=waived, context={"x": 1})


def test_a_stage_that_applies_no_more_says_nothing_about_the_outcome() -> None:
    """The outcome is that of the last stage which the request needs."""
    waived = {"waived": {"label": "Waived", "positive": True}}
    play = Play(
        {"who": "user:bob", "material": ["x"]},
        {"who": "user:cai", "when": "x < 10"},
        {"who": "user:dee", "when": "x < 10"},
        outcomes=waived,
        context={"x": 1},
    )
    play.decide("bob")
    play.decide("cai", "waived")
    amend(play, x=50)
    assert play.stage_states == ["open", "waived", "skipped"]
    play.decide("bob")
    assert play.state.outcome == "approved"


def test_a_stage_that_applies_again_says_something_again() -> None:
    """What was passed before counts once more, if it is about the same."""
    waived = {"waived": {"label": "Waived", "positive": True}}
    play = Play(
        {"who": "user:bob"},
        {"who": "user:cai", "when": "x < 10"},
        {"who": "user:dee", "when": "x < 10"},
        outcomes=waived,
        context={"x": 1},
    )
    play.decide("bob")
    play.decide("cai", "waived")
    amend(play, x=50)
    assert play.state.outcome == "approved"
    play = Play(
        {"who": "user:bob"},
        {"who": "user:cai", "when": "x < 10"},
        {"who": "user:dee"},
        outcomes=waived,
        context={"x": 1},
    )
    play.decide("bob")
    play.decide("cai", "waived")
    amend(play, x=50)
    amend(play, x=2)
    assert [s.is_surplus for s in play.state.stages] == [False, False, False]


def test_what_is_gone_is_not_among_what_was_changed() -> None:
    """A run that sets it after the whole would bring it back."""
    play = Play(context={"o": {"a": 1, "b": 1}})
    amend(play, **{"o.a": 2})
    amend(play, o={"b": 3})
    assert play.state.amended == {"o": {"b": 3}}


def test_nobody_frees_themselves() -> None:
    """Who changes a request as a party to it stays one, whatever they have made of it."""
    play = Play({"who": "group:secops"}, beneficiary="{{b}}", context={"b": "cai"})
    assert amend(play, "cai", b="gus") == "counted"
    assert play.state.barred == ("ann", "gus", "cai")
    assert play.decide("cai").status == "not_eligible"
    amend(play, "ann", b="gus")
    assert "cai" in play.state.barred


def test_who_is_freed_of_a_bar_is_asked() -> None:
    """A stage that was parked for it goes on."""
    play = Play({"who": "user:cai", "due": "1d"}, beneficiary="{{b}}", context={"b": "cai"})
    assert play.stage.state == "parked"
    amend(play, b="gus")
    assert (play.stage.state, play.may_act()) == ("open", ["cai"])


def test_thresholds_count_who_is_freed_of_a_bar() -> None:
    """All of two is two, although one of them could not decide when it was asked first."""
    play = Play({"who": "group:secops", "approve": "all"}, beneficiary="{{b}}", context={"b": "dee"})
    amend(play, b="gus")
    play.decide("cai")
    assert (play.state.outcome, play.may_act()) == (None, ["dee"])


def test_who_is_freed_of_a_bar_goes_before_a_fallback() -> None:
    """It was asked only because those who are named were barred."""
    play = Play({"who": "user:cai", "fallback": "user:dee"}, beneficiary="{{b}}", context={"b": "cai"})
    assert play.may_act() == ["dee"]
    amend(play, b="gus")
    assert play.may_act() == ["cai"]


def test_a_stage_that_waits_counts_who_is_freed_meanwhile() -> None:
    """It was opened for fewer than can decide it when it goes on."""
    stages = [{"who": "user:bob", "material": ["x"]}, {"who": "group:trio", "approve": "all", "material": []}]
    play = Play(*stages, beneficiary="{{b}}", context={"b": "eli", "x": 1})
    play.decide("bob")
    play.decide("cai")
    amend(play, x=2)
    amend(play, b="gus")
    play.decide("bob")
    play.decide("cai")
    play.decide("dee")
    assert (play.state.outcome, play.may_act("s2")) == (None, ["eli"])


def test_who_might_decide_anyway_is_not_freed() -> None:
    """Where parties may decide, nobody is asked again because one of them is none any more."""
    play = Play(
        {"who": "group:secops", "approve": "all", "allow_requester": True}, beneficiary="{{b}}", context={"b": "dee"}
    )
    play.decide("cai")
    amend(play, b="gus")
    assert [d.actor for d in play.state.decisions] == ["cai"]


# --- What it is about -------------------------------------------------------------------------------------------------


def test_of_a_value_and_one_inside_it_one_is_changed() -> None:
    """Which of them should stand could not be told."""
    play = Play(context={"o": {"amount": 1}}, edit=["o", "o.amount"])
    says = "'o.amount' lies in 'o': change one of them"
    assert play.do("amend", "ann", set={"o": {"amount": 9}, "o.amount": 1}).reason == f"set: {says}"
    assert play.decide("cai", edit={"o.amount": 1, "o": {"amount": 9}}).reason == f"edit: {says}"


def test_a_request_that_is_about_something_else_supersedes_others_about_that() -> None:
    """The subject follows the context; the same one supersedes nothing again."""
    play = Play(context={"what": "laptop", "note": ""}, subject="{{what}}")
    amend(play, note="soon")
    assert [e.subject for e in play.effects if isinstance(e, Supersede)] == ["laptop"]
    amend(play, what="chair")
    assert (play.state.subject, [e.subject for e in play.effects if isinstance(e, Supersede)]) == (
        "chair",
        ["laptop", "chair"],
    )
    amend(play, what="")
    assert (play.state.subject, len([e for e in play.effects if isinstance(e, Supersede)])) == (None, 2)


def test_a_request_that_nobody_was_asked_yet_supersedes_nothing() -> None:
    """Only what it is about when it opens."""
    play = Play(context={"what": "laptop"}, subject="{{what}}", is_resolved=False)
    amend(play, what="chair")
    assert play.effects == [e for e in play.effects if not isinstance(e, Supersede)]
    play.resolve()
    assert [e.subject for e in play.effects if isinstance(e, Supersede)] == ["chair"]


@pytest.mark.parametrize(("old", "new"), [([1], [True]), (1, 1.0)])
def test_values_that_python_takes_for_the_same_are_different(old: Json, new: Json) -> None:
    """What is told and what is asked again agree about it."""
    play = Play({"who": "group:secops", "approve": 2}, context={"v": old}, material=["v"])
    play.decide("cai")
    amend(play, v=new)
    assert (play.state.decisions, list(play.state.amended)) == ((), ["v"])
    assert any("v: " in d.text for d in play.state.deliveries)


def test_an_edit_needs_the_assurance_of_the_stage_that_it_makes() -> None:
    """Nobody gets round a proof by asking for less first."""
    rows = [
        {"if": "x < 1000", "stages": [{"name": "lead", "who": "user:cai"}]},
        {"stages": [{"name": "lead", "who": "user:cai", "assurance": "high"}]},
    ]
    play = Play(stages={"route": {"hit": "first", "rows": rows}}, context={"x": 1}, edit=["x"])
    assert play.decide("cai", edit={"x": 90_000}).status == "needs_step_up"
    assert play.decide("cai", assurance="high").status == "counted"
    assert play.state.context["x"] == 90_000


@pytest.mark.parametrize("barred", ["group:secops", "group:{{team}}"])
def test_an_edit_to_a_stage_whose_bars_nobody_has_read_is_not_judged_on_nothing(barred: str) -> None:
    """The very person who edits may be barred by it."""
    people = {"name": "lead", "who": ["user:cai", "user:bob"]}
    rows = [{"if": "x < 10", "stages": [{**people, "not": barred}]}, {"stages": [people]}]
    table = {"route": {"hit": "first", "rows": rows}}
    play = Play(stages=table, context={"x": 50, "team": "secops"}, edit=["x"])
    receipt = play.decide("cai", edit={"x": 2})
    assert (receipt.status, receipt.reason) == ("invalid", "edit: with it stage 'lead' is not 'cai''s to decide")
    assert play.state.decisions == ()


def test_a_request_that_an_added_approver_leaves_without_a_stage_parks_once() -> None:
    """The end of their stage leads to the same place as the change did."""
    play = Play({"who": "user:cai", "when": "x < 100"}, context={"x": 1}, edit=["x"], material=["x"])
    play.do("add_approver", "cai", to="dee")
    assert play.decide("dee", edit={"x": 500}).status == "counted"
    assert (play.state.state, len(play.facts("parked"))) == ("parked", 1)


def test_messages_of_past_rounds_are_forgotten_and_not_whom_they_told() -> None:
    """A crowd may be asked again and again; who was told once has taken part, and may see it."""
    play = Play({"who": "{{who}}", "material": ["x"]}, context={"x": 0, "who": "user:cai"})
    for n in range(6):
        for delivery in play.state.deliveries:
            play.deliver(delivery.id)
        amend(play, x=n + 1, who="user:cai" if n < 2 else "user:dee")
    assert {d.round for d in play.state.deliveries if d.occasion == "asked"} <= {5, 6, 7}
    assert set(play.state.told) == {"cai", "dee"}
    assert "cai" in audience(play.state)


def test_what_settles_a_question_is_remembered_as_long_as_the_question() -> None:
    """Channels answer in any order; nobody is told twice that a question has gone."""
    play = Play({"who": "user:cai", "material": ["x"]}, context={"x": 0})
    for n in range(3):
        amend(play, x=n + 1)
        play.deliver("settled:s1:cai")
    play.deliver("asked:s1:cai")
    play.decide("cai")
    ids = [e.delivery.id for e in play.effects if isinstance(e, Deliver)]
    assert len(ids) == len(set(ids))


def test_nothing_is_changed_while_too_many_are_still_to_be_told() -> None:
    """Each change tells everybody again; a channel that is down must not let them pile up without end."""
    play = Play(context={"x": 0})
    (sending,) = [d for d in play.state.deliveries if d.person == "cai"]
    play.state = play.state.but(deliveries=tuple(sending.but(id=f"d{n}") for n in range(MAX_ON_THEIR_WAY + 1)))
    assert play.do("amend", "ann", set={"x": 1}).reason.startswith("set: 501 messages about it are still on their way")


def test_an_answer_kept_by_its_own_edit_is_about_what_it_wrote() -> None:
    """It brought 5, and is void once it is 1000 again: nobody has agreed to that, though it was so before."""
    sized = {"material": ["amount"], "edit": ["amount"], "context": {"amount": 1000}}
    play = Play({"who": "user:bob"}, {"who": "user:cai"}, **sized)
    play.decide("bob")
    assert play.decide("cai", edit={"amount": 5}).status == "counted"
    assert amend(play, amount=1000) == "counted"
    assert (play.state.decisions, [v.decision.actor for v in play.state.voided]) == ((), ["bob", "cai"])
    assert play.decide("bob", key="again").status == "counted"
    assert (play.stage_states, play.state.outcome) == (["approved", "open"], None)


def test_what_is_material_to_one_stage_alone_is_in_the_digest() -> None:
    """What was seen before it changed is not what is decided now; the result tells its value."""
    play = Play({"who": "user:cai", "material": ["amount"]}, context={"amount": 1})
    seen = play.state.shown.digest
    assert amend(play, amount=1000) == "counted"
    assert play.decide("cai", digest=seen).status == "superseded"
    assert play.decide("cai", digest=play.state.shown.digest).status == "counted"
    assert result(play.state, EVIDENCE).material == {"amount": 1000}


def test_what_a_stage_that_does_not_apply_finds_material_is_not_looked_at() -> None:
    """It may not even be there."""
    play = Play({"who": "user:cai"}, {"who": "user:bob", "when": "big", "material": ["spec.a"]}, context={"big": False})
    assert play.state.shown.material == {}


def test_a_row_that_is_left_takes_what_was_material_with_it() -> None:
    """The same stage in another row does not look at it any more, and its value may be gone."""
    listing = {"name": "s", "who": "user:cai", "material": ["o.b"]}
    rows = [{"if": "o != null", "stages": [listing]}, {"stages": [{"name": "s", "who": "user:cai"}]}]
    routed = Ask.model_validate({"title": "Go?", "stages": {"route": {"rows": rows}}})
    play = Play(is_resolved=False)
    play.state = begin("a-1", routed, requester="ann", context={"o": {"b": 1}}, at=play.now)
    play.resolve()
    assert amend(play, o=None) == "counted"
    assert (play.stage_states, play.state.stages[0].round) == (["open"], 2)


def test_a_path_that_was_taken_away_and_comes_again_is_changed() -> None:
    """Whatever way it went, what is handed on has every path that was changed and is there."""
    play = Play(context={"o": {"a": 1}})
    amend(play, **{"o.a": 3})
    amend(play, o={"b": 2})
    assert play.state.amended == {"o": {"b": 2}}
    amend(play, o={"a": 2})
    assert play.state.amended == {"o.a": 2, "o": {"a": 2}}


def test_what_it_is_about_may_be_changed_to_another_and_back() -> None:
    """Somebody may have asked about the first meanwhile: both times it takes the place of older ones."""
    play = Play(subject="{{x}}", context={"x": "a"})
    for x in ("b", "a", "a"):
        amend(play, x=x)
    assert [e.subject for e in play.effects if isinstance(e, Supersede)] == ["a", "b", "a"]
