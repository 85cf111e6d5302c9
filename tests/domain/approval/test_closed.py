"""Receipts after the workflow has ended, from its result alone: the same as before the end."""

from hitl_temporal.domain.approval.ask import Answers
from hitl_temporal.domain.approval.closed import judge_closed
from hitl_temporal.domain.approval.commands import VERBS, Command, Decide, Withdraw
from hitl_temporal.domain.approval.judge import default_key
from hitl_temporal.domain.approval.listing import listing
from hitl_temporal.domain.approval.result import Result, result
from hitl_temporal.domain.audit import Evidence
from tests.domain.approval.playing import Play

ANSWERS = Answers(outcomes=("approved", "rejected"), positive=("approved",))


def ended(play: Play) -> Result:
    """Return the result as a client reads it."""
    evidence = Evidence(trace_id="0" * 32, events=1, digest="d")
    return Result.model_validate_json(result(play.state, evidence).model_dump_json())


def decide(actor: str, outcome: str = "approved", **rest: object) -> Decide:
    return Decide.model_validate({"actor": actor, "outcome": outcome, **rest})


def test_a_counted_answer_gets_its_receipt_again() -> None:
    """The identical one, with its key or without, also when it did not end the approval."""
    play = Play({"who": "group:secops", "approve": 2}, {"who": "group:leads"})
    first, last = play.decide("cai", key="k"), play.decide("dee")
    play.decide("bob", "rejected")
    assert judge_closed("a-1", ended(play), ANSWERS, "decide", decide("cai", key="k")) == first
    assert judge_closed("a-1", ended(play), ANSWERS, "decide", decide("dee")) == last


def test_a_click_that_closed_it_gets_its_receipt_too() -> None:
    """What the door knows it by leads to the answer, whatever stage that was for."""
    play = Play({"who": "user:cai"}, {"who": "user:cai", "distinct": False})
    play.decide("cai", click="first")
    play.decide("cai", click="last")
    for click, stage in (("first", "s1"), ("last", "s2")):
        found = judge_closed("a-1", ended(play), ANSWERS, "decide", decide("cai", click=click))
        assert (found.status, found.key) == ("counted", default_key("a-1", "cai", stage, "approved"))
    assert judge_closed("a-1", ended(play), ANSWERS, "decide", decide("dee", click="last")).status == "closed"


def test_another_answer_finds_it_closed() -> None:
    """Of whoever, with whatever key or outcome."""
    play = Play()
    play.decide("cai", key="k")
    for late in (
        decide("dee"),
        decide("dee", key="k"),
        decide("cai", "rejected"),
        decide("cai", key="l"),
        decide("ann"),
    ):
        receipt = judge_closed("a-1", ended(play), ANSWERS, "decide", late)
        assert (receipt.status, receipt.reason) == ("closed", "already approved")
        assert receipt.key == (late.key or receipt.key) != ""


def test_what_could_never_be_an_answer_is_invalid_also_after_the_end() -> None:
    """Unknown outcome, missing comment, a form: as far as the outcomes are known."""
    play = Play(comment="on_reject")
    play.decide("cai")
    known = listing(play.state)
    for wrong in (decide("dee", "maybe"), decide("dee", "rejected"), decide("dee", form={"a": 1})):
        assert judge_closed("a-1", ended(play), known.answers, "decide", wrong).status == "invalid"
        assert judge_closed("a-1", ended(play), None, "decide", wrong).status == "closed"


def test_an_approval_that_ended_without_a_result_is_closed() -> None:
    """Terminated, or its input was refused."""
    receipt = judge_closed("a-1", None, None, "decide", decide("cai"))
    assert (receipt.status, receipt.reason) == ("closed", "it has ended without an outcome")


def test_a_withdrawal_gets_its_receipt_again() -> None:
    """By whom it was done, with its key; for others it is too late."""
    play = Play()
    first = play.withdraw("ann")
    assert judge_closed("a-1", ended(play), ANSWERS, "withdraw", Withdraw(actor="ann")) == first
    for late in (Withdraw(actor="ann", key="other"), Withdraw(actor="bob")):
        assert judge_closed("a-1", ended(play), ANSWERS, "withdraw", late).reason == "already withdrawn"
    assert judge_closed("a-1", None, ANSWERS, "withdraw", Withdraw(actor="ann")).status == "closed"


def test_any_other_command_is_too_late() -> None:
    """Whatever it was, nothing comes of it any more."""
    receipt = judge_closed("a-1", None, ANSWERS, "claim", Command(actor="ann", key="k"))
    assert (receipt.status, receipt.key) == ("closed", "k")


def test_a_key_that_was_spent_on_something_else_is_not_taken_for_it() -> None:
    """The comment gets its receipt again; an answer with its key is told to take another."""
    play = Play()
    said = play.do("comment", "cai", text="hm", key="k")
    play.decide("cai", key="one")
    late = decide("cai", key="k")
    assert (
        judge_closed(
            "a-1",
            ended(play),
            ANSWERS,
            "comment",
            VERBS["comment"].command.model_validate({"actor": "cai", "text": "hm", "key": "k"}),
        )
        == said
    )
    assert judge_closed("a-1", ended(play), ANSWERS, "decide", late).status == "invalid"
