"""Packing: nothing is lost, nothing is added."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.schedules import pack, render_inputs, spans, time_event, unpack

START = datetime(2026, 11, 28, tzinfo=UTC)
QUARTERS = st.sets(st.integers(0, 4 * 24 * 60).map(lambda n: START + timedelta(minutes=15 * n)), max_size=60)


@given(QUARTERS)
def test_blocks_hold_exactly_what_was_packed(moments: set[datetime]) -> None:
    """In any order, over the ends of months and years; never more blocks than moments."""
    blocks = pack(moments)
    assert unpack(blocks) == tuple(sorted(moments))
    assert len(blocks) <= len(moments)


def test_what_is_regular_is_one_block_a_month() -> None:
    """Every minute of two months."""
    minutes = [START + timedelta(minutes=n) for n in range(3 * 24 * 60, 20 * 24 * 60)]
    assert len(pack(minutes)) == 1
    assert unpack(pack(minutes)) == tuple(minutes)


@pytest.mark.parametrize(
    ("numbers", "found"),
    [((), ()), ((3,), ((3, 3),)), ((0, 15, 16, 17, 30), ((0, 0), (15, 17), (30, 30)))],
)
def test_spans_join_what_follows(numbers: tuple[int, ...], found: tuple[tuple[int, int], ...]) -> None:
    """Temporal's ranges."""
    assert spans(numbers) == found


def test_inputs_see_the_scheduled_time() -> None:
    """In UTC, whatever zone it came in; values keep their types."""
    event = time_event(datetime(2026, 3, 2, 18, tzinfo=timezone(timedelta(hours=1))))
    written = {"at": "{{event.time}}", "text": "of {{event.time}}", "port": 443}
    rendered = {"at": "2026-03-02T17:00:00Z", "text": "of 2026-03-02T17:00:00Z", "port": 443}
    assert render_inputs(written, event) == rendered
    with pytest.raises(ExpressionError, match="inputs"):
        render_inputs({"a": "{{inputs.b}}"}, event)
