"""A question to a thousand people on a real server: no workflow task outlasts its limit, and nobody is forgotten."""

import asyncio
from collections import Counter

from temporalio.contrib.pydantic import pydantic_data_converter

from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.domain.people import People
from hitl_temporal.engine.deliveries import MAX_UNDER_WAY, NO_LONGER_NEEDED, SETTLE_WITHIN
from hitl_temporal.messages import Unsent
from tests.engine.conftest import Rig
from tests.engine.test_approval import eventually
from tests.fakes import answer

MANY = [f"p{n}" for n in range(1_000)]
CROWD = People.model_validate({"people": {p: {"name": p} for p in [*MANY, "ann"]}})
QUESTION = {"title": "Go?", "requester": "ann", "who": [f"user:{p}" for p in MANY], "approve": 2}


async def test_two_of_a_thousand_decide_while_the_others_are_still_being_asked(rig: Rig) -> None:
    """The result does not wait for the questions: what had begun is settled, the rest is no longer needed."""
    rig.directory.people = CROWD
    handle = await rig.ask(QUESTION)
    await eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
    assert (await rig.decide(handle, answer("approved", "p998"))).status == "counted"
    assert (await rig.decide(handle, answer("approved", "p999"))).status == "counted"
    assert Result.model_validate(await handle.result()).outcome == "approved"
    now = Status.model_validate(await handle.query("status"))
    asked = [d for d in now.deliveries if d.occasion == "asked"]
    settled = {d.person: d for d in now.deliveries if d.occasion == "settled"}
    assert [d.person for d in asked] == MANY
    assert {d.state for d in now.deliveries} <= {"delivered", "failed"}
    assert {d.reason for d in now.deliveries if d.state == "failed"} <= {NO_LONGER_NEEDED}
    assert all(settled[d.person].state == "delivered" for d in asked if d.state == "delivered")
    assert set(rig.notifier.sent("asked")) <= set(rig.notifier.sent("settled"))


async def test_messages_begin_as_others_end(rig: Rig) -> None:
    """Only so many messages are under way at once, and those that wait are no longer needed after the outcome."""
    rig.directory.people = CROWD
    rig.notifier.is_down = True
    handle = await rig.ask(QUESTION)
    await eventually(handle, lambda s: len(s.deliveries) == len(MANY))
    begun = len((await handle.describe()).raw_description.pending_activities)
    rig.notifier.is_down = False
    await handle.execute_update("withdraw", {"actor": "ann"})
    assert Result.model_validate(await handle.result()).outcome == "withdrawn"
    now = Status.model_validate(await handle.query("status"))
    told = {d.person for d in now.deliveries if d.occasion == "settled" and d.state == "delivered"}
    assert 0 < begun <= MAX_UNDER_WAY
    assert told >= set(MANY[:begun])
    assert sorted(told) == sorted(rig.notifier.sent("settled"))
    assert {d.state for d in now.deliveries} == {"delivered", "failed"}


async def test_channel_that_goes_down_holds_back_the_result_once_and_not_for_each_message(rig: Rig) -> None:
    """Settling many on a channel that is down takes the time of one; the outbox then tells each of them."""
    some = MANY[: 3 * MAX_UNDER_WAY]
    rig.directory.people = CROWD
    handle = await rig.ask_frozen({**QUESTION, "who": [f"user:{p}" for p in some]})
    await eventually(handle, lambda s: all(d.state == "delivered" for d in s.deliveries) and bool(s.deliveries))
    rig.notifier.is_down = True
    await handle.execute_update("withdraw", {"actor": "ann"})
    is_still_open = await rig.skipper.fast_forward(handle, SETTLE_WITHIN * 2)
    assert not is_still_open
    now = Status.model_validate(await handle.query("status"))
    ended = (await handle.describe()).close_time
    assert now.ended is not None
    assert ended is not None
    assert ended - now.ended < 2 * SETTLE_WITHIN
    assert {d.state for d in now.deliveries if d.occasion == "settled"} == {"failed"}
    rig.notifier.is_down = False
    while len(rig.notifier.sent("settled")) < len(some):
        await asyncio.sleep(0.05)
    assert sorted(rig.notifier.sent("settled")) == sorted(some)


async def test_what_was_on_its_way_before_the_outcome_holds_back_the_result_no_longer_than_the_rest(rig: Rig) -> None:
    """The channel is down when somebody is replaced: what tells them is the outbox's once the wait for it is over."""
    handle = await rig.ask_frozen({"title": "Go?", "requester": "ann", "who": ["group:secops"], "due": "90d"})
    await eventually(handle, lambda s: all(d.state == "delivered" for d in s.deliveries) and bool(s.deliveries))
    rig.notifier.is_down = True
    moved = {"actor": "gus", "from": "cai", "to": "bob", "reason": "needed"}
    await handle.execute_update("reassign", moved)
    await eventually(handle, lambda s: sum(d.state == "sending" for d in s.deliveries) > 1)
    assert (await rig.decide(handle, answer("approved", "dee"))).status == "counted"
    assert not await rig.skipper.fast_forward(handle, SETTLE_WITHIN * 2)
    now = Status.model_validate(await handle.query("status"))
    assert now.outcome == "approved"
    assert {d.state for d in now.deliveries} == {"delivered", "failed"}
    rig.notifier.is_down = False
    while "cai" not in rig.notifier.sent("notice"):
        await asyncio.sleep(0.05)


async def test_what_is_left_to_the_outbox_is_left_once(rig: Rig) -> None:
    """A notice that was on its way before the outcome, and is given up when the wait is over, is sent by one only."""
    handle = await rig.ask_frozen({"title": "Go?", "requester": "ann", "who": ["group:secops"], "due": "90d"})
    await eventually(handle, lambda s: all(d.state == "delivered" for d in s.deliveries) and bool(s.deliveries))
    rig.notifier.is_down = True
    await handle.execute_update("reassign", {"actor": "gus", "from": "cai", "to": "bob", "reason": "needed"})
    await eventually(handle, lambda s: sum(d.state == "sending" for d in s.deliveries) > 1)
    assert (await rig.decide(handle, answer("approved", "dee"))).status == "counted"
    assert not await rig.skipper.fast_forward(handle, SETTLE_WITHIN * 2)
    left: Counter[str] = Counter()
    async for event in handle.fetch_history_events():
        begun = event.start_child_workflow_execution_initiated_event_attributes
        if begun.workflow_id:
            (unsent,) = await pydantic_data_converter.decode(begun.input.payloads, [Unsent])
            left.update(m.key for m in unsent.messages)
    assert any(":notice:" in key and ":cai:" in key for key in left)
    assert set(left.values()) == {1}
