"""`hitl approve`, `reject`, `decide`, `withdraw`: receipts, in words and as JSON."""

import pytest

COUNTED = {"status": "counted", "reason": "", "tally": "1 of 2, security pending", "key": "k"}
REFUSED = {"status": "not_eligible", "reason": "eli is not asked", "tally": "0 of 1", "key": "k"}
DECISIONS = "POST /v1/approvals/r.approve.1/decisions"


@pytest.mark.parametrize(
    ("words", "outcome"), [(("approve",), "approved"), (("reject",), "rejected"), (("decide",), "later")]
)
def test_each_command_sends_its_outcome_and_prints_how_it_stands(hitl, service, words, outcome) -> None:
    """A receipt in words: what became of it, and the tally."""
    service.on(DECISIONS, COUNTED)

    done = hitl(*words, "r.approve.1", *(["later"] if words == ("decide",) else []), "-m", "fine", "--as", "bob")

    assert done == (0, "r.approve.1: counted; 1 of 2, security pending\n", "")
    assert service.body() == {"outcome": outcome, "comment": "fine", "form": {}}
    assert service.requests[-1].headers["Idempotency-Key"]


def test_a_refusal_is_one_line_on_stderr_and_exit_1(hitl, service) -> None:
    """The line says the status and the reason."""
    service.on(DECISIONS, (403, REFUSED))

    assert hitl("approve", "r.approve.1") == (1, "", "hitl: r.approve.1: not eligible; eli is not asked; 0 of 1\n")


def test_with_json_a_refusal_is_the_receipt_on_stdout_and_exit_1(hitl, service) -> None:
    """A program reads one receipt, refused or not."""
    service.on(DECISIONS, (403, REFUSED))

    done = hitl("approve", "r.approve.1", "--json")

    assert (done.code, done.document, done.err) == (1, REFUSED, "")


def test_an_answer_that_needs_a_fresh_login_is_confirmed_on_its_page(hitl, service, monkeypatch) -> None:
    """The line says where, at the address that the command calls; a program gets the receipt as it is."""
    receipt = {"status": "needs_step_up", "reason": "stage 's' needs assurance 'high'", "tally": "", "key": "k"}
    service.on("POST /v1/approvals/a%2Fb/decisions", (401, receipt))
    monkeypatch.setenv("HITL_URL", "https://hitl.example/")

    done = hitl("approve", "a/b")

    service.on("POST /v1/approvals/a%2Fb/override", (401, receipt))
    refused = hitl("override", "a/b", "approved", "--reason", "now")
    assert "nothing is kept of this one" in refused.err
    assert "15 minutes" not in refused.err
    said = "log in again at https://hitl.example/approvals/a%2Fb and go on there: an answer is kept for 15 minutes"
    assert done == (1, "", f"hitl: a/b: needs step up; stage 's' needs assurance 'high'; {said}\n")
    assert hitl("approve", "a/b", "--json").document == receipt


def test_an_answer_that_is_kept_for_later_is_no_failure(hitl, service) -> None:
    """`recorded` is exit 0: Temporal keeps it."""
    service.on(DECISIONS, (202, {"status": "recorded", "reason": "judged when a worker is back", "key": "k"}))

    done = hitl("approve", "r.approve.1")

    assert done.code == 0
    assert done.out.startswith("r.approve.1: recorded; judged when a worker is back")


def test_the_fields_of_a_form_are_sent_as_the_form_declares_them(hitl, service) -> None:
    """What the form does not declare stays text."""
    form = {"amount": {"type": "number"}}
    service.on("GET /v1/approvals/r.approve.1", {"id": "r.approve.1", "state": "open", "form": form}).on(
        DECISIONS, COUNTED
    )

    hitl("decide", "r.approve.1", "approved", "-f", "amount=12.5", "-f", "code=7")

    assert service.body()["form"] == {"amount": 12.5, "code": "7"}


def test_whoever_approves_a_run_is_told_its_open_approvals(hitl, service, a_run) -> None:
    """Nothing is chosen for people."""
    steps = {"approve": {"state": "waiting", "outcome": None, "outputs": {}, "approval": "r.approve.1"}}
    service.on("GET /v1/runs/r", a_run("waiting", steps=steps))

    done = hitl("approve", "r")

    assert done == (1, "", "hitl: 'r' is a run, not an approval; its open approvals: r.approve.1\n")


def test_an_unknown_approval_stays_unknown(hitl) -> None:
    """The service's own words are the error."""
    done = hitl("approve", "nope")

    assert done == (1, "", "hitl: no /v1/approvals/nope/decisions\n")


def test_withdraw_sends_its_reason(hitl, service) -> None:
    """Ids of others are percent-encoded."""
    service.on("POST /v1/approvals/a%2Fb/withdrawal", COUNTED)

    assert hitl("withdraw", "a/b", "--reason", "not needed").code == 0
    assert service.body() == {"reason": "not needed"}
