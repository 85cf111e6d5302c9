"""One action on many runs: chosen by a query, each judged by itself, once per key."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.selection import selection
from hitl_temporal.service import many
from hitl_temporal.service.errors import InvalidError, NotFoundError, UnansweredError, UnavailableError
from hitl_temporal.service.many import operate_many, written
from hitl_temporal.service.runs import Runs
from tests.engine.conftest import Rig
from tests.engine.test_flow import BY_ANN, eventually
from tests.service.test_approvals import me

WAITS = "vars: {v: 1}\nsteps: [{id: a, wait: {for: 30d}}, {id: b, call: job.do}]"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def use(rig: Rig) -> Runs:
    """Return the use case."""
    return Runs(rig.client, rig.catalogue, rig.directory, rig.queue)


async def three(rig: Rig, flow: str) -> list[str]:
    """Return the ids of three runs of a flow that wait, sorted, once lists know them."""
    rig.catalogue.add(WAITS, flow)
    handles = [await rig.start(flow, {}, BY_ANN) for _ in range(3)]
    for handle in handles:
        await eventually(handle, lambda s: s.status == "waiting")
    while (await rig.client.count_workflows(f"HitlFlow = '{flow}' AND HitlState = 'waiting'")).count < len(handles):
        await asyncio.sleep(0.02)
    return sorted(h.id for h in handles)


async def do(rig: Rig, action: str, actor: str = "gus", key: str = "k", **body: Any) -> dict[str, Any]:
    """Do something to many; return the receipts by run."""
    found = await use(rig).operate_many(me(actor), action, body, key)
    return {receipt.id: receipt for receipt in found.items}


async def test_every_run_that_is_chosen_has_its_receipt(rig: Rig) -> None:
    """First what would change, then the change; sent again with the key, nothing is done twice."""
    ids = await three(rig, "many.first")
    query = "flow=many.fi* state=waiting newer=1d"
    shown = await do(rig, "set_value", query=query, dry_run=True, **{"with": {"v": 2}})
    assert (sorted(shown), {r.changes for r in shown.values()}) == (ids, {("vars.v: set",)})
    done = await do(rig, "hold", query=query, reason="freeze", key="one")
    assert {(r.id, r.status) for r in done.values()} == {(run_id, "done") for run_id in ids}
    assert len({r.key for r in done.values()}) == len(ids)
    again = await do(rig, "hold", query="flow=many.first", key="one")
    assert again == done
    for run_id in ids:
        facts = [f.name for f in rig.sink.of(run_id)]
        assert facts.count("run.operated") <= 1


async def test_who_is_no_operator_means_their_own_runs(rig: Rig) -> None:
    """And each action is judged as ever; the server's own words are for operators."""
    ids = await three(rig, "many.second")
    assert await do(rig, "hold", "bob", query="flow=many.second") == {}
    refused = await do(rig, "hold", "ann", query="flow=many.second")
    assert {r.status for r in refused.values()} == {"not_eligible"}
    with pytest.raises(InvalidError, match="only operators"):
        await do(rig, "hold", "ann", visibility="HitlFlow = 'many.second'")
    assert sorted(await do(rig, "hold", visibility="HitlFlow = 'many.second'")) == ids


async def test_many_come_in_windows(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer says where the next one begins."""
    ids = await three(rig, "many.third")
    monkeypatch.setattr(many, "MOST", 2)
    first = await use(rig).operate_many(me("gus"), "hold", {"query": "flow=many.third"}, "k")
    second = await use(rig).operate_many(me("gus"), "hold", {"query": "flow=many.third", "cursor": first.next}, "k")
    assert (len(first.items), len(second.items), second.next) == (2, 1, None)
    assert sorted(r.id for r in (*first.items, *second.items)) == ids


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": "flow=a", "visibility": "x"},
        {"query": 1},
        {"query": "flow"},
        {"query": "flow=a", "cursor": 1},
        {"query": "flow=a", "cursor": "?"},
    ],
)
async def test_a_query_that_can_not_be_read_does_nothing(idle_rig: Rig, body: dict[str, object]) -> None:
    """Refused before anything is sent; so is an action that is none."""
    with pytest.raises(InvalidError):
        await use(idle_rig).operate_many(me("gus"), "hold", body, "k")
    with pytest.raises(InvalidError, match="explode"):
        await use(idle_rig).operate_many(me("gus"), "explode", {"query": "flow=a"}, "k")


def test_a_query_becomes_the_servers_words() -> None:
    """Every value is a literal; only open runs of flows are meant."""
    text = written(selection("flow=a.*,b id=* state=parked requester=ann older=2d newer=9d"), NOW)
    assert text.startswith("ExecutionStatus = 'Running' AND HitlFlow IS NOT NULL AND ")
    assert "(HitlFlow STARTS_WITH 'a.' OR HitlFlow = 'b') AND (WorkflowId IS NOT NULL)" in text
    assert "(HitlState = 'parked') AND (HitlRequester = 'ann')" in text
    assert text.endswith("StartTime <= '2026-11-29T00:00:00+00:00' AND StartTime > '2026-11-22T00:00:00+00:00'")


async def test_one_that_can_not_be_reached_spoils_no_other(rig: Rig) -> None:
    """It is said of that one alone what became of it."""
    ids = await three(rig, "many.fourth")
    broken = (NotFoundError("gone"), UnansweredError("lost", "k"), UnavailableError("away"))
    errors = dict(zip(ids, broken, strict=True))

    class Broken:
        async def operate(self, who: object, run_id: str, action: str, body: Mapping[str, object]) -> Receipt:
            raise errors[run_id]

    found = await operate_many(rig.client, Broken(), me("gus"), "hold", {"query": "flow=many.fourth"}, "k")
    assert {r.id: r.status for r in found.items} == dict(zip(ids, ("closed", "unanswered", "unavailable"), strict=True))
