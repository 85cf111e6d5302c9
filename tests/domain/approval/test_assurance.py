"""Assurance: an answer below what its stage needs is kept until its author has proved who they are."""

from tests.domain.approval.playing import Play

HIGH = {"assurance": "high"}


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
