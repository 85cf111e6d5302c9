"""Cursors of lists: ours lead on, anything else is refused before Temporal is asked. And answers of newer workers."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.approval.status import Status
from hitl_temporal.domain.approval.status import status as status_of
from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.reading import answer_of, token_of
from tests.domain.approval.playing import Play


@given(st.binary(min_size=1, max_size=60))
def test_a_cursor_is_the_token_again(token: bytes) -> None:
    """Whatever Temporal has put into it."""
    assert token_of(base64.urlsafe_b64encode(token).decode()) == token


@pytest.mark.parametrize("cursor", ["é", " ", "a", "YQ==é", "Y Q==", "YQ", "\n", "x" * 5_000 + "!"])
def test_what_is_no_cursor_is_not_taken_for_the_beginning(cursor: str) -> None:
    """One that is spoilt in one place is none either; what is said of it is bounded."""
    with pytest.raises(InvalidError, match=r"^cursor .{1,260} is none of ours"):
        token_of(cursor)


class NewerWorker:
    """A workflow whose worker says more than this service knows."""

    id = "a-1"

    async def query(self, name: str, args: object) -> object:
        """Answer with the status of an approval, and what may come one day."""
        assert (name, args) == ("status", ())
        play = Play()
        play.decide("cai")
        answer = status_of(play.state).model_dump(mode="json")
        decision = {**answer["decisions"][0], "mood": "good"}
        return {**answer, "decisions": [decision], "weather": {"wind": 3}}


async def test_what_a_newer_worker_says_more_is_left_out() -> None:
    """Workers and services are not replaced at the same moment."""
    found = await answer_of(NewerWorker(), "status", Status)
    assert (found.outcome, found.decisions[0].actor) == ("approved", "cai")
