"""Who comes with the closing decision, or just after it, as a raw Temporal client sees it (docs/decisions/0013)."""

import asyncio
import time

import pytest
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.approval import result as ending
from hitl_temporal.domain.approval.result import Result
from tests.engine.conftest import Rig
from tests.fakes import answer

ASK = {"title": "Go?", "requester": "ann", "who": ["group:secops"]}

LINGERING = b"answer those who come with the decision"
"""The timer's summary."""

LAST_TASK = 0.5
"""Seconds; the SDK takes a task of more than two for a deadlock."""


@pytest.fixture
def long_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the task in which an approval ends last so long that whatever is sent meanwhile comes while it runs."""
    whole = ending.result

    def slow(*args: object) -> Result:
        time.sleep(LAST_TASK)
        return whole(*args)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(ending, "result", slow)


@pytest.mark.usefixtures("long_goodbye")
async def test_update_in_the_very_last_task_is_aborted_and_the_result_is_there(rig: Rig) -> None:
    """The server does not hold a workflow open for it: NOT_FOUND, as after the end, and the result tells the rest."""
    handle = await rig.ask(ASK)
    await rig.until_put(handle)
    counted = await rig.decide(handle, answer("approved", "cai", key="k"))
    while not any(m.occasion == "notice" for m in rig.notifier.messages.values()):
        await asyncio.sleep(0.01)
    await asyncio.sleep(LAST_TASK / 3)
    with pytest.raises(RPCError) as aborted:
        await rig.decide(handle, answer("rejected", "dee"))
    assert (aborted.value.status, "closing" in aborted.value.message) == (RPCStatusCode.NOT_FOUND, True)
    result = Result.model_validate(await handle.result())
    assert [(d.actor, d.key) for d in result.decisions] == [("cai", counted.key)]


@pytest.mark.usefixtures("long_goodbye")
async def test_after_one_latecomer_the_others_are_answered_as_well(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one has come too late there are more: the approval stays for a moment, and each gets a receipt."""
    told = rig.notifier.send

    async def slow(message) -> str:
        await asyncio.sleep(0.2)
        return await told(message)

    monkeypatch.setattr(rig.notifier, "send", slow)
    handle = await rig.ask(ASK)
    await rig.until_put(handle)
    assert (await rig.decide(handle, answer("approved", "cai"))).status == "counted"
    late = []
    for n in range(6):
        late.append(asyncio.create_task(rig.decide(handle, answer("rejected", "dee", key=f"k{n}"))))
        await asyncio.sleep(0.12)
    assert {r.status for r in await asyncio.gather(*late)} == {"closed"}
    assert Result.model_validate(await handle.result()).outcome == "approved"
    waits = [e.user_metadata.summary.data async for e in handle.fetch_history_events()]
    assert len([w for w in waits if LINGERING in w]) == 1


async def test_an_approval_that_nobody_is_too_late_for_waits_for_nobody(rig: Rig) -> None:
    """No timer is started at the end of one that ends in peace."""
    handle = await rig.ask(ASK)
    await rig.decide(handle, answer("approved", "cai"))
    await handle.result()
    waits = [e.user_metadata.summary.data async for e in handle.fetch_history_events()]
    assert not [w for w in waits if LINGERING in w]
