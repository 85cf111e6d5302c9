"""Who comes with the closing decision through our door is answered, whatever the server does with the Update."""

import asyncio
import os
from datetime import timedelta
from uuid import uuid4

import pytest

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.service import door
from hitl_temporal.service.errors import UnansweredError, UnavailableError
from hitl_temporal.service.runs import Runs
from tests.engine.conftest import Rig
from tests.engine.test_closing import LAST_TASK, long_goodbye
from tests.service.test_approvals import me, use

__all__ = ["long_goodbye"]  # a fixture: pytest finds it here by name

ASK = {"title": "Go?", "requester": "ann", "who": ["group:secops"]}
ROUNDS = 300 if os.environ.get("HITL_CHAOS") == "long" else 12


@pytest.mark.usefixtures("long_goodbye")
async def test_update_that_the_server_aborts_is_answered_from_the_result(rig: Rig) -> None:
    """Too late is `closed`; the click that has counted is counted, however often it comes."""
    approvals, handle = use(rig), await rig.ask(ASK)
    await rig.until_put(handle)
    click = {"outcome": "approved", "key": "click"}
    counted = await approvals.act(me("cai"), handle.id, "decide", click)
    while not any(m.occasion == "notice" for m in rig.notifier.messages.values()):
        await asyncio.sleep(0.01)
    await asyncio.sleep(LAST_TASK / 3)
    again, late, said = await asyncio.gather(
        approvals.act(me("cai"), handle.id, "decide", click),
        approvals.act(me("dee"), handle.id, "decide", {"outcome": "rejected"}),
        approvals.act(me("ann"), handle.id, "comment", {"text": "thanks"}),
    )
    assert (again, late.status, said.status) == (counted, "closed", "closed")


async def test_clicks_at_every_moment_around_the_end_get_receipts(rig: Rig) -> None:
    """Before it, with it, in its last task and after it: one counts, the others are told, none is an error."""
    approvals = use(rig)
    for turn in range(ROUNDS):
        handle = await rig.ask(ASK)
        await rig.until_put(handle)

        async def click(person: str, after: float, approval: str = handle.id) -> str:
            await asyncio.sleep(after)
            return (await approvals.act(me(person), approval, "decide", {"outcome": "approved", "key": person})).status

        pause = 0.02 * (turn % 8)
        first, second, repeated = await asyncio.gather(click("cai", 0), click("dee", pause), click("cai", pause))
        assert (first, second, repeated) == ("counted", "closed", "counted") or (first, second) == ("closed", "counted")


async def test_a_command_to_a_run_that_ends_meanwhile_is_told_how(idle_rig: Rig) -> None:
    """As it has ended, not as it was when the command set out."""
    rig = idle_rig
    run = await rig.start("test_flow", {}, {"requester": "ann"})
    runs = Runs(rig.client, rig.catalogue, rig.directory, rig.queue)
    waiting = asyncio.create_task(runs.operate(me("gus"), run.id, "hold", {}))
    await asyncio.sleep(0.3)
    await run.terminate()
    assert (await waiting).reason == "the run has ended: terminated"


async def test_an_answer_that_never_comes_is_not_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the server does not find, and which yet does not end, nothing was recorded."""
    monkeypatch.setattr(door, "PATIENCE", timedelta(seconds=0.1))

    async def for_ever() -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(UnavailableError, match="nothing was recorded"):
        await door.send(
            rig.client.get_workflow_handle(f"nobody-{uuid4().hex[:8]}"),
            "decide",
            {},
            Receipt,
            recorded=Receipt(status="recorded"),
            closed=for_ever,
        )


async def test_a_start_that_is_not_answered_may_have_started(idle_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id to look for is named."""
    rig = idle_rig
    rig.catalogue.add("steps: [{id: a, wait: {for: 1d}}]")
    monkeypatch.setattr("hitl_temporal.service.runs.START_WITHIN_SECONDS", 0.0)
    runs = Runs(rig.client, rig.catalogue, rig.directory, rig.queue)
    run_id = f"r-{uuid4().hex[:8]}"
    with pytest.raises(UnansweredError, match=rf"not known whether 'test_flow' was started, as '{run_id}'"):
        await runs.start(me("ann"), "test_flow", {}, run_id=run_id)
