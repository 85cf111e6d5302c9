"""The workflow that keeps absences, on a real server, read back as those read it who judge."""

import asyncio
import random
import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from hitl_temporal.app.temporal import RUNNER
from hitl_temporal.domain import absences as domain
from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.absences import MAX_PACKED_BYTES, Receipt, pack
from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.effects.absences import TemporalAbsences
from hitl_temporal.engine.absences import Absences
from hitl_temporal.messages import ABSENCES
from hitl_temporal.ports import TemporaryError
from tests.engine.conftest import Rig
from tests.engine.test_life import short_rig, short_server

__all__ = ["short_rig", "short_server"]

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def wish(actor: str = "bob", **changes: Any) -> Mapping[str, Any]:
    """Return the payload of an addition."""
    return {"actor": actor, "since": NOW.isoformat(), "until": (NOW + 5 * DAY).isoformat(), **changes}


async def begin(rig: Rig) -> WorkflowHandle[Any, Any]:
    """Start a list of the rig's own, as the first absence does."""
    return await rig.client.start_workflow(ABSENCES, id=f"absences-{uuid4().hex[:8]}", task_queue=rig.queue)


async def send(handle: WorkflowHandle[Any, Any], verb: str, payload: object) -> Receipt:
    """Send a command as an update."""
    return await handle.execute_update(verb, payload, result_type=Receipt)


async def listed(handle: WorkflowHandle[Any, Any], *person: str) -> list[str]:
    """Return the numbers that the query answers with."""
    return [a["id"] for a in await handle.query("absences", *person)]


def book(rig: Rig, handle: WorkflowHandle[Any, Any]) -> TemporalAbsences:
    """Return a book that has read nothing yet."""
    return TemporalAbsences(rig.client, handle.id)


async def test_who_has_a_receipt_finds_the_list_as_it_says(rig: Rig) -> None:
    """Each read that begins after an answer sees what was answered, with or without a book that has read before."""
    handle = await begin(rig)
    known = book(rig, handle)
    assert await known.of(["bob"]) == {}
    for number in range(1, 6):
        receipt = await send(handle, "add", wish(substitute="dee", reason="ill"))
        assert receipt.absence is not None
        assert receipt.absence.id == str(number)
        for reader in (known, book(rig, handle)):
            assert [a.id for a in (await reader.of(["bob"]))["bob"]] == [str(n) for n in range(1, number + 1)]
    await send(handle, "remove", {"actor": "bob", "id": "1"})
    assert [a.id for a in (await known.of(["bob"]))["bob"]] == ["2", "3", "4", "5"]
    assert await listed(handle) == ["2", "3", "4", "5"]


async def test_reasons_stay_in_the_list(rig: Rig) -> None:
    """The query shows them to those who may ask Temporal; who judges gets none."""
    handle = await begin(rig)
    await send(handle, "add", wish("gus", person="bob", reason="ill"))
    judged = (await book(rig, handle).of(["bob"]))["bob"]
    shown = [Absence.model_validate(a) for a in await handle.query("absences", "bob")]
    assert [(a.reason, a.by) for a in shown] == [("ill", "gus")]
    assert judged == tuple(a.but(reason="", by=None) for a in shown)


async def test_refused_commands_change_nothing(rig: Rig) -> None:
    """Each has a receipt that says why; a signal that nobody can read poisons nothing."""
    handle = await begin(rig)
    receipts = [
        await send(handle, "add", wish("ann", person="bob")),
        await send(handle, "add", wish(substitute="zoe")),
        await send(handle, "add", {"actor": "bob"}),
        await send(handle, "add", None),
        await send(handle, "remove", {"actor": "bob", "id": "1"}),
    ]
    await handle.signal("add", args=["nonsense", 1, 2])
    assert [r.status for r in receipts] == ["not_eligible", "invalid", "invalid", "invalid", "unknown"]
    assert await listed(handle) == []


async def test_two_who_add_at_the_same_time_are_both_listed(rig: Rig) -> None:
    """In the order in which they were judged, each with a number of its own."""
    handle = await begin(rig)
    receipts = await asyncio.gather(*(send(handle, "add", wish(p)) for p in ("ann", "bob", "cai", "dee")))
    assert sorted(r.absence.id for r in receipts if r.absence) == ["1", "2", "3", "4"]
    assert {a.person for s in (await book(rig, handle).of(["ann", "bob", "cai", "dee"])).values() for a in s} == {
        "ann",
        "bob",
        "cai",
        "dee",
    }


async def test_what_is_sent_twice_is_done_once(rig: Rig) -> None:
    """As an update, and as the signal that a door leaves when nobody has answered it."""
    handle = await begin(rig)
    first = await send(handle, "add", wish(key="k"))
    await handle.signal("add", wish(key="k"))
    assert await send(handle, "add", wish(key="k")) == first
    assert await listed(handle, "bob") == ["1"]


async def test_commands_that_come_before_the_first_task_are_judged(idle_rig: Rig) -> None:
    """A signal and an update wait for the worker; then both are done, in order."""
    rig = idle_rig
    handle = await begin(rig)
    await handle.signal("add", wish("cai"))
    update = asyncio.create_task(send(handle, "add", wish("dee")))
    await asyncio.sleep(0.2)
    assert await book(rig, handle).of(["cai", "dee"]) == {}
    async with rig.worker():
        assert (await update).status == "done"
        assert await listed(handle) == ["1", "2"]


async def test_the_list_is_read_while_no_worker_runs(idle_rig: Rig) -> None:
    """A description needs none; nor do those who open approvals wait for one."""
    rig = idle_rig
    async with rig.worker():
        handle = await begin(rig)
        await send(handle, "add", wish("ann", substitute="bob"))
        await send(handle, "add", wish("bob", substitute="cai"))
    found = await book(rig, handle).of(["ann"])
    assert {p: [a.substitute for a in s] for p, s in found.items()} == {"ann": ["bob"], "bob": ["cai"]}


async def test_the_list_goes_on_over_continue_as_new(short_rig: Rig) -> None:
    """Nothing is lost or done twice, and readers do not notice."""
    rig = short_rig
    handle = await begin(rig)
    first = (await handle.describe()).run_id
    for number in range(1, 13):
        assert (await send(handle, "add", wish(key=f"k{number}", reason="ill"))).status == "done"
        assert len((await book(rig, handle).of(["bob"]))["bob"]) == number
    while (await handle.describe()).run_id == first:
        await asyncio.sleep(0.05)
    assert len((await book(rig, handle).of(["bob"]))["bob"]) == 12
    again = await send(handle, "add", wish(key="k12", reason="ill"))
    assert again.absence is not None
    assert again.absence.id == "12"
    assert await listed(handle) == [str(n) for n in range(1, 13)]


async def test_each_change_is_a_fact_of_the_trail(short_rig: Rig) -> None:
    """Chained over continue-as-new, each once, whatever keys come again; refused commands are no changes."""
    rig = short_rig
    handle = await begin(rig)
    first = (await handle.describe()).run_id
    entered = 0
    while (await handle.describe()).run_id == first:
        entered += 1
        for _ in range(2):
            await send(handle, "add", wish(substitute="dee", key=str(entered), reason="ill"))
        await send(handle, "add", wish("ann", person="bob"))
    await send(handle, "remove", {"actor": "gus", "id": "1"})
    while len(rig.sink.of(handle.id)) <= entered:
        await asyncio.sleep(0.05)
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert [f.name for f in facts] == ["absence.added"] * entered + ["absence.removed"]
    assert (facts[0].attributes["hitl.actor"], facts[-1].attributes["hitl.actor"]) == ("bob", "gus")
    assert "ill" not in "".join(f.text() for f in facts)


async def test_histories_of_the_list_replay(short_rig: Rig) -> None:
    """That of a run which has continued as new, and that of the one which follows."""
    rig = short_rig
    handle = await begin(rig)
    first = (await handle.describe()).run_id
    while (await handle.describe()).run_id == first:
        await send(handle, "add", wish())
    await send(handle, "add", wish())
    replayer = Replayer(workflows=[Absences], workflow_runner=RUNNER, data_converter=pydantic_data_converter)
    for run in (first, (await handle.describe()).run_id):
        history = await rig.client.get_workflow_handle(handle.id, run_id=run).fetch_history()
        await replayer.replay_workflow(history)


async def test_a_list_that_temporal_refuses_to_describe_is_a_temporary_error(rig: Rig) -> None:
    """Whoever reads for an approval tries again; nothing is judged as if nobody were away."""
    of_no_namespace = Client(rig.client.service_client, namespace="")
    with pytest.raises(TemporaryError, match="absences can't be read"):
        await TemporalAbsences(of_no_namespace).of(["bob"])


async def test_a_list_as_large_as_it_may_be_is_kept_and_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal takes what the list allows, and gives it back whole; then the list takes no more."""
    monkeypatch.setattr(domain, "MAX_PACKED_BYTES_OF_PERSON", 2 * MAX_PACKED_BYTES)
    noise, handle, added = random.Random(1), await begin(rig), 0
    while True:
        text = "".join(noise.choices(string.ascii_letters + string.digits, k=980))
        receipt = await send(handle, "add", wish(**{"if": f"a == '{text}'"}))
        if receipt.status != "done":
            break
        added += 1
    assert "is full" in receipt.reason
    found = (await book(rig, handle).of(["bob"]))["bob"]
    assert len(found) == added
    assert MAX_PACKED_BYTES * 0.9 < len(pack(found, NOW)) <= MAX_PACKED_BYTES


async def test_a_list_that_was_terminated_is_none(rig: Rig) -> None:
    """Whoever ends it in Temporal has meant it: nobody is away any more."""
    handle = await begin(rig)
    await send(handle, "add", wish())
    reader = book(rig, handle)
    assert await reader.of(["bob"]) != {}
    await handle.terminate()
    assert await reader.of(["bob"]) == {}


async def test_an_approval_opens_with_the_absences_of_those_it_asks(rig: Rig) -> None:
    """The people read for an approval bring their absences, and the cards of substitutes nobody has named."""
    rig.absences.absences = {"bob": (Absence.model_validate({"id": "1", "person": "bob", **_terms(substitute="cai")}),)}
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    while not (
        read := [e async for e in handle.fetch_history_events() if b"hitl.read_people" in e.SerializeToString()]
    ):
        await asyncio.sleep(0.02)
    text = read[0].SerializeToString()
    assert b'"substitute":"cai"' in text
    assert b'"cai":{"name":"Cai"' in text


async def test_the_substitute_of_a_substitute_answers_for_the_absent_person(rig: Rig) -> None:
    """Under their own name, as soon as the people are read; nobody else on the way may."""
    links = (("bob", "gus"), ("gus", "dee"))
    rig.absences.absences = {
        person: (Absence.model_validate({"id": str(n), "person": person, **_terms(substitute=substitute)}),)
        for n, (person, substitute) in enumerate(links)
    }
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    assert (await rig.decide(handle, {"actor": "gus", "outcome": "approved"})).status == "not_eligible"
    assert (await rig.decide(handle, {"actor": "dee", "outcome": "approved"})).status == "counted"
    [decision] = (await handle.result())["decisions"]
    assert (decision["actor"], decision["on_behalf_of"]) == ("dee", "bob")


async def test_absences_that_cannot_be_read_hold_an_approval_back_and_do_not_end_it(rig: Rig) -> None:
    """Nothing is judged on what could not be read; it goes on by itself afterwards."""
    rig.absences.is_down = True
    handle = await rig.ask_frozen({"title": "Go?", "requester": "ann", "who": "user:bob"})
    deciding = asyncio.create_task(rig.decide(handle, {"actor": "bob", "outcome": "approved"}))
    await asyncio.sleep(0.3)
    assert not deciding.done()
    rig.absences.is_down = False
    assert (await deciding).status == "counted"
    assert (await handle.result())["outcome"] == "approved"


def _terms(**changes: Any) -> dict[str, Any]:
    return {"since": NOW, "until": NOW + 5 * DAY, **changes}
