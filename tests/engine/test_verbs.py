"""Every verb of an approval on a real server: by update and by signal, through one code path."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from hitl_temporal.domain.approval.commands import VERBS, Receipt
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.approval.status import Status
from tests.engine.conftest import Rig
from tests.engine.test_approval import eventually, status
from tests.fakes import answer

ASK = {"title": "Go?", "requester": "ann", "who": ["group:secops"], "due": "7d"}


async def opened(handle: WorkflowHandle) -> Status:
    """Return the status once people are asked; the test's time limit is the bound."""
    while (found := await handle.query("status")) is None or found["stages"][0]["state"] != "open":
        await asyncio.sleep(0.02)
    return Status.model_validate(found)


async def send(handle: WorkflowHandle, verb: str, actor: str, **rest: object) -> Receipt:
    """Send a verb as an update."""
    return await handle.execute_update(verb, {"actor": actor, **rest}, result_type=Receipt)


async def test_every_verb_is_a_signal_and_an_update(rig: Rig) -> None:
    """None is unknown to the workflow: a stranger is refused by each, not failed."""
    handle = await rig.ask(ASK)
    bodies = {
        "decide": {"outcome": "approved"},
        "comment": {"text": "hi"},
        "request_info": {"text": "why"},
        "provide_info": {"text": "so"},
        "delegate": {"to": "bob"},
        "reassign": {"from": "cai", "to": "bob", "reason": "away"},
        "add_approver": {"to": "bob"},
        "amend": {"set": {"x": 1}},
        "override": {"outcome": "approved", "reason": "now"},
        "extend": {"by": "1d", "reason": "late"},
    }
    for verb in VERBS:
        receipt = await send(handle, verb, f"stranger-to-{verb}", **bodies.get(verb, {}))
        assert (verb, receipt.status) == (verb, "not_eligible")
        await handle.signal(verb, {"actor": "stranger", "key": f"by-signal-{verb}", **bodies.get(verb, {})})
    seen = await eventually(handle, lambda s: len(s.refusals) >= 2 * len(VERBS))
    by_signal = {r.receipt.key for r in seen.refusals if r.actor == "stranger"}
    assert by_signal == {f"by-signal-{verb}" for verb in VERBS}


async def test_delegate_claim_and_info_by_signal_are_what_they_are_by_update(rig: Rig) -> None:
    """What a raw signal does shows in the status, as what an update did."""
    handle = await rig.ask(ASK)
    await handle.signal("delegate", {"actor": "cai", "to": "gus", "reason": "on a train"})
    seen = await eventually(handle, lambda s: "gus" in s.stages[0].may_act)
    assert seen.stages[0].may_act == ("gus", "dee")
    assert seen.stages[0].stand_ins == {"gus": "cai"}
    assert (await send(handle, "claim", "gus")).status == "counted"
    assert (await rig.decide(handle, answer("approved", "dee"))).status == "not_eligible"
    await handle.signal("request_info", {"actor": "gus", "text": "which port?"})
    assert (await eventually(handle, lambda s: s.state == "info")).info is not None
    assert (await send(handle, "provide_info", "ann", text="443")).status == "counted"
    await rig.decide(handle, answer("approved", "gus"))
    result = Result.model_validate(await handle.result())
    assert [(d.actor, d.on_behalf_of) for d in result.decisions] == [("gus", "cai")]


async def test_amended_values_are_in_the_result_and_people_were_asked_again(rig: Rig) -> None:
    """A vote on what was shown before counts no more, and its author is told so by key."""
    handle = await rig.ask(
        {**ASK, "approve": 2, "context": {"port": 22}, "title": "Open {{port}}", "material": ["port"]}
    )
    assert (await rig.decide(handle, answer("approved", "cai", key="k"))).status == "counted"
    old = (await status(handle)).digest
    assert (await send(handle, "amend", "ann", set={"port": 443}, reason="typo")).status == "counted"
    seen = await status(handle)
    assert (seen.title, seen.stages[0].round, seen.digest != old) == ("Open 443", 2, True)
    assert (await rig.decide(handle, answer("approved", "cai", key="k"))).status == "superseded"
    assert (await rig.decide(handle, answer("approved", "cai", key="n", digest=old))).status == "superseded"
    for person in ("cai", "dee"):
        assert (await rig.decide(handle, answer("approved", person, digest=seen.digest))).status == "counted"
    result = Result.model_validate(await handle.result())
    assert (result.amended, result.digest, len(result.voided)) == ({"port": 443}, seen.digest, 1)


async def test_a_run_goes_on_with_what_was_amended(rig: Rig) -> None:
    """The flow sets amended inputs before any follower starts; a value that its schema refuses is refused at once."""
    rig.catalogue.add(
        """
inputs: {port: {type: integer, maximum: 1000}}
steps:
  - id: approve
    ask: {title: "Open {{inputs.port}}", who: "group:secops", edit: [inputs.port]}
  - {id: apply, call: job.do, with: {name: "port {{inputs.port}}"}}
"""
    )
    handle = await rig.start("test_flow", {"port": 22}, {"requester": "ann"})
    approval = rig.child(handle, "approve")
    await rig.until_put(approval)
    assert (await send(approval, "amend", "ann", set={"inputs.port": 2000})).status == "invalid"
    assert (await send(approval, "amend", "ann", set={"steps.x": 1})).status == "invalid"
    assert (await rig.decide(approval, answer("approved", "cai", edit={"inputs.port": 443}))).status == "counted"
    assert (await handle.result())["status"] == "completed"
    assert rig.jobs.names() == ["port 443"]


async def test_a_newer_request_about_the_same_withdraws_the_older(rig: Rig) -> None:
    """By its subject, within one flow; another subject is left alone."""
    first = await rig.ask({**ASK, "subject": "host-1"})
    other = await rig.ask({**ASK, "subject": "host-2"})
    await opened(first)
    await opened(other)
    second = await rig.ask({**ASK, "subject": "host-1"})
    result = Result.model_validate(await asyncio.wait_for(first.result(), 20))
    assert (result.outcome, result.reason) == ("withdrawn", f"superseded by {second.id}")
    assert {(await status(h)).state for h in (other, second)} == {"open"}
    for handle in (other, second):
        await rig.decide(handle, answer("rejected", "cai"))


async def test_broken_glass_is_reviewed_by_others(rig: Rig) -> None:
    """The alarm goes to everybody who was asked; the review is a question of its own, which outlives the first."""
    glass = {"who": ["group:leads"], "review": {"who": ["role:admin"], "due": "2d"}}
    handle = await rig.ask({**ASK, "title": "Open {{'{{'}}x}}", "break_glass": glass})
    await opened(handle)
    assert (await send(handle, "override", "gus", outcome="approved", reason="fire")).status == "not_eligible"
    assert (await send(handle, "override", "bob", outcome="approved", reason="fire")).status == "counted"
    result = Result.model_validate(await handle.result())
    assert (result.overridden, result.decisions[0].kind) == (True, "break_glass")
    review = rig.client.get_workflow_handle(f"{handle.id}.review")
    seen = await opened(review)
    assert (seen.requester, seen.stages[0].may_act, seen.title) == ("bob", ("eli",), "Review: Open {{x}}")
    assert (await rig.decide(review, answer("approved", "bob", comment="mine"))).status == "not_eligible"
    await rig.decide(review, answer("approved", "eli", comment="it was one"))
    assert set(rig.notifier.sent("notice")) >= {"cai", "dee"}


async def test_turns_are_taken_in_order(rig: Rig) -> None:
    """Of four requests at once each person of two gets two: a counter keeps the turns, not the lagging lists."""
    document = {**ASK, "pick": "round_robin", "stages": [{"name": f"s-{rig.queue[-6:]}", "who": ["group:secops"]}]}
    del document["who"], document["due"]
    handles = await asyncio.gather(*(rig.ask(document) for _ in range(4)))
    seen = [await opened(h) for h in handles]
    picked = sorted(s.stages[0].may_act[0] for s in seen)
    assert picked == ["cai", "cai", "dee", "dee"]
    for handle, now in zip(handles, seen, strict=True):
        await rig.decide(handle, answer("approved", now.stages[0].may_act[0]))


async def test_the_least_loaded_is_picked(rig: Rig) -> None:
    """Who has something to do already is left in peace."""
    busy = await rig.ask({**ASK, "who": "user:cai"})
    await opened(busy)
    while True:  # lists lag behind by moments
        handle = await rig.ask({**ASK, "pick": "least_loaded"})
        seen = await opened(handle)
        (person,) = seen.stages[0].may_act
        await rig.decide(handle, answer("rejected", person))
        if person == "dee":
            break
    await rig.decide(busy, answer("rejected", "cai"))


async def test_a_named_route_is_looked_up_once(rig: Rig) -> None:
    """It goes on with the table it began with; an unknown one is refused at once."""
    rows = [
        {"if": "amount < 1000", "stages": [{"name": "lead", "who": ["user:bob"]}]},
        {"stages": [{"who": "user:eli"}]},
    ]
    rig.catalogue.routes["spend"] = Table.model_validate({"rows": rows})
    document = {"title": "Spend {{amount}}", "requester": "ann", "stages": {"route": "spend"}}
    small, large = (
        await rig.ask({**document, "context": {"amount": 5}}),
        await rig.ask({**document, "context": {"amount": 5000}}),
    )
    assert (await opened(small)).stages[0].may_act == ("bob",)
    rig.catalogue.routes.clear()
    assert (await opened(large)).stages[0].may_act == ("eli",)
    for handle, person in ((small, "bob"), (large, "eli")):
        await rig.decide(handle, answer("approved", person))
        await handle.result()
    unknown = await rig.ask({**document, "context": {"amount": 5}})
    with pytest.raises(WorkflowFailureError) as error:
        await unknown.result()
    assert "there is no route 'spend'" in str(error.value.cause)


async def test_a_refresh_reads_people_and_asks_who_is_new(rig: Rig) -> None:
    """Joiners hear of it without anybody clicking; what is no such message is ignored."""
    handle = await rig.ask(ASK)
    await opened(handle)
    group = rig.directory.people.groups["secops"].but(members=("cai", "dee", "bob"))
    rig.directory.people = rig.directory.people.but(groups={**rig.directory.people.groups, "secops": group})
    await handle.signal("refresh", {"reason": ["no", "text"]})
    await handle.signal("refresh", {"reason": "secops has changed"})
    await eventually(handle, lambda s: "bob" in s.stages[0].may_act)
    while "bob" not in rig.notifier.sent("asked"):
        await asyncio.sleep(0.02)
    await rig.decide(handle, answer("approved", "bob"))


async def test_a_refresh_that_comes_with_the_end_is_no_reason_to_hang(rig: Rig) -> None:
    """Whatever has changed around an approval that is being decided, it ends."""
    for _ in range(5):
        handle = await rig.ask(ASK)
        await opened(handle)
        await asyncio.gather(
            handle.signal("refresh", {"reason": "before"}),
            rig.decide(handle, answer("rejected", "cai")),
            handle.signal("refresh", {"reason": "after"}),
            return_exceptions=True,
        )
        assert Result.model_validate(await asyncio.wait_for(handle.result(), 20)).outcome == "rejected"
