"""`hitl absence add`, `ls`, `rm`: what is sent, and what is printed."""

import pytest

PATH = "/v1/me/absences"
ABSENCE = {
    "id": "7",
    "person": "bob",
    "since": "2026-12-23T23:00:00Z",
    "until": "2027-01-01T23:00:00Z",
    "substitute": "dee",
    "flow": "finance.*",
    "if": "amount > 5",
    "reason": "ski\ting",
    "by": None,
    "new_in_2030": 1,
}
DONE = {"status": "done", "absence": ABSENCE, "refreshed": 3, "note": "", "key": "k"}
PERIOD = ("--from", "2026-12-24", "--until", "2027-01-02")


def test_dates_are_sent_as_they_were_written(hitl, service) -> None:
    """The service knows the time zones."""
    service.on(f"POST {PATH}", (201, DONE))

    done = hitl("absence", "add", *PERIOD, "--as", "bob")

    assert done.err == ""
    assert done.out == (
        "7: added; bob from 2026-12-23T23:00:00Z until 2027-01-01T23:00:00Z, dee stands in; 3 open approvals told\n"
    )
    assert service.body() == {"since": "2026-12-24", "until": "2027-01-02", "reason": ""}
    assert service.requests[-1].headers["Idempotency-Key"]


def test_everything_that_can_be_said_is_sent(hitl, service) -> None:
    """For somebody else, too, under a key of one's own."""
    service.on(f"POST {PATH}", (201, DONE))
    terms = ("--substitute", "dee", "--flow", "finance.*", "--if", "amount > 5", "--reason", "skiing")

    done = hitl("absence", "add", *PERIOD, *terms, "--person", "bob", "--key", "k", "--json", "--as", "gus")

    assert (done.code, done.document) == (0, DONE)
    sent = service.requests[-1]
    assert service.body() == {
        "since": "2026-12-24",
        "until": "2027-01-02",
        "substitute": "dee",
        "flow": "finance.*",
        "if": "amount > 5",
        "reason": "skiing",
    }
    assert (dict(sent.url.params), sent.headers["Idempotency-Key"]) == ({"person": "bob"}, "k")


def test_a_list_is_one_line_an_absence(hitl, service) -> None:
    """A tab in a reason does not make a column."""
    bare = {**ABSENCE, "id": "8", "substitute": None, "flow": None, "if": None, "reason": ""}
    service.on(f"GET {PATH}", {"items": [ABSENCE, bare]})

    done = hitl("absence", "ls", "--person", "bob")

    period = "bob\t2026-12-23T23:00:00Z\t2027-01-01T23:00:00Z"
    assert done == (0, f"7\t{period}\tdee\tfinance.*\tamount > 5\tski\\ting\n8\t{period}\t\t\t\t\n", "")
    assert dict(service.requests[-1].url.params) == {"person": "bob"}


def test_with_json_the_list_is_as_the_service_gave_it(hitl, service) -> None:
    """Unknown fields are handed on."""
    service.on(f"GET {PATH}", {"items": [ABSENCE]})

    for words in (("absence", "ls", "--json"), ("absence", "--json", "ls"), ("--json", "absence", "ls")):
        assert hitl(*words).document == {"items": [ABSENCE]}


def test_one_is_removed_by_its_id(hitl, service) -> None:
    """And said so."""
    service.on(f"DELETE {PATH}/7", {**DONE, "refreshed": 1, "absence": {**ABSENCE, "substitute": None}})

    done = hitl("absence", "rm", "7")

    assert done.out == (
        "7: removed; bob from 2026-12-23T23:00:00Z until 2027-01-01T23:00:00Z, nobody stands in; 1 open approval told\n"
    )


@pytest.mark.parametrize("words", [("add", *PERIOD), ("rm", "7")])
def test_what_is_only_kept_is_no_failure_and_says_so(hitl, service, words) -> None:
    """It is judged when a worker is back."""
    kept = {"status": "recorded", "absence": None, "refreshed": 0, "note": "judged when a worker is back", "key": "k"}
    service.on(f"POST {PATH}", (202, kept)).on(f"DELETE {PATH}/7", (202, kept))

    done = hitl("absence", *words)

    assert (done.code, done.err) == (0, "judged when a worker is back\n")
    assert done.out.startswith("recorded: not ")


@pytest.mark.parametrize("status", [403, 404, 422, 503])
def test_a_refusal_is_one_line_and_exit_1(hitl, service, status) -> None:
    """In the service's own words."""
    refusal = (status, {"title": "t", "status": status, "detail": "until: it must lie after `since`"})
    service.on(f"POST {PATH}", refusal).on(f"DELETE {PATH}/7", refusal).on(f"GET {PATH}", refusal)

    for words in (("add", *PERIOD), ("rm", "7"), ("ls",)):
        assert hitl("absence", *words) == (1, "", "hitl: until: it must lie after `since`\n")


def test_both_ends_must_be_given(hitl, service) -> None:
    """Nothing is sent."""
    done = hitl("absence", "add", "--from", "2026-12-24")

    assert (done.code, service.requests) == (2, [])
    assert "--until" in done.err
