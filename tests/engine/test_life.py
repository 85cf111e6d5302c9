"""Long lives: continue-as-new, adoption, reset, an empty cache, Python workflows that ask."""

import asyncio
import sysconfig
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import TimeSkipper, WorkflowEnvironment

from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.chain import follow, verify_chain
from hitl_temporal.domain.flow.waiting import WATCH_FILE
from hitl_temporal.domain.value import Json
from hitl_temporal.engine.attributes import ALL
from tests.engine.asking import Asking
from tests.engine.conftest import FLAGS, Rig
from tests.engine.test_approval import eventually as approval_eventually
from tests.engine.test_flow import BY_ANN, CALL_ASK_CALL, asked, eventually
from tests.engine.test_grants import extended, grant_of, granted
from tests.engine.test_policies import GATED, operate, parked, question
from tests.fakes import answer

SHORT = [*FLAGS, "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=30"]
"""So that a run continues as new after thirty events and not after four thousand."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def short_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server that wants workflows to continue as new early."""
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(Path(sysconfig.get_path("scripts")) / "temporal"),
        dev_server_extra_args=SHORT,
        dev_server_log_level="error",
        search_attributes=list(ALL),
    ) as environment:
        yield environment


@pytest_asyncio.fixture(loop_scope="session")
async def short_rig(short_server: WorkflowEnvironment) -> AsyncIterator[Rig]:
    """A rig on that server."""
    rig = Rig(short_server.client, f"q-{uuid4().hex[:8]}", TimeSkipper(short_server.client))
    async with rig.worker():
        yield rig


async def test_approval_continues_as_new_without_losing_or_repeating(short_rig: Rig) -> None:
    """Many refusals and votes over several continue-as-new: nothing is lost, asked again, or counted twice."""
    rig = short_rig
    document = {"title": "Go?", "requester": "ann", "who": ["group:secops", "group:leads"], "approve": 3, "due": "30d"}
    handle = await rig.ask(document)
    first = await handle.describe()
    for n in range(12):
        assert (await rig.decide(handle, answer("approved", "ann", key=f"refused-{n}"))).status == "not_eligible"
    assert (await rig.decide(handle, answer("approved", "cai", key="c"))).status == "counted"
    for n in range(12):
        await rig.decide(handle, answer("approved", "gus", key=f"stranger-{n}"))
    assert (await rig.decide(handle, answer("approved", "cai", key="c"))).status == "counted"
    assert (await rig.decide(handle, answer("rejected", "cai", key="other"))).status == "duplicate"
    assert (await rig.decide(handle, answer("approved", "dee"))).status == "counted"
    assert (await rig.decide(handle, answer("approved", "bob"))).status == "counted"
    result = Result.model_validate(await handle.result())
    assert (await handle.describe()).run_id != first.run_id
    assert [d.actor for d in result.decisions] == ["cai", "dee", "bob"]
    assert rig.notifier.sent("asked") == ["cai", "dee", "bob"]
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert (len(facts), facts[-1].hash) == (result.evidence.events, result.evidence.digest)
    assert len({f.run_id for f in facts}) > 1


async def test_flow_continues_as_new_and_adopts_its_open_question(short_rig: Rig) -> None:
    """A run that continues as new while a question is open gets the answer all the same."""
    rig = short_rig
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 1}, BY_ANN)
    first = await handle.describe()
    approval = await asked(rig, handle)
    while (await handle.describe()).run_id == first.run_id:
        await handle.execute_update("hold", {"actor": "gus", "step": "second"})
    await handle.execute_update("release", {"actor": "gus", "step": "second"})
    await rig.decide(approval, answer("approved", "bob"))
    result = await handle.result()
    assert (result["status"], rig.jobs.names()) == ("completed", ["first", "second"])
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert facts[-1].hash == result["evidence"]["digest"]


async def test_grant_continues_as_new_with_its_end_and_its_open_question(short_rig: Rig) -> None:
    """A granted run that continues as new is still granted; the answer about more time reaches the new run."""
    rig = short_rig
    handle = await granted(rig)
    first, until = await handle.describe(), (await grant_of(handle)).until
    approval = await extended(rig, handle)
    while (await handle.describe()).run_id == first.run_id:
        await handle.execute_update("hold", {"actor": "gus", "step": "after"})
    await handle.execute_update("release", {"actor": "gus", "step": "after"})
    assert (await grant_of(handle)).until == until
    await rig.decide(approval, answer("approved", "cai"))
    await eventually(handle, lambda s: s.steps["open"].grant.until == until + timedelta(days=10))
    await handle.execute_update("revoke", {"actor": "ann", "step": "open"})
    assert (await handle.result())["status"] == "completed"
    assert rig.jobs.names() == ["open", "undo open", "after"]
    assert verify_chain(rig.sink.of(handle.id)) == ()


async def test_grant_over_continue_as_new_withdraws_the_question_it_has_adopted(short_rig: Rig) -> None:
    """What an earlier run has asked is taken back by the one in which the grant ends."""
    rig = short_rig
    handle = await granted(rig)
    first = await handle.describe()
    approval = await extended(rig, handle)
    while (await handle.describe()).run_id == first.run_id:
        await handle.execute_update("hold", {"actor": "gus", "step": "after"})
    await handle.execute_update("cancel", {"actor": "ann"})
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert ((await approval.result())["outcome"], rig.jobs.names()) == ("withdrawn", ["open", "undo open"])


async def test_a_question_about_an_action_is_adopted_over_continue_as_new(short_rig: Rig) -> None:
    """What an earlier run has asked tells its answer to the one that can act on it."""
    rig = short_rig
    handle = await parked(rig, GATED)
    await operate(handle, "skip", step="bad", reason="gone")
    asked_about = await question(rig, handle)
    first = await handle.describe()
    while (await handle.describe()).run_id == first.run_id:
        await handle.execute_update("hold", {"actor": "gus", "step": "after"})
    assert (await rig.decide(asked_about, answer("approved", "cai"))).status == "counted"
    await eventually(handle, lambda s: s.steps["bad"].state == "skipped")
    await operate(handle, "release", step="after")
    assert (await handle.result())["status"] == "completed"
    assert verify_chain(rig.sink.of(handle.id)) == ()


WATCHING = """
steps:
  - {id: file, wait: {file: "*.csv"}, timeout: 30d}
  - {id: after, wait: {for: 1s}, needs: [{file: cancelled}]}
"""


class Watcher:
    """Looks for a file that never comes; of being stopped it hears late, or it fails the first time."""

    def __init__(self, *, fails: bool) -> None:
        self.may_hear = asyncio.Event()
        self.looks = 0
        self._fails = fails

    @activity.defn(name=WATCH_FILE)
    async def look(self, wanted: dict[str, Json]) -> None:
        """Wait, whatever is wanted."""
        self.looks += 1
        if self._fails and self.looks == 1:
            raise ApplicationError(f"too many: {wanted}", non_retryable=True)
        try:
            await asyncio.Event().wait()
        finally:
            await self.may_hear.wait()


@pytest.mark.parametrize("is_parked", [False, True])
async def test_a_wait_that_is_left_is_over_after_continue_as_new(
    short_server: WorkflowEnvironment, *, is_parked: bool
) -> None:
    """Whoever looks for it hears of that late, or has failed: the new run waits for nobody, and looks no more."""
    rig = Rig(short_server.client, f"q-{uuid4().hex[:8]}", TimeSkipper(short_server.client))
    rig.catalogue.add(WATCHING)
    watcher = Watcher(fails=is_parked)
    async with rig.worker(activities=[watcher.look]):
        handle = await rig.start("test_flow", {}, BY_ANN)
        await operate(handle, "hold", step="after")
        await eventually(handle, lambda s: watcher.looks > 0 and s.steps["file"].state in {"parked", "waiting"})
        first = await handle.describe()
        if not is_parked:
            await operate(handle, "cancel_step", step="file")
        while (await handle.describe()).run_id == first.run_id:
            await operate(handle, "hold", step="after")
        if is_parked:
            await operate(handle, "cancel_step", step="file")
        await operate(handle, "release", step="after")
        assert (await handle.result())["status"] == "completed"
        assert watcher.looks == 1
        watcher.may_hear.set()


async def test_steps_over_many_continue_as_new_run_once_each(short_rig: Rig) -> None:
    """Forty calls in a row, over several continue-as-new, are done once each and in order."""
    rig = short_rig
    steps = "\n".join(f"  - {{id: s{n}, call: job.do, with: {{name: s{n}}}}}" for n in range(40))
    rig.catalogue.add(f"steps:\n{steps}")
    handle = await rig.start()
    first = await handle.describe()
    assert (await handle.result())["status"] == "completed"
    assert (await handle.describe()).run_id != first.run_id
    assert rig.jobs.names() == [f"s{n}" for n in range(40)]
    assert verify_chain(rig.sink.of(handle.id)) == ()


@pytest.mark.parametrize("is_closed", [False, True])
async def test_reset_to_the_start_adopts_the_question(rig: Rig, *, is_closed: bool) -> None:
    """After a reset to before the question, nobody is asked again: the open one is adopted, a closed one is read."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 1}, BY_ANN)
    approval = await asked(rig, handle)
    await approval_eventually(approval, lambda s: any(d.state == "delivered" for d in s.deliveries))
    if is_closed:
        await rig.decide(approval, answer("approved", "bob"))
        await handle.result()
    await _reset(rig, handle.id, 4)
    again = rig.client.get_workflow_handle(handle.id)
    if not is_closed:
        await eventually(again, lambda s: s.steps["approve"].approval == approval.id)
        await rig.decide(approval, answer("approved", "bob"))
    result = await again.result()
    assert (result["status"], result["steps"]["approve"]["approval"]) == ("completed", approval.id)
    assert rig.notifier.sent("asked") == ["bob"]
    chain = follow(rig.sink.of(handle.id))
    assert (chain.problem, chain.live[-1].hash) == (None, result["evidence"]["digest"])


async def test_reset_keeps_what_was_granted_and_adopts_the_question_about_more_time(rig: Rig) -> None:
    """After a reset to within the grant its end is the same, and nobody is asked again about more of it."""
    handle = await granted(rig)
    until = (await grant_of(handle)).until
    while "step.granted" not in rig.sink.names(handle.id):
        await asyncio.sleep(0.02)
    await handle.execute_update("hold", {"actor": "gus", "step": "after"})
    await handle.execute_update("release", {"actor": "gus", "step": "after"})
    events = [e async for e in handle.fetch_history_events()]
    within = max(e.event_id for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    approval = await extended(rig, handle)
    await approval_eventually(approval, lambda s: sum(d.state == "delivered" for d in s.deliveries) == 2)
    await _reset(rig, handle.id, within)
    again = rig.client.get_workflow_handle(handle.id)
    adopted = await eventually(again, lambda s: bool(s.steps["open"].grant and s.steps["open"].grant.extensions))
    stands = adopted.steps["open"].grant
    assert stands is not None
    assert (stands.until, [e.approval for e in stands.extensions]) == (until, [approval.id])
    await rig.decide(approval, answer("approved", "cai"))
    await eventually(again, lambda s: s.steps["open"].grant.until == until + timedelta(days=10))
    await again.execute_update("revoke", {"actor": "ann", "step": "open"})
    result = await again.result()
    assert (result["status"], rig.notifier.sent("asked")) == ("completed", ["cai", "dee"])
    assert rig.jobs.names() == ["open", "undo open", "after"]


async def _reset(rig: Rig, workflow_id: str, task: int) -> None:
    """Reset a run to the end of this task; Temporal applies again what it was told since."""
    run = (await rig.client.get_workflow_handle(workflow_id).describe()).run_id
    await rig.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=rig.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run),
            reason="test",
            workflow_task_finish_event_id=task,
            request_id=str(uuid4()),
        )
    )


async def test_question_of_a_terminated_run_withdraws_itself(rig: Rig) -> None:
    """Terminating a run leaves its question open; the next vote finds the parent gone and is told that it is closed."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 1}, BY_ANN)
    approval = await asked(rig, handle)
    await approval_eventually(approval, lambda s: s.stages[0].state == "open")
    await handle.terminate("an operator pulled the plug")
    assert (await rig.decide(approval, answer("approved", "bob"))).status == "closed"
    result = Result.model_validate(await approval.result())
    assert (result.outcome, result.reason) == ("withdrawn", "parent ended")


async def test_id_of_somebody_else_is_not_adopted(rig: Rig) -> None:
    """When the question's id belongs to another workflow, people are asked under the next attempt."""
    rig.catalogue.add("steps: [{id: approve, ask: {title: Go?, who: 'user:bob', due: 7d}}]")
    run_id = f"r-{uuid4().hex[:8]}"
    stranger = await rig.ask({"title": "Other", "requester": "ann", "who": "user:bob"}, f"{run_id}.approve.1")
    handle = await rig.client.start_workflow("test_flow", {}, id=run_id, task_queue=rig.queue)
    approval = await asked(rig, handle, n=2)
    await rig.decide(approval, answer("approved", "bob"))
    assert (await handle.result())["steps"]["approve"]["approval"] == f"{run_id}.approve.2"
    await rig.decide(stranger, answer("approved", "bob"))


async def test_empty_cache_changes_nothing(idle_rig: Rig) -> None:
    """Without a workflow cache every task replays from the start: the same result, no second message or fact."""
    rig = idle_rig
    rig.catalogue.add(CALL_ASK_CALL)
    async with rig.worker(max_cached_workflows=0):
        handle = await rig.start("test_flow", {"n": 1}, BY_ANN)
        approval = await asked(rig, handle)
        await approval_eventually(approval, lambda s: any(d.state == "delivered" for d in s.deliveries))
        await rig.decide(approval, answer("approved", "bob"))
        result = await handle.result()
    assert (result["status"], rig.jobs.names()) == ("completed", ["first", "second"])
    assert rig.notifier.sent("asked") == ["bob"]
    assert verify_chain(rig.sink.of(handle.id)) == ()


async def test_without_a_worker_a_signal_is_kept(idle_rig: Rig) -> None:
    """A decision signalled while no worker runs is judged when one comes: Temporal keeps it."""
    rig = idle_rig
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    await handle.signal("decide", answer("approved", "bob"))
    async with rig.worker():
        assert (await handle.result())["outcome"] == "approved"


async def test_signal_that_lay_on_the_server_beyond_the_deadline_counts(idle_rig: Rig) -> None:
    """A decision signalled in time counts, though a worker sees it only after the deadline has passed."""
    rig = idle_rig
    async with rig.worker():
        handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob", "due": "2s"})
        await approval_eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
    await handle.signal("decide", answer("approved", "bob"))
    await asyncio.sleep(2)  # the one deadline that must pass in real time: nobody is there whose clock could be skipped
    async with rig.worker():
        result = Result.model_validate(await handle.result())
    assert (result.outcome, [d.actor for d in result.decisions]) == ("approved", ["bob"])


async def test_update_that_was_taken_before_the_deadline_counts(idle_rig: Rig) -> None:
    """The directory answers after the deadline, in a later task than that in which the update came."""
    rig = idle_rig
    document = {"title": "Go?", "requester": "ann", "who": "user:bob", "due": "2s"}
    short = timedelta(seconds=1)
    async with rig.worker():
        handle = await rig.client.start_workflow(
            "Approval", document, id=f"a-{rig.queue}", task_queue=rig.queue, task_timeout=short
        )
        await approval_eventually(handle, lambda s: any(d.state == "delivered" for d in s.deliveries))
        rig.directory.delay = 3.0
        assert (await rig.decide(handle, answer("approved", "bob"))).status == "counted"
        assert (await handle.result())["outcome"] == "approved"


@pytest_asyncio.fixture(loop_scope="session")
async def asking_rig(idle_rig: Rig) -> AsyncIterator[Rig]:
    """A rig whose worker knows the Python workflow."""
    async with idle_rig.worker(workflows=[Asking]):
        yield idle_rig


async def test_python_workflow_asks_people(asking_rig: Rig) -> None:
    """`sdk.ask` from a Python workflow is judged and answered as any other question."""
    rig = asking_rig
    handle = await rig.client.start_workflow("asking", "ann", id=f"py-{rig.queue}", task_queue=rig.queue)
    lead, security = await asked(rig, handle, "lead"), await asked(rig, handle, "security")
    assert (await rig.decide(lead, answer("approved", "ann"))).status == "not_eligible"
    await rig.decide(lead, answer("approved", "bob"))
    await rig.decide(security, answer("rejected", "dee"))
    assert await handle.result() == ["approved", "rejected"]


async def test_cancelled_python_workflow_withdraws_its_questions(asking_rig: Rig) -> None:
    """Cancelling the workflow that asked withdraws what is open."""
    rig = asking_rig
    handle = await rig.client.start_workflow("asking", "ann", id=f"py-{rig.queue}", task_queue=rig.queue)
    lead, security = await asked(rig, handle, "lead"), await asked(rig, handle, "security")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, CancelledError)
    assert [(await a.result())["outcome"] for a in (lead, security)] == ["withdrawn", "withdrawn"]


async def test_worker_that_dies_in_the_middle_of_a_delivery_sends_again(idle_rig: Rig) -> None:
    """A delivery that was cut off is repeated within seconds, under the same key."""
    rig = idle_rig
    began = asyncio.Event()
    real = rig.notifier.send

    async def hanging(_message: object) -> str:
        began.set()
        await asyncio.sleep(3600)

    rig.notifier.send = hanging
    async with rig.worker(graceful_shutdown_timeout=timedelta()):
        handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
        await began.wait()
    rig.notifier.send = real
    async with rig.worker():
        await approval_eventually(handle, lambda s: s.deliveries[0].state == "delivered")
        await rig.decide(handle, answer("approved", "bob"))
        await handle.result()
    assert rig.notifier.sent("asked") == ["bob"]
