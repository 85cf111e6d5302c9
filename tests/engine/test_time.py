"""The time of what happens: a history gives it, whatever time the SDK shows to a worker that takes over."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from hitl_temporal.app.temporal import RUNNER
from hitl_temporal.domain import audit
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.audit import Fact
from hitl_temporal.engine.absences import Absences
from hitl_temporal.engine.approval import Approval
from hitl_temporal.engine.flow import Flow
from tests.engine.conftest import Rig
from tests.engine.test_flow import BY_ANN, CALL_ASK_CALL, asked
from tests.fakes import answer

BEGUN = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED


async def facts_told_late(handle: WorkflowHandle[Any, Any], monkeypatch: pytest.MonkeyPatch) -> list[Fact]:
    """Replay a history in which each task has the time of the one before, and return the facts of it.

    So it looks to a worker that takes over from a killed one and is queried before its first task (docs/measured.md).
    """
    history = await handle.fetch_history()
    before = None
    for event in history.events:
        if event.event_type == BEGUN:
            now = event.event_time.ToDatetime()
            if before is not None:
                event.event_time.FromDatetime(before)
            before = now
    return await facts_of_replay(handle, history, monkeypatch)


async def facts_of_replay(
    handle: WorkflowHandle[Any, Any], history: WorkflowHistory, monkeypatch: pytest.MonkeyPatch
) -> list[Fact]:
    """Replay a history and return the facts of it."""
    told: list[Fact] = []
    chain = audit.record

    def keep(*args: Any, **rest: Any) -> tuple[audit.Trail, Fact]:
        trail, fact = chain(*args, **rest)
        told.append(fact)
        return trail, fact

    replayer = Replayer(
        workflows=[Approval, Flow, Absences], data_converter=pydantic_data_converter, workflow_runner=RUNNER
    )
    with monkeypatch.context() as patched:
        patched.setattr(audit, "record", keep)
        await replayer.replay_workflow(WorkflowHistory(handle.id, history.events))
    return told


async def test_facts_of_an_approval_have_the_time_that_its_history_gives(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages that arrive and fail, a reminder, refusals and votes: each at the same moment, in the same order."""
    rig.notifier.refuses = frozenset({"dee"})
    wait = {"remind": ["1d"], "due": "9d", "at_due": "reject"}
    handle = await rig.ask_frozen({"title": "Go?", "requester": "ann", "who": ["group:secops"], "approve": 2, **wait})
    await rig.decide(handle, answer("approved", "ann"))
    await handle.signal("comment", {"actor": "cai", "text": "why?"})
    await rig.decide(handle, answer("approved", "cai"))
    await rig.skipper.fast_forward(handle, timedelta(days=9, minutes=1))
    assert Result.model_validate(await handle.result()).outcome == "rejected"
    exported = rig.sink.of(handle.id)
    assert {"approval.reminded", "approval.delivery_failed", "approval.ended"} <= {f.name for f in exported}
    assert [(f.key, f.hash) for f in await facts_told_late(handle, monkeypatch)] == [(f.key, f.hash) for f in exported]


async def test_facts_of_a_run_have_the_time_that_its_history_gives(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls, a question, a hold by a machine: each at the same moment, in the same order."""
    rig.catalogue.add(CALL_ASK_CALL)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    await handle.execute_update("hold", {"actor": "system:test", "reason": "wait", "key": "h"})
    await handle.execute_update("release", {"actor": "system:test", "reason": "go", "key": "r"})
    await rig.decide(await asked(rig, handle), answer("approved", "bob"))
    await handle.result()
    exported = rig.sink.of(handle.id)
    assert len(exported) > 3
    assert [(f.key, f.hash) for f in await facts_told_late(handle, monkeypatch)] == [(f.key, f.hash) for f in exported]
