"""The receipts of answers: each row of the contract's table, the order of the rows, and keys."""

import pytest

from hitl_temporal.domain.approval.commands import Decide
from hitl_temporal.domain.approval.dialogue import audience
from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.judge import default_key, flooded, spent
from hitl_temporal.domain.approval.message import message
from hitl_temporal.domain.approval.state import MAX_CLICKS, MAX_REFUSALS, MAX_REFUSALS_BY_ACTOR
from tests.domain.approval.playing import Play, people_with, people_without

TWO = {"who": "group:secops", "approve": 2}


# --- Each row ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["maybe", "expired", "withdrawn", "Approved", "open"])
def test_an_outcome_that_nobody_may_choose_is_invalid(outcome: str) -> None:
    """Only `approved`, `rejected` and the ask's own outcomes can be chosen; the receipt names them."""
    receipt = Play(outcomes={"later": {"label": "Later"}}).decide("cai", outcome)
    assert receipt.status == "invalid"
    assert receipt.reason == f"outcome {outcome!r} is not one of approved, later, rejected"


@pytest.mark.parametrize(
    ("comment", "outcome", "status"),
    [
        ("optional", "rejected", "counted"),
        ("on_reject", "approved", "counted"),
        ("on_reject", "rejected", "invalid"),
        ("on_reject", "later", "invalid"),
        ("required", "approved", "invalid"),
    ],
)
def test_a_missing_comment_is_invalid_where_one_is_required(comment: str, outcome: str, status: str) -> None:
    """`required` asks for one always, `on_reject` with every negative outcome; blanks are none."""
    ask = {"comment": comment, "outcomes": {"later": {"label": "Later"}}}
    assert Play(**ask).decide("cai", outcome, comment="  ").status == status
    assert Play(**ask).decide("cai", outcome, comment="why").status == "counted"


def test_a_form_that_nobody_asked_for_is_invalid() -> None:
    """What does not fit is refused, not dropped."""
    receipt = Play().decide("cai", form={"amount": 3})
    assert (receipt.status, receipt.reason) == ("invalid", "this approval has no form, but amount was sent")


def test_an_answer_after_the_end_finds_it_closed() -> None:
    """The receipt says how it ended, and nothing changes."""
    play = Play()
    play.decide("cai", "rejected")
    receipt = play.decide("dee")
    assert (receipt.status, receipt.reason) == ("closed", "already rejected")
    assert play.state.outcome == "rejected"


def test_an_answer_to_something_else_is_superseded() -> None:
    """A digest that is not the present one does not count; the present one does."""
    play = Play()
    assert play.decide("cai", digest="0" * 64).status == "superseded"
    assert play.decide("cai", digest=play.state.shown.digest).status == "counted"


@pytest.mark.parametrize(
    ("actor", "says"),
    [
        ("ann", "'ann' is the requester of this request"),
        ("gus", "'gus' is not asked in stage 's1'"),
        ("nobody", "'nobody' is not an active person"),
        ("system:client", "'system:client' is not an active person"),
    ],
)
def test_who_may_not_act_is_not_eligible_and_told_why(actor: str, says: str) -> None:
    """Requester, stranger, unknown person and machine: each is told the reason."""
    receipt = Play().decide(actor)
    assert receipt.status == "not_eligible"
    assert says in receipt.reason


def test_who_takes_no_part_learns_nothing_by_trying() -> None:
    """They are told that it does not count, by the id that they know: nothing of the question, and no part in it."""
    play = Play(show={"salary": "99k"}, body="Fire eli")
    play.signal("gus")
    play.signal("ann")
    told = {e.delivery.person: message(play.state, e) for e in play.effects if isinstance(e, Deliver)}
    bare, whole = told["gus"], told["ann"]
    assert (bare.title, bare.body, bare.show, bare.outcomes, bare.requester, bare.tally) == ("a-1", "", {}, {}, "", "")
    assert (bare.text, whole.title) == (
        "your answer 'approved' does not count: you take no part in it",
        "Go?",
    )
    assert ("gus" in audience(play.state), "ann" in audience(play.state)) == (False, True)
    assert play.do("comment", "gus", text="let me in").status == "not_eligible"
    for wrong in ({"outcome": "perhaps"}, {"form": {"secret": 1}}, {"edit": {"salary": 1}}):
        receipt = play.decide("gus", **{"outcome": "approved", **wrong})
        assert (receipt.status, receipt.reason) == ("invalid", "it is no answer to this, and you take no part in it")


def test_an_inactive_person_is_not_eligible() -> None:
    """Who has been made inactive since being asked may not act."""
    play = Play()
    play.people = people_without("cai")
    assert play.decide("cai").status == "not_eligible"
    assert play.decide("dee").status == "counted"


def test_nobody_stands_in_for_somebody_else() -> None:
    """An answer on behalf of another person is not eligible; on one's own behalf it is one's own."""
    play = Play()
    assert play.decide("cai", on_behalf_of="dee").status == "not_eligible"
    assert play.decide("cai", on_behalf_of="cai").status == "counted"


def test_a_second_answer_of_one_person_is_a_duplicate() -> None:
    """With another key or another outcome: the first answer stands."""
    play = Play(TWO)
    play.decide("cai", key="one")
    receipts = [play.decide("cai", key="two"), play.decide("cai", "rejected")]
    assert [r.status for r in receipts] == ["duplicate"] * 2
    assert receipts[1].reason == "'cai' has already answered 'approved'; the first answer stands"
    assert [d.outcome for d in play.state.decisions] == ["approved"]


def test_a_counted_answer_is_kept_whole() -> None:
    """What the person said, how it came, and what it was about, are kept."""
    play = Play()
    play.decide("cai", comment="fine", via="chat", assurance="high", key="k")
    (decision,) = play.state.decisions
    assert decision.model_dump(exclude={"digest", "at"}) == {
        "key": "k",
        "actor": "cai",
        "on_behalf_of": None,
        "stage": "s1",
        "outcome": "approved",
        "comment": "fine",
        "form": {},
        "edited": {},
        "kind": "vote",
        "named": "cai",
        "counts_for": (),
        "clicks": (),
        "via": "chat",
        "assurance": "high",
        "tally": "1 of 1",
    }
    assert (decision.digest, decision.at) == (play.state.shown.digest, play.now)


def test_a_comment_is_in_the_trail_only_as_its_digest() -> None:
    """A person's free text can be erased; the trail cannot."""
    play = Play()
    play.decide("cai", comment="Ann is ill")
    assert "Ann is ill" not in str(play.effects)
    assert play.facts("decided")[0]["comment_digest"]


# --- The order of the rows --------------------------------------------------------------------------------------------


def test_unknown_outcome_comes_before_closed() -> None:
    """An answer that could never be one is invalid, also after the end."""
    play = Play()
    play.decide("cai")
    assert play.decide("dee", "maybe").status == "invalid"


def test_closed_comes_before_superseded() -> None:
    """After the end nobody is asked to look again."""
    play = Play()
    play.decide("cai")
    assert play.decide("dee", digest="old").status == "closed"


def test_superseded_comes_before_not_eligible() -> None:
    """Who looks at something outdated is told so first."""
    assert Play().decide("gus", digest="old").status == "superseded"


def test_not_eligible_comes_before_duplicate() -> None:
    """Who has answered and then left is told that they may not act."""
    play = Play({"who": "group:trio", "approve": 2})
    play.decide("cai", key="one")
    play.people = people_without("cai")
    assert play.decide("cai", key="two").status == "not_eligible"


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_spent_key_gives_the_identical_receipt_before_the_table_is_applied() -> None:
    """Sent again, with whatever else in it, by somebody who has left meanwhile, after the end: the same receipt."""
    play = Play({"who": "group:trio", "approve": 2})
    first = play.decide("cai", key="k")
    play.people = people_without("cai")
    assert play.decide("cai", key="k", digest="old") == first
    play.decide("dee")
    assert play.state.outcome == "approved"
    assert play.decide("cai", "maybe", key="k") == first
    assert len(play.state.decisions) == 2
    assert play.state.refusals == ()


def test_a_key_belongs_to_one_person() -> None:
    """Two people may send the same key, and both count."""
    play = Play(TWO)
    assert [play.decide(p, key="k").status for p in ("cai", "dee")] == ["counted", "counted"]


def test_a_key_of_a_void_answer_belongs_to_one_person_too() -> None:
    """Another may send it, and counts."""
    play = Play(TWO, context={"x": 1}, material=["x"])
    play.decide("cai", key="k")
    play.do("amend", "ann", set={"x": 2})
    assert [play.decide(p, key="k").status for p in ("cai", "dee")] == ["superseded", "counted"]


def test_a_key_that_was_spent_on_something_else_swallows_nothing() -> None:
    """An answer sent with the key of a comment is not taken for the comment, nor the other way round."""
    play = Play({"who": "group:trio", "approve": 2}, rework=1)
    said = play.do("comment", "cai", text="hm", key="k")
    refused = play.decide("cai", key="k")
    assert (refused.status, "'comment'" in refused.reason, play.state.decisions) == ("invalid", True, ())
    assert play.do("comment", "cai", text="hm", key="k") == said
    counted = play.decide("cai", key="one")
    assert (play.do("comment", "cai", text="more", key="one").status, play.decide("cai", key="one")) == (
        "invalid",
        counted,
    )
    assert len(play.state.conversation) == 1
    play.decide("dee", key="two")
    assert (play.state.outcome, play.decide("cai", key="k").status) == ("approved", "invalid")
    assert spent(play.state, "cai", "k") == said


def test_a_refused_key_is_judged_afresh() -> None:
    """Only `counted` spends a key."""
    play = Play()
    assert play.decide("gus", key="k").status == "not_eligible"
    play.people = people_with("secops", "gus", "cai")
    assert play.decide("gus", key="k").status == "counted"


def test_every_receipt_carries_the_key() -> None:
    """Whoever sent none learns the one that was made."""
    play = Play()
    assert [play.decide("gus", key="k").key, play.decide("cai").key] == [
        "k",
        default_key("a-1", "cai", "s1", "approved"),
    ]


def test_a_click_without_a_key_is_the_same_click_again() -> None:
    """The made key holds approval, person, stage and outcome: five clicks are one, before and after the end."""
    play = Play(TWO)
    receipts = {play.decide("cai").model_dump_json() for _ in range(5)}
    play.decide("dee")
    receipts.add(play.decide("cai").model_dump_json())
    assert len(receipts) == 1
    assert len(play.state.decisions) == 2


def test_the_made_key_holds_the_open_stage_where_the_person_may_act() -> None:
    """Who may decide two stages is counted in both by the same click."""
    play = Play({"who": "user:cai"}, {"who": "user:cai", "distinct": False})
    keys = [play.decide("cai").key, play.decide("cai").key]
    assert keys == [default_key("a-1", "cai", s, "approved") for s in ("s1", "s2")]
    assert play.state.outcome == "approved"


def test_what_is_sent_twice_by_one_click_counts_once() -> None:
    """A door that gets no answer to its Update sends a Signal: by then the person may act in another stage."""
    play = Play({"who": "user:cai"}, {"who": "user:cai", "distinct": False})
    counted = play.decide("cai", click="c")
    assert play.signal("cai", click="c") == counted
    assert [d.stage for d in play.state.decisions] == ["s1"]
    assert spent(play.state, "cai", "c") == counted
    assert spent(play.state, "dee", "c") is None
    assert play.decide("cai", click="another").status == "counted"
    assert play.state.outcome == "approved"


def test_a_click_more_is_known_too() -> None:
    """A nervous second one finds the receipt of the first by its own name; of many the last ones do."""
    play = Play(TWO, context={"x": 1}, material=["x"])
    first = play.decide("cai", click="c1")
    assert play.signal("cai", click="c2") == first
    assert (spent(play.state, "cai", "c1"), spent(play.state, "cai", "c2")) == (first, first)
    for n in range(MAX_CLICKS):
        play.signal("cai", click=f"n{n}")
    assert (spent(play.state, "cai", "c1"), spent(play.state, "cai", "n0")) == (None, first)
    play.do("amend", "ann", set={"x": 2})
    void = play.decide("cai", click="n0")
    assert play.decide("cai", key=first.key, click="after") == void
    assert (void.status, spent(play.state, "cai", "after")) == ("superseded", void)


def test_a_click_whose_answer_is_void_counts_no_more() -> None:
    """As with its key: what was asked has changed since, or it was taken back."""
    play = Play(TWO, context={"x": 1}, material=["x"])
    play.decide("cai", click="c")
    play.do("amend", "ann", set={"x": 2})
    assert (play.decide("cai", click="c").status, play.state.decisions) == ("superseded", ())
    cooled = Play(cooling_off="1h")
    cooled.decide("cai", click="c")
    cooled.do("retract", "cai")
    assert cooled.decide("cai", click="c").status == "duplicate"


def test_a_click_that_does_not_count_is_known_by_itself() -> None:
    """Its receipt is found by what the door has named; a key that was given goes before it."""
    play = Play()
    assert [play.signal("ann", click="c").key, play.decide("ann", click="d", key="k").key] == ["c", "k"]


def test_the_made_key_holds_the_last_stage_of_who_may_not_act_any_more() -> None:
    """A nervous second click, judged when the next stage is open already, is the first click again."""
    play = Play({"who": "group:secops"}, {"who": "group:trio"})
    first = play.decide("cai")
    assert play.decide("cai") == first


# --- Refusals are kept, and bounded -----------------------------------------------------------------------------------


def test_refusals_are_kept_with_their_receipt() -> None:
    """Who was told `recorded` can be told later what became of it."""
    play = Play()
    receipt = play.decide("gus", key="k")
    (refusal,) = play.state.refusals
    assert (refusal.actor, refusal.at, refusal.receipt) == ("gus", play.now, receipt)
    assert play.facts("refused") == [{"actor": "gus", "status": "not_eligible", "reason": receipt.reason}]


def test_of_one_person_only_the_first_refusals_are_kept() -> None:
    """Further ones are counted: they fill neither state nor trail."""
    play = Play()
    for n in range(MAX_REFUSALS_BY_ACTOR + 5):
        assert play.decide("gus", key=str(n)).status == "not_eligible"
    assert len(play.state.refusals) == len(play.facts("refused")) == MAX_REFUSALS_BY_ACTOR
    assert (play.state.unrecorded, play.state.total_refused) == (5, MAX_REFUSALS_BY_ACTOR + 5)


def test_in_all_only_the_first_refusals_are_kept() -> None:
    """However many names are made up."""
    play = Play()
    for n in range(MAX_REFUSALS + 5):
        play.decide(f"robot{n}")
    assert (len(play.state.refusals), play.state.unrecorded) == (MAX_REFUSALS, 5)


def test_one_fact_at_the_end_carries_the_number_of_a_flood() -> None:
    """What was not recorded one by one is in the trail as a number."""
    play = Play()
    for _ in range(MAX_REFUSALS_BY_ACTOR + 1):
        play.decide("gus")
    play.decide("cai")
    play.close()
    assert play.facts("refusals_counted") == [{"refused": MAX_REFUSALS_BY_ACTOR + 1, "unrecorded": 1}]
    assert play.facts("ended")[0]["refused"] == MAX_REFUSALS_BY_ACTOR + 1


def test_a_flood_is_turned_away_with_the_receipt_it_would_get() -> None:
    """The validator refuses one person after 20 refusals, others only after 100 in all."""
    play, again = Play(), Decide(actor="gus", outcome="approved", key="k")
    for _ in range(MAX_REFUSALS_BY_ACTOR):
        assert flooded(play.state, "decide", again, play.now) is None
        receipt = play.decide("gus", key="k")
    assert flooded(play.state, "decide", again, play.now) == receipt
    assert flooded(play.state, "decide", again.model_copy(update={"actor": "ann"}), play.now) is None


def test_a_flood_locks_out_nobody_who_may_act() -> None:
    """Neither one's own refusals nor those of others are in the way of an answer that counts."""
    play = Play()
    for n in range(MAX_REFUSALS):
        play.decide("cai" if n < MAX_REFUSALS_BY_ACTOR else f"robot{n}", digest="old")
    assert flooded(play.state, "decide", Decide(actor="gus", outcome="approved"), play.now) is not None
    assert flooded(play.state, "decide", Decide(actor="cai", outcome="approved"), play.now) is None
    assert play.decide("cai").status == "counted"


def test_nothing_is_judged_on_nothing() -> None:
    """Before people are known nobody may act, whatever the document says; the shell keeps such answers until then."""
    play = Play(is_resolved=False)
    assert play.decide("cai").reason == "nobody is asked yet"
    play.resolve()
    assert play.decide("cai").status == "counted"


def test_a_flood_is_told_what_the_directory_said_of_it() -> None:
    """It is judged on the people last read, which somebody else's command had asked for."""
    play = Play()
    for n in range(MAX_REFUSALS_BY_ACTOR):
        play.decide("gus", key=str(n))
    cards = {p: c for p, c in play.state.roster.cards.items() if p != "gus"}
    play.state = play.state.but(roster=play.state.roster.but(cards=cards))
    turned_away = flooded(play.state, "decide", Decide(actor="gus", outcome="approved", key="x"), play.now)
    assert turned_away is not None
    assert turned_away.reason == "'gus' is not asked in stage 's1'"


def test_an_answer_for_somebody_is_another_answer() -> None:
    """Without a key of its own it must not get the receipt of what its author has said for themselves."""
    play = Play({"who": "user:cai"}, {"who": "user:dee"})
    assert play.decide("cai").status == "counted"
    assert play.decide("cai").status == "counted"
    assert play.decide("cai", on_behalf_of="dee").status == "not_eligible"
