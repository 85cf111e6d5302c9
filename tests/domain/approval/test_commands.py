"""What comes from outside becomes a command, or a receipt that says what is wrong with it."""

import pytest

from hitl_temporal.domain.approval.commands import STATUSES, VERBS, Decide, Receipt, Withdraw, parse
from hitl_temporal.domain.approval.judge import RULES


def test_actor_and_outcome_are_all_that_a_decision_needs() -> None:
    """Everything else has a default, also when a client writes it as null."""
    bare = parse("decide", {"actor": "cai", "outcome": "approved"})
    nulls = dict.fromkeys(["comment", "form", "key", "digest", "on_behalf_of", "via", "assurance"])
    assert (
        bare
        == Decide(actor="cai", outcome="approved")
        == parse("decide", {"actor": "cai", "outcome": "approved", **nulls})
    )


def test_fields_of_later_versions_are_ignored() -> None:
    """Old and new workers mix."""
    assert parse("withdraw", {"actor": "ann", "colour": "red"}) == Withdraw(actor="ann")


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"outcome": "approved"}, "actor: missing"),
        ({"actor": None, "outcome": "approved"}, "actor: missing"),
        ({"actor": "", "outcome": "approved"}, "actor: must not be empty"),
        ({"actor": "cai"}, "outcome: missing"),
        ({"actor": "cai", "outcome": 1}, "outcome: must be a text"),
        ({"actor": "cai", "outcome": "approved", "form": []}, "form: must be an object"),
        ({"actor": "cai", "outcome": "approved", "assurance": "sure"}, "assurance: must be 'low'"),
        ({"actor": "c" * 201, "outcome": "approved"}, "actor: must have at most 200"),
        ({"actor": "cai", "outcome": "approved", "comment": "x" * 10_001}, "comment: must have at most"),
        ("approved", "decide: must be an object"),
        ([1, 2], "decide: "),
        (None, "decide: "),
    ],
)
def test_a_malformed_decision_is_an_invalid_receipt(payload: object, says: str) -> None:
    """It names the field, is bounded, and raises nothing."""
    receipt = parse("decide", payload)
    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.key) == ("invalid", "")
    assert says in receipt.reason
    assert len(receipt.reason) <= 500


def test_the_key_of_a_malformed_command_comes_back() -> None:
    """Bounded, and only if it is one."""
    keys = [parse("decide", {"key": key}) for key in ("k", "x" * 300, 7)]
    assert [r.key for r in keys if isinstance(r, Receipt)] == ["k", "x" * 200, ""]


def test_the_table_of_verbs_is_what_can_be_sent() -> None:
    """Each verb has a rule that judges and does it; a command has one of eight receipts."""
    assert (set(VERBS), len(STATUSES)) == (set(RULES), 8)
    assert all(verb.who for verb in VERBS.values())


def test_what_is_no_json_is_no_value() -> None:
    """It could neither be kept nor digested."""
    receipt = parse("decide", {"actor": "cai", "outcome": "approved", "form": {"n": float("nan")}, "key": "k"})
    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.key, receipt.reason[:14]) == ("invalid", "k", "form: not JSON")
