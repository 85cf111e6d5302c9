"""Requests about the same: one stays, whichever way they come together."""

import asyncio

from hitl_temporal.domain.approval.commands import Receipt
from tests.engine.conftest import Rig
from tests.engine.test_approval import eventually, status
from tests.engine.test_life import short_rig, short_server

__all__ = ["short_rig", "short_server"]  # fixtures: pytest finds them here by name

ASK = {"title": "Go?", "requester": "ann", "who": ["group:secops"]}


async def test_of_many_that_are_put_at_once_only_the_newest_stays(rig: Rig) -> None:
    """Nobody has to touch the others: whichever looks last sees them all."""
    handles = await asyncio.gather(*(rig.ask({**ASK, "subject": "laptop"}) for _ in range(12)))
    started = {h.id: (await h.describe()).start_time for h in handles}
    newest = max(handles, key=lambda h: (started[h.id], h.id))
    for handle in handles:
        if handle.id != newest.id:
            await eventually(handle, lambda s: s.outcome == "withdrawn")
    assert (await status(newest)).outcome is None
    assert (await rig.decide(newest, {"actor": "cai", "outcome": "approved"})).status == "counted"


async def test_an_old_request_does_not_become_new_by_continuing_as_new(short_rig: Rig) -> None:
    """What counts is when it was put; the newer one is about the same only later."""
    rig = short_rig
    old = await rig.ask({**ASK, "context": {"what": "laptop"}, "subject": "{{what}}"})
    first_run = (await old.describe()).run_id
    await rig.until_put(old)
    new = await rig.ask({**ASK, "context": {"what": "chair"}, "subject": "{{what}}"})
    await rig.until_put(new)
    n = 0
    while (await old.describe()).run_id == first_run:
        n += 1
        said = {"actor": "ann", "text": f"{n}", "key": f"c{n}"}
        assert (await old.execute_update("comment", said, result_type=Receipt)).status == "counted"
    amended = {"actor": "ann", "set": {"what": "laptop"}}
    assert (await new.execute_update("amend", amended, result_type=Receipt)).status == "counted"
    await eventually(old, lambda s: s.outcome == "withdrawn")
    assert (await status(new)).outcome is None
