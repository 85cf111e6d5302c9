"""Who is told what: the question, reminders, what concerns somebody, and what has become of a question."""

from datetime import timedelta

import pytest

from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.people import Person
from hitl_temporal.domain.value import Json
from tests.domain.approval.playing import MONDAY, PEOPLE, Play, people_with, people_without


def ids(play: Play, occasion: str) -> list[str]:
    """Return the ids of all messages of an occasion, in order."""
    sent = [e.delivery for e in play.effects if isinstance(e, Deliver)]
    return [d.id for d in sent if d.occasion == occasion]


# --- The question -----------------------------------------------------------------------------------------------------


def test_joiners_are_asked_when_the_directory_is_read() -> None:
    """Once; who was asked before is left alone."""
    play = Play()
    play.people = people_with("secops", "cai", "dee", "gus")
    for _ in range(2):
        play.wait("1h", reads_people=True)
    assert play.sent("asked") == ["cai", "dee", "gus"]


def test_who_joins_when_a_reminder_is_due_is_asked_and_not_reminded() -> None:
    """They can't be reminded of what they have not heard of; the next time they are."""
    play = Play({"who": "group:secops", "remind": "1h"})
    play.people = people_with("secops", "cai", "dee", "gus")
    play.wait("1h", reads_people=True)
    assert (play.sent("asked"), play.sent("reminded")) == (["cai", "dee", "gus"], ["cai", "dee"])
    assert play.facts("reminded")[0]["people"] == ["cai", "dee"]
    play.wait("1h", reads_people=True)
    assert play.sent("reminded")[2:] == ["cai", "dee", "gus"]


def test_who_stands_in_from_the_moment_of_a_reminder_on_is_asked() -> None:
    """And learns for whom."""
    play = Play({"who": "user:cai", "remind": "1h"})
    play.away("cai", "gus", since=MONDAY + timedelta(hours=1))
    play.wait("1h", reads_people=True)
    asked = [(d.person, d.on_behalf_of) for d in play.state.deliveries if d.occasion == "asked"]
    assert (asked, play.sent("reminded")) == ([("cai", None), ("gus", "cai")], ["cai"])


def test_who_comes_back_after_a_reminder_has_the_question() -> None:
    """A reminder is the question too: nothing is asked on top."""
    play = Play({"who": "user:cai", "remind": "1h"}, is_resolved=False)
    play.away("cai", "gus", until=MONDAY + timedelta(hours=2))
    play.resolve()
    play.wait("1h", reads_people=True)
    play.wait("1h", reads_people=True)
    assert (play.sent("asked"), play.sent("reminded").count("cai")) == (["gus"], 2)


def test_a_question_that_was_taken_away_is_put_again_when_it_comes_back() -> None:
    """Under an id of its own, in a later round too; it is settled once for each."""
    play = Play({"who": "user:cai", "material": ["x"]}, context={"x": 1})
    play.do("delegate", "cai", to="dee")
    play.do("delegate", "dee", to="cai")
    play.do("amend", "ann", set={"x": 2})
    play.do("delegate", "cai", to="gus")
    play.do("delegate", "gus", to="cai")
    assert ids(play, "asked") == [
        "asked:s1:cai",
        "asked:s1:dee",
        "asked:s1:cai:1:2",
        "asked:s1:cai:2",
        "asked:s1:gus:2",
        "asked:s1:cai:2:2",
    ]
    play.decide("cai")
    assert sorted(ids(play, "settled")) == sorted(i.replace("asked:", "settled:") for i in ids(play, "asked"))


def test_who_may_act_without_being_told_is_told_nothing() -> None:
    """Neither question nor reminder; their answer counts."""
    play = Play({"who": "group:trio", "quiet": ["user:eli", "user:gus"], "remind": "1h"})
    play.wait("1h")
    assert (play.sent("asked"), play.sent("reminded")) == (["cai", "dee"], ["cai", "dee"])
    assert play.may_act() == ["cai", "dee", "eli", "gus"]
    assert play.decide("gus").status == "counted"


def test_thresholds_do_not_look_at_who_is_there_quietly() -> None:
    """All of three are those who are asked."""
    play = Play({"who": "group:secops", "quiet": "user:gus", "approve": "all"})
    assert (play.stage.ways[0].needed, play.stage.asked) == (2, ("cai", "dee"))


@pytest.mark.parametrize("quiet", ["user:eli", True])
def test_nobody_waits_for_those_who_do_not_know(quiet: Json) -> None:
    """A stage that waits for all waits for those who know of it; where nobody does, for everybody."""
    play = Play({"who": "group:secops", "quiet": quiet, "wait_for_all": True})
    play.decide("cai")
    if quiet is True:
        assert play.state.outcome is None
    play.decide("dee")
    assert play.state.outcome == "approved"


def test_nobody_is_told_where_all_are_quiet() -> None:
    """`true` means those of `who`; whoever an escalation brings in is told."""
    play = Play({"who": "group:secops", "quiet": True, "remind": "2h", "escalate": [{"after": "1h", "to": "user:eli"}]})
    play.wait("1h")
    assert (play.sent("asked"), play.sent("escalated")) == ([], ["eli"])
    play.wait("1h")
    assert play.sent("reminded") == ["eli"]


def test_a_fallback_is_told_although_all_of_who_are_quiet() -> None:
    """It stands in for them, and is not among them."""
    play = Play({"who": "group:empty", "quiet": True, "fallback": "user:cai"})
    assert play.sent("asked") == ["cai"]


def test_quiet_may_be_said_for_all_stages() -> None:
    """A stage may say otherwise."""
    play = Play({"who": "group:leads"}, {"who": "group:secops", "quiet": ["user:eli"]}, quiet=True)
    play.decide("bob")
    assert play.sent("asked") == ["cai", "dee"]


def test_a_substitute_of_somebody_quiet_is_quiet() -> None:
    """What one does not want to hear, the other need not either."""
    play = Play({"who": "group:secops", "quiet": "user:cai"}, is_resolved=False)
    play.away("cai", "gus")
    play.resolve()
    assert play.sent("asked") == ["dee"]


@pytest.mark.parametrize("how", ["stands in", "delegate"])
def test_who_is_quiet_and_takes_the_place_of_somebody_who_is_asked_is_asked(how: str) -> None:
    """In that role, and reminded; for themselves they would be told nothing."""
    play = Play({"who": "user:cai", "quiet": "user:gus", "remind": "1h"}, is_resolved=False)
    if how == "stands in":
        play.away("cai", "gus")
    play.resolve()
    if how == "delegate":
        play.do("delegate", "cai", to="gus")
    asked = [(d.person, d.on_behalf_of) for d in play.state.deliveries if d.occasion == "asked"]
    assert asked[-1] == ("gus", "cai")
    play.wait("1h")
    assert "gus" in play.sent("reminded")


# --- Standing in ------------------------------------------------------------------------------------------------------


def test_the_question_says_for_whom_somebody_stands_in() -> None:
    """Not where they are asked for themselves."""
    for stand_in, wanted in (("gus", "cai"), ("dee", None)):
        play = Play(is_resolved=False)
        play.away("cai", stand_in)
        play.resolve()
        asked = {d.person: d.on_behalf_of for d in play.state.deliveries if d.occasion == "asked"}
        assert asked[stand_in] == wanted
        assert "cai" not in asked


def test_who_is_stood_in_for_is_told_once_a_round() -> None:
    """However often people are looked at; anew when they are asked anew; and by whom, when it is another."""
    play = Play({"who": "user:cai", "material": ["x"]}, context={"x": 1}, is_resolved=False)
    play.away("cai", "dee")
    play.resolve()
    for x in (1, 2):
        play.do("amend", "ann", set={"x": x})
        for _ in range(3):
            play.wait("1h", reads_people=True)
    told = [d.text for d in play.state.deliveries if d.occasion == "notice" and d.person == "cai"]
    assert told == ["Dee Fox stands in for you"] * 2
    play.away("cai", "gus", **{"if": "x > 0"})
    play.wait("1h", reads_people=True)
    told = [d.text for d in play.state.deliveries if d.occasion == "notice" and d.person == "cai"]
    assert told[2:] == ["Gus Kay stands in for you"]


def test_a_substitute_whom_the_directory_does_not_name_is_called_by_id() -> None:
    """There is no card, so they may not act either."""
    play = Play(is_resolved=False)
    play.away("cai", "nobody")
    play.resolve()
    assert (play.sent("asked"), play.sent("notice")) == (["cai", "dee"], [])


# --- Notices ----------------------------------------------------------------------------------------------------------


def test_the_requester_and_whom_they_act_for_hear_the_outcome() -> None:
    """With the reason; a machine hears nothing, nor does somebody who has left."""
    play = Play({"who": "user:cai"}, on_behalf_of="bob")
    play.decide("cai", "rejected")
    assert [(d.person, d.text) for d in play.state.deliveries if d.occasion == "notice"] == [
        ("ann", "Go?: rejected (stage 's1')"),
        ("bob", "Go?: rejected (stage 's1')"),
    ]
    machine = Play({"who": "user:cai"}, requester="system:client")
    machine.decide("cai")
    gone = Play({"who": "user:cai"})
    gone.people = people_without("ann")
    gone.decide("cai")
    assert machine.sent("notice") == gone.sent("notice") == []


def test_a_notice_has_a_bound() -> None:
    """Whatever somebody has written into it."""
    play = Play()
    play.do("comment", "cai", text="x" * 9_000)
    assert {len(d.text) for d in play.state.deliveries if d.occasion == "notice"} == {1_000}


@pytest.mark.parametrize(("number", "length"), [(100, 1_000), (101, 200)])
def test_a_notice_to_a_crowd_is_shorter(number: int, length: int) -> None:
    """The approval carries it once for each of them."""
    crowd = [f"p{n}" for n in range(number)]
    play = Play({"who": [f"user:{p}" for p in crowd]}, is_resolved=False)
    play.people = PEOPLE.but(people={**PEOPLE.people, **{p: Person(name=p) for p in crowd}})
    play.resolve()
    play.do("override", "eli", outcome="approved", reason="x" * 9_000)
    told = [d for d in play.state.deliveries if d.occasion == "notice" and d.person in crowd]
    assert ({d.person for d in told}, {len(d.text) for d in told}) == ({*crowd}, {length})


# --- What has become of it --------------------------------------------------------------------------------------------


def test_everybody_with_the_question_before_them_is_told_the_end() -> None:
    """Those asked and those to whom it was escalated; each once, not those whom it never reached."""
    play = Play({"who": "group:trio", "escalate": [{"after": "1h", "to": "group:leads"}]})
    play.deliver("asked:s1:dee", "failed")
    play.wait("1h")
    play.deliver("escalated:s1:bob:1", channel="chat")
    play.decide("cai")
    assert ids(play, "settled") == ["settled:s1:cai", "settled:s1:eli", "settled:escalated:s1:bob:1"]
    assert {d.settles for d in play.state.deliveries if d.occasion == "settled"} == {
        "asked:s1:cai",
        "asked:s1:eli",
        "escalated:s1:bob:1",
    }


@pytest.mark.parametrize(
    ("verb", "rest", "text"),
    [
        ("delegate", {"to": "gus"}, "gus has taken your place"),
        ("amend", {"set": {"x": 2}}, "what was asked has changed"),
    ],
)
def test_a_question_that_is_no_more_says_what_has_become_of_it(verb: str, rest: dict[str, object], text: str) -> None:
    """Long before the end."""
    play = Play({"who": "user:cai", "material": ["x"]}, context={"x": 1})
    play.do(verb, "cai" if verb == "delegate" else "ann", **rest)
    assert [(d.person, d.text) for d in play.state.deliveries if d.occasion == "settled"] == [("cai", text)]


def test_a_message_about_a_stage_that_is_gone_goes_where_the_person_prefers() -> None:
    """The route has none of that name any more."""
    table = {
        "rows": [{"if": "x < 5", "stages": [{"name": "a", "who": "group:leads"}]}, {"stages": [{"who": "user:cai"}]}]
    }
    play = Play(context={"x": 1}, stages={"route": table})
    play.do("amend", "ann", set={"x": 9})
    sent = [e for e in play.effects if isinstance(e, Deliver) and e.delivery.occasion == "settled"]
    assert [(e.delivery.person, e.via) for e in sent] == [("bob", ("chat",))]
