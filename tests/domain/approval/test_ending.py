"""How an approval ends: withdrawn, decided by a rule, told to everybody, closed."""

import pytest

from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.judge import default_key
from tests.domain.approval.playing import Play, people_without

# --- Withdrawal -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["ann", "bob", "cai", "eli", "system:client", "system:run", "system:subject"])
def test_who_is_concerned_may_withdraw(actor: str) -> None:
    """Requester, principal, beneficiary, author, and the machines that know when nobody needs the answer any more."""
    play = Play(on_behalf_of="bob", beneficiary="cai", author="eli")
    receipt = play.withdraw(actor)
    assert (receipt.status, play.state.outcome) == ("counted", "withdrawn")
    assert play.state.reason == f"withdrawn by {actor}"


@pytest.mark.parametrize("actor", ["system:", "system:auto", "system:runs", "system:cai"])
def test_a_machine_that_does_not_exist_withdraws_nothing(actor: str) -> None:
    """The trail would name an actor that nobody is."""
    play = Play()
    assert (play.withdraw(actor).status, play.state.outcome) == ("not_eligible", None)


def test_nobody_else_may_withdraw() -> None:
    """Those who are asked can reject; the attempt is kept as a refusal."""
    play = Play()
    receipt = play.withdraw("cai", key="k")
    assert receipt.model_dump() == {
        "status": "not_eligible",
        "reason": "only the requester may withdraw a request",
        "tally": "0 of 1, secops pending",
        "key": "k",
    }
    assert (play.state.outcome, len(play.state.refusals)) == (None, 1)


def test_a_withdrawal_ends_the_open_stage_and_says_why() -> None:
    """Its reason is the approval's."""
    play = Play({"who": "group:leads"}, {"who": "group:secops"})
    play.withdraw("ann", reason="not needed any more")
    assert (play.stage_states, play.state.reason) == (["withdrawn", "skipped"], "not needed any more")


def test_the_same_withdrawal_again_gives_the_identical_receipt() -> None:
    """With a key and without; another key finds it closed."""
    for key in ("k", None):
        play = Play()
        first = play.withdraw("ann", key=key)
        assert play.withdraw("ann", key=key) == first
        assert play.withdraw("ann", key="other").status == "closed"
        assert first.key == (key or default_key("a-1", "ann", "", "withdrawn"))


def test_what_has_an_outcome_cannot_be_withdrawn() -> None:
    """The first outcome stands."""
    play = Play()
    play.decide("cai")
    receipt = play.withdraw("ann")
    assert (receipt.status, receipt.reason, play.state.outcome) == ("closed", "already approved", "approved")


def test_a_parked_approval_can_be_withdrawn() -> None:
    """And one whose people are not known yet: then nobody is asked at all."""
    parked, early = Play({"who": "group:empty"}), Play(is_resolved=False)
    assert [play.withdraw("ann").status for play in (parked, early)] == ["counted"] * 2
    withdrawn = early.state
    early.resolve()
    assert early.state == withdrawn
    assert early.sent("asked") == []


# --- Rules ------------------------------------------------------------------------------------------------------------

SMALL = {"if": "inputs.amount < 10", "outcome": "approved", "reason": "small"}
BANNED = {"if": "inputs.banned", "outcome": "rejected"}


def rules(*auto: dict[str, str], amount: int = 1, banned: bool = False) -> Play:
    return Play(auto=list(auto), context={"inputs": {"amount": amount, "banned": banned}})


def test_a_rule_that_holds_decides_without_people() -> None:
    """As `system:auto`, with its reason; nobody is asked."""
    play = rules(SMALL)
    (decision,) = play.state.decisions
    assert (play.state.outcome, play.state.reason, play.sent("asked")) == ("approved", "small", [])
    assert (decision.actor, decision.stage, decision.comment, decision.via) == ("system:auto", "auto", "small", "auto")
    assert play.stage_states == ["skipped"]


def test_a_negative_rule_wins() -> None:
    """Wherever it stands; without a reason of its own its text is one."""
    play = rules(SMALL, BANNED, banned=True)
    assert (play.state.outcome, play.state.reason) == ("rejected", "rule: inputs.banned")


def test_of_rules_of_one_kind_the_first_wins() -> None:
    """In the order of the document."""
    assert rules(SMALL, {**SMALL, "reason": "tiny"}).state.reason == "small"


def test_rules_that_do_not_hold_leave_it_to_people() -> None:
    """Each is in the trail, with what came of it."""
    play = rules(SMALL, BANNED, amount=50)
    assert (play.state.outcome, play.sent("asked")) == (None, ["cai", "dee"])
    assert [f["holds"] for f in play.facts("rule_evaluated")] == [False, False]


# --- Telling everybody ------------------------------------------------------------------------------------------------


def settled(play: Play) -> list[tuple[str, tuple[str, ...]]]:
    found = [e for e in play.effects if isinstance(e, Deliver) and e.delivery.occasion == "settled"]
    return [(e.delivery.person, e.via) for e in found]


def test_everybody_who_was_asked_is_told_the_end_where_they_were_asked() -> None:
    """On the channel that took the question; while that is not known, where the person or the stage prefers."""
    play = Play({"who": ["group:leads", "group:trio"], "via": ["mail", "chat"]})
    play.deliver("asked:s1:cai", channel="mail")
    play.deliver("asked:s1:eli", "failed", channel=None)
    play.decide("cai")
    assert settled(play) == [("bob", ("chat",)), ("cai", ("mail",)), ("dee", ("mail", "chat"))]


def test_people_of_earlier_stages_are_told_the_end_too() -> None:
    """By then the directory was read for a later stage; their preference is known all the same."""
    play = Play({"who": "group:leads"}, {"who": "group:secops"})
    play.decide("bob")
    play.decide("cai")
    assert [person for person, _ in settled(play)] == ["bob", "cai", "dee"]
    assert settled(play)[0] == ("bob", ("chat",))


def test_preferred_channels_come_before_the_stages() -> None:
    """A person's own `via` wins; others get the stage's."""
    play = Play({"who": ["group:leads", "user:cai"], "via": "mail", "due": "1h"})
    asked = [e for e in play.effects if isinstance(e, Deliver)]
    assert [(e.delivery.person, e.via) for e in asked] == [("bob", ("chat",)), ("cai", ("mail",))]
    assert {e.due for e in asked} == {play.stage.due_at}


def test_a_delivery_ends_once() -> None:
    """The first answer of a channel stands; unknown deliveries are nobody's."""
    play = Play({"who": "user:cai"})
    play.deliver("asked:s1:cai", "failed", channel=None)
    play.deliver("asked:s1:cai")
    play.deliver("asked:s1:bob")
    assert [(d.id, d.state) for d in play.state.deliveries] == [("asked:s1:cai", "failed")]
    assert len(play.facts("delivery_failed")) == 1
    assert play.facts("delivered") == []


def test_who_left_after_the_end_stays_known() -> None:
    """What comes after the end changes neither people nor stages."""
    play = Play()
    play.decide("cai")
    people = play.state.roster
    play.people = people_without("cai", "dee")
    play.decide("dee")
    assert play.state.roster == people


# --- The last fact ----------------------------------------------------------------------------------------------------


def test_the_last_fact_sums_up() -> None:
    """It spans the whole life and holds the outcome; the trail ends with it, whatever comes after."""
    play = Play()
    play.decide("gus")
    play.wait("1h")
    play.decide("cai", "rejected")
    decided = play.now.isoformat()
    play.wait("1h")
    play.close()
    play.close()
    play.decide("dee")
    (ended,) = play.facts("ended")
    assert ended == {
        "outcome": "rejected",
        "positive": False,
        "decided": decided,
        "refused": 1,
        "reason": "stage 's1'",
    }
    assert len(play.facts("refused")) == 1


def test_an_open_approval_cannot_be_closed() -> None:
    """A shell that tried would be broken: it must not write a last fact without an outcome."""
    with pytest.raises(AssertionError, match="closed without an outcome"):
        Play().close()


SILENT = "stage 's1': nobody had decided when it was due"
ESCALATED = "stage 's1': nobody had decided after 1h, so it was escalated"


@pytest.mark.parametrize(
    ("stage", "outcome", "reason"),
    [
        ({"due": "1h"}, "expired", SILENT),
        ({"due": "1h", "at_due": "approved", "at_due_positive": True}, "approved", SILENT),
        ({"escalate": [{"after": "1h", "how": "decide", "outcome": "rejected"}]}, "rejected", ESCALATED),
    ],
)
def test_what_silence_has_decided_says_so(stage: dict[str, object], outcome: str, reason: str) -> None:
    """Nothing that no person has decided may look as if one had."""
    play = Play({"who": "group:secops", "approve": 2, **stage})
    play.decide("cai")
    play.wait("1h", reads_people=True)
    assert (play.state.outcome, play.state.reason, play.stage.reason) == (outcome, reason, reason)
    assert [d.text for d in play.state.deliveries if d.occasion == "notice"] == [f"Go?: {outcome} ({reason})"]


def test_votes_that_leave_no_way_say_so() -> None:
    """Nobody has said the word `rejected`."""
    play = Play({"who": "group:trio", "approve": "all", "reject": 3}, outcomes={"later": {"label": "Later"}})
    play.decide("cai", "later")
    assert (play.state.outcome, play.state.reason) == ("rejected", "stage 's1': not enough can agree any more")
