"""A run that does another again on a real server: its results are read from that run itself."""

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from hitl_temporal.domain.chain import verify_chain
from tests.engine.conftest import Rig
from tests.engine.test_flow import BY_ANN, asked, eventually
from tests.fakes import answer

FLOW = """
inputs: {n: {type: integer}}
steps:
  - {id: first, call: job.do, with: {name: first, n: "{{inputs.n}}"}}
  - {id: approve, ask: {title: "Go on?", who: "user:bob", due: 7d}}
  - {id: last, call: job.do, with: {name: last, by: "{{steps.approve.by}}"}}
outputs: {did: "{{steps.first.outputs.did}}"}
"""


async def ended(rig: Rig) -> WorkflowHandle:
    """Return a run that was cancelled when its last step had failed, after people had agreed."""
    rig.catalogue.add(FLOW)
    rig.jobs.failing.add("last")
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    await rig.decide(await asked(rig, handle), answer("approved", "bob"))
    await eventually(handle, lambda s: s.status == "parked")
    await handle.execute_update("cancel", {"actor": "ann"})
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    rig.jobs.failing.clear()
    return handle


async def start(rig: Rig, old: WorkflowHandle, command: dict[str, object], **seed: object) -> WorkflowHandle:
    """Start a run that does another again, as any client might; whom it names as requester does not count."""
    first = (await old.describe()).raw_description.workflow_execution_info.first_run_id
    said = {"workflow_id": old.id, "first_run_id": first, "command": {"actor": "gus", **command}, **seed}
    args = [{"n": 99}, {"requester": "gus", "seed": said}]
    return await rig.client.start_workflow("test_flow", args=args, id=f"{old.id}.r1", task_queue=rig.queue)


async def test_what_was_done_is_not_done_again(rig: Rig) -> None:
    """The answer of people counts for the new run as it did for the old one, and stands in its trail as kept."""
    old = await ended(rig)
    new = await start(rig, old, {"as": "failed", "reason": "mended"})
    result = await new.result()
    assert (result["status"], result["outputs"]) == ("completed", {"did": "first"})
    assert rig.jobs.calls[-1] == ("last", {"name": "last", "by": ["bob"]})
    assert rig.jobs.names().count("first") == 1
    status = await new.query("status")
    assert (status["requester"], status["inputs"], status["rerun_of"]) == ("ann", {"n": 3}, old.id)
    facts = rig.sink.of(new.id)
    assert (verify_chain(facts), [f.name for f in facts][:2]) == ((), ["run.started", "run.rerun_of"])
    assert facts[1].attributes["hitl.kept"] == ["first", "approve"]
    memo = await (await new.describe()).memo()
    assert memo["rerun_of"] == old.id


async def test_all_asks_people_again_about_other_inputs(rig: Rig) -> None:
    """Which are checked as at a start."""
    old = await ended(rig)
    new = await start(rig, old, {"as": "all", "with": {"n": 4}})
    await rig.decide(await asked(rig, new, n=2), answer("approved", "bob"))
    assert (await new.result())["status"] == "completed"
    assert ("first", {"name": "first", "n": 4}) in rig.jobs.calls


@pytest.mark.parametrize(
    ("command", "seed", "says"),
    [
        ({"as": "all", "actor": "bob"}, {}, "needs the role operator or admin"),
        ({"as": "from", "step": "gone"}, {}, "step 'gone'"),
        ({"as": "most"}, {}, "as"),
        ({"as": "all", "with": {"n": "many"}}, {}, "n"),
        ({"as": "all"}, {"first_run_id": "other"}, "is another run"),
        ({"as": "all"}, {"workflow_id": "nothing-at-all"}, "there is no run"),
    ],
)
async def test_a_seed_that_may_not_be_ends_the_run_at_once(
    rig: Rig, command: dict[str, object], seed: dict[str, object], says: str
) -> None:
    """`InvalidInput`, whoever starts it; no step runs."""
    old = await ended(rig)
    new = await start(rig, old, command, **seed)
    with pytest.raises(WorkflowFailureError) as error:
        await new.result()
    assert isinstance(error.value.cause, ApplicationError)
    assert (error.value.cause.type, says in error.value.cause.message) == ("InvalidInput", True)
    assert rig.jobs.names() == ["first", "last"]


async def test_an_open_run_and_that_of_another_flow_seed_nothing(rig: Rig) -> None:
    """Only what has ended, and only of the same name."""
    rig.catalogue.add(FLOW)
    rig.catalogue.add("steps: [{id: first, call: job.do}]", "other")
    for old, says in (
        (await rig.start("test_flow", {"n": 3}, BY_ANN), "has not ended"),
        (await rig.start("other", {}, BY_ANN), "is no run of 'test_flow'"),
    ):
        with pytest.raises(WorkflowFailureError) as error:
            await (await start(rig, old, {"as": "all"})).result()
        assert says in str(error.value.cause)
