"""Cursors of lists: ours lead on, anything else is refused before Temporal is asked."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.reading import token_of


@given(st.binary(min_size=1, max_size=60))
def test_a_cursor_is_the_token_again(token: bytes) -> None:
    """Whatever Temporal has put into it."""
    assert token_of(base64.urlsafe_b64encode(token).decode()) == token


@pytest.mark.parametrize("cursor", ["é", " ", "a", "YQ==é", "Y Q==", "YQ", "\n", "x" * 5_000 + "!"])
def test_what_is_no_cursor_is_not_taken_for_the_beginning(cursor: str) -> None:
    """One that is spoilt in one place is none either; what is said of it is bounded."""
    with pytest.raises(InvalidError, match=r"^cursor .{1,260} is none of ours"):
        token_of(cursor)
