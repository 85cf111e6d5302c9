"""A question to a thousand people: as quick for each of them as for one."""

import sys

from hitl_temporal.domain.approval.listing import listing
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.people import People
from tests.domain.approval.playing import Play

MANY = [f"p{n}" for n in range(1_000)]
CALLS_A_PERSON = 60
"""Far more than one pass over the people makes of each, far less than a look at everybody for each."""


def crowd() -> Play:
    """Return a question to many, before their directory has been read."""
    play = Play({"who": [f"user:{p}" for p in MANY], "approve": 2, "not": ["group:few"]}, is_resolved=False)
    people = {p: {"name": p} for p in [*MANY, "ann", "bob"]}
    play.people = People.model_validate({"people": people, "groups": {"few": {"members": ["ann", "bob"]}}})
    return play


def calls_of(work) -> int:
    """Return how many Python functions `work` calls."""
    number = 0

    def count(_frame, event: str, _argument: object) -> None:
        nonlocal number
        number += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return number


def test_each_of_many_is_asked_once_in_order() -> None:
    """A thousand people get a message each, in the order of the selectors."""
    play = crowd()
    play.resolve()
    assert play.sent("asked") == MANY
    assert [d.id for d in play.state.deliveries] == [f"asked:s1:{p}" for p in MANY]


def test_each_of_many_is_told_the_end_once_unless_the_question_never_arrived() -> None:
    """After the outcome everybody is told, but those who were never asked successfully."""
    play = crowd()
    play.resolve()
    for person in MANY:
        play.deliver(f"asked:s1:{person}", "failed" if person == "p9" else "delivered")
    play.decide("p3")
    play.decide("p500")
    assert play.state.outcome == "approved"
    assert play.sent("settled") == [p for p in MANY if p != "p9"]


def test_tally_of_many_names_ten_and_counts_the_rest() -> None:
    """What every message and receipt carries stays short."""
    play = crowd()
    play.resolve()
    named = " and ".join(MANY[:10])
    assert status(play.state).tally == f"0 of 2, {named} and 990 more pending"


def test_work_grows_with_the_people_and_not_with_their_square() -> None:
    """Opening a stage, showing it and ending one delivery look at each person a few times."""
    play = crowd()
    for work in (
        play.resolve,
        lambda: listing(play.state),
        lambda: status(play.state),
        lambda: play.deliver("asked:s1:p999"),
        lambda: play.decide("p1"),
    ):
        assert calls_of(work) < CALLS_A_PERSON * len(MANY)
