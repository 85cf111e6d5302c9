"""Long and loud lives: hundreds of comments over years, floods of attempts, messages at every odd moment."""

import asyncio
import os
from datetime import timedelta
from uuid import uuid4

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.approval.state import MAX_INTENTS_BY_ACTOR, MAX_REFUSALS_BY_ACTOR
from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.engine import options
from tests.engine.conftest import Rig
from tests.engine.test_approval import eventually, status
from tests.engine.test_life import short_rig, short_server
from tests.fakes import answer

__all__ = ["short_rig", "short_server"]  # fixtures: pytest finds them here by name

IS_LONG = os.environ.get("HITL_CHAOS") == "long"
ATTEMPTS = 10_000 if IS_LONG else 600
"""`make chaos` sends the whole flood."""
COMMENTS = 500 if IS_LONG else 60

ASK = {"title": "Go?", "requester": "ann", "who": ["group:secops"], "approve": 2}


async def length_of(handle: WorkflowHandle) -> int:
    """Return how many events the present run of a workflow has."""
    return (await handle.describe()).history_length


async def test_hundreds_of_comments_and_refusals_over_two_years(short_rig: Rig) -> None:
    """Over many continue-as-new nothing is lost or said twice, and the last answer counts as the first would have."""
    rig = short_rig
    with rig.skipper.with_time_skipping_disabled():
        handle = await rig.skipper.client.start_workflow(
            "Approval", {**ASK, "remind": "30d"}, id=f"years-{uuid4().hex[:8]}", task_queue=rig.queue
        )
    await rig.until_put(handle)
    said, refused, runs = [], 0, set()
    for n in range(COMMENTS):
        speaker = ("ann", "cai", "dee")[n % 3]
        said.append(f"{n}: {speaker}")
        body = {"actor": speaker, "text": said[-1], "key": f"c{n}"}
        assert (await handle.execute_update("comment", body, result_type=Receipt)).status == "counted"
        if n % 3 == 0:
            again = await handle.execute_update("comment", body, result_type=Receipt)
            assert again.status == "counted", "sent again, it is the same comment"
        if n % 4 == 0 and refused < MAX_REFUSALS_BY_ACTOR:
            refused += 1
            assert (await rig.decide(handle, answer("approved", "gus", key=f"r{n}"))).status == "not_eligible"
        if n % (COMMENTS // 12) == 0:
            await rig.skipper.fast_forward(handle, timedelta(days=61))
            runs.add((await handle.describe()).run_id)
    seen = await status(handle)
    assert [r.text for r in seen.conversation] == said
    assert [r.number for r in seen.conversation] == list(range(1, COMMENTS + 1))
    assert len(seen.refusals) == refused
    assert len(runs) > 3
    for person in ("cai", "dee"):
        assert (await rig.decide(handle, answer("approved", person))).status == "counted"
    result = Result.model_validate(await handle.result())
    assert (result.outcome, [d.actor for d in result.decisions]) == ("approved", ["cai", "dee"])
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert (len(facts), facts[-1].hash) == (result.evidence.events, result.evidence.digest)
    assert sum(f.name == "approval.commented" for f in facts) == COMMENTS
    assert facts[-1].at - facts[0].at > timedelta(days=700)


async def test_a_flood_of_refused_updates_leaves_no_trace_beyond_its_bound(rig: Rig) -> None:
    """The validator turns them away before they become history, and nobody who may act is locked out."""
    handle = await rig.ask(ASK)
    await rig.until_put(handle)

    async def attempt(n: int) -> str:
        try:
            return (await rig.decide(handle, answer("approved", "gus", key=f"k{n}"))).status
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if not isinstance(cause, ApplicationError) or cause.type != "Refused":
                raise
            return Receipt.model_validate(cause.details[0]).status

    for n in range(MAX_REFUSALS_BY_ACTOR):
        assert await attempt(n) == "not_eligible"
    before = await length_of(handle)
    for first in range(0, ATTEMPTS, 8):  # ten updates may be in flight
        found = await asyncio.gather(*(attempt(1_000 + first + n) for n in range(8)))
        assert set(found) == {"not_eligible"}
    assert await length_of(handle) - before < 30
    assert len((await status(handle)).refusals) == MAX_REFUSALS_BY_ACTOR
    for person in ("cai", "dee"):
        assert (await rig.decide(handle, answer("approved", person))).status == "counted"
    assert Result.model_validate(await handle.result()).outcome == "approved"


async def test_a_flood_of_answers_without_proof_leaves_no_trace_beyond_its_bound(rig: Rig) -> None:
    """Those of somebody who is asked are bounded like refusals, and the same person's proof counts all the same."""
    handle = await rig.ask({**ASK, "assurance": "medium"})
    await rig.until_put(handle)

    async def attempt(n: int) -> str:
        try:
            return (await rig.decide(handle, answer("approved", "cai", key=f"k{n}"))).status
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if not isinstance(cause, ApplicationError) or cause.type != "Refused":
                raise
            return f"refused: {Receipt.model_validate(cause.details[0]).status}"

    for n in range(MAX_INTENTS_BY_ACTOR):
        assert await attempt(n) == "needs_step_up"
    before = await length_of(handle)
    for first in range(0, ATTEMPTS, 8):
        found = await asyncio.gather(*(attempt(1_000 + first + n) for n in range(8)))
        assert set(found) == {"refused: needs_step_up"}
    assert await length_of(handle) - before < 30
    for person in ("cai", "dee"):
        assert (await rig.decide(handle, answer("approved", person, assurance="medium"))).status == "counted"
    assert Result.model_validate(await handle.result()).outcome == "approved"


async def test_a_flood_of_refused_signals_is_counted_and_does_not_exhaust_the_history(short_rig: Rig) -> None:
    """Temporal keeps every signal; the approval continues as new under them, and still hears those who may act."""
    rig = short_rig
    handle = await rig.ask(ASK)
    await rig.until_put(handle)
    first = (await handle.describe()).run_id
    for start in range(0, ATTEMPTS, 50):
        payloads = [answer("approved", "gus", key=f"s{start + n}") for n in range(50)]
        await asyncio.gather(*(handle.signal("decide", p) for p in payloads))
    seen = await eventually(handle, lambda s: len(s.refusals) + s.unrecorded >= ATTEMPTS)
    assert (len(seen.refusals), seen.unrecorded) == (MAX_REFUSALS_BY_ACTOR, ATTEMPTS - MAX_REFUSALS_BY_ACTOR)
    while (await handle.describe()).run_id == first:
        await asyncio.sleep(0.05)
    assert await length_of(handle) < 2_000
    for person in ("cai", "dee"):
        assert (await rig.decide(handle, answer("approved", person))).status == "counted"
    result = Result.model_validate(await handle.result())
    counter = next(f for f in rig.sink.of(handle.id) if f.name == "approval.refusals_counted")
    assert (result.outcome, counter.attributes["hitl.refused"]) == ("approved", ATTEMPTS)


async def test_a_flood_that_waits_for_a_worker_is_judged_in_pieces(idle_rig: Rig) -> None:
    """All of it in one task would be taken for a deadlock: such a worker neither goes on nor ends."""
    rig = idle_rig
    async with rig.worker():
        handle = await rig.ask(ASK)
        await rig.until_put(handle)
        for n in range(MAX_REFUSALS_BY_ACTOR):
            await rig.decide(handle, answer("approved", "gus", key=f"u{n}"))
    for start in range(0, 1_000, 50):
        payloads = [answer("approved", "gus", key=f"s{start + n}") for n in range(50)]
        await asyncio.gather(*(handle.signal("decide", p) for p in payloads))
    async with rig.worker():
        seen = await eventually(handle, lambda s: s.unrecorded >= 1_000)
        assert (len(seen.refusals), seen.unrecorded) == (MAX_REFUSALS_BY_ACTOR, 1_000)
        for person in ("cai", "dee"):
            assert (await rig.decide(handle, answer("approved", person))).status == "counted"
        assert Result.model_validate(await handle.result()).outcome == "approved"
    summaries = [e.user_metadata.summary.data async for e in handle.fetch_history_events()]
    assert sum(b"go on with what has come" in s for s in summaries) == 1_000 // options.MAX_LETTERS


async def test_commands_before_the_first_task_are_judged_in_order(idle_rig: Rig) -> None:
    """Signals that wait for a worker, and an update beside them, find the people resolved and are all answered."""
    rig = idle_rig
    handle = await rig.ask(ASK)
    await handle.signal("delegate", {"actor": "cai", "to": "gus"})
    await handle.signal("comment", {"actor": "ann", "text": "please"})
    update = asyncio.create_task(rig.decide(handle, answer("approved", "gus")))
    await asyncio.sleep(0.1)
    async with rig.worker():
        assert (await update).status == "counted"
        seen = await eventually(handle, lambda s: len(s.conversation) == 1)
        assert [(d.actor, d.on_behalf_of) for d in seen.decisions] == [("gus", "cai")]
        assert (await rig.decide(handle, answer("approved", "dee"))).status == "counted"
        assert Result.model_validate(await handle.result()).outcome == "approved"


async def test_commands_during_continue_as_new_are_answered(short_rig: Rig) -> None:
    """Comments at full speed over many runs: each is answered once and kept once, in some order."""
    rig = short_rig
    handle = await rig.ask(ASK)
    await rig.until_put(handle)

    async def say(n: int) -> str:
        body = {"actor": "cai", "text": f"n{n}", "key": f"k{n}"}
        return (await handle.execute_update("comment", body, result_type=Receipt)).status

    for first in range(0, 96, 8):
        assert set(await asyncio.gather(*(say(first + n) for n in range(8)))) == {"counted"}
    seen = await status(handle)
    assert sorted(r.text for r in seen.conversation) == sorted(f"n{n}" for n in range(96))
    await rig.decide(handle, answer("rejected", "cai"))
    assert Result.model_validate(await handle.result()).outcome == "rejected"


async def test_commands_at_the_end_are_told_the_truth(rig: Rig) -> None:
    """Everything that arrives with the deciding vote is answered: counted before it, closed after it, never lost."""
    for _ in range(5):
        handle = await rig.ask({**ASK, "approve": 1})
        await rig.until_put(handle)
        clicks = [rig.decide(handle, answer("approved", p)) for p in ("cai", "dee")]
        words = [
            handle.execute_update("comment", {"actor": "ann", "text": f"w{n}"}, result_type=Receipt) for n in range(4)
        ]
        found = await asyncio.gather(*clicks, *words, return_exceptions=True)
        receipts = [r for r in found if isinstance(r, Receipt)]
        assert {r.status for r in receipts} <= {"counted", "closed"}
        assert sum(r.status == "counted" for r in receipts[:2]) <= 1
        result = Result.model_validate(await handle.result())
        kept = len((await status(handle)).conversation)
        assert (result.outcome, len(result.decisions)) == ("approved", 1)
        assert kept == sum(r.status == "counted" for r in found[2:] if isinstance(r, Receipt))
