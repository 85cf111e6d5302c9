"""Escalation: told, asked too, asked instead, or decided, when nobody has answered for a while."""

import pytest

from hitl_temporal.domain.approval.clock import next_moment
from tests.domain.approval.playing import MONDAY, Play, people_without


def escalated(how: str = "add", to: str = "group:leads", after: str = "1h", **rest: object) -> dict[str, object]:
    return {"escalate": [{"after": after, "how": how, "to": [to], **rest}]}


def test_notify_tells_others_and_changes_nothing() -> None:
    """They may not act; who may act already is not told twice, and nobody is told of their own request."""
    play = Play({"who": "user:cai", **escalated("notify", "group:all")})
    play.wait("1h")
    assert play.sent("escalated") == ["bob", "dee", "eli", "gus"]
    assert play.may_act() == ["cai"]
    assert play.facts("escalated") == [{"stage": "s1", "how": "notify", "to": ["group:all"]}]


def test_add_lets_others_decide_too() -> None:
    """Thresholds stay as they were."""
    play = Play({"who": "group:secops", "approve": 2, **escalated("add")})
    play.wait("1h")
    assert (play.sent("escalated"), play.may_act()) == (["bob"], ["cai", "dee", "bob"])
    assert [play.decide(p).status for p in ("bob", "cai")] == ["counted"] * 2
    assert play.state.outcome == "approved"


def test_replace_lets_others_decide_instead() -> None:
    """Who was asked is told that it has gone to others, and may not act any more."""
    play = Play({"who": "group:secops", **escalated("replace")})
    play.wait("1h")
    assert (play.may_act(), play.sent("settled"), play.sent("escalated")) == (["bob"], ["cai", "dee"], ["bob"])
    assert play.decide("cai").status == "not_eligible"
    assert play.decide("bob").status == "counted"


@pytest.mark.parametrize(("approve", "needed"), [("all", 1), ("60%", 1), ("any", 1)])
def test_thresholds_are_taken_of_those_who_decide_instead(approve: str, needed: int) -> None:
    """All of three becomes all of the one who has taken their place."""
    play = Play({"who": "group:trio", "approve": approve, **escalated("replace")})
    play.wait("1h")
    assert (play.stage.ways[0].needed, play.stage.state) == (needed, "open")
    play.decide("bob")
    assert play.state.outcome == "approved"


def test_one_of_each_who_decide_instead() -> None:
    """`each` then means each of those whom the escalation names."""
    play = Play({"who": ["user:cai", "user:dee"], "approve": "each", **escalated("replace", to="group:trio")})
    play.wait("1h")
    assert (play.stage.ways[0].needed, play.may_act()) == (1, ["cai", "dee", "eli"])


def test_who_is_asked_before_and_after_is_asked_again() -> None:
    """Their question was said to have gone to others; it has come back to them."""
    play = Play({"who": "group:secops", **escalated("replace", to="user:dee")})
    play.wait("1h")
    assert play.sent("settled") == ["cai", "dee"]
    assert play.sent("asked") == ["cai", "dee", "dee"]
    assert [d.id for d in play.state.deliveries if d.person == "dee"][-1] == "asked:s1:dee:1:2"


def test_an_escalation_to_nobody_takes_the_question_from_nobody() -> None:
    """Those who can decide go on."""
    play = Play({"who": "user:cai", **escalated("replace", to="group:empty")})
    play.wait("1h")
    assert (play.stage.state, play.may_act()) == ("open", ["cai"])


@pytest.mark.parametrize("how", ["add", "replace"])
def test_an_escalation_helps_a_stage_that_has_nobody(how: str) -> None:
    """It is opened for those who come in, once."""
    play = Play({"who": "group:empty", "due": "5h", **escalated(how)})
    assert play.stage.state == "parked"
    play.wait("2h")
    assert (play.stage.state, play.sent("asked"), play.sent("escalated")) == ("open", ["bob"], [])
    assert play.stage.due_at is not None
    play.decide("bob")
    assert play.state.outcome == "approved"


def test_an_escalation_of_a_parked_stage_to_nobody_happens_once() -> None:
    """It stays parked, and the next moment is its deadline."""
    play = Play({"who": "group:empty", "due": "5h", **escalated("add", to="group:gone")})
    play.wait("2h")
    assert (play.stage.state, next_moment(play.state)) == ("parked", play.stage.due_at)
    assert len(play.facts("escalated")) == 1


def test_an_escalation_helps_a_stage_that_leavers_have_parked() -> None:
    """Who comes in takes the place of the leaver in the count."""
    play = Play({"who": "group:secops", "approve": 2, **escalated("add")})
    play.people = people_without("dee")
    play.wait("10m", reads_people=True)
    assert play.stage.state == "parked"
    play.wait("1h", reads_people=True)
    assert (play.stage.state, play.may_act()) == ("open", ["cai", "bob"])


def test_what_was_escalated_while_parked_is_not_escalated_again() -> None:
    """An operator brings somebody in; the stage goes on with the times it had."""
    play = Play({"who": "group:empty", "due": "5h", **escalated("notify")})
    play.wait("2h")
    assert play.reassign("eli", "cai").status == "counted"
    play.wait("1h")
    assert play.sent("escalated") == ["bob"]
    assert play.stage.due_at == MONDAY.replace(hour=14)


def test_decide_ends_the_stage_with_the_outcome_that_is_written() -> None:
    """Nobody has decided it, and the trail says so."""
    play = Play({"who": "user:cai", "escalate": [{"after": "1h", "how": "decide", "outcome": "rejected"}]})
    play.wait("1h")
    assert (play.state.outcome, play.state.decisions) == ("rejected", ())
    assert play.facts("escalated") == [{"stage": "s1", "how": "decide", "outcome": "rejected"}]


def test_decide_never_approves_what_nobody_could_answer() -> None:
    """A parked stage stays parked, and its own deadline stands."""
    decide = {"after": "1h", "how": "decide", "outcome": "approved"}
    play = Play({"who": "group:empty", "due": "2h", "at_due_positive": True, "escalate": [decide]})
    play.wait("1h")
    assert (play.state.outcome, play.stage.state) == (None, "parked")
    assert play.stage.reason.endswith("so it can't be approved by silence either")
    play.wait("1h")
    assert play.state.outcome == "expired"


def test_escalations_come_in_the_order_of_time() -> None:
    """Whatever the order written; at equal times a reminder is first."""
    steps = [{"after": "2h", "how": "add", "to": "user:eli"}, {"after": "1h", "how": "notify", "to": "user:bob"}]
    play = Play({"who": "user:cai", "remind": ["1h"], "escalate": steps})
    play.wait("3h")
    told = [e.name for e in play.effects if hasattr(e, "name")]
    assert told[-3:] == ["approval.reminded", "approval.escalated", "approval.escalated"]
    assert play.sent("escalated") == ["bob", "eli"]


def test_answers_of_those_who_were_replaced_count_no_more() -> None:
    """Whoever decides instead decides alone; the earlier answer stays known, and its key stays spent."""
    play = Play({"who": "group:secops", "approve": "all", **escalated("replace")})
    first = play.decide("cai", key="k")
    play.wait("1h")
    assert (play.state.outcome, play.state.decisions, play.may_act()) == (None, (), ["bob"])
    assert [(v.decision.actor, v.why) for v in play.state.voided] == [("cai", "replaced")]
    assert play.facts("decisions_voided") == [{"stage": "s1", "reason": "replaced", "decisions": ["k"]}]
    again = play.decide("cai", key="k")
    assert (first.status, again.status, "others were asked instead" in again.reason) == ("counted", "superseded", True)
    play.decide("bob")
    assert play.state.outcome == "approved"


def test_too_few_who_decide_instead_park() -> None:
    """An answer from before does not fill the place of one who is missing."""
    play = Play({"who": "group:secops", "approve": 2, **escalated("replace")})
    play.decide("cai")
    play.wait("1h")
    assert (play.stage.state, play.stage.reason) == ("parked", "too few are left: 2 must agree, only 1 can")


def test_whom_an_operator_had_added_is_replaced_too() -> None:
    """An escalation that replaces, replaces everybody."""
    play = Play({"who": "group:secops", **escalated("replace")})
    assert play.reassign("eli", "gus").status == "counted"
    assert play.may_act() == ["cai", "dee", "gus"]
    play.wait("1h")
    assert play.may_act() == ["bob"]


@pytest.mark.parametrize("to", ["group:empty", "group:gone"])
def test_whom_an_operator_had_added_keeps_the_question_where_an_escalation_names_nobody(to: str) -> None:
    """They are replaced by nobody, and nobody is no one to decide instead."""
    play = Play({"who": "group:secops", **escalated("replace", to=to)})
    play.reassign("eli", "gus")
    play.wait("1h", reads_people=True)
    assert (play.stage.state, play.may_act()) == ("open", ["cai", "dee", "gus"])


def test_whom_an_operator_had_added_is_not_counted_among_those_who_decide_instead() -> None:
    """All of those who can refuse now is one."""
    play = Play({"who": "group:secops", "approve": "all", "reject": "all", **escalated("replace")})
    play.reassign("eli", "gus")
    play.wait("1h")
    assert (play.stage.asked, play.stage.ways[0].needed, play.stage.reject) == (("bob",), 1, 1)
    play.decide("bob", "rejected")
    assert play.state.outcome == "rejected"


def test_who_is_replaced_and_brought_in_again_is_another_fact() -> None:
    """An operator had added somebody before others were asked instead, and does so again."""
    play = Play({"who": "user:cai", **escalated("replace")})
    play.reassign("eli", "gus")
    play.wait("1h")
    play.reassign("eli", "gus")
    assert (play.may_act(), len(play.facts("reassigned"))) == (["bob", "gus"], 2)
    keys = [e.key for e in play.effects if hasattr(e, "key")]
    assert len(set(keys)) == len(keys)


def test_whom_an_escalation_has_let_in_is_not_asked_again_before_it_is_due_again() -> None:
    """What was asked has changed: the stage begins from its beginning, where it names nobody."""
    let_in = {"escalate": [{"after": "1h", "to": "group:secops"}]}
    play = Play({"who": "group:empty", **let_in}, context={"x": 1}, material=["x"])
    play.wait("1h", reads_people=True)
    assert play.may_act() == ["cai", "dee"]
    play.do("amend", "ann", set={"x": 2})
    assert (play.stage.state, play.may_act()) == ("parked", [])
    play.wait("1h", reads_people=True)
    assert play.may_act() == ["cai", "dee"]
