"""Another version of a question, and its rules, against what people have really decided."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.engine.attributes import FLOW
from hitl_temporal.service import reading, records
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.policies import Policies, Replays, Shadow
from tests.engine.conftest import Rig
from tests.engine.test_flow import asked
from tests.fakes import answer

GATE = """
inputs: {amount: {type: integer}}
steps:
  - {id: gate, ask: {title: Go, who: 'group:secops'}}
  - {id: other, needs: [], ask: {title: Also, who: 'user:bob'}}
"""
BY_ANN = {"requester": "ann"}
EVER = timedelta(days=3_650)


def me(*roles: str) -> Identity:
    """Return somebody with these roles."""
    return Identity("gus", frozenset(roles), frozenset(), "medium", "api")


class Office:
    """A flow of its own name, its requests, and the use cases over them."""

    def __init__(self, rig: Rig, text: str = GATE) -> None:
        self.rig, self.flow = rig, f"f_{uuid4().hex[:8]}"
        rig.catalogue.add(text, self.flow)
        self.use = Policies(rig.client, rig.catalogue, rig.directory, rig.absences)

    async def decided(self, *answers: tuple[str, str], step: str = "gate", amount: int = 5) -> str:
        """Start a run, answer what one of its steps asks, and return the approval."""
        run = await self.rig.start(self.flow, {"amount": amount}, BY_ANN)
        approval = await asked(self.rig, run, step)
        await self.rig.until_put(approval)
        for actor, outcome in answers:
            assert (await self.rig.decide(approval, answer(outcome, actor))).status == "counted"
        if answers:
            await approval.result()
        return approval.id

    async def listed(self, number: int, status: str = "!= 'Running'") -> None:
        """Wait until visibility, which follows behind, lists so many approvals: those that have ended."""
        query = f"WorkflowType = 'Approval' AND HitlFlow = '{self.flow}' AND ExecutionStatus {status}"
        while (await self.rig.client.count_workflows(query)).count < number:
            await asyncio.sleep(0.05)

    async def replay(self, document: dict[str, Any] | None = None, step: str = "gate", **bounds: Any) -> Replays:
        """Replay as an operator."""
        wanted = {"since": EVER, **bounds}
        return await self.use.replay(me("operator"), self.flow, step, document, **wanted)

    async def shadow(self, **bounds: Any) -> Shadow:
        """Report as an auditor."""
        return await self.use.shadow(me("auditor"), self.flow, **{"since": EVER, **bounds})


async def test_a_stricter_policy_is_tried_on_what_was_decided(rig: Rig) -> None:
    """Each past request says what would have become of it; those of other steps are left out."""
    office = Office(rig)
    first = await office.decided(("cai", "approved"))
    second = await office.decided(("cai", "rejected"))
    await office.decided(("bob", "approved"), step="other")
    await office.listed(3)
    found = await office.replay({"title": "Go", "who": "group:secops", "approve": "all"})
    assert (found.looked_at, found.replayed, found.changed, found.skipped, found.next) == (2, 2, 1, (), None)
    told = {item.approval: (item.before, item.after, item.changed) for item in found.items}
    assert told == {first: ("approved", "open", True), second: ("rejected", "rejected", False)}
    same = await office.replay()
    assert (same.replayed, same.changed) == (2, 0)
    assert [(i.again == i.before, i.differences) for i in same.items] == [(True, ()), (True, ())]


async def test_people_whom_nobody_asked_then_are_looked_up_now(rig: Rig) -> None:
    """The record does not know who they are."""
    office = Office(rig)
    await office.decided(("cai", "approved"))
    await office.listed(1)
    (item,) = (await office.replay({"title": "Go", "who": "role:admin"})).items
    assert (item.after, item.unheard) == ("open", ("cai: 'cai' is not asked in stage 'decision'",))


async def test_a_table_of_the_site_is_looked_up(rig: Rig) -> None:
    """One that is not there is refused, and so is a document that is no ask."""
    office = Office(rig)
    await office.decided(("cai", "approved"))
    await office.listed(1)
    routed = {"title": "Go", "stages": {"route": f"r-{uuid4().hex[:8]}"}}
    with pytest.raises(InvalidError, match="there is no route"):
        await office.replay(routed)
    rows = [{"if": "inputs.amount > 3", "stages": [{"who": "group:leads"}]}, {"stages": [{"who": "group:secops"}]}]
    rig.catalogue.routes[routed["stages"]["route"]] = Table.model_validate({"rows": rows})
    assert (await office.replay(routed)).items[0].after == "open"
    with pytest.raises(InvalidError, match=r"ask\.stages"):
        await office.replay({"title": "Go"})
    with pytest.raises(InvalidError, match="barred"):
        await office.replay({"title": "Go", "who": "user:bob", "barred": "user:cai"})


async def test_a_version_that_could_not_be_asked_here_is_not_tried(rig: Rig) -> None:
    """Every request would have parked: what keeps it from being asked is said instead."""
    with pytest.raises(InvalidError, match=r"ask\.calendar: unknown calendar 'mars'"):
        await Office(rig).replay({"title": "Go", "who": "group:secops", "due": "1bd", "calendar": "mars"})


async def test_long_lists_are_read_page_by_page(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that ended last in front; the cursor goes on where the limit, or the time, has left off."""
    monkeypatch.setattr(records, "_PAGE", 2)
    office = Office(rig)
    ended = [await office.decided(("cai", "approved")) for _ in range(5)]
    await office.listed(5)
    assert [i.approval for i in (await office.replay()).items] == ended[::-1]
    some = await office.replay(limit=3)
    assert (some.looked_at, some.next is None) == (3, False)
    rest = await office.replay(limit=3, cursor=some.next)
    assert [i.approval for i in (*some.items, *rest.items)] == ended[::-1]
    assert rest.next is None
    monkeypatch.setattr(records, "WITHIN", timedelta())
    hurried = await office.replay()
    assert (hurried.looked_at, hurried.next is None) == (2, False)
    with pytest.raises(InvalidError, match="cursor"):
        await office.replay(cursor="x")


async def test_only_what_was_asked_since_then_counts(rig: Rig) -> None:
    """And only what has ended."""
    office = Office(rig)
    await office.decided()
    await office.decided(("cai", "approved"))
    await office.listed(1)
    assert (await office.replay()).looked_at == 1
    assert (await office.replay(since=timedelta())).looked_at == 0


async def test_what_can_not_be_replayed_is_said(rig: Rig) -> None:
    """Terminated, refused at its start, or of a worker that does not answer: each with the reason."""
    office = Office(rig)
    ended = await office.decided()
    await office.listed(2, "= 'Running'")  # its attributes are written
    await rig.client.get_workflow_handle(ended).terminate()
    refused = await _refused(rig, office.flow)
    await office.listed(2)
    found = await office.replay()
    assert (found.looked_at, found.replayed) == (2, 0)
    why = {s.id: s.why for s in found.skipped}
    assert why[ended] == "it was ended in Temporal without an outcome"
    assert "was refused at its start" in why[refused]


async def test_without_a_worker_every_approval_is_skipped_with_the_reason(
    idle_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is dropped in silence."""
    office = Office(idle_rig)
    async with idle_rig.worker():
        ended = await office.decided(("cai", "approved"))
        await office.listed(1)
    monkeypatch.setattr(reading, "ANSWER_WITHIN_SECONDS", 0.5)
    (skipped,) = (await office.replay()).skipped
    assert (skipped.id, "neither Temporal nor a worker answers" in skipped.why) == (ended, True)


async def test_a_record_that_this_version_can_not_read_is_skipped(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer worker may remember more."""
    office = Office(rig)
    await office.decided(("cai", "approved"))
    await office.listed(1)
    monkeypatch.setattr(records, "RECORD", "status")
    (skipped,) = (await office.replay()).skipped
    assert "remembers it in another way than this service" in skipped.why


async def test_records_are_for_those_who_may_see_everything(rig: Rig) -> None:
    """Operators, administrators and auditors."""
    office = Office(rig)
    for nobody in (me(), me("clerk")):
        with pytest.raises(ForbiddenError, match="admin, auditor, operator"):
            await office.use.replay(nobody, office.flow, "gate", since=EVER)
        with pytest.raises(ForbiddenError):
            await office.use.shadow(nobody, office.flow, since=EVER)
    for role in ("operator", "admin", "auditor"):
        assert (await office.use.replay(me(role), office.flow, "gate", since=EVER)).looked_at == 0


async def test_a_step_that_never_asked_is_a_mistake(rig: Rig) -> None:
    """One that the flow has no more is not, while its past requests are there."""
    office = Office(rig)
    for document in (None, {"title": "Go", "who": "user:bob"}):
        with pytest.raises(InvalidError, match=r"'gat' is no step of .* that asks; those are: gate, other"):
            await office.replay(document, step="gat")
    await office.decided(("cai", "approved"))
    await office.listed(1)
    rig.catalogue.add(GATE.replace("id: gate", "id: door"), office.flow)
    assert (await office.replay({"title": "Go", "who": "user:cai"}, step="gate")).replayed == 1
    with pytest.raises(NotFoundError):
        await office.use.replay(me("admin"), "no_flow", "gate", since=EVER)
    with pytest.raises(NotFoundError):
        await office.use.shadow(me("admin"), "no_flow", since=EVER)


async def test_rules_are_compared_with_people(rig: Rig) -> None:
    """So that one that people always agree with can be let decide."""
    rules = "auto: [{if: 'inputs.amount < 10', outcome: approved}], shadow: true"
    office = Office(rig, GATE.replace("ask: {title: Go,", f"ask: {{title: Go, {rules},"))
    await office.decided(("cai", "approved"))
    against = await office.decided(("dee", "rejected"))
    await office.decided(("cai", "approved"), amount=50)
    await office.listed(4)  # the refusal has ended its run, and so withdrawn the other question
    found = await office.shadow()
    assert (found.looked_at, found.skipped, found.next) == (4, (), None)
    (rule,) = found.items
    assert (rule.step, rule.rule, rule.watched, rule.agreed, rule.disagreed) == ("gate", "inputs.amount < 10", 2, 1, 1)
    assert rule.disagreements == (against,)


async def _refused(rig: Rig, flow: str) -> str:
    """Start an approval of a flow that is no question, and return its id."""
    handle = await rig.client.start_workflow(
        "Approval",
        {"title": "Go"},
        id=f"x-{uuid4().hex[:8]}.gate.1",
        task_queue=rig.queue,
        search_attributes=TypedSearchAttributes([SearchAttributePair(FLOW, flow)]),
    )
    with pytest.raises(Exception, match="failed"):
        await handle.result()
    return handle.id
