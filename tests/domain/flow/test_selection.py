"""Which runs are meant: terms, alternatives, ages; anything else is refused."""

import re
from datetime import timedelta

import pytest

from hitl_temporal.domain.flow.selection import SelectionError, selection


def test_terms_are_read() -> None:
    """Each once, in any order, with alternatives."""
    found = selection("flow=finance.* state=parked,waiting  older=2d newer=90d id=r-1* waiting=event:com.example.done")
    assert found.terms == {
        "flow": ("finance.*",),
        "state": ("parked", "waiting"),
        "id": ("r-1*",),
        "waiting": ("event:com.example.done",),
    }
    assert (found.older, found.newer) == (timedelta(days=2), timedelta(days=90))
    assert selection("requester=ann").older is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing is chosen"),
        ("flow", "'flow' is no term"),
        ("colour=red", "'colour=red' is no term"),
        ("flow = a", "'flow' is no term"),
        ("flow=a flow=b", "stands twice"),
        ("older=1d older=2d", "stands twice"),
        ("older=1bd", "counts working hours"),
        ("older=soon", "older:"),
        ("flow=a' OR 1=1", "is no value"),
        ("state=parked,", "is no value"),
        ("flow=*a", "is no value"),
        ("state=par*", "may stand at the end of flow and id alone"),
    ],
)
def test_what_chooses_nothing_is_refused(text: str, says: str) -> None:
    """With what to write."""
    with pytest.raises(SelectionError, match=re.escape(says)):
        selection(text)
