"""How much an approval holds: each share has its bound, and none of them keeps anybody from deciding."""

from typing import Any

import pytest
from inline_snapshot import snapshot

from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.opening import AskError
from hitl_temporal.domain.approval.room import (
    MAX_ANSWERS_BYTES,
    MAX_CHANGES_BYTES,
    MAX_PLACES,
    MAX_QUESTION_BYTES,
    MAX_TALK_BYTES,
)
from hitl_temporal.domain.approval.state import MAX_SPENT
from hitl_temporal.domain.people import MAX_PEOPLE, Group, People, Person
from hitl_temporal.domain.value import Json
from tests.domain.approval.playing import PEOPLE, Play

NOTE: dict[str, Json] = {"note": {"type": "string", "optional": True}}
MOST_THAT_TEMPORAL_TAKES = 2 * 1024 * 1024
ATTACHMENTS: list[Json] = [{"name": "n" * 200, "url": "https://x.example/" + "u" * 1_900, "digest": "a" * 64}] * 20


def fill(play: Play, verb: str, actor: str, **rest: object) -> str:
    """Send the same again and again until it is refused; return why."""
    for n in range(1_000):
        receipt = play.do(verb, actor, key=f"{verb}{n}", **rest)
        if receipt.status != "counted":
            assert receipt.status == "invalid"
            return receipt.reason
    raise AssertionError(f"{verb} has no bound")


def test_a_question_has_a_bound() -> None:
    """What is too large to be carried is not asked, with its size."""
    with pytest.raises(AskError, match=f"bytes, and {MAX_QUESTION_BYTES} is the most"):
        Play(context={"large": "x" * MAX_QUESTION_BYTES})


@pytest.mark.parametrize("attached", [[], ATTACHMENTS])
def test_a_conversation_has_a_bound(attached: list[Json]) -> None:
    """Attachments count as words do; afterwards people decide as before."""
    play = Play()
    assert "text: the conversation is full" in fill(play, "comment", "ann", text="x" * 5_000, attachments=attached)
    assert len(play.state.model_dump_json()) < MAX_TALK_BYTES * 1.2
    assert play.decide("cai").status == "counted"


def test_a_question_back_can_be_answered_when_nothing_more_can_be_said() -> None:
    """Who wants to know something would wait for ever otherwise, and so would everybody else."""
    play = Play(rework=1)
    fill(play, "comment", "ann", text="x" * 9_000)
    fill(play, "comment", "ann", text="x")
    assert "text: the conversation is full" in play.do("request_info", "cai", text="why?").reason
    assert play.decide("cai", "rework", comment="why?").status == "counted"
    assert play.do("provide_info", "ann", text="x" * 9_000).status == "counted"


def test_what_takes_more_on_its_way_counts_as_more() -> None:
    """A control character is six bytes of JSON; and what is sent back is said to all."""
    play = Play(rework=20)
    said = "a" + "\x01" * 9_000 + "a"
    assert "text: the conversation is full" in fill(play, "comment", "ann", text=said)
    assert len(play.state.model_dump_json()) < MAX_TALK_BYTES * 1.2
    fill(play, "comment", "dee", text="x" * 1_000)
    assert "comment: the conversation is full" in play.decide("cai", "rework", comment=said).reason


def test_reasons_of_extensions_are_part_of_the_conversation() -> None:
    """They stay with the deadline that they have moved, and leave less to say."""
    play = Play({"who": "group:secops", "due": "2d"})
    assert "reason: the conversation is full" in fill(play, "extend", "eli", by="1h", reason="x" * 9_000)
    assert "text: the conversation is full" in fill(play, "comment", "ann", text="x" * 9_000)


def test_a_reason_to_move_several_deadlines_is_kept_with_each() -> None:
    """What is left does for one of them."""
    for stages, status in ((("a",), "counted"), (("a", "b"), "invalid")):
        play = Play({"parallel": [{"name": n, "who": "group:secops", "due": "2d"} for n in stages]})
        fill(play, "comment", "ann", text="x" * 9_000)
        assert play.do("extend", "eli", by="1h", reason="x" * 5_000).status == status


def test_changes_have_a_bound() -> None:
    """One large value, or many, amended or edited."""
    play = Play(context={"note": "", "small": ""}, edit=["note"])
    assert "set: all changes together" in play.do("amend", "ann", set={"note": "x" * MAX_CHANGES_BYTES}).reason
    assert "set: all changes together" in fill(play, "amend", "ann", set={"note": "y" * 9_000}, reason="r" * 9_000)
    assert "edit: all changes together" in play.decide("cai", edit={"note": "x" * 37_000}).reason
    assert play.decide("cai").status == "counted"


def test_why_something_is_changed_counts_as_what_is_changed() -> None:
    """It is kept with it."""
    play = Play(context={"note": ""})
    large = {"note": "x" * (MAX_CHANGES_BYTES // 4 - 100)}
    assert "set: all changes together" in play.do("amend", "ann", set=large, reason="r" * 9_000).reason
    assert play.do("amend", "ann", set=large, reason="r").status == "counted"


def test_answers_have_a_bound_that_does_not_bind_a_plain_yes() -> None:
    """Comments and forms fill it; yes and no always count."""
    play = Play({"who": "group:trio", "approve": "all"}, form=NOTE)
    assert play.decide("cai", form={"note": "x" * 100_000}).status == "counted"
    assert "form: all answers together" in play.decide("dee", form={"note": "x" * 100_000}).reason
    assert play.decide("dee", comment="x" * 9_000).status == "counted"
    assert play.decide("eli").status == "counted"


def test_answers_that_were_taken_back_fill_the_bound_too() -> None:
    """They stay known."""
    play = Play(form=NOTE, cooling_off="1h")
    assert play.decide("cai", form={"note": "x" * 100_000}).status == "counted"
    assert play.do("retract", "cai").status == "counted"
    assert "form: all answers together" in play.decide("dee", form={"note": "x" * 100_000}).reason
    assert play.decide("dee").status == "counted"


def test_answers_that_wait_to_be_confirmed_fill_the_bound_too() -> None:
    """But for one's own, whose place the new one takes."""
    play = Play({"who": "group:secops", "approve": 2, "assurance": "medium"}, form=NOTE)
    for _ in range(2):
        assert play.decide("cai", form={"note": "x" * 100_000}).status == "needs_step_up"
    large = {"form": {"note": "x" * 100_000}, "assurance": "medium"}
    assert "form: all answers together" in play.decide("dee", **large).reason
    assert play.decide("cai", **large).status == "counted"


def test_comments_of_answers_have_the_same_bound() -> None:
    """A comment too long for what is left is told so."""
    play = Play({"who": "group:trio", "approve": "all"}, form=NOTE)
    play.decide("cai", form={"note": "x" * (MAX_ANSWERS_BYTES - 5_000)})
    assert "comment: all answers together" in play.decide("dee", comment="x" * 9_000).reason


def test_keys_that_were_spent_are_bounded() -> None:
    """The last ones are known: a repeat comes within minutes."""
    play = Play()
    play.state = play.state.but(spent={str(n): "comment 0 of 1" for n in range(MAX_SPENT)})
    play.do("comment", "ann", text="x", key="k")
    assert (len(play.state.spent), "0" in play.state.spent, "1" in play.state.spent) == (MAX_SPENT, False, True)
    assert play.do("comment", "ann", text="x", key="k").status == "counted"
    assert len(play.state.conversation) == 1


def test_all_of_it_with_a_thousand_people_still_travels() -> None:
    """Everything full at once, everybody asked once and told; and what one answer takes, all the others take too.

    What is changed is another value each time, so that everybody is told, and told again when they have that.
    """
    many = {f"person{n:04}": Person(name=f"Person {n}") for n in range(1_000)}
    crowd = People(people={**PEOPLE.people, **many}, groups={**PEOPLE.groups, "crowd": Group(members=tuple(many))})
    ask: dict[str, Json] = {"body": "b" * 70_000, "edit": ["note"], "form": NOTE}
    play = Play(
        {"who": "group:crowd", "approve": "all"},
        context={"note": "", "large": "x" * 110_000},
        is_resolved=False,
        **ask,
    )
    play.people = crowd
    play.resolve()
    fill(play, "comment", "ann", text="x" * 5_000, attachments=ATTACHMENTS)
    for n in range(3):
        arrived = tuple(d.but(state="delivered", channel="mail") for d in play.state.deliveries)
        play.state = play.state.but(deliveries=arrived)
        receipt = play.do("amend", "ann", set={"note": f"{n}" + "y" * 9_000}, reason="r" * 9_000)
    assert "set: all changes together" in receipt.reason
    assert play.sent("notice").count("person0999") == 2
    size_before = len(play.state.model_dump_json())
    for n, person in enumerate(list(many)[:20]):
        assert play.decide(person, key=f"{n:0200}", form={"note": "x" * 7_000}).status == "counted"
    one = (len(play.state.model_dump_json()) - size_before) / 20 - 7_000
    assert len(play.state.model_dump_json()) + 980 * one < MOST_THAT_TEMPORAL_TAKES


# --- People -----------------------------------------------------------------------------------------------------------


def crowd(number: int) -> People:
    """Return the directory with a group of so many, cai and dee among them."""
    many = {f"p{n}": Person(name=f"P {n}") for n in range(number - 2)}
    groups = {**PEOPLE.groups, "crowd": Group(members=("cai", "dee", *many))}
    return PEOPLE.but(people={**PEOPLE.people, **many}, groups=groups)


def asked_of(number: int, *more: dict[str, Any], **stage: Any) -> Play:
    """Return a question to so many."""
    play = Play({"who": "group:crowd", **stage}, *more, is_resolved=False)
    play.people = crowd(number)
    play.resolve()
    return play


def test_so_many_are_asked_and_no_more() -> None:
    """A stage of more parks and says so; an operator can't let it ask them all the same, but one of them is picked."""
    assert asked_of(MAX_PLACES).state.state == "open"
    play = asked_of(MAX_PLACES + 1)
    assert (play.state.state, play.sent("asked")) == ("parked", [])
    assert play.stage.reason.startswith(f"{MAX_PLACES + 1} people would be asked in all, and {MAX_PLACES} is the most")
    play.reassign("eli", "gus")
    assert (play.state.state, play.sent("asked"), "is the most" in play.stage.reason) == ("parked", [], True)
    assert asked_of(MAX_PLACES + 1, pick="random").state.state == "open"


def test_all_stages_together_ask_so_many() -> None:
    """The second finds no room for its people."""
    play = asked_of(MAX_PLACES - 1, {"who": "group:leads"}, {"who": ["user:gus", "user:eli"]})
    play.decide("cai")
    play.decide("bob")
    assert (play.stage_states, play.state.stages[2].reason[:4]) == (["approved", "approved", "parked"], "1002")


@pytest.mark.parametrize("keys", [{}, {"wait_for_all": True}, {"who": "user:cai", "not": "group:crowd"}])
def test_more_people_than_can_be_carried_are_nobody(keys: dict[str, Any]) -> None:
    """A group has grown beyond all bounds: nobody is let through whom a `not` might bar, and nobody has said yes."""
    play = asked_of(2 if "not" not in keys else MAX_PEOPLE + 1, **keys)
    if "not" not in keys:
        play.decide("dee", "rejected") if keys else None
        play.people = crowd(MAX_PEOPLE + 1)
    assert play.decide("cai").status == "not_eligible"
    assert play.state.state == "parked"
    assert "people are named in all, and 1500 is the most" in play.stage.reason
    play.people = crowd(3)
    assert play.do("reassign", "eli", to="gus", reason="it is small again").status == "counted"
    assert play.state.state == "open"


def test_while_a_not_names_too_many_nobody_is_let_past_it() -> None:
    """Neither whom an operator brings in, nor an admin: they might be among them."""
    play = Play({"who": "user:cai", "not": "group:crowd"}, is_resolved=False)
    play.people = crowd(3)
    play.people = play.people.but(groups={**play.people.groups, "crowd": Group(members=("gus", "eli"))})
    play.resolve()
    assert play.reassign("eli", "gus").status == "invalid"
    play.people = crowd(MAX_PEOPLE)
    play.wait("1h", reads_people=True)
    play.do("reassign", "eli", to="gus", reason="needed")
    assert (play.state.state, play.decide("gus").status) == ("parked", "not_eligible")
    refused = play.do("override", "eli", outcome="approved", reason="go")
    assert (refused.status, "is the most" in refused.reason) == ("not_eligible", True)


def test_who_can_help_is_told_of_ways_that_are_open() -> None:
    """Nobody is let past a `not` that can't be told, nor in where too many are asked, nor where there is no stage."""
    plays = {
        "a `not` of too many": asked_of(MAX_PEOPLE + 1, **{"who": "user:cai", "not": "group:crowd"}),
        "a later `not`": asked_of(MAX_PEOPLE + 1, {"who": "user:cai", "not": "group:crowd"}),
        "too many named": asked_of(MAX_PEOPLE + 1),
        "too many asked": asked_of(MAX_PLACES + 1),
        "nobody": Play({"who": "group:empty"}),
        "no stage": Play({"who": "user:cai", "when": "false"}),
    }
    told = {n: next(e.delivery.text for e in p.effects if isinstance(e, Deliver)) for n, p in plays.items()}
    assert {name: text.rpartition(". ")[2] for name, text in told.items()} == snapshot(
        {
            "a `not` of too many": "Withdraw it, or have fewer people named and reassign it then.",
            "a later `not`": "Withdraw it, or have fewer people named and reassign it then.",
            "too many named": "Override or withdraw it, or have fewer people named and reassign it then.",
            "too many asked": "Change it, override or withdraw it.",
            "nobody": "Reassign it, override or withdraw it.",
            "no stage": "Change it, override or withdraw it.",
        }
    )
    for name, play in plays.items():
        play.reassign("eli", "gus")
        assert (play.state.state == "open") == told[name].endswith("Reassign it, override or withdraw it.")
        receipt = play.do("override", "eli", outcome="approved", reason="go")
        assert (receipt.status == "counted") == ("verride" in told[name])


@pytest.mark.parametrize("how", ["add", "replace"])
def test_an_escalation_brings_in_no_more_than_can_be_asked(how: str) -> None:
    """The stage stays with those who have it, and whoever can help is told."""
    step = {"after": "1h", "to": "group:crowd", "how": how}
    play = asked_of(MAX_PLACES + 1, {"who": "user:bob"}, pick="random", escalate=[step])
    (picked,) = play.may_act()
    play.wait("2h", reads_people=True)
    assert play.may_act() == [picked]
    told = [e.delivery.text for e in play.effects if isinstance(e, Deliver) and e.delivery.person == "eli"]
    assert any("can't go to those whom it escalates to" in text for text in told)


def test_of_too_many_those_are_known_who_are_asked_for() -> None:
    """An admin can still decide."""
    roster = crowd(MAX_PEOPLE).roster(("group:crowd", "user:cai"), ("eli",)).bounded(("eli", "nobody"))
    assert (roster.oversized, list(roster.cards), roster.named_by(("group:crowd", "user:cai"))) == (
        MAX_PEOPLE + 1,
        ["eli"],
        (),
    )
    play = asked_of(MAX_PEOPLE + 1)
    assert play.do("override", "eli", outcome="approved", reason="go").status == "counted"


def test_a_stage_that_waits_for_all_parks_where_nobody_can_tell_for_whom() -> None:
    """It has the votes it needs, and is not ended by them alone."""
    play = asked_of(2, wait_for_all=True)
    play.reassign("eli", "gus")
    play.people = crowd(MAX_PEOPLE + 1)
    play.decide("gus")
    play.wait("1d", reads_people=True)
    assert (play.state.state, "is the most" in play.stage.reason) == ("parked", True)
    assert play.sent("notice")[-1] == "ann"


def test_two_escalations_share_the_room() -> None:
    """Whom the first has brought in counts for the second."""
    groups = {n: Group(members=tuple(f"{n}{k}" for k in range(600))) for n in ("x", "y")}
    many = {p: Person(name=p) for g in groups.values() for p in g.members}
    steps = {n: [{"after": "1h", "to": f"group:{n}"}] for n in groups}
    beside = [{"name": n, "who": f"user:{p}", "escalate": steps[n]} for n, p in (("x", "cai"), ("y", "dee"))]
    play = Play({"parallel": beside}, is_resolved=False)
    play.people = PEOPLE.but(people={**PEOPLE.people, **many}, groups={**PEOPLE.groups, **groups})
    play.resolve()
    play.wait("2h", reads_people=True)
    assert [len(play.may_act(n)) for n in ("x", "y")] == [601, 1]
