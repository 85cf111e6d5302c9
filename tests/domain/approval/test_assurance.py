"""How sure a door is of who answers: what is below is kept, and completed by the same person when they prove it."""

from datetime import timedelta

import pytest

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.commands import Override, Withdraw
from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.judge import flooded
from hitl_temporal.domain.approval.records import INTENT_HOLDS
from hitl_temporal.domain.approval.state import MAX_INTENTS_BY_ACTOR, MAX_REFUSALS_BY_ACTOR
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.effects import Record
from tests.domain.approval.playing import Play

MEDIUM = {"who": "group:secops", "assurance": "medium"}
HIGH = {"assurance": "high"}


@pytest.mark.parametrize(
    ("needed", "shown", "receipt"),
    [
        ("low", "low", "counted"),
        ("medium", "low", "needs_step_up"),
        ("medium", "medium", "counted"),
        ("medium", "high", "counted"),
        ("high", "medium", "needs_step_up"),
        ("high", "high", "counted"),
    ],
)
def test_an_answer_counts_from_the_level_that_its_stage_needs(needed: str, shown: str, receipt: str) -> None:
    """Without one a message is `low`."""
    play = Play({"who": "group:secops", "assurance": needed})
    assert play.decide("cai", assurance=shown).status == receipt
    assert (Play(MEDIUM).decide("cai").status, Play().decide("cai").status) == ("needs_step_up", "counted")


def test_an_answer_below_is_kept_and_decides_nothing() -> None:
    """The receipt says what is needed; whoever looks sees that it waits."""
    play = Play(MEDIUM)
    receipt = play.decide("cai", key="k")
    assert receipt.reason == "stage 's1' needs assurance 'medium', this answer has 'low'"
    assert (play.state.decisions, play.state.refusals) == ((), ())
    shown = status(play.state)
    assert (shown.intents, shown.kept) == ({"cai": "approved"}, play.state.intents)
    assert play.facts("intended") == [
        {"actor": "cai", "stage": "s1", "outcome": "approved", "assurance": "low", "needed": "medium"}
    ]


def test_the_same_person_completes_it() -> None:
    """What they have said is there already; the key of the first click is not spent by it."""
    ask = {"comment": "required", "form": {"n": {"type": "integer"}}, "edit": ["x"], "context": {"x": 1}}
    play = Play(MEDIUM, **ask)
    play.decide("cai", comment="fine", form={"n": 3}, edit={"x": 2}, key="k")
    assert play.decide("cai", assurance="high", key="k").status == "counted"
    (decision,) = play.state.decisions
    assert (decision.comment, decision.form, decision.edited["x"].after) == ("fine", {"n": 3}, 2)
    assert (decision.assurance, play.state.intents) == ("high", ())


def test_who_says_something_anew_says_it_all_anew() -> None:
    """Nobody agrees to an edit that they have not sent again."""
    play = Play(MEDIUM, context={"x": 1}, edit=["x"])
    play.decide("cai", comment="only five", edit={"x": 5})
    play.decide("cai", comment="as it was asked", assurance="medium")
    assert (play.state.decisions[0].comment, play.state.context["x"]) == ("as it was asked", 1)


def test_a_confirmation_says_that_it_is_one() -> None:
    """Then it counts for what is kept or for nothing: the answer alone would be another one, once that has lapsed."""
    play = Play(MEDIUM, context={"x": 1}, edit=["x"])
    sure = {"assurance": "medium", "confirm": True}
    assert play.decide("cai", **sure).reason.startswith("confirm: no answer of yours is kept")
    play.decide("cai", edit={"x": 5})
    play.now += INTENT_HOLDS + timedelta(seconds=1)
    assert play.decide("cai", **sure).status == "invalid"
    play.decide("cai", edit={"x": 5})
    assert play.decide("cai", **sure).status == "counted"
    assert play.state.context["x"] == 5


def test_another_outcome_is_another_answer() -> None:
    """A yes below the level says nothing about a no above it."""
    play = Play(MEDIUM, comment="required")
    play.decide("cai", comment="fine")
    assert play.decide("cai", "rejected", assurance="medium").status == "invalid"
    assert play.decide("cai", "rejected", comment="no", assurance="medium").status == "counted"


def test_nobody_else_completes_it() -> None:
    """It is a person's, not a stage's."""
    play = Play(MEDIUM, comment="required")
    play.decide("cai", comment="fine")
    assert play.decide("dee", assurance="high").status == "invalid"


def test_whose_answer_counts_has_none_that_waits() -> None:
    """What others have said waits on."""
    play = Play({**MEDIUM, "who": "group:trio", "approve": 3})
    play.decide("cai")
    play.decide("dee")
    play.decide("cai", assurance="medium")
    assert (play.state.outcome, [i.actor for i in play.state.intents]) == (None, ["dee"])


def test_it_holds_for_fifteen_minutes() -> None:
    """Not one moment longer; and whoever looks sees it no more."""
    for late in (timedelta(), timedelta(microseconds=1)):
        play = Play(MEDIUM, comment="required")
        play.decide("cai", comment="fine")
        play.now += INTENT_HOLDS + late
        expected = "invalid" if late else "counted"
        assert play.decide("cai", assurance="high").status == expected
        play.wait("1m")
        assert status(play.state).intents == {}


def test_what_can_not_be_confirmed_is_not_shown() -> None:
    """What is shown has changed since, without a stage that is bound to it."""
    play = Play(MEDIUM, edit=["x"], context={"x": 1}, show={"x": "{{x}}"}, material=[])
    play.decide("cai", comment="fine")
    play.do("amend", "ann", set={"x": 2})
    assert (len(play.state.intents), status(play.state).kept, status(play.state).intents) == (1, (), {})


def test_what_can_not_be_confirmed_is_not_counted() -> None:
    """What was said about something else is not said about what is shown now, whatever is sent to confirm it."""
    play = Play(MEDIUM, comment="required", context={"x": 1}, show={"x": "{{x}}"}, material=[])
    play.decide("cai", comment="fine")
    play.do("amend", "ann", set={"x": 2})
    assert len(play.state.intents) == 1
    for confirm in (False, True):
        assert play.decide("cai", assurance="high", confirm=confirm).status == "invalid"
    assert play.state.decisions == ()


def test_the_last_of_several_is_the_one_that_waits() -> None:
    """Each is a fact."""
    play = Play(MEDIUM)
    for n in range(3):
        play.decide("cai", comment=str(n))
    (intent,) = play.state.intents
    assert (intent.comment, intent.number) == ("2", 3)
    assert len(play.facts("intended")) == 3


def test_intents_are_bounded_and_a_proof_still_counts() -> None:
    """A robot fills neither trail nor history: beyond the bound an intent changes nothing and is turned away."""
    play = Play({**MEDIUM, "approve": 2})
    for n in range(MAX_INTENTS_BY_ACTOR):
        assert play.flooded("cai") is None
        play.decide("cai", comment=str(n))
    before = play.state
    assert play.decide("cai", comment="more").status == "needs_step_up"
    assert play.state.but(unrecorded=0, now=before.now) == before
    assert (play.state.unrecorded, len(play.facts("intended"))) == (1, MAX_INTENTS_BY_ACTOR)
    turned_away = play.flooded("cai")
    assert turned_away is not None
    assert turned_away.status == "needs_step_up"
    assert play.flooded("dee") is None, "another's answer may still be completed"
    assert play.flooded("cai", outcome="perhaps") is None, "refusals have a bound of their own"
    assert play.flooded("cai", assurance="medium") is None
    assert play.decide("cai", assurance="medium").status == "counted"
    assert play.state.decisions[0].comment == str(MAX_INTENTS_BY_ACTOR - 1)


def test_who_got_no_receipt_is_told_what_became_of_an_answer() -> None:
    """It waits, or it does not count; a receipt at once needs no message, and a stranger to the directory gets none."""
    play = Play({**MEDIUM, "approve": 2})
    play.decide("cai")
    play.decide("gus")
    assert play.sent("notice") == []
    play.signal("cai")
    play.signal("gus")
    play.signal("nobody")
    told = {d.person: d.text for d in play.state.deliveries if d.occasion == "notice"}
    lacks = "stage 's1' needs assurance 'medium', this answer has 'low'"
    assert told == {
        "cai": f"your answer 'approved' waits until you confirm it: {lacks}",
        "gus": "your answer 'approved' does not count: you take no part in it",
    }


def test_who_got_no_receipt_is_told_so_often_and_not_more() -> None:
    """What is only counted tells nobody, and neither does another verb, an answer that counts, or the end."""
    play = Play({**MEDIUM, "approve": 2, "who": "group:trio"})
    for n in range(MAX_INTENTS_BY_ACTOR + 3):
        play.signal("cai", key=str(n))
        play.signal("gus", key=str(n))
    assert sorted(play.sent("notice")) == ["cai"] * MAX_INTENTS_BY_ACTOR + ["gus"] * MAX_REFUSALS_BY_ACTOR
    before = len(play.effects)
    play.signal("dee", assurance="medium")
    play.feed(
        events.CommandSubmitted(
            at=play.now, verb="withdraw", command=Withdraw(actor="cai"), roster=play.roster("cai"), has_no_answer=True
        )
    )
    play.decide("cai", assurance="medium")
    ended = play.sent("notice")
    play.signal("bob")
    assert play.sent("notice") == ended
    assert not [e for e in play.effects[before:] if isinstance(e, Deliver) and "your answer" in e.delivery.text]


def test_the_receipts_of_answers_that_wait_are_kept() -> None:
    """The last ones, whatever becomes of the answers: also after the end."""
    play = Play({**MEDIUM, "who": "group:trio"})
    receipt = play.decide("cai", key="k")
    play.decide("cai", key="other")
    play.decide("dee", assurance="medium")
    (first, second) = status(play.state).unproven
    assert (first.actor, first.receipt, second.receipt.key) == ("cai", receipt, "other")


def test_refusals_of_others_use_up_nobodys_intents() -> None:
    """And an override that lacks its proof is refused like everything else: no intent is kept of it."""
    play = Play(MEDIUM)
    for n in range(MAX_REFUSALS_BY_ACTOR + 1):
        play.decide("gus", key=str(n))
        play.do("override", "eli", outcome="approved", reason="now", key=str(n))
    assert play.flooded("cai") is None
    override = Override(actor="eli", outcome="approved", reason="now")
    turned_away = flooded(play.state, "override", override, play.now)
    assert turned_away is not None
    assert turned_away.status == "needs_step_up"


def test_intents_of_two_rounds_are_two_facts() -> None:
    """The stage was asked again in between."""
    play = Play({**MEDIUM, "material": ["x"]}, context={"x": 1})
    play.decide("cai")
    play.do("amend", "ann", set={"x": 2})
    play.decide("cai")
    keys = [e.key for e in play.effects if getattr(e, "name", "") == "approval.intended"]
    assert len(set(keys)) == 2


def test_what_would_not_count_needs_no_proof() -> None:
    """Strangers and voters are told so at once."""
    play = Play({**MEDIUM, "approve": 2})
    assert play.decide("gus").status == "not_eligible"
    play.decide("cai", assurance="medium", key="1")
    assert play.decide("cai", key="2").status == "duplicate"


def test_the_end_forgets_what_waits() -> None:
    """Nothing can complete it any more."""
    play = Play({**MEDIUM, "who": "group:trio"})
    play.decide("cai")
    play.decide("dee", assurance="medium")
    assert (play.state.outcome, play.state.intents) == ("approved", ())


def test_a_confirmation_brings_what_was_said_before() -> None:
    """Comment, edits, and for whom: none of it need be sent again."""
    play = Play({"who": "group:secops", "approve": 2, **HIGH})
    assert play.do("delegate", "dee", to="gus").status == "counted"
    kept = play.decide("gus", comment="for dee", on_behalf_of="dee")
    confirmed = play.decide("gus", assurance="high")
    assert (kept.status, confirmed.status) == ("needs_step_up", "counted")
    assert [(d.actor, d.on_behalf_of, d.comment) for d in play.state.decisions] == [("gus", "dee", "for dee")]


def test_what_was_said_in_one_stage_is_not_said_in_the_next() -> None:
    """Somebody else has passed the first one meanwhile."""
    play = Play(
        {"who": "group:secops", **HIGH},
        {"who": "user:cai"},
        context={"amount": 1},
        edit=["amount"],
        material=["amount"],
    )
    assert play.decide("cai", comment="for the first", edit={"amount": 99}).status == "needs_step_up"
    play.decide("dee", assurance="high")
    assert play.decide("cai").status == "counted"
    last = play.state.decisions[-1]
    assert (last.stage, last.comment, play.state.context["amount"]) == ("s2", "", 1)


def test_who_decides_alone_proves_who_they_are_as_everybody_else() -> None:
    """By the highest that any stage needs which is passed over; nothing is kept, for it needs its reason anyway."""
    play = Play({"who": "group:secops"}, {"who": "group:leads", **HIGH})
    low = play.do("override", "eli", outcome="approved", reason="now", assurance="medium")
    assert (low.status, low.reason) == (
        "needs_step_up",
        "stage 's2' needs assurance 'high', this answer has 'medium'",
    )
    assert (play.state.outcome, play.state.intents, play.state.total_refused) == (None, (), 1)
    assert play.do("override", "eli", outcome="approved", reason="now", assurance="high").status == "counted"
    assert (play.state.outcome, play.state.decisions[-1].assurance) == ("approved", "high")


def test_intents_before_and_after_an_answer_are_two_facts() -> None:
    """A key that was used twice would break the trail: the second one may be for the same stage and person."""
    beside = {"name": "b", "who": ["user:cai", "user:gus"], "approve": 2, "distinct": False}
    first = {"name": "a", "who": "group:secops", "assurance": "medium", "distinct": False}
    play = Play({"parallel": [first, beside]})
    assert play.decide("cai").status == "needs_step_up"
    play.do("claim", "dee")
    assert play.decide("cai").status == "counted"
    play.do("release_claim", "dee")
    assert play.decide("cai").status == "needs_step_up"
    keys = [e.key for e in play.effects if isinstance(e, Record) and e.name == "approval.intended"]
    assert len(keys) == len(set(keys)) == 2
