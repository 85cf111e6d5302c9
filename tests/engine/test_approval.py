"""The workflow `Approval` on a real server: receipts on every door, time, failures of the world."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.domain.chain import verify_chain
from tests.engine.conftest import Rig
from tests.fakes import PEOPLE, answer


async def status(handle: WorkflowHandle) -> Status:
    return Status.model_validate(await handle.query("status"))


async def eventually(handle: WorkflowHandle, holds) -> Status:
    """Return the first status for which `holds` is true; the test's time limit is the bound."""
    while not holds(now := await status(handle)):
        await asyncio.sleep(0.02)
    return now


async def test_one_yes_of_one_approves(rig: Rig) -> None:
    """A plain JSON start by type name runs, an update decides it, and the result names the decision."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "manager:requester"})
    receipt = await rig.decide(handle, answer("approved", "bob", comment="fine"))
    result = Result.model_validate(await handle.result())
    assert (receipt.status, result.outcome, result.positive) == ("counted", "approved", True)
    assert [(d.actor, d.outcome, d.comment) for d in result.decisions] == [("bob", "approved", "fine")]


async def test_trail_is_whole_and_named_by_the_result(rig: Rig) -> None:
    """Every fact is exported once, the chain is whole, and the result holds its head."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    await eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
    await rig.decide(handle, answer("approved", "bob"))
    result = Result.model_validate(await handle.result())
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert (facts[-1].hash, len(facts)) == (result.evidence.digest, result.evidence.events)
    assert rig.sink.names(handle.id) == [
        "approval.opened",
        "approval.asked",
        "approval.delivered",
        "approval.decided",
        "approval.stage_ended",
        "approval.delivered",  # the question brought up to date
        "approval.delivered",  # and the requester told
        "approval.ended",
    ]


async def test_every_refusal_has_its_receipt_and_changes_nothing(rig: Rig, two_secops: dict[str, object]) -> None:
    """Requester, stranger, unknown outcome, malformed body and outdated digest are each told why by update."""
    handle = await rig.ask(two_secops)
    first = await rig.decide(handle, answer("approved", "cai", key="click-1"))
    receipts = [
        await rig.decide(handle, payload)
        for payload in (
            answer("approved", "ann"),
            answer("approved", "gus"),
            answer("approved", "nobody"),
            answer("maybe", "dee"),
            answer("expired", "dee"),
            {"outcome": "approved"},
            "not an object",
            None,
            [1, 2],
            answer("approved", "dee", digest="0" * 64),
            answer("rejected", "cai"),
        )
    ]
    assert first.status == "counted"
    assert [r.status for r in receipts] == [
        *["not_eligible"] * 3,
        *["invalid"] * 6,
        "superseded",
        "duplicate",
    ]
    assert all(r.reason for r in receipts)
    now = await status(handle)
    assert (now.outcome, len(now.decisions), now.tally) == (None, 1, "1 of 2, secops pending")


async def test_same_click_five_times_counts_once(rig: Rig, two_secops: dict[str, object]) -> None:
    """The same key again gives the first receipt again, with a key and without."""
    handle = await rig.ask(two_secops)
    with_key = [await rig.decide(handle, answer("approved", "cai", key="k")) for _ in range(5)]
    assert {r.status for r in with_key} == {"counted"}
    assert len((await status(handle)).decisions) == 1
    without = await asyncio.gather(
        *(rig.decide(handle, answer("approved", "dee")) for _ in range(3)), return_exceptions=True
    )
    result = Result.model_validate(await handle.result())
    assert [d.actor for d in result.decisions] == ["cai", "dee"]
    # Of those that raced the end, Temporal may have aborted some; none was answered otherwise than `counted`.
    assert {r.status for r in without if not isinstance(r, BaseException)} == {"counted"}
    assert all(r.status is RPCStatusCode.NOT_FOUND for r in without if isinstance(r, RPCError))


async def test_two_at_the_same_moment_give_one_outcome(rig: Rig) -> None:
    """Of a yes and a no in the same instant one wins, and the other is told that it is closed."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "group:secops"})
    await eventually(handle, lambda s: s.stages[0].state == "open")
    both = await asyncio.gather(
        rig.decide(handle, answer("approved", "cai")),
        rig.decide(handle, answer("rejected", "dee")),
        return_exceptions=True,
    )
    result = Result.model_validate(await handle.result())
    assert len(result.decisions) == 1
    assert result.outcome == result.decisions[0].outcome
    said = [r.status for r in both if not isinstance(r, BaseException)]
    assert said.count("counted") == 1
    assert set(said) <= {"counted", "closed"}


async def test_signals_are_judged_as_updates_are(rig: Rig, two_secops: dict[str, object]) -> None:
    """By signal, too, only the eligible count, once each; every refusal is kept with its reason."""
    handle = await rig.ask(two_secops)
    for payload in (
        answer("approved", "ann", key="self"),
        answer("maybe", "dee", key="unknown"),
        {"actor": "dee"},
        "not an object",
        answer("approved", "gus", key="stranger"),
        *[answer("approved", "cai", key="same")] * 5,
    ):
        await handle.signal("decide", payload)
    now = await eventually(handle, lambda s: len(s.decisions) == 1 and len(s.refusals) == 3)
    assert [(r.actor, r.receipt.status) for r in now.refusals] == [
        ("ann", "not_eligible"),
        ("dee", "invalid"),
        ("gus", "not_eligible"),
    ]
    await handle.signal("decide", answer("approved", "dee"))
    assert Result.model_validate(await handle.result()).outcome == "approved"


async def test_decision_after_the_end_finds_it_closed(rig: Rig) -> None:
    """An update after the end is refused by Temporal itself as not found; the door reads the result then."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    await rig.decide(handle, answer("rejected", "bob"))
    assert Result.model_validate(await handle.result()).outcome == "rejected"
    with pytest.raises(RPCError) as error:
        await rig.decide(handle, answer("approved", "bob"))
    assert error.value.status is RPCStatusCode.NOT_FOUND


async def test_a_week_is_skipped_and_silence_expires(rig: Rig, two_secops: dict[str, object]) -> None:
    """Seven virtual days pass in moments: reminders go out, and the approval expires; it is not approved."""
    handle = await rig.ask_frozen({**two_secops, "remind": "2d"})
    await eventually(handle, lambda s: all(d.state == "delivered" for d in s.deliveries) and bool(s.deliveries))
    is_still_open = await rig.skipper.fast_forward(handle, timedelta(days=7, minutes=1))
    assert not is_still_open
    result = Result.model_validate(await handle.result())
    assert (result.outcome, result.positive, result.decisions) == ("expired", False, ())
    assert rig.notifier.sent("reminded") == ["cai", "dee"] * 3
    assert rig.notifier.sent("settled") == ["cai", "dee"]


async def test_second_stage_needs_somebody_else(rig: Rig) -> None:
    """Who decided the first stage is not counted in the second."""
    stages = [{"name": "lead", "who": ["group:leads"]}, {"name": "all", "who": ["group:leads", "group:secops"]}]
    handle = await rig.ask({"title": "Go?", "requester": "ann", "stages": stages})
    assert (await rig.decide(handle, answer("approved", "bob", key="1"))).status == "counted"
    again = await rig.decide(handle, answer("approved", "bob", key="2"))
    assert again.status == "not_eligible"
    assert (await rig.decide(handle, answer("approved", "dee"))).status == "counted"
    assert (await handle.result())["outcome"] == "approved"


async def test_leaver_may_not_act_and_joiner_may(rig: Rig, two_secops: dict[str, object]) -> None:
    """Membership is read again at each decision."""
    handle = await rig.ask({**two_secops, "approve": 1})
    await eventually(handle, lambda s: s.stages[0].state == "open")
    groups = {"secops": {"members": ["dee", "gus"]}}
    rig.directory.people = PEOPLE.model_validate({**PEOPLE.model_dump(), "groups": groups})
    assert (await rig.decide(handle, answer("approved", "cai"))).status == "not_eligible"
    assert (await rig.decide(handle, answer("approved", "gus"))).status == "counted"


async def test_nobody_to_ask_parks_and_never_approves(rig: Rig) -> None:
    """An empty group parks the approval with the reason; its requester may still withdraw it."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": ["group:gone", "group:none"]})
    now = await eventually(handle, lambda s: s.state == "parked")
    assert "names no eligible person" in now.stages[0].reason
    withdrawn = await handle.execute_update("withdraw", {"actor": "ann", "reason": "not needed"})
    assert withdrawn["status"] == "counted"
    assert (await handle.result())["outcome"] == "withdrawn"


async def test_messages_and_sink_that_are_down_delay_no_decision(rig: Rig) -> None:
    """With channel and sink both down the decision counts and the result comes; an outbox delivers what is left."""
    rig.notifier.is_down = rig.sink.is_down = True
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    assert (await rig.decide(handle, answer("approved", "bob"))).status == "counted"
    assert (await handle.result())["outcome"] == "approved"
    rig.notifier.is_down = rig.sink.is_down = False
    while not any(f.name == "approval.ended" for f in rig.sink.of(handle.id)):
        await asyncio.sleep(0.05)
    assert verify_chain(rig.sink.of(handle.id)) == ()


async def test_decision_before_people_are_resolved_waits(rig: Rig) -> None:
    """A decision that arrives while the directory is slow is judged once people are known, not on nothing."""
    rig.directory.delay = 0.5
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    assert (await rig.decide(handle, answer("approved", "bob"))).status == "counted"


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"requester": "ann", "who": "user:bob"}, "title"),
        ({"title": "Go?", "who": "bob"}, "selector"),
        ({"title": "Go?"}, "stages"),
        ({"title": "{{missing}}", "who": "user:bob"}, "title"),
        ({"title": "{{", "who": "user:bob"}, "title"),
        ({"title": "Go?", "who": "user:bob", "whom": "x"}, "whom"),
        ({"title": "Go?", "who": "user:bob", "at_due": "approved", "due": "1d"}, "silence"),
        ("text", "must be an object"),
        (None, "must be an object"),
    ],
)
async def test_bad_ask_ends_failed_at_once_and_says_where(rig: Rig, document: object, names: str) -> None:
    """A bad ask ends the execution Failed with `InvalidInput`, naming what is wrong."""
    handle = await rig.client.start_workflow("Approval", document, id=f"bad-{uuid4().hex}", task_queue=rig.queue)
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    cause = error.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "InvalidInput"
    assert names in str(cause)


async def test_temporal_cancellation_withdraws(rig: Rig) -> None:
    """Cancelling the execution withdraws the question: people are told, and the execution ends Canceled."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    await eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, CancelledError)
    now = await status(handle)
    assert now.outcome == "withdrawn"
    assert rig.notifier.sent("settled") == ["bob"]


async def test_flood_of_refusals_is_turned_away_without_history(rig: Rig, two_secops: dict[str, object]) -> None:
    """After 20 recorded refusals of one actor the validator refuses; the eligible are not locked out."""
    handle = await rig.ask(two_secops)
    for _ in range(20):
        assert (await rig.decide(handle, answer("approved", "ann"))).status == "not_eligible"
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await rig.decide(handle, answer("approved", "ann"))
    cause = error.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "Refused"
    assert cause.details[0]["status"] == "not_eligible"
    assert (await rig.decide(handle, answer("approved", "cai"))).status == "counted"


async def test_lists_can_filter_by_who_may_act(rig: Rig, two_secops: dict[str, object]) -> None:
    """Groups are listed as groups, who has acted as `acted:<id>`; the memo holds what a row shows."""
    handle = await rig.ask(two_secops)
    await rig.decide(handle, answer("approved", "cai"))
    description = await handle.describe()
    found = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    assert (found["HitlState"], found["HitlGroups"], found["HitlAssignees"]) == ("open", ["secops"], ["acted:cai"])
    assert (await description.memo())["title"] == "Open 443"


@pytest.mark.parametrize("inputs", [[], [{"title": "Go?", "who": "user:bob"}, {}], [1, 2, 3]])
async def test_wrong_number_of_inputs_ends_failed_at_once(rig: Rig, inputs: list[object]) -> None:
    """No input, or more than one, is refused as `InvalidInput`; the task is not tried for ever."""
    handle = await rig.client.start_workflow("Approval", args=inputs, id=f"n-{uuid4().hex}", task_queue=rig.queue)
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, ApplicationError)
    assert error.value.cause.type == "InvalidInput"
