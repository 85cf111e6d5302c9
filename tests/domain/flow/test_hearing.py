"""A run is told of an event if any of its steps may ever wait for one like it."""

import pytest

from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.flow.hearing import may_hear
from tests.fakes import flow

PAID = CloudEvent(type="order.paid", source="/shop", id="1")


@pytest.mark.parametrize(
    ("steps", "hears"),
    [
        ("[{id: a, call: x}]", False),
        ("[{id: a, wait: {for: 1d}}]", False),
        ("[{id: a, call: x}, {id: b, wait: {event: {type: order.paid}}}]", True),
        ("[{id: a, wait: {event: {type: order.sent}}}]", False),
        ("[{id: a, wait: {event: {type: order.paid, source: /other}}}]", False),
        ("[{id: a, wait: {event: {type: order.paid, subject: o-1}}}]", False),
        ("[{id: a, wait: {event: {type: '{{inputs.kind}}', source: '{{inputs.kind}}'}}}]", True),
        ("[{id: a, each: '[1]', do: [{id: b, wait: {event: {type: order.paid}}}]}]", True),
    ],
)
def test_steps_at_any_depth_count_and_expressions_may_give_anything(steps: str, hears: bool) -> None:
    """What is written out must be the same."""
    assert may_hear(flow(f"inputs: {{kind: {{type: string}}}}\nsteps: {steps}"), PAID) is hears
